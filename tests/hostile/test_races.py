"""Jobs that are stopped at any moment, streams that are dropped, readers that do not read."""

from __future__ import annotations

import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image

from tests.hostile.conftest import listening
from tests.hostile.events import ended, form, pressed
from tests.ui.conftest import Server, running
from ui.gradio_compat.cut_uploads import NO_FILES

WHAT = ("cancel", "cancel", "promote", "pause", "resume", "keep", "leave", "retry", "skip/0")


@contextmanager
def quick(data: Path, *flags: str, step_s: str = "0.004") -> Iterator[tuple[Server, list[str]]]:
    with running(data, *flags, fake_step_s=step_s) as server:
        yield server, listening(server)


def within(seconds: float, done: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not done() and time.monotonic() < until:
        time.sleep(0.1)
    return done()


@pytest.mark.slow
def test_jobs_that_are_stopped_and_moved_at_any_moment_end_once(tmp_path: Path) -> None:
    """Six hands press everything that a job has, at once, while thirty jobs come and run."""
    seed = random.randrange(10**6)
    with quick(tmp_path / "data", "--max-waiting", "200") as (server, printed):
        with httpx.Client(base_url=server.url, timeout=240) as client:
            values = form(client) | {"prompt": "a house", "steps": 6, "size": "64x64"}
            jobs: list[str] = []
            begun = threading.Event()

            def hand(number: int) -> set[int]:
                chance, seen = random.Random(seed + number), set[int]()
                begun.wait()
                with httpx.Client(base_url=server.url, timeout=240) as other:
                    for _ in range(60):
                        job = chance.choice(jobs)
                        seen.add(other.post(f"/loom/jobs/{job}/{chance.choice(WHAT)}").status_code)
                return seen

            with ThreadPoolExecutor(6) as pool:
                hands = [pool.submit(hand, number) for number in range(6)]
                for n in range(30):
                    jobs.append(pressed(client, f"press {n}", values=values)["job"])
                    begun.set()
                assert set().union(*(one.result() for one in hands)) == {200}, seed
            for job in jobs:
                client.post(f"/loom/jobs/{job}/resume")
                client.post(f"/loom/jobs/{job}/cancel")
            states = [ended(client, job, 240)["state"] for job in jobs]
            assert set(states) <= {"done", "stopped", "gone"}, (seed, states)
            last = pressed(client, "last", values=values)["job"]
            assert ended(client, last, 240)["state"] == "done"
            waiting = client.get("/loom/me").json().get("quota", {}).get("waiting", 0)
            assert waiting == 0, (seed, "something still waits that nobody can see")
        assert not any("Traceback" in line for line in printed), "".join(printed)[-3000:]
        for path in (tmp_path / "data" / "outputs").rglob("*.png"):
            with Image.open(path) as picture:
                picture.load()


def dropped(server: Server, request: bytes) -> None:
    """A request whose client goes away without a word once the answer has begun."""
    port = int(server.url.rsplit(":", 1)[1])
    one = socket.create_connection(("127.0.0.1", port), timeout=20)
    one.sendall(request)
    one.recv(1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def asked(path: str, body: str = "", length: int | None = None) -> bytes:
    """A request as it goes over the wire; it may say to be longer than it is."""
    method = "POST" if body else "GET"
    size = len(body) if length is None else length
    head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {size}\r\n\r\n{body}".encode()


@pytest.mark.slow
def test_streams_that_are_dropped_leave_nothing_behind(tmp_path: Path) -> None:
    """Three hundred: of states, previews, Gradio's events, and pictures on their way."""
    with quick(tmp_path / "data", step_s="0.05") as (server, printed):
        process = psutil.Process(server.process.pid)
        with httpx.Client(base_url=server.url, timeout=240) as client:
            values = form(client) | {"prompt": "a house", "steps": 150, "size": "64x64"}
            first = pressed(client, "first", values=values | {"steps": 2})["job"]
            picture = ended(client, first)["results"][0]["url"]
            job = pressed(client, "second", values=values)["job"]
            client.post(f"/loom/jobs/{job}/keep")
            events = client.get("/config").json()["dependencies"]
            join = {"fn_index": events[0]["id"], "data": [], "session_hash": "dropped"}
            requests = [
                asked(f"/loom/jobs/events?jobs={job}"),
                asked(f"/loom/jobs/{job}/preview"),
                asked("/gradio_api/queue/data?session_hash=dropped"),
                asked("/gradio_api/queue/join", json.dumps(join)),
                asked(f"/{picture}"),
                asked("/"),
            ]
            for request in requests:
                dropped(server, request)
            time.sleep(1)
            before = (process.num_fds(), process.num_threads())
            for _ in range(50):
                for request in requests:
                    dropped(server, request)

            def as_before() -> bool:
                now = (process.num_fds(), process.num_threads())
                return all(b <= a + 12 for a, b in zip(before, now, strict=True))

            assert within(30, as_before), (before, process.num_fds(), process.num_threads())
            assert ended(client, job, 120)["state"] == "done", "it is kept when its page is left"
        assert not any("Traceback" in line for line in printed), "".join(printed)[-3000:]


@pytest.mark.slow
def test_who_reads_nothing_holds_up_nobody(tmp_path: Path) -> None:
    """Eighty connections ask for megabytes and read none of them; page actions go on."""
    with quick(tmp_path / "data") as (server, printed):
        process = psutil.Process(server.process.pid)
        port = int(server.url.rsplit(":", 1)[1])
        with httpx.Client(base_url=server.url, timeout=240) as client:
            values = form(client) | {"prompt": "a house", "steps": 1, "size": "1024x1024"}
            names: list[str] = []
            for n in range(4):
                ended(client, pressed(client, f"p{n}", values=values)["job"])
            items = client.get("/loom/history").json()["items"]
            names = [one["name"] for one in items]
            assert len(names) == 4
            before = process.memory_info().rss
            body = json.dumps({"names": names * 50})
            held: list[socket.socket] = []
            for n in range(80):
                one = socket.socket()
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                one.connect(("127.0.0.1", port))
                one.sendall(asked("/loom/history/zip", body) if n % 2 else asked("/"))
                held.append(one)
            for _ in range(10):
                assert client.get("/loom/memory").status_code == 200
            job = pressed(client, "beside", values=values | {"size": "64x64"})["job"]
            assert ended(client, job, 240)["state"] == "done"
            grown = (process.memory_info().rss - before) / 2**20
            assert grown < 300, f"{grown:.0f} MiB for what nobody reads"
            for one in held:
                one.close()
        assert not any("Traceback" in line for line in printed), "".join(printed)[-3000:]


def temporary_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_uploads_that_are_cut_off_leave_no_file(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with running(tmp_path / "data", TMPDIR=str(temporary)) as server:
        printed = listening(server)
        before = temporary_bytes(temporary)
        head = 'content-disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        port = int(server.url.rsplit(":", 1)[1])
        for _ in range(5):
            one = socket.create_connection(("127.0.0.1", port), timeout=20)
            one.sendall(
                b"POST /gradio_api/upload HTTP/1.1\r\nhost: 127.0.0.1\r\n"
                b"content-length: 39000000\r\n"
                b"content-type: multipart/form-data; boundary=x\r\n\r\n--x\r\n" + head.encode()
            )
            one.sendall(bytes(4 * 2**20))
            assert within(60, lambda: temporary_bytes(temporary) > before + 2**20), "it arrives"
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
            assert within(60, lambda: temporary_bytes(temporary) == before), "it has gone"
        with httpx.Client(base_url=server.url, timeout=60) as client:
            told: list[str] = []
            for name, file in (("x", "a.png"), ("files", ".."), ("files", "/")):
                answer = client.post("/gradio_api/upload", files={name: (file, b"x" * 1000)})
                told += answer.json() if answer.status_code == 200 else []
            text = {"files": (None, b"x"), "more": ("a.png", b"x" * 1000)}
            answer = client.post("/gradio_api/upload", files=text)
            assert (answer.status_code, answer.text) == (400, NO_FILES)
            left = [path for path in temporary.rglob("*") if path.is_file()]
            unsaid = [path for path in left if b"xxx" in path.read_bytes()]
            assert {str(path) for path in unsaid} <= set(told), "what is told is counted"
            (taken,) = client.post("/gradio_api/upload", files={"files": b"y" * 1000}).json()
            assert Path(taken).read_bytes() == b"y" * 1000
        assert httpx.get(server.url, timeout=60).status_code == 200
        assert not any("Traceback" in line for line in printed), "".join(printed)[-3000:]
