"""What steers the built-in model's pictures: every loss at three scales, and that a scale is one.

Run as `python -m bench.steer`; it writes docs/images/steer.jpg and docs/benchmarks/steer.md. The
sheet has a row for each loss, the plain picture first; a table says how far each loss falls and
the mean colour moves, another what scale 1 comes to with other steps, spacings, sizes, samplers.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from PIL import Image

from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.contracts.settings.steer import Pull
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.modes.steer import loss_of
from backend.sampling.steering import Loss
from backend.storage.outputs import Storage
from bench.__main__ import ROOT
from bench.jobs import done
from bench.table import machine, markdown

PROMPT, SEED, TILE_PX = "a red house on grass", 7, 112
SCALES = (0.3, 1.0, 3.0)
AIMS: dict[str, float] = {"contrast": 0.2, "saturation": 0.1, "sharpness": 0.05}
PALETTE = "#203080:3 #e0a030:1"
PLACES = "e02020 e02020 / 2040d0 2040d0"
SAME = ("brightness", "blue")
WAYS: dict[str, dict[str, Any]] = {
    "20 steps, every 5th, 256 px, DPM++ 2M": {},
    "50 steps": {"steps": 50},
    "every step": {"steer_every": 1},
    "50 steps, every step": {"steps": 50, "steer_every": 1},
    "Euler": {"sampler": "euler"},
    "512 px": {"width": 512, "height": 512},
}
Draw = Callable[..., Pixels]


def drawn(engine: LocalEngine, **values: Any) -> Pixels:
    """One picture of the standard settings."""
    wanted = parse("txt2img", {"prompt": PROMPT, "seed": SEED} | values)
    return done(engine, ask(engine, Request(wanted, save=False))).outputs[0].image


def pulled(pull: str) -> dict[str, Any]:
    """The settings of a loss."""
    values: dict[str, Any] = {"steer": pull, "steer_target": AIMS.get(pull, 0.9)}
    return values | {"steer_palette": PALETTE, "steer_places": PLACES}


def loss(values: Mapping[str, Any]) -> Callable[[Pixels], float]:
    """What is left of it in a picture."""
    settings: Any = parse("txt2img", dict(values))
    found: Loss = loss_of(settings)

    def left(picture: Pixels) -> float:
        return float(found(torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255))

    return left


def losses(draw: Draw) -> Iterator[tuple[list[Pixels], list[str]]]:
    """A row of pictures for each loss, the plain one first; and what is left of it in them."""
    plain = draw()
    for pull in get_args(Pull)[1:]:
        values = pulled(pull)
        left = loss(values)
        pictures, told = [plain], [pull, f"{left(plain):.3f}"]
        for scale in SCALES:
            picture = draw(**values, steer_scale=scale)
            moved = (picture.astype(float) - plain).mean(axis=(0, 1))
            pictures.append(picture)
            told.append(f"{left(picture):.3f} ({', '.join(f'{one:+.0f}' for one in moved)})")
        yield pictures, told


def same(draw: Draw) -> Iterator[list[str]]:
    """What scale 1 leaves of a loss, of what there is without it, way by way."""
    for way, values in WAYS.items():
        told = [way]
        for pull in SAME:
            wanted = pulled(pull)
            left = loss(wanted)
            before = left(draw(**{k: v for k, v in values.items() if "steer" not in k}))
            after = left(draw(**wanted, **values))
            told += [f"{before:.3f} to {after:.3f}", f"{after / before:.2f}"]
        yield told


def write_sheet(path: Path, rows: Sequence[Sequence[Pixels]]) -> None:
    """Rows of small pictures as one."""
    side = (TILE_PX, TILE_PX)
    tiles = [
        np.concatenate([np.asarray(Image.fromarray(one).resize(side)) for one in row], axis=1)
        for row in rows
    ]
    Image.fromarray(np.concatenate(tiles)).save(path, quality=82, optimize=True)


def main() -> None:
    """Writes the sheet and the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--only", choices=("losses", "same"), help="one of the two tables")
    args = parser.parse_args()
    parts: list[str] = []
    with tempfile.TemporaryDirectory() as data:
        engine = LocalEngine.create([ROOT / "models"], Storage(Path(data)), warm_up=None)
        draw = partial(drawn, engine)
        if args.only != "same":
            pictures, rows = [], []
            for line, told in losses(draw):
                print(*told, sep=" | ", flush=True)
                pictures.append(line)
                rows.append(told)
            write_sheet(args.out / "images" / "steer.jpg", pictures)
            head = ["loss", "plain", *(f"scale {scale:g}" for scale in SCALES)]
            title = (
                "What is left of each loss, and how far the mean red, green and blue move (of 255)"
            )
            parts.append(markdown(title, head, rows))
        if args.only != "losses":
            rows = []
            for told in same(draw):
                print(*told, sep=" | ", flush=True)
                rows.append(told)
            head = ["drawn with", *(word for pull in SAME for word in (pull, "left"))]
            parts.append(markdown("What scale 1 leaves of a loss", head, rows))
        engine.close()
    text = "\n\n".join(["# Steering", machine(), *parts]) + "\n"
    (args.out / "benchmarks" / "steer.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
