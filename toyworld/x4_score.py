"""How well `pocket-x4` enlarges unseen scenes: against Lanczos, and against SDEdit by Pocket.

The studio draws them, in one comparison a scene: PSNR and F1 of edges against the scene as the
renderer gives it at the larger size, and the Frechet distance of the independent eyes' features.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.control.canny import Canny
from backend.control.obedience import measure
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from toyworld.captions import caption
from toyworld.dataset import scene_of
from toyworld.distances import frechet_on_axes, principal_axes
from toyworld.model_card import write_figures
from toyworld.render import render
from toyworld.scene import Scene
from toyworld.world import SECOND
from toyworld.x4 import FACTOR, reduced

SEED, OTHER_SEED = 61, 62
SIDE_PX = 256
STRENGTH = 0.35
STEPS = 20
Pictures = NDArray[np.uint8]
Look = Callable[[Pictures], NDArray[np.float64]]
"""Pictures (N, H, W, 3) -> features (N, D)."""


def scenes(seed: int, count: int) -> list[Scene]:
    """Unseen ones of the second world."""
    return [scene_of(seed, index, world=SECOND) for index in range(count)]


def rendered(made: list[Scene], side_px: int = SIDE_PX) -> Pictures:
    """(N, side_px, side_px, 3)."""
    return np.stack([render(scene, side_px, SECOND) for scene in made])


def psnr_db(made: Pictures, wanted: Pictures) -> float:
    """Mean of the pictures' own."""
    error = (made.astype(np.float64) - wanted).reshape(len(made), -1)
    return float(np.mean(10 * np.log10(255.0**2 / np.maximum((error**2).mean(1), 1e-6))))


def edge_f1(made: Pictures, wanted: Pictures) -> float:
    """Mean F1 of Canny's edges, to the tolerance of `obedience`."""
    canny = Canny()
    found = [
        measure(np.repeat(canny.edges(truth)[..., None], 3, axis=2), picture, canny).f1
        for truth, picture in zip(wanted, made, strict=True)
    ]
    return float(np.mean(found))


def enlarged(
    models: Path, upscaler: str, redrawer: str, made: list[Scene], wanted: Pictures
) -> dict[str, Pictures]:
    """Each way's pictures, as the studio's own comparison makes them."""
    found: dict[str, list[Pictures]] = {}
    with tempfile.TemporaryDirectory() as data:
        engine = LocalEngine.create([models], Storage(Path(data)), device="cpu", warm_up=None)
        try:
            for number, (scene, truth) in enumerate(zip(made, wanted, strict=True)):
                values = {
                    "upscaler": upscaler,
                    "factor": FACTOR,
                    "upscaler_steps": STEPS,
                    "steps": STEPS,
                    "seed": number,
                }
                if redrawer:
                    words = caption(scene, np.random.default_rng(number))
                    values |= {"strength": STRENGTH, "model": redrawer, "prompt": words}
                settings = parse("upscale", values | {"compare": True})
                token = ask(engine, Request(settings, {"image": reduced(truth)}, save=False))
                status = engine.status(token)
                while status.state in ("queued", "running"):
                    status = engine.wait(token, status.revision, 5.0)
                if status.state != "done":
                    raise RuntimeError(f"scene {number}: {status.error}")
                for output in status.outputs:
                    label = str(output.record.extra["compared"])
                    found.setdefault(label, []).append(output.image)
        finally:
            engine.close()
    return {label: np.stack(pictures) for label, pictures in found.items()}


def models_of(folder: Path) -> Path:
    """The models folder that a checkpoint's folder lies in.

    Raises:
        ValueError: It lies below no folder `checkpoints`.
    """
    for above in folder.parents:
        if above.name == "checkpoints":
            return above.parent
    raise ValueError(f"{folder} lies below no folder 'checkpoints'.")


def score_table(made: dict[str, Pictures], wanted: Pictures, other: Pictures, look: Look) -> str:
    """One line a way, in Markdown, and the distance of two sets of renders."""
    seen = look(wanted)
    axes = principal_axes(seen, min(128, len(seen) // 2, seen.shape[1]))
    lines = ["| way | PSNR, dB | F1 of edges | Frechet distance |", "| --- | --- | --- | --- |"]
    for label, pictures in made.items():
        distance = frechet_on_axes(look(pictures), seen, axes)
        lines.append(
            f"| {label} | {psnr_db(pictures, wanted):.2f} | {edge_f1(pictures, wanted):.3f} | "
            f"{distance:.2f} |"
        )
    floor = frechet_on_axes(look(other), seen, axes)
    note = f"{len(wanted)} unseen scenes; two sets of renders lie {floor:.2f} apart."
    return "\n".join(lines) + f"\n\n{note}\n"


def write_score(
    folder: Path, count: int, redrawer: str = "pocket", look: Look | None = None
) -> str:
    """Measures the model in `folder` and writes the table into its card.

    Args:
        folder: Of the model, in a models folder's `checkpoints`.
        count: Scenes.
        redrawer: Name of the model that draws Lanczos' picture again; "" for none.
        look: Features of pictures; None takes the independent eyes.
    """
    if look is None:
        from toyworld.pixel_table import independent_look

        look = independent_look()
    cv2.setNumThreads(1)
    unseen = scenes(SEED, count)
    wanted, other = rendered(unseen), rendered(scenes(OTHER_SEED, count))
    made = enlarged(models_of(folder), folder.name, redrawer, unseen, wanted)
    text = score_table(made, wanted, other, look)
    write_figures(folder, text)
    return text
