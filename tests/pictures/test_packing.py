"""Pictures that are kept with settings: exact where they fit, bounded, and read with care."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.pictures.packing import pack, suffix, unpack
from tests.pictures import hostile
from tests.pictures.hostile import noise, saved

ROOM = 4 * 2**20


def pixels(width: int, height: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_what_fits_comes_back_exactly() -> None:
    pictures = {"image": pixels(128, 96), "mask": pixels(50, 20, 1), "control_image": pixels(1, 9)}
    packed = pack(pictures, ROOM)
    assert packed.lossy == ()
    assert packed.size_bytes == sum(map(len, packed.files.values())) < ROOM
    for name, image in pictures.items():
        np.testing.assert_array_equal(unpack(packed.files[name], name), image)


def test_the_largest_gives_way_and_the_mask_never_does() -> None:
    small, large, mask = pixels(40, 40), pixels(300, 300, 1), pixels(320, 320, 2)
    exact = pack({"image": large, "mask": mask, "control_image": small}, ROOM)
    packed = pack({"image": large, "mask": mask, "control_image": small}, exact.size_bytes - 20_000)
    assert packed.lossy == ("image",)
    assert packed.size_bytes <= exact.size_bytes - 20_000
    np.testing.assert_array_equal(unpack(packed.files["mask"], "mask"), mask)
    np.testing.assert_array_equal(unpack(packed.files["control_image"], "control_image"), small)
    again = unpack(packed.files["image"], "image")
    assert again.shape == large.shape
    # Noise is the worst there is for JPEG; what is left differs, but is that picture.
    assert 0 < np.abs(again.astype(int) - large).mean() < 20


def test_what_never_fits_is_refused_with_what_to_do() -> None:
    with pytest.raises(BadInput, match=r"take 0\.\d MB.*up to 0\.1 MB.*without them") as said:
        pack({"image": pixels(300, 300), "mask": pixels(300, 300)}, 2**20 // 10)
    assert said.value.field == "pictures"


def test_a_kept_picture_says_nothing_of_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x010F] = "A camera of mine"
    upload = saved(noise(), "JPEG", exif=exif)
    assert b"camera" in upload
    image = np.asarray(Image.open(io.BytesIO(upload)).convert("RGB"))
    assert b"camera" not in pack({"image": image}, ROOM).files["image"]
    assert b"camera" not in pack({"image": image}, 6_000).files["image"]


@pytest.mark.parametrize("name", sorted(hostile.bad_files()))
def test_hostile_files_are_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(BadInput) as said:
        unpack(hostile.bad_files()[name], "mask")
    assert said.value.field == "mask"
    assert str(said.value).endswith(".")


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP", "TIFF"])
def test_other_formats_are_none_of_a_preset(kind: str) -> None:
    assert suffix(saved(noise(), kind)) == ""
    with pytest.raises(BadInput, match="not a PNG or JPEG"):
        unpack(saved(noise(), kind), "image")


def test_an_animation_is_refused() -> None:
    frames = [Image.fromarray(pixels(20, 20, seed)) for seed in range(3)]
    moving = saved(frames[0], "PNG", save_all=True, append_images=frames[1:])
    with pytest.raises(BadInput, match="animated"):
        unpack(moving, "image")
    assert unpack(saved(frames[0], "PNG"), "image").shape == (20, 20, 3)
