"""Uploads against a running app: foreign interpreters, and files that unpack to gigabytes."""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.ui.conftest import Server, running

MIB = 2**20
SIDE_PX = 4000
SETTINGS = {"name": "bomb", "steps": 2, "caption": "a thing"}


@pytest.fixture(scope="module")
def gs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program `gs` that leaves a mark when somebody runs it."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "gs"
    program.write_text(f"#!/bin/sh\ntouch {folder}/ran\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return folder


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, gs: Path) -> Iterator[Server]:
    path = f"{gs}{os.pathsep}{os.environ['PATH']}"
    with running(tmp_path_factory.mktemp("data"), PATH=path) as started:
        yield started


@pytest.fixture(scope="module")
def client(app: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    made = Client(
        app.url,
        verbose=False,
        analytics_enabled=False,
        download_files=tmp_path_factory.mktemp("downloads"),
    )
    yield made
    made.close()


def refused(client: Client, files: list[Path]) -> str:
    """What `/train_lora` says of these files, which it must not take."""
    with pytest.raises(AppError) as error:
        client.predict(
            pictures=[handle_file(file) for file in files], **SETTINGS, api_name="/train_lora"
        )
    return str(error.value)


def plain_png() -> bytes:
    """16 megapixels of one colour: 48 MB in memory, 50 KB in the file."""
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE_PX, SIDE_PX), (200, 90, 90)).save(buffer, "png")
    return buffer.getvalue()


PLAIN = plain_png()


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def peak_bytes(app: Server) -> int:
    """The most memory that the app ever held."""
    status = Path(f"/proc/{app.process.pid}/status")
    if not status.exists():  # not Linux: what it holds now
        return psutil.Process(app.process.pid).memory_info().rss
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 64 64
%%EndComments
newpath 0 0 moveto 64 64 lineto stroke
showpage
%%EOF
"""


def test_an_eps_that_is_named_png_runs_no_foreign_program(
    client: Client, gs: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "harmless.png"
    picture.write_bytes(EPS)
    said = refused(client, [picture])
    assert "harmless.png cannot be read" in said
    assert not (gs / "ran").exists()
    # The mark would be seen: Pillow, left to guess, runs that program for this file.
    search, os.environ["PATH"] = os.environ["PATH"], f"{gs}{os.pathsep}{os.environ['PATH']}"
    try:
        with pytest.raises(OSError), Image.open(picture) as image:  # noqa: PT011
            image.load()
    finally:
        os.environ["PATH"] = search
    assert (gs / "ran").exists()


def test_a_picture_that_40_lines_name_is_unpacked_once(
    app: Server, client: Client, tmp_path: Path
) -> None:
    before = peak_bytes(app)
    row = json.dumps({"file_name": "big.png", "text": "a big thing"})
    bomb = zipped(tmp_path / "forty.zip", {"metadata.jsonl": f"{row}\n".encode() * 40,
                                           "big.png": PLAIN})  # fmt: skip
    client.predict(pictures=[handle_file(bomb)], **SETTINGS, api_name="/train_lora")
    assert peak_bytes(app) - before < 500 * MIB


def test_more_pictures_than_a_training_takes_are_counted_before_they_are_read(
    app: Server, client: Client, tmp_path: Path
) -> None:
    before = peak_bytes(app)
    rows = "".join(json.dumps({"file_name": f"{n}.png", "text": "x"}) + "\n" for n in range(101))
    files = {f"{n}.png": PLAIN + bytes([n]) for n in range(101)}
    said = refused(
        client, [zipped(tmp_path / "many.zip", {"metadata.jsonl": rows.encode(), **files})]
    )
    assert "101 pictures are too many; choose up to 100" in said
    assert peak_bytes(app) - before < 200 * MIB


def test_small_zips_share_one_budget(app: Server, client: Client, tmp_path: Path) -> None:
    before = peak_bytes(app)
    large = b"\x89PNG\r\n\x1a\n" + bytes(400 * MIB)
    first = zipped(tmp_path / "0.zip", {"0.png": large})
    assert first.stat().st_size < MIB
    others = [tmp_path / f"{n}.zip" for n in range(1, 4)]
    for other in others:
        other.write_bytes(first.read_bytes())
    said = refused(client, [first, *others])
    assert "takes more than 600 MiB once it is unpacked" in said
    assert peak_bytes(app) - before < 900 * MIB


def test_an_upload_that_is_named_60_times_is_read_and_decoded_once(
    app: Server, client: Client, tmp_path: Path
) -> None:
    picture = tmp_path / "plain.png"
    picture.write_bytes(PLAIN)
    before = peak_bytes(app)
    sent = [handle_file(picture)] * 60
    client.predict(pictures=sent, **SETTINGS, api_name="/train_lora")
    assert peak_bytes(app) - before < 500 * MIB


def test_damaged_zips_are_a_sentence(client: Client, tmp_path: Path) -> None:
    broken = zipped(tmp_path / "broken.zip", {"a.png": PLAIN})
    content = bytearray(broken.read_bytes())
    content[60:80] = zlib.compress(b"no")[:20].ljust(20, b"\0")
    broken.write_bytes(bytes(content))
    assert "no zip that can be read" in refused(client, [broken])


@pytest.mark.slow
def test_one_visitor_cannot_fill_the_disk_and_another_can_still_upload(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    flags = ("--auth", "ada:a secret")
    data = {"username": "ada", "password": "a secret"}
    with (
        running(tmp_path_factory.mktemp("quota"), *flags) as server,
        httpx.Client(base_url=server.url, timeout=60) as one,
        httpx.Client(base_url=server.url, timeout=60) as two,
    ):
        assert one.post("/login", data=data).status_code == 200
        assert two.post("/login", data=data).status_code == 200
        paths: list[str] = []
        refused = None
        for number in range(30):
            content = number.to_bytes(4, "big") * (5 * MIB)
            answer = one.post("/gradio_api/upload", files={"files": content})
            if answer.status_code != 200:
                refused = answer
                break
            paths += answer.json()
        assert refused is not None
        assert refused.status_code == 413
        assert "that one person has" in refused.json()["detail"]
        assert sum(Path(path).stat().st_size for path in paths) <= 512 * MIB
        answer = two.post("/gradio_api/upload", files={"files": b"another's" + bytes(MIB)})
        assert answer.status_code == 200
        assert one.post("/loom/sign-out").status_code == 200
        assert not any(Path(path).exists() for path in paths)
        assert Path(answer.json()[0]).exists()
