"""Pictures that unpack to gigabytes, or are none, through every door that takes pictures."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from backend.contracts.settings import MODES
from backend.pictures.budget import REQUEST_BYTES
from tests.hostile.conftest import listening
from tests.pictures.hostile import bad_files
from tests.ui.conftest import Server, running

MIB = 2**20
MOST_MIB = 350  # above what the studio held before, at any moment of an answer
BOMBS = (
    "png bomb of 531 MB",
    "zTXt bomb",
    "zTXt bomb at the end",
    "iCCP bomb",
    "jpeg header alone",
    "tiff tile of 4 GB",
    "gif frame larger than all",
    "postscript",
)
SMALL = {"prompt": "a house", "steps": 1, "width": 64, "height": 64}


@dataclass(frozen=True)
class Target:
    """The studio that all of this is sent to.

    Attributes:
        server: The process.
        client: Calls its endpoints.
        printed: What it prints.
    """

    server: Server
    client: Client
    printed: list[str]

    def asked(self, endpoint: str, values: dict[str, Any]) -> Any:
        """What an endpoint answers.

        gradio_client (2.7) loses an answer where its stream ends just as it asks for more, and
        calls that cancelled: it is asked anew.
        """
        for _ in range(5):
            with suppress(CancelledError):
                return self.client.predict(api_name=endpoint, **values)
        raise AssertionError("it was cancelled again and again")

    def peak_mib(self, work: Callable[[], object]) -> float:
        """The most memory it takes for something, above what it held before."""
        process = Path("/proc") / str(self.server.process.pid)
        (process / "clear_refs").write_text("5")  # the peak counts anew
        before = self._mib(process, "VmRSS")
        work()
        return self._mib(process, "VmHWM") - before

    @staticmethod
    def _mib(process: Path, name: str) -> float:
        lines = (process / "status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with running(tmp_path_factory.mktemp("data"), "--api") as server:
        printed = listening(server)
        client = Client(server.url, verbose=False, analytics_enabled=False)
        yield Target(server, client, printed)
        client.close()


def good_png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 90, 90)).save(buffer, "png")
    return buffer.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_endpoints_refuse_it_by_a_sentence(target: Target, name: str, tmp_path: Path) -> None:
    """Each picture of each mode, a clip, a training's file, and what is read or drawn again."""
    bad, good = tmp_path / "bad.png", tmp_path / "good.png"
    bad.write_bytes(bad_files()[name])
    good.write_bytes(good_png())
    doors: list[tuple[str, dict[str, Any]]] = [
        (mode, {one: handle_file(bad if one == at else good) for one in settings.pictures})
        for mode, settings in MODES.items()
        for at in settings.pictures
    ]
    doors.append(("read_record", {"file": handle_file(bad)}))
    doors.append(("verify", {"file": handle_file(bad)}))
    training = {"name": "x", "steps": 2, "caption": "a thing"}
    doors.append(("train_lora", training | {"pictures": [handle_file(bad)]}))
    packed = tmp_path / "bad.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(bad, "bad.png")
    doors.append(("train_lora", training | {"pictures": [handle_file(packed)]}))
    doors.append(("clip", {"clip": handle_file(packed)}))
    for mode, values in doors:

        def sent(mode: str = mode, values: dict[str, Any] = values) -> None:
            try:
                said = str(target.asked(f"/{mode}", values))
            except AppError as error:
                said = str(error)
                assert said.strip()
                assert "Error" not in said.split(":")[0]
            else:  # what holds no record is read as that
                assert mode == "read_record", (mode, said)

        assert target.peak_mib(sent) < MOST_MIB, (mode, [*values])
    assert not any("Traceback" in line for line in target.printed), "".join(target.printed)[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_scripts_are_refused_by_a_sentence(target: Target, name: str) -> None:
    """`/sdapi`, `/controlnet` and `/v1`, wherever a picture goes."""
    bad, good = (base64.b64encode(one).decode() for one in (bad_files()[name], good_png()))
    unit = {"image": bad, "module": "canny", "model": "pocket-canny"}
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("/sdapi/v1/img2img", SMALL | {"init_images": [bad]}),
        ("/sdapi/v1/img2img", SMALL | {"init_images": [good, bad]}),
        ("/sdapi/v1/img2img", SMALL | {"init_images": [good], "mask": bad}),
        (
            "/sdapi/v1/txt2img",
            SMALL | {"alwayson_scripts": {"controlnet": {"args": [unit]}}},
        ),
        ("/sdapi/v1/extra-single-image", {"image": bad, "upscaling_resize": 2}),
        ("/sdapi/v1/extra-batch-images", {"imageList": [{"data": bad, "name": "x"}]}),
        ("/controlnet/detect", {"controlnet_module": "canny", "controlnet_images": [bad]}),
        ("/sdapi/v1/png-info", {"image": bad}),
    ]
    with httpx.Client(base_url=target.server.url, timeout=60) as script:
        for path, body in bodies:

            def sent(path: str = path, body: dict[str, Any] = body) -> None:
                answer = script.post(path, json=body)
                read = path.endswith("png-info") and answer.status_code == 200
                assert read or 400 <= answer.status_code < 500, (path, answer.text[:300])
                assert answer.json()

            assert target.peak_mib(sent) < MOST_MIB, path
        files = {"image": ("x.png", bad_files()[name], "image/png")}
        for path in ("/v1/images/edits", "/v1/images/variations"):

            def asked(path: str = path) -> None:
                answer = script.post(path, files=files, data={"prompt": "a house"})
                assert 400 <= answer.status_code < 500, (path, answer.text[:300])
                assert answer.json()["error"]["message"]

            assert target.peak_mib(asked) < MOST_MIB, path
    assert not any("Traceback" in line for line in target.printed), "".join(target.printed)[-3000:]


@pytest.mark.slow
def test_many_small_files_in_one_call_are_one_budget(target: Target) -> None:
    """Four hundred pictures of 16 megapixels, 16 KB each; and sizes that no picture may have."""
    buffer = io.BytesIO()
    Image.new("L", (4096, 4096), 128).save(buffer, "png")
    one, small = (base64.b64encode(data).decode() for data in (buffer.getvalue(), good_png()))
    several = [one] * 400
    wide = SMALL | {"width": 60_000, "height": 60_000}
    units = {"controlnet": {"args": [{"image": small, "module": "canny"}]}}
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("/sdapi/v1/img2img", SMALL | {"init_images": several}),
        ("/controlnet/detect", {"controlnet_module": "none", "controlnet_images": several[:100]}),
        ("/sdapi/v1/img2img", wide | {"init_images": [small], "alwayson_scripts": units}),
    ]
    with httpx.Client(base_url=target.server.url, timeout=120) as script:
        for path, body in bodies:

            def sent(path: str = path, body: dict[str, Any] = body) -> None:
                answer = script.post(path, json=body)
                assert answer.status_code == 422, (path, answer.text[:300])

            assert target.peak_mib(sent) < REQUEST_BYTES / MIB + MOST_MIB, path
