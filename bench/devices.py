"""`python -m bench.devices board` and `python -m bench.devices pair`.

`board` times what the board itself costs for one job while ten thousand others wait: taken, given
to one of two workers, begun, ended; in time of the processor, so that what else runs there does not
count. Nothing is drawn and nothing is written to a disk.

`pair` times sixteen jobs on two workers of one thread each against one worker of two threads, in
processes of their own that take turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from backend.contracts.requests import Request, ResolvedRequest
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.jobs.board import Board
from backend.engine.jobs.job import Job
from backend.engine.jobs.limits import Limits
from backend.engine.jobs.seats import Seat
from backend.engine.jobs.timeline import KeptStep
from bench.jobs import done

WAITING, PEOPLE, COUNTED = 10_000, 500, 1000
PAIR_JOBS, BAR_MS, BAR_SHARE = 16, 2.0, 0.85
ROOT = Path(__file__).resolve().parents[1]


def board_ms(waiting: int = WAITING, counted: int = COUNTED) -> list[float]:
    """Milliseconds of the processor for each of `counted` jobs while `waiting` others wait."""
    settings = Txt2ImgSettings(seed=1, model="a", width=64, height=64)
    others = settings.model_copy(update={"model": "b"})
    most = waiting + counted
    board: Board[KeptStep] = Board(None, Limits(waiting=most, waiting_in_all=most))
    seats = [Seat[Job](f"card {n}", holds=lambda job: False) for n in (0, 1)]
    for seat in seats:
        board._queue.seat(seat)
    for number in range(waiting):
        wanted = ResolvedRequest(others, save=False, runs=(others,))
        board._put(wanted, f"person {number % PEOPLE}", background=False)
    took: list[float] = []
    for number in range(counted):
        started = time.thread_time()
        wanted = ResolvedRequest(settings, save=False, runs=(settings,))
        token = board._put(wanted, f"person {number % PEOPLE}", background=False)
        job = board._queue.pop(seat=seats[number % 2], wait=False)
        assert job is not None
        assert job.start()
        board._begun(job)
        board.status(token)
        job.finish("done")
        board._ended(job)
        took.append((time.thread_time() - started) * 1000)
    return took


def pair_s(device: str, threads: int) -> tuple[float, float]:
    """Seconds of the jobs on these workers, of the clock and of the processor."""
    import torch

    from backend.engine.local.engine import LocalEngine
    from backend.storage.outputs import Storage

    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        engine = LocalEngine.create(
            [ROOT / "models"], Storage(Path(folder)), device=device, dtype="float32", warm_up=None
        )

        def drawn(count: int) -> tuple[float, float]:
            started, worked = time.perf_counter(), time.process_time()
            wanted = [
                Request(Txt2ImgSettings(prompt="a red boat", seed=n, steps=12), save=False)
                for n in range(count)
            ]
            for token in [ask(engine, one) for one in wanted]:
                done(engine, token)
            return time.perf_counter() - started, time.process_time() - worked

        try:
            drawn(4)
            return drawn(PAIR_JOBS)
        finally:
            engine.close()


def main() -> None:
    """Prints what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.devices", description=__doc__)
    parser.add_argument("what", choices=("board", "pair", "side"))
    parser.add_argument("--runs", type=int, default=2, help="turns of each side of the pair (2)")
    parser.add_argument("--device", default="cpu", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.what == "board":
        took = sorted(board_ms())
        print(f"{WAITING} jobs of {PEOPLE} people wait; of {COUNTED} more each takes the board")
        late = took[len(took) * 95 // 100]
        print(f"median {statistics.median(took):.2f} ms, 95 of 100 within {late:.2f} ms")
        print(f"mean {statistics.fmean(took):.2f} ms (bar {BAR_MS:g} ms)")
        return
    if args.what == "side":
        print(json.dumps(pair_s(args.device, args.threads)))
        return
    sides = {"one worker, two threads": ("cpu", 2), "two workers, one thread each": ("cpu,cpu", 2)}
    took_s: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(args.runs):
        for name, (device, threads) in sides.items():
            command = [sys.executable, "-m", "bench.devices", "side", "--device", device]
            command += ["--threads", str(threads)]
            told = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True)
            clock_s, processor_s = json.loads(told.stdout.strip().splitlines()[-1])
            took_s[name].append((clock_s, processor_s))
    best = {name: min(each)[0] for name, each in took_s.items()}
    for name, each in took_s.items():
        said = ", ".join(f"{clock_s:.2f} ({worked_s:.2f})" for clock_s, worked_s in each)
        print(f"{name}: {said} s for {PAIR_JOBS} jobs, in brackets of the processor")
    one, two = best.values()
    print(f"{two / one:.2f}x (bar {BAR_SHARE}x)")


if __name__ == "__main__":
    main()
