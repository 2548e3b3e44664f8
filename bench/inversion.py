"""How well inverting a picture and sampling again gives it back.

Run as `python -m bench.inversion`. Against the autoencoder's own reconstruction, which is the best
that any way through the latents can do; without guidance, float32.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from backend.contracts.events import Pixels
from backend.contracts.settings import Txt2ImgSettings
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.memory.devices import pick
from backend.modes.run import Inverted, Run, Sampled, drive
from backend.modes.stage import make_schedule
from backend.modes.start import Origin
from backend.modes.watching import Unseen
from backend.pictures.difference import psnr
from backend.sampling.noise import SeededNoise
from bench.table import machine, markdown
from toyworld.captions import caption
from toyworld.dataset import scene_of
from toyworld.render import render
from toyworld.world import SECOND

FRESH_SEED = 91
"""Renders that nothing was trained on."""


def losses(
    model: Checkpoint, pictures: list[Pixels], prompts: list[str], steps: int, refine: int
) -> NDArray[np.float64]:
    """(N,): by how many dB each picture comes back worse than from the autoencoder alone."""
    latents = torch.cat([model.codec.encode(picture[None])[0] for picture in pictures])
    settings = Txt2ImgSettings(sampler="ddim", schedule="model", steps=steps)
    schedule = make_schedule(settings, model)
    denoiser = model.network.denoiser([model.text.encode(prompts)], lambda: None)
    start = drive(Run(lambda: Inverted(denoiser, latents, schedule, refine), Unseen()))
    count, channels, high, wide = start.shape
    noise = SeededNoise([0] * count, (channels, high, wide))
    down = Sampled("ddim", denoiser, Origin(schedule, start), noise)
    back = drive(Run(lambda: down, Unseen()))
    made, best = model.codec.decode(back), model.codec.decode(latents)
    return np.array([psnr(b, p) - psnr(a, p) for a, b, p in zip(made, best, pictures, strict=True)])


def committed(folder: Path, side: int) -> list[Pixels]:
    """The pictures of a folder."""
    files = sorted(folder.glob("*.png"))
    return [np.asarray(Image.open(file).convert("RGB").resize((side, side))) for file in files]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--models", type=Path, default=Path("models"))
    add("--model", default="pocket")
    add("--pictures", type=Path, default=Path("bench/data"), help="a folder, shown to no model")
    add("--count", type=int, default=40)
    add("--steps", type=int, default=50)
    add("--batch", type=int, default=10)
    add("--out", type=Path, default=Path("docs/benchmarks/inversion.md"))
    add("--refine", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    model = FAMILIES.load(
        Catalog([args.models], FAMILIES).checkpoint(args.model), pick(None, "float32")
    )
    side = model.native_size[0]
    scenes = [scene_of(FRESH_SEED, index, world=SECOND) for index in range(args.count)]
    fresh = [render(scene, side, SECOND) for scene in scenes]
    told = [caption(scene, np.random.default_rng(scene.seed)) for scene in scenes]
    painted = committed(args.pictures, side)
    rows: list[list[str]] = []
    for refine in args.refine:
        for name, pictures, prompts in (
            (f"{args.count} renders", fresh, told),
            (f"{len(painted)} pictures of {args.pictures}", painted, [""] * len(painted)),
        ):
            lost = np.concatenate(
                [
                    losses(
                        model,
                        pictures[i : i + args.batch],
                        prompts[i : i + args.batch],
                        args.steps,
                        refine,
                    )
                    for i in range(0, len(pictures), args.batch)
                ]
            )
            rows.append(
                [
                    name,
                    str(refine),
                    f"{np.median(lost):.2f}",
                    f"{lost.max():.2f}",
                    f"{int((lost <= 1).sum())} of {len(lost)}",
                ]
            )
            print(" | ".join(rows[-1]), flush=True)
    text = f"Machine: {machine()}.\n\n" + markdown(
        f"Inverted and sampled again, {args.steps} steps: dB below the autoencoder's own",
        ["what", "refinements", "median", "worst", "within 1 dB"],
        rows,
    )
    print(text)
    args.out.write_text(text)


if __name__ == "__main__":
    main()
