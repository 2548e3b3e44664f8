"""img2img and style transfer on Pocket against diffusers' pipelines.

Run as `python -m bench.pictures`; prints the table and writes docs/benchmarks/pictures.md.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionControlNetPipeline,
    StableDiffusionImg2ImgPipeline,
)
from PIL import Image

from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import Img2ImgSettings, Settings, StyleTransferSettings
from backend.control.canny import Canny
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from bench.__main__ import ROOT, pipeline, row
from bench.jobs import done
from bench.table import alternate, machine, markdown, timed
from toyworld.dataset import scene_of
from toyworld.render import render

PROMPT = "a red house on grass"
LADDER = (0.3, 0.45, 0.6, 0.75, 0.9, 1.0)
SOURCE = render(scene_of(5, 4), 256)


def made(engine: LocalEngine, settings: Settings, images: dict[str, Pixels]) -> list[np.ndarray]:
    """All pictures of one job, previews on."""
    status = done(engine, ask(engine, Request(settings, images, save=False)))
    return [output.image for output in status.outputs]


def by_pipeline(pipe: Any, settings: Settings, **extra: Any) -> np.ndarray:
    """One picture by a diffusers pipeline, (H, W, 3) uint8."""
    image = pipe(
        settings.prompt,
        num_inference_steps=settings.steps,
        generator=torch.Generator("cpu").manual_seed(settings.seed),
        guidance_scale=settings.guidance_scale,
        **extra,
    ).images[0]
    return np.asarray(image)


def apart(ours: np.ndarray, theirs: np.ndarray) -> str:
    """How far two pictures are apart."""
    difference = np.abs(ours.astype(int) - theirs)
    return f"largest difference {difference.max()}/255"


def main() -> None:
    """Prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks" / "pictures.md")
    args = parser.parse_args()
    common = {"prompt": PROMPT, "seed": 7, "guidance_scale": 4.0, "width": 256, "height": 256}
    one = Img2ImgSettings.model_validate(common)
    ladder = one.model_copy(update={"strengths": LADDER})
    style = StyleTransferSettings.model_validate(common)
    source, edges = Image.fromarray(SOURCE), Image.fromarray(Canny()(SOURCE))
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as data:
        engine = LocalEngine.create([ROOT / "models"], Storage(Path(data)), warm_up=None)
        dtype = getattr(torch, engine.library().dtype)
        plain = pipeline(dtype)
        img2img: Any = StableDiffusionImg2ImgPipeline(**plain.components)
        net = ControlNetModel.from_pretrained(
            ROOT / "models" / "controlnet" / "pocket-canny", torch_dtype=dtype
        )
        control: Any = StableDiffusionControlNetPipeline(**plain.components, controlnet=net)
        for pipe in (img2img, control):
            pipe.set_progress_bar_config(disable=True)

        def six() -> list[np.ndarray]:
            return [by_pipeline(img2img, one, image=source, strength=s) for s in LADDER]

        first = made(engine, ladder, {"image": SOURCE})[0]
        rows.append(
            row(
                f"a ladder of six strengths, with previews, against six pipeline runs ({dtype})",
                alternate(lambda: made(engine, ladder, {"image": SOURCE}), six, args.runs),
                "0.80",
                f"first rung: {apart(first, six()[0])}",
            )
        )
        drawn = made(engine, style, {"image": SOURCE})[0]
        rows.append(
            row(
                f"ControlNet with previews against the pipeline without ({dtype})",
                alternate(
                    lambda: made(engine, style, {"image": SOURCE}),
                    lambda: by_pipeline(control, style, image=edges),
                    args.runs,
                ),
                "1.00",
                apart(drawn, by_pipeline(control, style, image=edges)),
            )
        )
        engine.close()
    photo = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    canny_s = [
        statistics.median(timed(lambda picture=picture: Canny()(picture)) for _ in range(9))
        for picture in (SOURCE, photo)
    ]
    text = f"# img2img and style transfer\n\nMachine: {machine()}. Medians of {args.runs} runs.\n\n"
    text += markdown(
        f"Pocket 256x256, {one.steps} steps, guidance {one.guidance_scale:g}",
        ["what", "ours, s", "theirs, s", "ratio", "bar", "note"],
        rows,
    )
    text += (f"\nEdges by Canny: {1000 * canny_s[0]:.1f} ms at 256x256, {1000 * canny_s[1]:.1f} ms "
             "at 1024x1024 (noise, its worst case).\n")  # fmt: skip
    print(text)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text)


if __name__ == "__main__":
    main()
