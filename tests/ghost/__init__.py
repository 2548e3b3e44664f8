"""A GPU that is not there, to run the studio on: `from tests.ghost.backend import standing`.

Its tensors say `ghost:0` or `ghost:1`, hold a CPU tensor, and are computed on the CPU. It refuses
what a real device refuses (tensors of two devices in one call, more memory than there is), notices
what a real device only makes slow or wrong (the host waits, a stream reads what another has not
written yet), and counts bytes. In a test:

    def test_mine(ghost: Machine) -> None:           # the fixture of tests/conftest.py
        x = torch.ones(3, device="ghost:0")
        with ghost.watched() as waits:
            x + 1
        assert waits == []

`machine.target()` is the `Target` to hand to an engine, `Machine.fails_at` and `Machine.capacity`
make memory run short. While it stands, weights follow their device as on a GPU.
"""
