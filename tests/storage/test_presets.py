"""Presets: the round trip, names, broken files, and two processes at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backend.contracts.errors import BadInput, StorageProblem, UnknownName
from backend.contracts.settings import MODES, Txt2ImgSettings
from backend.storage.presets import (
    MAX_PRESET_BYTES,
    PresetStore,
    check_name,
    parse_preset,
)
from tests.pictures import hostile
from tests.storage.preset_files import (
    FILES,
    SETTINGS,
    base64_of,
    document,
    with_pictures,
)

ROOT = Path(__file__).resolve().parents[2]


def test_regions_and_steering_come_back_too(store: PresetStore) -> None:
    loras = [{"name": "ink", "weight": 0.5}]
    wanted = Txt2ImgSettings.model_validate(
        {
            "prompt": "the sea",
            "regions": [{"prompt": "a boat", "box": [0.0, 0.0, 0.5, 1.0], "loras": loras}],
            "region_soft": 0.2,
            "region_by": "prediction",
            "steer": "places",
            "steer_places": "e02020 . / . 2040d0",
            "steer_scale": 0.5,
        }
    )
    store.save("Two places", wanted)
    assert store.load("Two places").settings == wanted


def test_a_preset_comes_back_whole(store: PresetStore, tmp_path: Path) -> None:
    store.save("Mein Grün", SETTINGS)
    again = PresetStore(tmp_path / "bundled", tmp_path / "own")
    assert again.load("Mein Grün").settings == SETTINGS
    assert [(info.name, info.bundled) for info in again.list()] == [
        ("Default", True),
        ("Mein Grün", False),
    ]


def test_saving_twice_needs_overwrite(store: PresetStore) -> None:
    store.save("Sea", SETTINGS)
    with pytest.raises(BadInput, match="already"):
        store.save("Sea", Txt2ImgSettings())
    assert store.load("Sea").settings == SETTINGS
    store.save("Sea", Txt2ImgSettings(), overwrite=True)
    assert store.load("Sea").settings == Txt2ImgSettings()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sea", "sEA"),
        ("Über", "U\u0308ber"),
        ("ß", "SS"),
        ("Sea", "Se\u200ba"),
        ("Sea", "Sea\ufe0f"),
        ("Sea", "\u2060Sea\u00ad"),
    ],
)
def test_names_that_a_disk_may_take_for_one_are_one(
    store: PresetStore, tmp_path: Path, one: str, other: str
) -> None:
    store.save(one, SETTINGS)
    with pytest.raises(BadInput, match="already"):
        store.save(other, SETTINGS)
    store.save(other, SETTINGS, overwrite=True)
    assert [info.name for info in store.list() if not info.bundled] == [other]
    assert len(list((tmp_path / "own").iterdir())) == 1


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/b",
        "a\\b",
        "..",
        ".hidden",
        "nul\0byte",
        "line\nbreak",
        "\x1b[31m",
        "",
        "   ",
        "CON",
        "con.txt",
        "Lpt1",
        "nul.",
        "ends.",
        " begins",
        "ends ",
        "x" * 101,
        "x" * 300,
        "a:b",
        "what?",
        "\u202egnp",
        "\ud800",
        "\u200b",
        "\u3164",
        "COM\u00b9",
    ],
)
def test_a_bad_name_is_refused(store: PresetStore, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput):
        store.save(name, SETTINGS)
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize(
    "name",
    [
        "Donaudampfschifffahrtsgesellschaft",
        "Größe & Straße (2)",
        "夜" * 100,
        "🎈 balloon",
        "console",
        "👩\u200d🚀 far away",
    ],
)
def test_a_good_name_is_taken(store: PresetStore, name: str) -> None:
    check_name(name)
    store.save(name, SETTINGS)
    assert store.load(name).name == name


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "JSON"),
        (b'{"schema": 1', "JSON"),
        (b"\xff\xfe\x00", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "object"),
        (b'{"schema": 1, "schema": 1}', "JSON"),
        (json.dumps(document(schema=2)).encode(), "newer"),
        (json.dumps(document(schema=0)).encode(), "too old"),
        (json.dumps(document(schema=True)).encode(), "schema"),
        (json.dumps(document(schema="1")).encode(), "schema"),
        (json.dumps(document(extra=1)).encode(), "'extra'"),
        (json.dumps(document(mode="dance")).encode(), "'dance'"),
        (json.dumps(document(settings={"stepz": 8})).encode(), "'stepz'"),
        (json.dumps(document(settings={"steps": 8e9})).encode(), "'steps'"),
        (json.dumps(document(settings={"eta": float("nan")})).encode(), "JSON"),
        (json.dumps(document(settings=[])).encode(), "settings"),
        (json.dumps(document(name="../x")).encode(), "name"),
        (json.dumps(document(settings={"prompt": "x" * 300_000})).encode(), "256 KB"),
        (json.dumps(document(settings={"prompt": [0] * 300_000})).encode(), "256 KB"),
        (b" " * (MAX_PRESET_BYTES + 1), "8 MB"),
        (with_pictures(image="x" * MAX_PRESET_BYTES), "8 MB"),
        (json.dumps(document(mode="img2img", pictures=[])).encode(), "base64 by name"),
        (with_pictures(image=5), "base64 by name"),
        (with_pictures(image=base64_of(FILES["image"])[:-1]), "'image' is damaged"),
        (with_pictures(image="\u00e9" * 8), "'image' is damaged"),
        (with_pictures(image="data:image/png;base64," + base64_of(FILES["image"])), "is damaged"),
        (with_pictures(face=base64_of(FILES["image"])), "no picture 'face' in img2img"),
        (with_pictures(image=base64_of(hostile.SVG)), "'image' is not a PNG or JPEG"),
        (with_pictures(image=""), "'image' is not a PNG or JPEG"),
        (
            json.dumps(document(pictures={"image": base64_of(FILES["image"])})).encode(),
            "no picture 'image' in txt2img",
        ),
    ],
)
def test_a_broken_file_is_listed_and_the_others_load(
    store: PresetStore, tmp_path: Path, content: bytes, reason: str
) -> None:
    store.save("Fine", SETTINGS)
    broken = tmp_path / "own" / "bad one.json"
    broken.write_bytes(content)
    problems = {info.name: info.problem for info in store.list()}
    assert problems["Fine"] is None
    assert problems["Default"] is None
    assert reason in (problems["bad one"] or "")
    with pytest.raises(BadInput, match="cannot be used"):
        store.load("bad one")
    with pytest.raises(BadInput, match="cannot be used"):
        store.import_(content)
    assert broken.read_bytes() == content, "a file that cannot be read now may be read by an update"
    store.delete("bad one")
    assert not broken.exists()


def test_export_and_import(store: PresetStore, tmp_path: Path) -> None:
    store.save("Sea", SETTINGS)
    data = store.export("Sea")
    other = PresetStore(tmp_path / "bundled", tmp_path / "elsewhere")
    assert other.import_(data).settings == SETTINGS
    assert other.load("Sea").settings == SETTINGS
    with pytest.raises(BadInput, match="already"):
        other.import_(data)


def test_delete_spares_what_is_bundled(store: PresetStore) -> None:
    store.save("Sea", SETTINGS)
    store.delete("Sea")
    with pytest.raises(UnknownName):
        store.load("Sea")
    with pytest.raises(UnknownName):
        store.delete("Sea")
    with pytest.raises(BadInput, match="stays"):
        store.delete("Default")
    with pytest.raises(BadInput, match="comes with the studio"):
        store.save("default", SETTINGS, overwrite=True)


def test_a_file_with_a_bundled_name_hides_nothing(store: PresetStore, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.json").write_text(json.dumps(document(name="DEFAULT")))
    assert store.load("Default").settings.steps == 8
    assert [info.name for info in store.list() if info.problem] == ["mine"]


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("a file where the folder should be")
    store = PresetStore(tmp_path / "none", tmp_path / "own")
    with pytest.raises(StorageProblem, match="presets folder"):
        store.save("Sea", SETTINGS)
    assert store.list() == []


def test_a_failed_write_keeps_the_old_preset(
    store: PresetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save("Sea", SETTINGS)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("backend.storage.atomic_files.os.fsync", full)
    with pytest.raises(StorageProblem, match="full"):
        store.save("Sea", Txt2ImgSettings(), overwrite=True)
    assert store.load("Sea").settings == SETTINGS
    assert len(list((tmp_path / "own").iterdir())) == 1


def test_two_processes_lose_no_file(store: PresetStore, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from backend.storage.presets import PresetStore;"
        "from backend.contracts.settings import Txt2ImgSettings;"
        "from backend.contracts.errors import BadInput\n"
        "who, folder = sys.argv[1:]; store = PresetStore(Path(folder), Path(folder))\n"
        "won = 0\n"
        "for n in range(10):\n"
        "    store.save(f'{who} {n}', Txt2ImgSettings(seed=n))\n"
        "    try: store.save(f'Both {n}', Txt2ImgSettings(seed=n)); won += 1\n"
        "    except BadInput: pass\n"
        "print(won)\n"
    )
    folder = tmp_path / "own"
    code = code.replace("PresetStore(Path(folder), ", "PresetStore(Path(folder) / 'none', ")
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, who, str(folder)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for who in ("a", "b")
    ]
    won = [int(worker.communicate(timeout=60)[0]) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert sum(won) == 10, "each contested name goes to exactly one"
    assert len([info for info in store.list() if not info.bundled and not info.problem]) == 30
    assert len(list(folder.iterdir())) == 30


def test_bundled_presets_are_good() -> None:
    files = sorted((ROOT / "presets").glob("*.json"))
    assert len(files) >= 6
    presets = [parse_preset(file.read_bytes()) for file in files]
    assert len({preset.name for preset in presets}) == len(files)
    for preset in presets:
        assert preset.mode in MODES
        assert preset.settings.model in ("", "pocket")
        assert preset.settings.prompt
    listed = PresetStore(ROOT / "presets", ROOT / "none").list()
    assert all(info.bundled and info.problem is None for info in listed)
