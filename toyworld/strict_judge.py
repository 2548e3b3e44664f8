"""The strict judge: the judge's network, taught that a broken thing is none of the subjects.

It learns from renders of both worlds, so old and new weights meet the same judge, and from renders
whose subject is warped, melted, mixed with another or half drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from toyworld.broken import FAULTS, broken
from toyworld.checkpoint import Clock, learning_rate, load_state, save_state, set_learning_rate
from toyworld.dataset import to_tensor
from toyworld.judge import (
    HUES,
    NAMES,
    PLACES,
    SIZE_PX,
    Judge,
    Marks,
    Verdict,
    blurred,
    judge_pictures,
    mark,
)
from toyworld.render import render
from toyworld.scene import Scene, sample_scene
from toyworld.world import FIRST, SECOND, World

STEPS = 2000
BATCH = 64
PEAK = 3e-3
SEED = 15
POOL = 10_000
UNSEEN_SEED = 16
BROKEN_SHARE = 0.4
HELD_OUT_SHARE = 0.2


@dataclass(frozen=True)
class Example:
    """A picture to judge and what can be named in it."""

    picture: NDArray[np.uint8]
    scene: Scene
    """With the whole subjects alone: none, where the only one is broken."""
    fault: str
    """Empty for a whole scene."""


def _drawn(seed: int, index: int) -> tuple[Scene, int | None, np.random.Generator]:
    """A whole scene, the index of the subject to break (None: leave it whole), and the chance."""
    rng = np.random.default_rng((seed, index))
    held_out = bool(rng.random() < HELD_OUT_SHARE)
    scene = sample_scene(rng, held_out, world_of(index))
    if rng.random() >= BROKEN_SHARE:
        return scene, None, rng
    return scene, int(rng.integers(len(scene.subjects))), rng


def world_of(index: int) -> World:
    """The two worlds take turns."""
    return FIRST if index % 2 else SECOND


def _without(scene: Scene, which: int | None) -> Scene:
    return replace(scene, subjects=tuple(s for i, s in enumerate(scene.subjects) if i != which))


def example_scene(seed: int, index: int) -> Scene:
    """`example(seed, index).scene`, without drawing it."""
    scene, which, _ = _drawn(seed, index)
    return _without(scene, which)


def example(seed: int, index: int) -> Example:
    """The example at a place of a pool: a function of the pool's seed and the place alone."""
    scene, which, rng = _drawn(seed, index)
    world = world_of(index)
    if which is None:
        return Example(render(scene, SIZE_PX, world), scene, "")
    fault = FAULTS[int(rng.integers(len(FAULTS)))]
    picture = broken(scene, which, fault, rng, SIZE_PX, world)
    return Example(picture, _without(scene, which), fault)


def strict_loss(verdict: Verdict, scenes: list[Scene]) -> Tensor:
    """How far a verdict is from what the scenes say; a scene may have no subject at all."""
    presence = torch.zeros_like(verdict.presence)
    rows, columns, hues = [], [], []
    for i, scene in enumerate(scenes):
        for subject in scene.subjects:
            k = NAMES.index(subject.name)
            presence[i, k] = 1.0
            rows.append(i)
            columns.append(k)
            hues.append(HUES.index(subject.colour))
    places = torch.tensor([PLACES.index(s.setting) for s in scenes], device=presence.device)
    loss = 4.0 * F.binary_cross_entropy_with_logits(verdict.presence, presence)
    loss = loss + 0.5 * F.cross_entropy(verdict.setting, places)
    if rows:
        wanted = torch.tensor(hues, device=presence.device)
        loss = loss + F.cross_entropy(verdict.colour[rows, columns], wanted)
    return loss


def strict_marks(verdict: Verdict, scenes: list[Scene]) -> Marks:
    """`mark`, but a subject must also be more likely there than not."""
    marks = mark(verdict, scenes)
    sure = [
        all(float(verdict.presence[i, NAMES.index(s.name)]) > 0 for s in scene.subjects)
        for i, scene in enumerate(scenes)
    ]
    return replace(marks, subject=marks.subject & np.array(sure))


def trust(judge: Judge, count: int) -> dict[str, float]:
    """How far the judge can be trusted: on unseen examples, shares of right subject, colour and
    setting of whole scenes, and of each kind of broken subject that it calls none."""
    examples = [example(UNSEEN_SEED, i) for i in range(count)]
    verdict = judge_pictures(judge, np.stack([e.picture for e in examples]))
    whole = np.array([not e.fault for e in examples])
    shares: dict[str, float] = {}
    kept = [e.scene for e in examples if not e.fault]
    rows = torch.from_numpy(np.flatnonzero(whole))
    part = Verdict(**{k: getattr(verdict, k)[rows] for k in Verdict.__dataclass_fields__})
    marks = strict_marks(part, kept)
    for name in Marks.__dataclass_fields__:
        shares[name] = float(getattr(marks, name).mean())
    named = (verdict.presence > 0).numpy()
    for fault in FAULTS:
        right = [
            not any(
                named[i, k] and NAMES[k] not in {s.name for s in e.scene.subjects}
                for k in range(len(NAMES))
            )
            for i, e in enumerate(examples)
            if e.fault == fault
        ]
        shares[fault] = float(np.mean(right))
    return shares


def _pool(work: Path, count: int) -> NDArray[np.uint8]:
    path = work / f"examples-{SEED}-{count}.npy"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part.npy")
        shape = (count, SIZE_PX, SIZE_PX, 3)
        out = np.lib.format.open_memmap(aside, mode="w+", dtype=np.uint8, shape=shape)
        for i in range(count):
            out[i] = example(SEED, i).picture
        out.flush()
        aside.rename(path)
    return np.load(path, mmap_mode="r")


def strict_judge(
    work: Path,
    steps: int = STEPS,
    pool: int = POOL,
    batch: int = BATCH,
    unseen: int = 1000,
    save_every: int = 100,
    between: Callable[[], None] | None = None,
    report: Callable[[str], None] = print,
) -> Judge:
    """The cached strict judge, or one trained as fixed here; goes on from where it was stopped.

    How far it can be trusted is kept beside it.
    """
    path = work / "strict-judge.pt"
    torch.manual_seed(SEED)
    judge = Judge().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=PEAK, weight_decay=1e-2)
    clock = Clock(steps=steps)
    state = load_state(path)
    if state is not None:
        judge.load_state_dict(state["judge"])
        if state["trust"]:
            return judge.eval()
        optimizer.load_state_dict(state["optimizer"])
        clock.step = state["step"]

    def save(trusted: dict[str, float]) -> None:
        save_state(path, judge=judge.state_dict(), optimizer=optimizer.state_dict(),
                   step=clock.step, trust=trusted)  # fmt: skip

    pictures = _pool(work, pool)
    scenes = [example_scene(SEED, i) for i in range(pool)]
    while clock.step < steps:
        if between is not None:
            between()
        rng = np.random.default_rng((SEED, clock.step, 1))
        chosen = rng.integers(pool, size=batch)
        x = to_tensor(pictures[chosen])
        set_learning_rate(optimizer, learning_rate(clock, PEAK, 1e-5, 50))
        with torch.autocast("cpu", torch.bfloat16):
            verdict = judge(blurred(x, rng))
        loss = strict_loss(verdict, [scenes[i] for i in chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        clock.step += 1
        if clock.step % save_every == 0:
            report(f"strict judge step {clock.step} {clock.elapsed_s():.0f} s "
                   f"loss {loss.item():.4f}")  # fmt: skip
            save({})
    judge.eval()
    trusted = trust(judge, unseen)
    report(f"strict judge on unseen examples {trusted}")
    save(trusted)
    return judge
