"""What does not arrive whole is removed; the last test fails once Gradio does it by itself."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from gradio import routes
from gradio.route_utils import GradioMultiPartParser
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request

from ui.gradio_compat.cut_uploads import NO_FILES, remove_cut_uploads

HEAD = (
    b"--x\r\ncontent-disposition: form-data; name=files; filename=a.png\r\n"
    b"content-type: image/png\r\n\r\n"
)


async def cut_off() -> AsyncGenerator[bytes, None]:
    yield HEAD + b"half of it"
    raise ClientDisconnect


async def none_at_all() -> AsyncGenerator[bytes, None]:
    yield HEAD + b"half of it\r\n--x\r\nno header at all\x00\r\n\r\n"


async def whole() -> AsyncGenerator[bytes, None]:
    yield HEAD + b"all of it\r\n--x--\r\n"


def parser(stream: AsyncGenerator[bytes, None], folder: Path) -> Any:
    headers = Headers({"content-type": "multipart/form-data; boundary=x"})
    return GradioMultiPartParser(headers, stream, max_file_size=10**6, upload_dir=str(folder))


@pytest.fixture(autouse=True)
def put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GradioMultiPartParser, "parse", inspect.unwrap(GradioMultiPartParser.parse))
    monkeypatch.setattr(routes, "upload_fn", inspect.unwrap(routes.upload_fn))


@pytest.mark.parametrize("stream", [cut_off, none_at_all])
def test_what_is_cut_off_is_removed(stream: Any, tmp_path: Path) -> None:
    remove_cut_uploads()
    remove_cut_uploads()  # once is enough
    with pytest.raises(Exception):  # noqa: B017, PT011 (which one is Gradio's)
        asyncio.run(parser(stream(), tmp_path).parse())
    assert list(tmp_path.iterdir()) == []


def test_what_arrives_whole_stays(tmp_path: Path) -> None:
    remove_cut_uploads()
    form = asyncio.run(parser(whole(), tmp_path).parse())
    assert form["files"].filename == "a.png"
    (path,) = tmp_path.iterdir()
    form["files"].file.close()
    assert path.read_bytes() == b"all of it"


def sent(form: bytes, folder: Path) -> Any:
    """What the route of uploads makes of a form."""
    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": form, "more_body": False}

    return asyncio.run(routes.upload_fn(Request(scope, receive), str(folder), 10**6, None))


def test_what_nobody_asked_for_is_removed_and_what_comes_beside_it_is_kept(tmp_path: Path) -> None:
    remove_cut_uploads()
    other = HEAD.replace(b"name=files", b"name=other")
    (kept,), _, _ = sent(HEAD + b"mine\r\n" + other + b"stray\r\n--x--\r\n", tmp_path)
    assert [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()] == [b"mine"]
    Path(kept).unlink()
    text = b"--x\r\ncontent-disposition: form-data; name=files\r\n\r\nno file\r\n"
    with pytest.raises(MultiPartException) as refused:
        sent(text + other + b"stray\r\n--x--\r\n", tmp_path)
    assert refused.value.message == NO_FILES
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_gradio_still_leaves_it(tmp_path: Path) -> None:
    """Once this fails, `cut_uploads` can go."""
    cut = parser(cut_off(), tmp_path)
    with pytest.raises(ClientDisconnect):
        asyncio.run(cut.parse())
    assert len(list(tmp_path.iterdir())) == 1
    for file in cut._files_to_close_on_error:
        file.close()
