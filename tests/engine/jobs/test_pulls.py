from backend.engine.jobs.pulls import Pulls


def test_losses_are_read_once_and_only_when_somebody_asks() -> None:
    pulls, reads = Pulls(), list[int]()

    def read(step: int) -> list[float]:
        reads.append(step)
        return [0.1234567, step / 2]

    pulls.add(3, lambda: read(3))
    assert reads == []
    assert pulls.read() == [(3, [0.12346, 1.5])]
    pulls.add(4, lambda: read(4))
    assert pulls.read() == [(3, [0.12346, 1.5]), (4, [0.12346, 2.0])]
    assert reads == [3, 4]


def test_another_batch_has_a_curve_of_its_own() -> None:
    pulls = Pulls()
    pulls.add(1, lambda: [1.0])
    pulls.read()
    pulls.anew()
    assert pulls.read() == []
    pulls.add(0, lambda: [2.0])
    assert pulls.read() == [(0, [2.0])]
