"""What steers the built-in model's pictures: a sheet of every loss at three scales, and of regions.

Run as `python -m bench.steer`; it writes docs/images/steer.jpg and docs/images/regions.jpg, and
prints how far each loss falls, and how often both colours are in their places: with two regions,
and with one prompt that names both.
"""

from __future__ import annotations

import argparse
import colorsys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
from PIL import Image

from backend.contracts.events import JobStatus, Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.contracts.settings.steer import Pull
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from bench.__main__ import ROOT
from bench.jobs import done
from bench.table import machine, markdown

PROMPT, SEED, TILE_PX = "a red house on grass", 7, 112
SCALES = (0.3, 1.0, 3.0)
AIMS: dict[str, float] = {"contrast": 0.2, "saturation": 0.1, "sharpness": 0.05}
PALETTE = "#203080:3 #e0a030:1"
PLACES = "e02020 e02020 / 2040d0 2040d0"
HUES = {"red": 0.0, "yellow": 0.15, "green": 0.35, "blue": 0.62}
SUBJECTS = (
    "boat",
    "house",
    "car",
    "mushroom",
    "umbrella",
    "cup",
    "flower",
    "heart",
    "star",
    "tree",
)
NEAR = 0.07  # hues that count as one
Draw = Callable[..., JobStatus]


def drawn(engine: LocalEngine, **values: Any) -> JobStatus:
    """One picture of the standard settings."""
    common = {"prompt": PROMPT, "seed": SEED}
    wanted = Request(parse("txt2img", common | values), save=False)
    return done(engine, ask(engine, wanted))


def losses(draw: Draw) -> tuple[list[list[Pixels]], list[list[str]]]:
    """A row of pictures for each loss, the plain one first; and what its curve says."""
    plain = draw().outputs[0].image
    pictures: list[list[Pixels]] = []
    rows: list[list[str]] = []
    for pull in get_args(Pull)[1:]:
        line, told = [plain], [pull]
        for scale in SCALES:
            status = draw(
                steer=pull,
                steer_target=AIMS.get(pull, 0.9),
                steer_scale=scale,
                steer_every=2,
                steer_palette=PALETTE,
                steer_places=PLACES,
            )
            curve: list[tuple[int, list[float]]] = status.info["losses"]
            line.append(status.outputs[0].image)
            told.append(f"{curve[0][1][0]:.3f} to {curve[-1][1][0]:.3f}")
        pictures.append(line)
        rows.append(told)
    return pictures, rows


def places(draw: Draw, count: int) -> tuple[list[list[Pixels]], list[list[str]]]:
    """Pictures of two subjects, each colour in its half; and how often that came out."""
    colours, right = list(HUES), {"two regions": 0, "one prompt with both": 0}
    sheet: list[list[Pixels]] = [[], []]
    for number in range(count):
        pair = [colours[(number + shift) % len(colours)] for shift in (0, 1 + number % 3)]
        nouns = [SUBJECTS[(number + 3 * shift) % len(SUBJECTS)] for shift in (0, 1)]
        names = [f"a {colour} {noun}" for colour, noun in zip(pair, nouns, strict=True)]
        boxes = ([0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0])
        regions = [
            {"prompt": f"{name} on snow", "box": box}
            for name, box in zip(names, boxes, strict=True)
        ]
        made = {
            "two regions": draw(prompt="snow", seed=number, regions=regions),
            "one prompt with both": draw(prompt=f"{names[0]} and {names[1]} on snow", seed=number),
        }
        for row, (way, status) in enumerate(made.items()):
            picture = status.outputs[0].image
            right[way] += in_their_places(picture, pair)
            if number < 8:
                sheet[row].append(picture)
    told = [[way, f"{100 * hits / count:.0f} % of {count}"] for way, hits in right.items()]
    return sheet, told


def in_their_places(picture: Pixels, pair: Sequence[str]) -> bool:
    """Whether each half has more of its own colour than of the other's, and enough of it."""
    half = picture.shape[1] // 2
    for side, (own, other) in (
        (picture[:, :half], pair),
        (picture[:, half:], tuple(reversed(pair))),
    ):
        share = shares(side)
        if share[own] < 0.02 or share[own] <= share[other]:
            return False
    return True


def shares(pixels: Pixels) -> dict[str, float]:
    """How much of a picture each of the hues has, of its clear colours."""
    small = np.asarray(Image.fromarray(pixels).resize((32, 64)))
    found = dict.fromkeys(HUES, 0)
    for red, green, blue in small.reshape(-1, 3) / 255.0:
        hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
        if saturation < 0.45 or value < 0.25:
            continue
        for name, wanted in HUES.items():
            apart = abs(hue - wanted)
            found[name] += min(apart, 1 - apart) < NEAR
    return {name: count / len(small.reshape(-1, 3)) for name, count in found.items()}


def write_sheet(path: Path, rows: Sequence[Sequence[Pixels]]) -> None:
    """Rows of small pictures as one."""
    tiles = [
        np.concatenate(
            [np.asarray(Image.fromarray(one).resize((TILE_PX, TILE_PX))) for one in row], axis=1
        )
        for row in rows
    ]
    Image.fromarray(np.concatenate(tiles)).save(path, quality=82, optimize=True)


def main() -> None:
    """Writes the sheets and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--count", type=int, default=40, help="pictures of two subjects")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        engine = LocalEngine.create([ROOT / "models"], Storage(Path(data)), warm_up=None)
        draw = partial(drawn, engine)
        pictures, curves = losses(draw)
        write_sheet(args.out / "steer.jpg", pictures)
        told = ["loss", *(f"scale {scale:g}" for scale in SCALES)]
        print(machine(), markdown("Losses, first and last push", told, curves), sep="\n\n")
        sheet, scores = places(draw, args.count)
        write_sheet(args.out / "regions.jpg", sheet)
        print(markdown("Two subjects", ["drawn by", "both colours in their halves"], scores))
        engine.close()


if __name__ == "__main__":
    main()
