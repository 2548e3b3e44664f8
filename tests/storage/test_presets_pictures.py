"""Pictures that a preset carries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.pictures.packing import unpack
from backend.storage import presets as module
from backend.storage.presets import (
    MAX_PICTURES_BYTES,
    MAX_PRESET_BYTES,
    MAX_SETTINGS_BYTES,
    PresetStore,
)
from tests.pictures import hostile
from tests.storage.preset_files import (
    FILES,
    GUIDED,
    PICTURES,
    SETTINGS,
)


def test_pictures_come_back_to_the_pixel(store: PresetStore, tmp_path: Path) -> None:
    store.save("Harbour", GUIDED, pictures=FILES)
    again = PresetStore(tmp_path / "bundled", tmp_path / "own")
    preset = again.load("Harbour")
    assert preset.settings == GUIDED
    assert list(preset.pictures) == ["image", "mask"]
    for name, image in PICTURES.items():
        np.testing.assert_array_equal(unpack(preset.pictures[name], name), image)
    assert [(info.name, info.pictures) for info in again.list()] == [
        ("Default", ()),
        ("Harbour", ("image", "mask")),
    ]
    assert len(list((tmp_path / "own").iterdir())) == 1


def test_pictures_are_exported_imported_replaced_and_deleted(
    store: PresetStore, tmp_path: Path
) -> None:
    store.save("Harbour", GUIDED, pictures=FILES)
    other = PresetStore(tmp_path / "bundled", tmp_path / "elsewhere")
    other.import_(store.export("Harbour"))
    assert other.load("Harbour").pictures == FILES
    other.save("Harbour", GUIDED, overwrite=True, pictures={"image": FILES["mask"]})
    assert other.load("Harbour").pictures == {"image": FILES["mask"]}
    other.save("Harbour", GUIDED, overwrite=True)
    assert other.load("Harbour").pictures == {}
    assert b"pictures" not in other.export("Harbour"), "without pictures, a preset is as it was"
    store.delete("Harbour")
    assert list((tmp_path / "own").iterdir()) == []


@pytest.mark.parametrize(
    ("pictures", "reason"),
    [
        ({"image": b"\x89PNG\r\n\x1a\n" + bytes(MAX_PRESET_BYTES)}, "larger than 8 MB"),
        ({"face": FILES["image"]}, "no picture 'face'"),
        ({"image": hostile.SVG}, "not a PNG or JPEG"),
    ],
)
def test_pictures_that_cannot_be_kept_leave_what_was_there(
    store: PresetStore, tmp_path: Path, pictures: dict[str, bytes], reason: str
) -> None:
    store.save("Harbour", GUIDED, pictures=FILES)
    with pytest.raises(BadInput, match=f"cannot be kept: .*{reason}.*\\.$"):
        store.save("Harbour", GUIDED, overwrite=True, pictures=pictures)
    with pytest.raises(BadInput, match="cannot be kept"):
        store.save("Another", GUIDED, pictures=pictures)
    assert store.load("Harbour").pictures == FILES
    assert len(list((tmp_path / "own").iterdir())) == 1


def test_as_many_pictures_as_are_promised_do_fit(store: PresetStore) -> None:
    full = b"\x89PNG\r\n\x1a\n".ljust(MAX_PICTURES_BYTES, b"x")
    settings = GUIDED.model_copy(update={"prompt": "ü" * 2000})
    store.save("Full", settings, pictures={"image": full})
    assert store.load("Full").pictures == {"image": full}
    assert 4 * MAX_PICTURES_BYTES // 3 + MAX_SETTINGS_BYTES <= MAX_PRESET_BYTES


def test_a_picture_that_does_not_decode_spares_the_rest_of_its_preset(store: PresetStore) -> None:
    cut = FILES["image"][:-60]
    store.save("Cut", GUIDED, pictures={"image": cut, "mask": FILES["mask"]})
    preset = store.load("Cut")
    with pytest.raises(BadInput, match="damaged or cut off"):
        unpack(preset.pictures["image"], "image")
    np.testing.assert_array_equal(unpack(preset.pictures["mask"], "mask"), PICTURES["mask"])


def test_the_list_keeps_no_picture_and_reads_only_what_changed(
    store: PresetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save("Harbour", GUIDED, pictures=FILES)
    store.save("Sea", SETTINGS)
    before = store.list()
    read: list[int] = []
    parse = module.parse_preset
    monkeypatch.setattr(module, "parse_preset", lambda data: read.append(len(data)) or parse(data))
    assert store.list() == before
    assert read == []
    path = tmp_path / "own" / "sea.json"
    path.write_text(path.read_text().replace('"Sea"', '"Lake"'))
    assert [info.name for info in store.list()] == ["Default", "Harbour", "Lake"]
    assert len(read) == 1
    path.unlink()
    assert [info.name for info in store.list()] == ["Default", "Harbour"]
    assert all(not entry.preset.pictures for entry in store._entries() if entry.preset)
