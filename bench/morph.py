"""What each part of a morph is good for: DDIM -> +LoRA -> +attention -> +AdaIN -> +even.

Run as `python -m bench.morph`. Pairs of fixed renders of the toy world, judged in features of the
score's classifier, which no morph has seen: PPL and PDV of the distances between neighbours, and
the Frechet distance of the middle frames to renders, which a cross-fade cannot win.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler
from numpy.typing import NDArray

from backend.engine.local import LocalEngine
from backend.events import Pixels
from backend.models.catalog import Catalog
from backend.models.devices import pick
from backend.models.loading import Checkpoint, load_checkpoint
from backend.models.manager import ModelManager
from backend.requests import Request
from backend.sampling.noise import slerp
from backend.settings import MorphSettings, Txt2ImgSettings
from bench.table import machine, markdown, timed
from toyworld.captions import caption
from toyworld.dataset import scene_of
from toyworld.frechet import frechet_distance
from toyworld.judge import Judge, judge_pictures, trained_judge
from toyworld.render import render
from toyworld.scene import Scene

PAIRS_SEED, RENDERS_SEED = 77, 78
PLAIN: dict[str, Any] = {"attention_lambda": 0.0, "adain": False, "even": "off"}
STAGES: dict[str, dict[str, Any]] = {
    "DDIM": {**PLAIN, "method": "quick"},
    "+ LoRA": {**PLAIN, "method": "fine"},
    "+ attention": {**PLAIN, "method": "fine", "attention_lambda": 0.6},
    "+ AdaIN": {**PLAIN, "method": "fine", "attention_lambda": 0.6, "adain": True},
    "+ even": {"method": "fine"},
    "quick, even": {"method": "quick"},
}


def words(scene: Scene) -> str:
    """The same caption each time."""
    return caption(scene, np.random.default_rng(scene.seed))


def morphed(
    engine: LocalEngine, pair: tuple[Scene, Scene], options: dict[str, Any]
) -> tuple[list[Pixels], dict[str, Any]]:
    """One morph by the engine: its frames and its info."""
    values = {"prompt_a": words(pair[0]), "prompt_b": words(pair[1]), "seed": 0, **options}
    images = {"image_a": render(pair[0]), "image_b": render(pair[1])}
    token = engine.submit(Request(MorphSettings.model_validate(values), images, save=False))
    status = engine.status(token)
    while status.state in ("queued", "running"):
        status = engine.wait(token, status.revision, 5.0)
    if status.state != "done":
        raise RuntimeError(status.error)
    return [output.image for output in status.outputs], status.info


def crossfade(pair: tuple[Scene, Scene], frames: int) -> list[Pixels]:
    """Pixels of one picture fading into the other's."""
    a, b = (render(scene).astype(np.float64) for scene in pair)
    at = np.linspace(0, 1, frames)
    return [np.rint((1 - t) * a + t * b).astype(np.uint8) for t in at]


def judged(judge: Judge, frames: Sequence[Pixels]) -> NDArray[np.float64]:
    """Features, (F, D)."""
    return judge_pictures(judge, np.stack(frames)).features.double().numpy()


def smoothness(features: NDArray[np.float64]) -> tuple[float, float]:
    """PPL, the sum of the distances, and PDV, their variance."""
    gaps = [float(np.linalg.norm(a - b)) for a, b in pairwise(features)]
    return sum(gaps), float(np.var(gaps))


@torch.no_grad()
def frame_by_frame(
    model: Checkpoint, pair: tuple[Scene, Scene], frames: int, steps: int
) -> list[Pixels]:
    """The plain algorithm with diffusers' schedulers, one picture in each UNet call.

    Plain DDIM inversion of both ends, slerp, lerp of the prompts, DDIM.
    """
    config = {**model.scheduler_config, "clip_sample": False}
    up: Any = DDIMInverseScheduler.from_config(config)
    down: Any = DDIMScheduler.from_config(config)
    up.set_timesteps(steps)
    down.set_timesteps(steps)
    unet: Any = model.unet.model
    texts = [model.text.encode([words(scene)]).context for scene in pair]

    def walk(x: torch.Tensor, text: torch.Tensor, scheduler: Any) -> torch.Tensor:
        for t in scheduler.timesteps:
            output = unet(x.to(unet.dtype), t, encoder_hidden_states=text.to(unet.dtype))[0]
            x = scheduler.step(output.float(), t, x)[0]
        return x

    starts = [
        walk(model.vae.encode(render(scene, model.native_size[0])[None])[0], text, up)
        for scene, text in zip(pair, texts, strict=True)
    ]
    made: list[Pixels] = []
    for i in range(frames):
        t = i / (frames - 1)
        latents = walk(slerp(starts[0], starts[1], t), torch.lerp(texts[0], texts[1], t), down)
        made.append(model.vae.decode(latents)[0])
    return made


def ready(models: Path, model: str) -> LocalEngine:
    """An engine that remembers nothing yet, its model loaded."""
    engine = LocalEngine(
        Catalog([models]), ModelManager(lambda name: load_checkpoint(
            Catalog([models]).checkpoint(name), pick(None, "float32")), 2**34),
        pick(None, "float32"), None, preview="off",
    )
    token = engine.submit(Request(Txt2ImgSettings(model=model, steps=1), save=False))
    status = engine.status(token)
    while status.state in ("queued", "running"):
        status = engine.wait(token, status.revision, 5.0)
    return engine


def ablation(
    models: Path, judge: Judge, pairs: Sequence[tuple[Scene, Scene]], shared: dict[str, Any]
) -> list[list[str]]:
    """A row for each stage: means over the pairs, and what it cost."""
    renders = [render(scene_of(RENDERS_SEED, i)) for i in range(max(200, 8 * len(pairs)))]
    real = judged(judge, renders)
    rows: list[list[str]] = []
    for name in ("cross-fade of pixels", *STAGES):
        smooth: list[tuple[float, float]] = []
        middle: list[NDArray[np.float64]] = []
        seconds, forwards, worst = 0.0, 0, float("inf")
        engine = ready(models, shared["model"])
        for pair in pairs:
            began = time.perf_counter()
            if name in STAGES:
                frames, info = morphed(engine, pair, {**STAGES[name], **shared})
                forwards = sum(info["sample_forwards"].values())
                worst = min(worst, *(end["psnr"] for end in info["reconstruction"]))
            else:
                frames = crossfade(pair, shared["frames"])
            seconds += time.perf_counter() - began
            features = judged(judge, frames)
            smooth.append(smoothness(features))
            third = len(frames) // 3
            middle.append(features[third : len(frames) - third])
        engine.close()
        ppl, pdv = np.mean(smooth, axis=0)
        rows.append([
            name, f"{ppl:.3f}", f"{pdv:.5f}",
            f"{frechet_distance(np.concatenate(middle), real):.3f}",
            "-" if worst == float("inf") else f"{worst:.1f}", str(forwards),
            f"{seconds / len(pairs):.1f}",
        ])
        print(" | ".join(rows[-1]), flush=True)
    return rows


def timing(models: Path, pair: tuple[Scene, Scene], shared: dict[str, Any]) -> str:
    """All frames in one batch against one at a time, on plain DDIM."""
    model = load_checkpoint(Catalog([models]).checkpoint(shared["model"]), pick(None, "float32"))
    theirs = timed(lambda: frame_by_frame(model, pair, shared["frames"], shared["steps"]))
    engine = ready(models, shared["model"])
    options = {**STAGES["DDIM"], **shared, "inversion_refine": 0}
    ours = timed(lambda: morphed(engine, pair, options))
    engine.close()
    return (f"\nPlain DDIM, all frames in one batch: {ours:.1f} s; frame by frame with diffusers' "
            f"parts: {theirs:.1f} s; ratio {ours / theirs:.2f}.\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--models", type=Path, default=Path("models"))
    add("--model", default="pocket")
    add("--work", type=Path, default=Path("runs/pocket"), help="where the judge lies")
    add("--judge-steps", type=int, default=800)
    add("--pairs", type=int, default=20)
    add("--frames", type=int, default=16)
    add("--steps", type=int, default=50)
    add("--lora-steps", type=int, default=200)
    add("--out", type=Path, default=Path("docs/morph.md"))
    args = parser.parse_args()
    judge = trained_judge(args.work, args.judge_steps)
    pairs = [(scene_of(PAIRS_SEED, 2 * i), scene_of(PAIRS_SEED, 2 * i + 1))
             for i in range(args.pairs)]
    shared = {"model": args.model, "frames": args.frames, "steps": args.steps,
              "lora_steps": args.lora_steps}
    rows = ablation(args.models, judge, pairs, shared)
    text = markdown(
        f"Morphs of {len(pairs)} pairs, {args.frames} frames, {args.steps} steps",
        ["what", "PPL", "PDV", "Frechet, middle third", "worst end, dB",
         "sample-forwards a morph", "s a morph"], rows,
    )
    text += timing(args.models, pairs[0], shared)
    text = f"# Morphs, measured\n\nMachine: {machine()}.\n\n" + text
    print(text)
    args.out.write_text(text)


if __name__ == "__main__":
    main()
