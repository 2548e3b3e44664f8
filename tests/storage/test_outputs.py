"""The outputs folder: names, all-or-nothing writes, and what may be read from it."""

from __future__ import annotations

import os
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from backend.contracts.errors import BadInput, StorageProblem
from backend.contracts.events import Record
from backend.contracts.settings import Txt2ImgSettings
from backend.recipes.metadata import read
from backend.storage.outputs import Storage

PIXELS = np.full((16, 32, 3), 90, np.uint8)
NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000)


def record(prompt: str = "a house", seed: int = 1) -> Record:
    settings = Txt2ImgSettings(prompt=prompt, seed=seed).model_dump(mode="json")
    return Record("txt2img", settings, {"name": "pocket", "hash": "ab"})


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage(tmp_path: Path, clock: Clock) -> Storage:
    return Storage(tmp_path, clock)


def test_names_sort_by_time_then_seed_then_index(
    storage: Storage, tmp_path: Path, clock: Clock
) -> None:
    first = storage.save_output(PIXELS, record(seed=9))
    again = storage.save_output(PIXELS, record(seed=9))
    other = storage.save_output(PIXELS, record(seed=10))
    clock.now += timedelta(milliseconds=1)
    later = storage.save_output(PIXELS, record(seed=0))
    assert first == tmp_path / "outputs/2026-11-21/120000-250_0000000009_00.png"
    assert sorted([later, other, again, first]) == [first, again, other, later]
    assert read(first.read_bytes()).settings["seed"] == 9


def test_a_full_disk_is_a_sentence_and_leaves_nothing(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = storage.save_output(PIXELS, record())

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("backend.storage.atomic_files.os.fsync", full)
    with pytest.raises(StorageProblem, match="is full"):
        storage.save_output(PIXELS, record(seed=2))
    assert list(first.parent.iterdir()) == [first]


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_a_real_short_write_leaves_nothing(storage: Storage) -> None:
    import resource

    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    first = storage.save_output(PIXELS, record())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, hard))
    try:
        with pytest.raises(StorageProblem, match="is full"):
            storage.save_output(noise, record(seed=2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(first.parent.iterdir()) == [first]


def test_no_permission_is_a_sentence(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("backend.storage.atomic_files.tempfile.mkstemp", refuse)
    with pytest.raises(StorageProblem, match="may not be written to"):
        storage.save_output(PIXELS, record())


@pytest.mark.parametrize("blocked", ["outputs", "outputs/2026-11-21"])
def test_a_file_in_the_folders_place_is_a_sentence(
    storage: Storage, tmp_path: Path, blocked: str
) -> None:
    (tmp_path / blocked).parent.mkdir(exist_ok=True)
    (tmp_path / blocked).write_text("in the way")
    with pytest.raises(StorageProblem, match="outputs folder"):
        storage.save_output(PIXELS, record())


def test_a_disk_without_hard_links_still_takes_each_name_once(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("backend.storage.atomic_files.os.link", refuse)
    first, second = (storage.save_output(PIXELS, record()) for _ in range(2))
    assert first != second
    assert read(first.read_bytes()).settings == read(second.read_bytes()).settings
    assert len(list(first.parent.iterdir())) == 2


def test_threads_lose_no_picture(storage: Storage) -> None:
    def save() -> None:
        for _ in range(10):
            storage.save_output(PIXELS, record())

    threads = [threading.Thread(target=save) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(storage.files()) == 40


def test_paths_outside_the_outputs_are_refused(storage: Storage, tmp_path: Path) -> None:
    good = storage.save_output(PIXELS, record())
    secret = tmp_path / "secret.png"
    secret.write_bytes(good.read_bytes())
    (good.parent / "link.png").symlink_to(secret)
    relative = good.relative_to(storage.outputs)
    assert storage.checked(good) == storage.checked(relative) == good.resolve()
    for path in (
        secret,
        Path("../secret.png"),
        good.parent / "link.png",
        Path("/etc/hostname"),
        good.parent,
        Path("nul\0.png"),
        good.parent / "none.png",
    ):
        with pytest.raises(BadInput, match="no such picture"):
            storage.checked(path)
    assert [path for path, _ in storage.files()] == [good]


def test_thumbnails(storage: Storage) -> None:
    import io

    from PIL import Image

    path = storage.save_output(PIXELS, record())
    small = storage.thumbnail(path, 16)
    with Image.open(io.BytesIO(small)) as image:
        assert (image.format, image.size) == ("JPEG", (16, 8))
    assert storage.thumbnail(path, 16) is small, "kept"
    changed = storage.save_output(255 - PIXELS, record())
    os.replace(changed, path)
    assert storage.thumbnail(path, 16) != small
    with pytest.raises(BadInput, match="between"):
        storage.thumbnail(path, 100_000)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(StorageProblem, match="damaged"):
        storage.thumbnail(path, 16)


def test_free_bytes_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert Storage(tmp_path / "a" / "b").free_bytes > 0


def test_a_result_is_saved_as_its_record_asks(storage: Storage, tmp_path: Path) -> None:
    def asking(form: str, name: str) -> Record:
        settings = Txt2ImgSettings.model_validate(
            {"prompt": "a/../b", "seed": 4, "save_format": form, "save_name": name}
        )
        return Record("txt2img", settings.model_dump(mode="json"), {"name": "m", "hash": "ab"})

    made = [
        storage.save_output(PIXELS, asking(form, "[prompt] [seed]"))
        for form in ("png", "jpeg", "webp", "jpeg")
    ]
    day = tmp_path / "outputs/2026-11-21"
    names = ["a_.._b 4.png", "a_.._b 4.jpg", "a_.._b 4.webp", "a_.._b 4_01.jpg"]
    assert made == [day / name for name in names]
    assert {path for path, _ in storage.files()} == set(made)
    for path in made:
        name = Path(path.parent.name, path.name)
        assert storage.checked(name) == path.resolve()
        assert storage.thumbnail(name, 16).startswith(b"\xff\xd8\xff")
        assert read(path.read_bytes()).settings["prompt"] == "a/../b"
