"""What people upload is bounded, and goes when nothing needs it."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ui.server.upload_quota import NEEDED_S, NO_ROOM, PATH, UploadQuota


class Doors:
    """Uploads into a folder, named by what is in them as Gradio's are."""

    def __init__(self, folder: Path, a_person: int = 1000, in_all: int = 2500) -> None:
        self.folder = folder
        self.role = "member"

        async def upload(request: Request) -> Response:
            content = await request.body()
            path = folder / hashlib.sha1(content).hexdigest()
            path.write_bytes(content)
            return JSONResponse([str(path)])

        async def out(request: Request) -> Response:
            return JSONResponse({})

        async def told(request: Request) -> Response:
            return JSONResponse(request.state.uploads)

        routes = [
            Route("/gradio_api/upload", upload, methods=["POST"]),
            Route("/loom/sign-out", out, methods=["POST"]),
            Route("/loom/me/forget", out, methods=["POST"]),
            Route("/loom/me", told, methods=["GET", "POST"]),
        ]
        self.quota = UploadQuota(Starlette(routes=routes), a_person, in_all)

    def post(self, owner: str, content: bytes, path: str = "/gradio_api/upload") -> httpx.Response:
        async def owned(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("state", {}).update(owner=owner, role=self.role)
            await self.quota(scope, receive, send)

        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(app=owned)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.post(path, content=content)

        return asyncio.run(go())

    def files(self) -> int:
        return len(list(self.folder.iterdir()))

    def age(self, seconds: float) -> None:
        for number, path in enumerate(sorted(self.folder.iterdir(), key=os.path.getmtime)):
            then = time.time() - seconds + number
            os.utime(path, (then, then))


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    return Doors(tmp_path)


def test_one_person_has_so_much_and_no_more_and_another_as_much(doors: Doors) -> None:
    codes = [doors.post("ada", bytes([n]) * 300).status_code for n in range(5)]
    assert codes == [200, 200, 200, 413, 413]
    assert "that one person has" in doors.post("ada", b"x" * 300).json()["detail"]
    assert doors.post("bob", b"y" * 300).status_code == 200
    assert doors.files() == 4


def test_what_is_old_gives_way_to_what_is_new(doors: Doors) -> None:
    first = doors.post("ada", b"1" * 400).json()[0]
    second = doors.post("ada", b"2" * 400).json()[0]
    doors.age(NEEDED_S + 60)
    os.utime(first)  # a job has used it since
    assert doors.post("ada", b"3" * 400).status_code == 200
    assert Path(first).exists()
    assert not Path(second).exists()


def test_all_together_have_a_bound(doors: Doors) -> None:
    codes = [doors.post(f"owner {n}", bytes([n]) * 900).status_code for n in range(4)]
    assert codes == [200, 200, 413, 413]
    doors.age(NEEDED_S + 60)
    assert doors.post("late", b"z" * 900).status_code == 200


def test_who_signs_out_leaves_nothing_but_what_another_has_sent_too(doors: Doors) -> None:
    same, own = b"the same" * 20, b"her own" * 20
    doors.post("ada", same)
    doors.post("ada", own)
    doors.post("bob", same)
    doors.post("ada", b"", "/loom/sign-out")
    assert [path.read_bytes() for path in doors.folder.iterdir()] == [same]
    assert doors.quota.held("ada") == 0
    assert doors.quota.held("bob") == len(same)


def test_what_was_removed_by_others_is_not_counted(doors: Doors) -> None:
    path = doors.post("ada", b"1" * 900).json()[0]
    assert doors.post("ada", b"2" * 900).status_code == 413
    Path(path).unlink()
    assert doors.post("ada", b"2" * 900).status_code == 200


def test_an_accounts_sessions_are_one_person_and_its_data_go_together(doors: Doors) -> None:
    codes = [doors.post(f"@ada/{n}", bytes([n]) * 300).status_code for n in range(4)]
    assert codes == [200, 200, 200, 413]
    doors.post("@ada/1", b"", "/loom/sign-out")
    assert doors.files() == 3
    doors.post("@ada/1", b"", "/loom/me/forget")
    assert doors.files() == 0


def test_what_lies_there_is_told_to_who_asks_for_their_limits(doors: Doors) -> None:
    doors.post("@ada/1", b"x" * 300)
    doors.post("@bob/1", b"y" * 100)
    assert doors.post("@ada/2", b"", "/loom/me").json() == [300, 1000]
    assert doors.post("@eve/1", b"", "/loom/me").json() == [0, 1000]


def test_a_guests_end_of_data_leaves_another_guests_uploads(doors: Doors) -> None:
    doors.post("@gus/1", b"x" * 300)
    doors.post("@gus/2", b"y" * 100)
    doors.role = "guest"
    doors.post("@gus/1", b"", "/loom/me/forget")
    assert doors.files() == 1
    doors.role = "member"
    doors.post("@gus/3", b"", "/loom/me/forget")
    assert doors.files() == 0


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_a_sentence(doors: Doors, number: int) -> None:
    async def full(scope: Any, receive: Any, send: Any) -> None:
        raise OSError(number, "no room")

    doors.quota._app = full
    answer = doors.post("ada", b"x" * 10)
    assert (answer.status_code, answer.json()) == (507, {"detail": NO_ROOM})
    assert doors.quota.held("ada") == 0


def test_another_trouble_with_a_disk_is_told_as_it_is(doors: Doors) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise OSError(errno.EIO, "broken")

    doors.quota._app = broken
    with pytest.raises(OSError, match="broken"):
        doors.post("ada", b"x" * 10)


def test_who_hangs_up_is_told_nothing(doors: Doors) -> None:
    async def gone(scope: Any, receive: Any, send: Any) -> None:
        raise ClientDisconnect

    doors.quota._app = gone

    async def nothing(message: Any) -> None:
        raise AssertionError(message)

    length = (b"content-length", b"5")
    scope = {"type": "http", "method": "POST", "path": PATH, "headers": [length], "state": {}}
    asyncio.run(doors.quota(scope, nothing, nothing))  # type: ignore[arg-type]
    assert doors.quota.held("") == 0
