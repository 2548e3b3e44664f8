from __future__ import annotations

import io
import json
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.contracts.errors import BadInput
from backend.pictures import decode as module
from backend.pictures.decode import MAX_FILE_BYTES, decode, decode_holes, decode_mask
from tests.pictures import hostile
from tests.pictures.hostile import chunk, noise, png, saved

ROOT = Path(__file__).resolve().parents[2]
MEASURE = """
import json, sys
from backend.contracts.errors import BadInput
from backend.pictures.decode import decode
from tests.pictures.hostile import bad_files, noise, saved

def kib(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key))

decode(saved(noise(), "PNG"))
report = {}
for name, data in bad_files().items():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # sets the high-water mark back to what is held now
    before, said = kib("VmRSS"), None
    try:
        decode(data)
    except BadInput as error:
        said = str(error)
    report[name] = [said, (kib("VmHWM") - before) / 1024]
print(json.dumps(report))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_bad_files_are_refused_in_a_sentence_and_cost_little_memory() -> None:
    run = subprocess.run(
        [sys.executable, "-c", MEASURE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert set(report) == set(hostile.bad_files())
    for name, (said, grown_mib) in report.items():
        assert said, f"{name} was accepted"
        assert said[0].isupper(), (name, said)
        assert said.endswith("."), (name, said)
        assert grown_mib < 60, f"{name}: {grown_mib:.0f} MiB"  # the bar is 200


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # ours comes next
def test_a_size_that_the_parser_itself_would_let_through_is_named() -> None:
    with pytest.raises(BadInput, match="of 5000 x 5000 px is too large"):
        decode(png(5000, 5000, 1, 0, hostile.zeros(2**20)))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("empty", "is empty"),
        ("svg", "SVG"),
        ("svg bare", "SVG"),
        ("heic", "HEIC"),
        ("text", "not a picture"),
        ("postscript", "not a picture"),
        ("html", "not a picture"),
        ("png bomb of 531 MB", "picture is too large; up to 16.8"),
        ("png header alone", "too large"),
        ("jpeg header alone", "picture is too large"),
        ("bmp header alone", "too large"),
        ("gif frame larger than all", "too large"),
        ("tiff tile of 4 GB", "65536 x 65536 px is too large"),
        ("zTXt bomb", "hidden data"),
        ("zTXt bomb at the end", "hidden data"),
        ("iTXt bomb", "hidden data"),
        ("iCCP bomb", "hidden data"),
        ("thin", "1 x 20000 px is too narrow"),
        ("flat", "20000 x 1 px is too narrow"),
        ("truncated jpeg", "damaged or cut off"),
        ("truncated png", "damaged or cut off"),
        ("truncated webp", "damaged or cut off"),
        ("truncated gif", "damaged or cut off"),
        ("truncated tiff", "damaged or cut off"),
        ("float tiff", "float"),
    ],
)
def test_the_sentence_says_what_is_wrong(name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        decode(hostile.bad_files()[name], field="mask")
    assert caught.value.field == "mask"


def test_a_file_too_long_is_refused_unread() -> None:
    with pytest.raises(BadInput, match="64 MB are accepted"):
        decode(bytes(MAX_FILE_BYTES + 1))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_largest_size_is_accepted_and_a_pixel_more_is_not() -> None:
    full = png(4096, 4096, 1, 0, hostile.zeros(3 * 2**20))
    assert decode(full).shape == (4096, 4096, 3)
    with pytest.raises(BadInput, match="4097 x 4096 px is too large"):
        decode(png(4097, 4096, 1, 0, b""))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_come_through_bit_for_bit(kind: str) -> None:
    image = decode(saved(noise(), kind))
    assert image.dtype == np.uint8
    assert image.flags["C_CONTIGUOUS"]
    assert image.flags["WRITEABLE"]
    np.testing.assert_array_equal(image, np.asarray(noise()))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "GIF"])
def test_other_formats_are_read(kind: str) -> None:
    red = decode(saved(Image.new("RGB", (40, 30), (200, 40, 60)), kind))
    assert red.shape == (30, 40, 3)
    assert np.abs(red.astype(int) - (200, 40, 60)).max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_the_camera_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = np.asarray(noise())
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    data = saved(Image.fromarray(np.ascontiguousarray(stored)), kind, exif=exif)
    np.testing.assert_array_equal(decode(data), upright)


def test_damaged_exif_does_not_refuse_a_picture() -> None:
    data = saved(noise(), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode(data), np.asarray(noise()))


def test_alpha_lies_over_white() -> None:
    rgba = Image.new("RGBA", (3, 1))
    for x, alpha in enumerate((0, 128, 255)):
        rgba.putpixel((x, 0), (100, 0, 0, alpha))
    image = decode(saved(rgba, "PNG"))
    assert image[0, 0].tolist() == [255, 255, 255]
    assert np.abs(image[0, 1].astype(int) - (177, 127, 127)).max() <= 1
    assert image[0, 2].tolist() == [100, 0, 0]


def test_grey_with_alpha_and_a_single_transparent_colour() -> None:
    assert decode(saved(Image.new("LA", (2, 2), (9, 0)), "PNG")).min() == 255
    keyed = Image.new("RGB", (2, 1), (1, 2, 3))
    keyed.putpixel((1, 0), (7, 8, 9))
    image = decode(saved(keyed, "PNG", transparency=(1, 2, 3)))
    assert image[0].tolist() == [[255, 255, 255], [7, 8, 9]]


def test_a_palette_with_transparency() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    assert decode(saved(image, "PNG"))[0].tolist() == [[10, 20, 30], [200, 100, 50]]
    clear = decode(saved(image, "PNG", transparency=0))
    assert clear[0].tolist() == [[255, 255, 255], [200, 100, 50]]


def test_cmyk_keeps_its_colours() -> None:
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    for kind in ("JPEG", "TIFF"):
        image = decode(saved(cyan, kind))
        assert np.abs(image.astype(int) - (0, 255, 255)).max() < 8, kind


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    values = np.array([[0, 128, 257, 32896, 65535]], np.uint16)
    for kind in ("PNG", "TIFF"):
        image = decode(saved(Image.fromarray(values), kind))
        assert image[0, :, 0].tolist() == [0, 0, 1, 128, 255]
        assert (image == image[:, :, :1]).all()


def test_sixteen_bit_grey_with_a_transparent_value() -> None:
    rows = b"\0" + (1000).to_bytes(2) + (2000).to_bytes(2)
    data = png(2, 1, 16, 0, zlib.compress(rows), chunk(b"tRNS", (1000).to_bytes(2)))
    assert decode(data)[0, :, 0].tolist() == [255, 8]


def test_sixteen_bit_colour_is_scaled() -> None:
    pixel = b"".join(v.to_bytes(2) for v in (65535, 32896, 0))
    image = decode(png(1, 1, 16, 2, zlib.compress(b"\0" + pixel)))
    assert image[0, 0].tolist() == [255, 128, 0]


@pytest.mark.parametrize("mode", ["1", "L"])
def test_black_and_white_and_grey(mode: str) -> None:
    assert decode(saved(Image.new(mode, (8, 8), 1 if mode == "1" else 255), "PNG")).min() == 255


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_first_frame_of_an_animation_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 2
    assert np.abs(decode(data).astype(int) - (250, 0, 0)).max() < 8


def test_an_unexpected_failure_of_the_parser_is_still_a_sentence(monkeypatch) -> None:
    def fail(image: object, field: str) -> None:
        raise RuntimeError("decoder broke")

    monkeypatch.setattr(module, "_to_rgb", fail)
    with pytest.raises(BadInput, match="damaged"):
        decode(saved(noise(), "PNG"))


def _mask_png(alpha: np.ndarray, colours: np.ndarray) -> bytes:
    rgba = np.dstack([colours, alpha]).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(rgba, "RGBA").save(buffer, "png")
    return buffer.getvalue()


@pytest.mark.parametrize("tone", [0, 255, 90])
def test_strokes_on_a_transparent_ground_are_the_mask(tone: int) -> None:
    alpha = np.zeros((8, 8), np.uint8)
    alpha[2:4, 2:6] = 255
    alpha[5, 5] = 100
    mask = decode_mask(_mask_png(alpha, np.full((8, 8, 3), tone)))
    assert np.array_equal(mask, np.repeat(alpha[:, :, None], 3, axis=2))


def test_the_hole_in_a_picture_is_the_mask() -> None:
    alpha = np.full((8, 8), 255, np.uint8)
    alpha[2:4, 2:6] = 0
    colours = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    mask = decode_mask(_mask_png(alpha, colours))
    assert np.array_equal(mask[:, :, 0], 255 - alpha)


def test_without_transparency_brightness_is_the_mask() -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    opaque = _mask_png(np.full((8, 8), 255), np.repeat(grey[:, :, None], 3, axis=2))
    assert np.array_equal(decode_mask(opaque)[:, :, 0], grey)


def test_holes_are_white_where_the_picture_is_transparent() -> None:
    alpha = np.full((8, 8), 255, np.uint8)
    alpha[:4] = 0
    holes = decode_holes(_mask_png(alpha, np.full((8, 8, 3), 200)), "mask")
    assert holes is not None
    assert holes[:4].min() == 255
    assert holes[4:].max() == 0
    # Strokes of one colour are no holes here, and what is opaque has none.
    whole = np.full((8, 8), 255, np.uint8)
    assert decode_holes(_mask_png(whole, np.full((8, 8, 3), 200)), "mask") is None
