"""A long run of many people and scripts on one studio: does anything grow, does anybody wait?

`python -m bench.crowd` starts the real engine; `--fake 0.02` the stand-in. Each five seconds it
notes memory, threads, open files, temporary folders and the maps that Gradio keeps; after 150 jobs
none of them may rise. Half-way a thousand connections come that say nothing: what page actions take
is told before and after. The samples are kept as `crowd.csv` and as a drawing, `crowd.svg`, what
holds as `crowd.json` and, for the docs, `crowd.md`. The load is made in this process: how late its
own loop was is told too, as the times of page actions hold that as well.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import random
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.ui.conftest import Server, running

EVERY_S = 5.0
SETTLED_JOBS = 150
P95_S = 0.3
SILENT = 1000


@dataclass(frozen=True)
class Sample:
    """One look at the studio's process.

    Attributes:
        at_s: Since the start.
        jobs: That have ended.
        sessions: Visitors that have come and gone.
        rss_mib: Its memory.
        threads: Its threads.
        files: Files and sockets that it has open, without the silent ones.
        folders: In its temporary folder.
        streams: Sessions that Gradio keeps messages for.
        events: Events that Gradio keeps.
        states: Sessions that Gradio keeps a state for.
    """

    at_s: float
    jobs: int
    sessions: int
    rss_mib: float
    threads: int
    files: int
    folders: int
    streams: int
    events: int
    states: int


# How far each may rise after it has settled: a share of what it was, and an amount beside it.
MAY_RISE = {
    "rss_mib": (0.10, 64.0),
    "threads": (0.0, 8.0),
    "files": (0.25, 40.0),
    "folders": (0.25, 20.0),
    "streams": (0.5, 40.0),
    "events": (0.5, 40.0),
    "states": (0.5, 40.0),
}


@dataclass
class Load:
    """What is asked for, and what came of it.

    Attributes:
        url: Of the studio.
        jobs: Wanted.
        sessions: Wanted.
        until_s: When to stop in any case (monotonic).
        jobs_done: Ended well.
        sessions_done: Came and went.
        waits_s: How long page actions took, and whether the silent connections were there.
        late_s: How late this process itself was, where it wanted to look at a time.
        silent: Whether they are there.
        refused: Answers that were no 200, by status.
    """

    url: str
    jobs: int
    sessions: int
    until_s: float
    jobs_done: int = 0
    sessions_done: int = 0
    waits_s: list[tuple[float, bool]] = field(default_factory=list[tuple[float, bool]])
    late_s: list[float] = field(default_factory=list[float])
    silent: bool = False
    refused: dict[int, int] = field(default_factory=dict[int, int])

    def took(self, begun_s: float) -> None:
        """A page action has been answered."""
        self.waits_s.append((time.monotonic() - begun_s, self.silent))

    @property
    def over(self) -> bool:
        """Whether all has been done, or the time is over."""
        done = self.jobs_done >= self.jobs and self.sessions_done >= self.sessions
        return done or time.monotonic() >= self.until_s


async def script(load: Load, number: int, steps: int) -> None:
    """One script: a small picture after the other."""
    body = {"prompt": f"a house {number}", "steps": steps, "width": 64, "height": 64}
    auth = (f"soak+{number}", "")
    async with browser(load, 600, auth=auth) as client:
        while load.jobs_done < load.jobs and not load.over:
            answer = await client.post("/sdapi/v1/txt2img", json=body)
            if answer.status_code == 200:
                load.jobs_done += 1
            else:
                load.refused[answer.status_code] = load.refused.get(answer.status_code, 0) + 1
                await asyncio.sleep(1)


async def poller(load: Load) -> None:
    """Somebody whose page is open: it asks what is loaded, and what the queue does."""
    async with browser(load) as client:
        while not load.over:
            for path in ("/loom/memory", "/loom/queue"):
                begun = time.monotonic()
                await client.get(path)
                load.took(begun)
            await asyncio.sleep(random.uniform(1, 3))


async def visitors(load: Load, event: int, inputs: int) -> None:
    """People who come, do one thing on the page, and leave, one after the other.

    They come over the whole run, as jobs end, and not all at its beginning.
    """
    number = 0
    while load.sessions_done < load.sessions and not load.over:
        if load.sessions_done * load.jobs > load.jobs_done * load.sessions:
            await asyncio.sleep(0.1)
            continue
        session = f"soak{random.randrange(10**9)}{number}"
        async with browser(load) as client:
            await client.get("/")
            begun = time.monotonic()
            body = {"fn_index": event, "data": [None] * inputs, "session_hash": session}
            await client.post("/gradio_api/queue/join", json=body)
            path = f"/gradio_api/queue/data?session_hash={session}"
            async with client.stream("GET", path) as stream:
                async for line in stream.aiter_lines():
                    if "process_completed" in line:
                        load.took(begun)
                        break
        load.sessions_done, number = load.sessions_done + 1, number + 1
        await asyncio.sleep(random.uniform(0.05, 0.3))


async def lateness(load: Load) -> None:
    """How late this process is at what it wants to do."""
    while not load.over:
        begun = time.monotonic()
        await asyncio.sleep(0.05)
        load.late_s.append(time.monotonic() - begun - 0.05)


def browser(load: Load, timeout: float = 60, **options: Any) -> httpx.AsyncClient:
    """A client; reading certificates, which the loopback needs none of, would hold the loop."""
    return httpx.AsyncClient(base_url=load.url, timeout=timeout, verify=False, **options)


def silent(server: Server, count: int) -> list[socket.socket]:
    """Connections that say nothing."""
    port = int(server.url.rsplit(":", 1)[1])
    return [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(count)]


def is_open(one: socket.socket) -> bool:
    """Whether the studio still holds a silent connection."""
    try:
        return one.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def temporary(process: psutil.Process) -> Path | None:
    """The studio's own temporary folder: it holds a lock there."""
    marks = (Path(one.path) for one in process.open_files())
    return next((mark.parent for mark in marks if mark.name == "in-use"), None)


async def watched(server: Server, load: Load, samples: list[Sample], quiet: int) -> None:
    """Looks at the process until the load is over; half-way, silent connections come."""
    process, begun = psutil.Process(server.process.pid), time.monotonic()
    half, held = False, list[socket.socket]()
    async with browser(load) as client:
        while not load.over:
            kept = (await client.get("/loom/probe")).json()
            folder = temporary(process)
            samples.append(
                Sample(
                    round(time.monotonic() - begun, 1),
                    load.jobs_done,
                    load.sessions_done,
                    round(process.memory_info().rss / 2**20, 1),
                    process.num_threads(),
                    process.num_fds() - sum(map(is_open, held)),
                    0 if folder is None else sum(1 for _ in folder.rglob("*")),
                    kept["streams"],
                    kept["events"],
                    kept["states"],
                )
            )
            told = asdict(samples[-1]).items()
            print(" ".join(f"{name}={value}" for name, value in told), flush=True)
            if not half and load.jobs_done >= load.jobs // 2:
                half, held = True, await asyncio.to_thread(silent, server, quiet)
                load.silent = True
            await asyncio.sleep(EVERY_S)
    for one in held:
        one.close()


def verdicts(samples: Sequence[Sample], load: Load) -> list[tuple[bool, str]]:
    """What holds and what does not, a sentence each."""
    settled = [one for one in samples if one.jobs >= min(SETTLED_JOBS, load.jobs // 3)]
    told: list[tuple[bool, str]] = []
    if len(settled) >= 6:
        third = len(settled) // 3
        for name, (share, amount) in MAY_RISE.items():
            first = statistics.median(getattr(one, name) for one in settled[:third])
            last = statistics.median(getattr(one, name) for one in settled[-third:])
            flat = last <= first * (1 + share) + amount
            told.append((flat, f"{name}: {first:g} after it had settled, {last:g} at the end"))
    else:
        told.append((False, "too short to tell whether anything rises"))
    for there, when in ((False, "alone"), (True, "beside silent connections")):
        waits = [wait for wait, silent in load.waits_s if silent == there]
        told.append((p95(waits) < P95_S, f"page actions {when}: {in_words(waits)}"))
    told.append((True, f"this process was late itself: {in_words(load.late_s)}"))
    told.append((load.jobs_done >= load.jobs, f"jobs: {load.jobs_done} of {load.jobs}"))
    came = load.sessions_done
    told.append((came >= load.sessions, f"sessions: {came} of {load.sessions}"))
    told.append((not load.refused, f"refused: {load.refused or 'none'}"))
    return told


def p95(values: Sequence[float]) -> float:
    """What 95 of 100 do not exceed; without any, nothing can be told."""
    return sorted(values)[int(len(values) * 0.95)] if values else float("inf")


def in_words(values: Sequence[float]) -> str:
    """The half, and 95 of 100."""
    half = statistics.median(values) if values else float("inf")
    return f"median {1000 * half:.0f} ms, p95 {1000 * p95(values):.0f} ms of {len(values)}"


def curve(samples: Sequence[Sample]) -> str:
    """The samples as a drawing: each measure between 0 and its highest."""
    names = [one.name for one in fields(Sample)][3:]
    width, row = 720, 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{row * len(names)}" '
        'font-family="sans-serif" font-size="11">'
    ]
    last = max(samples[-1].at_s, 1.0)
    for number, name in enumerate(names):
        values = [float(getattr(one, name)) for one in samples]
        top = max(*values, 1.0)
        foot = row * (number + 1) - 8
        points = " ".join(
            f"{150 + one.at_s / last * (width - 160):.1f},{foot - value / top * (row - 20):.1f}"
            for one, value in zip(samples, values, strict=True)
        )
        parts.append(f'<text x="4" y="{row * number + 32}">{name}, at most {top:g}</text>')
        parts.append(f'<polyline fill="none" stroke="#1b625b" points="{points}"/>')
    return "\n".join([*parts, "</svg>"])


def page(told: Sequence[tuple[bool, str]], samples: Sequence[Sample]) -> str:
    """What was found, for the docs: the curves stand beside it."""
    minutes = samples[-1].at_s / 60 if samples else 0.0
    names = [one.name for one in fields(Sample)]
    shown = samples[:: max(1, len(samples) // 12)]
    return "\n".join(
        [
            "# A crowd",
            "",
            f"`{' '.join(['python -m bench.crowd', *sys.argv[1:]])}`: {minutes:.0f} minutes on "
            f"{os.cpu_count()} cores, which the load shared with the studio.",
            "",
            "| holds | what |",
            "|---|---|",
            *(f"| {'yes' if ok else '**no**'} | {text} |" for ok, text in told),
            "",
            "Connections that say nothing are closed by the studio after 20 seconds.",
            "",
            "![What the studio's process held over the time](crowd.svg)",
            "",
            "| " + " | ".join(names) + " |",
            "|" + "---:|" * len(names),
            *(f"| {' | '.join(f'{value:g}' for value in asdict(one).values())} |" for one in shown),
            "",
        ]
    )


async def loaded(
    server: Server, load: Load, asked: argparse.Namespace, samples: list[Sample]
) -> None:
    """All of them at once."""
    async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
        events = (await client.get("/config")).json()["dependencies"]
    event = next(one for one in events if one["targets"] and one["targets"][0][1] == "load")
    await asyncio.gather(
        watched(server, load, samples, asked.silent),
        lateness(load),
        *(script(load, number, asked.steps) for number in range(asked.scripts)),
        *(poller(load) for _ in range(asked.people)),
        *(visitors(load, event["id"], len(event["inputs"])) for _ in range(4)),
    )


def main() -> int:
    """0 where all holds."""
    parser = argparse.ArgumentParser(prog="bench.crowd", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--scripts", type=int, default=45)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--silent", type=int, default=SILENT)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--fake", metavar="STEP_S", help="the stand-in for the engine")
    parser.add_argument("--out", type=Path, default=Path("runs/soak"))
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    samples: list[Sample] = []
    with (
        tempfile.TemporaryDirectory(prefix="loom-soak-") as data,
        running(Path(data), "--api", "--probe", fake_step_s=asked.fake) as server,
    ):
        lines: list[str] = []
        threading.Thread(target=lines.extend, args=(server.process.stdout,), daemon=True).start()
        load = Load(server.url, asked.jobs, asked.sessions, time.monotonic() + 60 * asked.minutes)
        asyncio.run(loaded(server, load, asked, samples))
    with (asked.out / "crowd.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, [one.name for one in fields(Sample)])
        out.writeheader()
        out.writerows(asdict(one) for one in samples)
    (asked.out / "crowd.svg").write_text(curve(samples))
    told = verdicts(samples, load)
    traces = sum("Traceback" in line for line in lines)
    told.append((not traces, f"tracebacks in the terminal: {traces}"))
    (asked.out / "crowd.json").write_text(json.dumps([[ok, text] for ok, text in told], indent=1))
    (asked.out / "crowd.md").write_text(page(told, samples))
    for ok, text in told:
        print("ok    " if ok else "FAILED", text)
    return 0 if all(ok for ok, _ in told) else 1


if __name__ == "__main__":
    sys.exit(main())
