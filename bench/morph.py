"""What each part of a morph is good for: DDIM -> +LoRA -> +attention -> +AdaIN -> +even.

Run as `python -m bench.morph`. Pairs of fixed renders of the toy world, judged in features of the
score's classifier, which no morph has seen: PPL and PDV of the distances between neighbours, and
the Frechet distance of the middle frames to renders, which a cross-fade cannot win.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler
from numpy.typing import NDArray

from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import MorphSettings, Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.manager import ModelManager
from backend.models.memory.devices import pick
from backend.sampling.noise import slerp
from bench.jobs import done
from bench.table import machine, markdown, timed
from toyworld.captions import caption
from toyworld.dataset import scene_of
from toyworld.frechet import frechet_distance
from toyworld.judge import Judge, judge_pictures, trained_judge
from toyworld.render import render
from toyworld.scene import Scene
from toyworld.world import SECOND

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
    images = {"image_a": render(pair[0], world=SECOND), "image_b": render(pair[1], world=SECOND)}
    request = Request(MorphSettings.model_validate(values), images, save=False)
    status = done(engine, ask(engine, request))
    return [output.image for output in status.outputs], status.info


def crossfade(pair: tuple[Scene, Scene], frames: int) -> list[Pixels]:
    """Pixels of one picture fading into the other's."""
    a, b = (render(scene, world=SECOND).astype(np.float64) for scene in pair)
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
    unet: Any = model.network.model
    texts = [model.text.encode([words(scene)]).context for scene in pair]

    def walk(x: torch.Tensor, text: torch.Tensor, scheduler: Any) -> torch.Tensor:
        for t in scheduler.timesteps:
            output = unet(x.to(unet.dtype), t, encoder_hidden_states=text.to(unet.dtype))[0]
            x = scheduler.step(output.float(), t, x)[0]
        return x

    starts = [
        walk(model.codec.encode(render(scene, model.native_size[0], SECOND)[None])[0], text, up)
        for scene, text in zip(pair, texts, strict=True)
    ]
    made: list[Pixels] = []
    for i in range(frames):
        t = i / (frames - 1)
        latents = walk(slerp(starts[0], starts[1], t), torch.lerp(texts[0], texts[1], t), down)
        made.append(model.codec.decode(latents)[0])
    return made


def ready(models: Path, model: str) -> LocalEngine:
    """An engine that remembers nothing yet, its model loaded."""
    engine = LocalEngine(
        Catalog([models], FAMILIES),
        ModelManager(
            lambda name: FAMILIES.load(
                Catalog([models], FAMILIES).checkpoint(name), pick(None, "float32")
            ),
            2**34,
        ),
        pick(None, "float32"),
        None,
        preview="off",
    )
    done(engine, ask(engine, Request(Txt2ImgSettings(model=model, steps=1), save=False)))
    return engine


@dataclass(frozen=True, eq=False)
class Made:
    """What one pair gave at one stage.

    Attributes:
        features: (F, D) of the judge.
        worst_db: PSNR of the worse end against the autoencoder's reconstruction; inf for none.
        forwards: Sample-forwards of the frames and of the attention that they look at.
    """

    features: NDArray[np.float64]
    worst_db: float
    forwards: int


def kept(path: Path, make: Callable[[], Made]) -> Made:
    """What the file holds, or what is made and then held: a bench of hours goes on where it was."""
    if path.exists():
        with np.load(path) as held:
            return Made(held["features"], float(held["worst_db"]), int(held["forwards"]))
    made = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez(part, features=made.features, worst_db=made.worst_db, forwards=made.forwards)
    part.replace(path)
    return made


def staged(
    engine: LocalEngine,
    judge: Judge,
    pair: tuple[Scene, Scene],
    name: str,
    shared: dict[str, Any],
) -> Made:
    """One stage of one pair. Inversions and LoRAs that the engine remembers are used again."""
    if name not in STAGES:
        return Made(judged(judge, crossfade(pair, shared["frames"])), float("inf"), 0)
    frames, info = morphed(engine, pair, {**STAGES[name], **shared})
    worst = min(end["psnr"] for end in info["reconstruction"])
    forwards = sum(
        n for stage, n in info["sample_forwards"].items() if stage not in ("fitting", "inverting")
    )
    return Made(judged(judge, frames), worst, forwards)


def ablation(
    engine: LocalEngine,
    judge: Judge,
    pairs: Sequence[tuple[Scene, Scene]],
    shared: dict[str, Any],
    work: Path,
    begin: int = 0,
) -> dict[str, list[Made]]:
    """What the pairs from `begin` on gave at each stage."""
    names = ("cross-fade of pixels", *STAGES)
    made: dict[str, list[Made]] = {name: [] for name in names}
    for index, pair in enumerate(pairs[begin:], begin):
        for number, name in enumerate(names):
            began = time.perf_counter()
            made[name].append(
                kept(
                    work / f"{index:02d}-{number}.npz",
                    lambda pair=pair, name=name: staged(engine, judge, pair, name, shared),
                )
            )
            print(f"pair {index}, {name}: {time.perf_counter() - began:.1f} s", flush=True)
    return made


def table(judge: Judge, made: dict[str, list[Made]], frames: int) -> list[list[str]]:
    """A row for each stage: means over the pairs."""
    real = judged(
        judge, [render(scene_of(RENDERS_SEED, i, world=SECOND), world=SECOND) for i in range(200)]
    )
    rows: list[list[str]] = []
    for name, ones in made.items():
        ppl, pdv = np.mean([smoothness(one.features) for one in ones], axis=0)
        third = frames // 3
        middle = np.concatenate([one.features[third:-third] for one in ones])
        worst = min(one.worst_db for one in ones)
        forwards = np.mean([one.forwards for one in ones])
        rows.append(
            [
                name,
                f"{ppl:.3f}",
                f"{pdv:.5f}",
                f"{frechet_distance(middle, real):.3f}",
                "-" if worst == float("inf") else f"{worst:.1f}",
                f"{forwards:.0f}",
            ]
        )
    return rows


def timing(
    engine: LocalEngine, models: Path, pair: tuple[Scene, Scene], shared: dict[str, Any]
) -> str:
    """All frames in one batch against one at a time, on plain DDIM; what a whole morph takes."""
    model = FAMILIES.load(
        Catalog([models], FAMILIES).checkpoint(shared["model"]), pick(None, "float32")
    )
    theirs = timed(lambda: frame_by_frame(model, pair, shared["frames"], shared["steps"]))
    plain = {**STAGES["DDIM"], **shared, "inversion_refine": 0}
    ours = timed(lambda: morphed(engine, pair, plain))
    told: list[dict[str, Any]] = []
    lines = [
        f"Plain DDIM, all frames in one batch: {ours:.1f} s; frame by frame with diffusers' "
        f"parts: {theirs:.1f} s; ratio {ours / theirs:.2f} (bar 0.7).",
        "",
    ]
    print(lines[0], flush=True)
    for name in ("+ even", "quick, even"):
        for again in ("the first time", "again"):
            seconds = timed(
                lambda name=name: told.append(morphed(engine, pair, {**STAGES[name], **shared})[1])
            )
            lines += [
                f"- {name}, {again}: {seconds:.1f} s; {told[-1]['times_s']}; sample-forwards "
                f"{told[-1]['sample_forwards']}; attention kept "
                f"{told[-1]['attention_bytes'] / 2**20:.1f} MiB"
            ]
            print(lines[-1], flush=True)
    return "\n".join(lines) + "\n"


def memory(engine: LocalEngine, pair: tuple[Scene, Scene], shared: dict[str, Any]) -> str:
    """The process's peak in a morph of 120 frames (few steps: how many makes no difference)."""
    options = {**STAGES["+ attention"], **shared, "frames": 120, "steps": 6, "lora_steps": 2}
    morphed(engine, pair, options)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return f"120 frames: the process's peak is {peak:.2f} GiB (bar 4).\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--models", type=Path, default=Path("models"))
    add("--model", default="pocket")
    add("--work", type=Path, default=Path("runs/pocket"), help="where the judge lies")
    add("--judge-steps", type=int, default=800)
    add("--pairs", type=int, default=20)
    add(
        "--begin",
        type=int,
        default=0,
        metavar="PAIR",
        help="makes the pairs from this one on and prints no table: one of several at once",
    )
    add("--frames", type=int, default=16)
    add("--steps", type=int, default=50)
    add("--lora-steps", type=int, default=200)
    add("--times", action="store_true", help="times instead of the ablation")
    add("--memory", action="store_true", help="the peak at 120 frames instead of the ablation")
    add(
        "--out",
        type=Path,
        help="docs/benchmarks/morph.md without, or morph-times.md there, or morph-memory.md",
    )
    args = parser.parse_args()
    shared = {
        "model": args.model,
        "frames": args.frames,
        "steps": args.steps,
        "lora_steps": args.lora_steps,
    }
    pairs = [
        (scene_of(PAIRS_SEED, 2 * i, world=SECOND), scene_of(PAIRS_SEED, 2 * i + 1, world=SECOND))
        for i in range(args.pairs)
    ]
    engine = ready(args.models, args.model)
    if args.times:
        text = timing(engine, args.models, pairs[0], shared)
    elif args.memory:
        text = memory(engine, pairs[0], shared)
    else:
        judge = trained_judge(args.work, args.judge_steps, world=SECOND)
        folder = args.work / f"morphs-{args.model}-{args.frames}-{args.steps}-{args.lora_steps}"
        made = ablation(engine, judge, pairs, shared, folder, args.begin)
        if args.begin:
            engine.close()
            return
        rows = table(judge, made, args.frames)
        text = markdown(
            f"Morphs of {len(pairs)} pairs, {args.frames} frames, {args.steps} steps",
            [
                "what",
                "PPL",
                "PDV",
                "Frechet, middle third",
                "worst end, dB",
                "sample-forwards of the frames",
            ],
            rows,
        )
    engine.close()
    text = f"Machine: {machine()}.\n\n" + text
    print(text)
    kind = "-times" if args.times else "-memory" if args.memory else ""
    out = args.out or Path("docs/benchmarks") / f"morph{kind}.md"
    out.write_text(text)


if __name__ == "__main__":
    main()
