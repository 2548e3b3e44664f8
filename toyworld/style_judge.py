"""A judge of styled pictures: their manner, and what they show in any manner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from toyworld.checkpoint import Clock, learning_rate, load_state, save_state, set_learning_rate
from toyworld.dataset import scene_of, to_tensor
from toyworld.judge import (
    FEATURES,
    SIZE_PX,
    Judge,
    Verdict,
    blurred,
    mark,
    prepare,
    verdict_loss,
)
from toyworld.render import render
from toyworld.scene import Scene
from toyworld.styles import PLAIN, STYLES, styled
from toyworld.world import FIRST, World, named

MANNERS = (PLAIN, *STYLES)
Redraw = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
"""(B, H, W, 3) pictures as a model's autoencoder gives them back."""
_TRAIN_SEED, _TEST_SEED = 21, 22


class StyleJudge(nn.Module):
    """A `Judge` with a head for the manner, which reads how the maps vary over the picture."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self.judge = judge
        self.manner = nn.Linear(2 * FEATURES, len(MANNERS))

    def forward(self, pictures: Tensor) -> tuple[Verdict, Tensor]:
        """Verdict and (B, manners) logits of (B, 3, 128, 128) pictures in -1..1."""
        near = self.judge.body(pictures)
        spread = near.flatten(2).std(dim=-1)
        statistics = torch.cat([near.mean(dim=(2, 3)), spread], dim=1)
        return self.judge.verdict(near), self.manner(statistics)


@dataclass(frozen=True)
class Seen:
    """What a style judge says of pictures, a row each."""

    manner: NDArray[np.float32]
    """(B, manners) probabilities."""
    subject: NDArray[np.bool_]
    colour: NDArray[np.bool_]


@torch.no_grad()
def look(
    judge: StyleJudge, pictures: NDArray[np.uint8], scenes: list[Scene], batch: int = 64
) -> Seen:
    """Judge (B, H, W, 3) pictures against the scenes that they should show."""
    device = next(judge.parameters()).device
    manner: list[Tensor] = []
    subject: list[NDArray[np.bool_]] = []
    colour: list[NDArray[np.bool_]] = []
    for start in range(0, len(pictures), batch):
        verdict, logits = judge(prepare(pictures[start : start + batch]).to(device))
        marks = mark(verdict, scenes[start : start + batch])
        manner.append(logits.float().softmax(dim=-1).cpu())
        subject.append(marks.subject)
        colour.append(marks.colour)
    return Seen(torch.cat(manner).numpy(), np.concatenate(subject), np.concatenate(colour))


def styled_renders(
    work: Path, seed: int, count: int, redraw: Redraw | None = None, world: World = FIRST
) -> tuple[NDArray[np.uint8], NDArray[np.int64], list[Scene]]:
    """Renders filtered at 256 px, then made small for the judge; the manners take turns.

    Args:
        work: Keeps what was made.
        seed: Of the scenes.
        count: Pictures.
        redraw: The second half goes through it.
        world: What the scenes are of.

    Returns:
        (count, 128, 128, 3) pictures, (count,) places in `MANNERS`, the scenes.
    """
    path = work / f"styled-{seed}-{count}{'' if redraw is None else '-redrawn'}{named(world)}.npy"
    scenes = [scene_of(seed, i, world=world) for i in range(count)]
    manners = np.arange(count) % len(MANNERS)
    if not path.exists():
        made = np.empty((count, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
        for i, scene in enumerate(scenes):
            picture = styled(render(scene, 256, world), MANNERS[manners[i]], i)
            if redraw is not None and i >= count // 2:
                picture = redraw(picture[None])[0]
            made[i] = cv2.resize(picture, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)
        work.mkdir(parents=True, exist_ok=True)
        np.save(path, made)
    return np.load(path, mmap_mode="r"), manners, scenes


def trained_style_judge(
    work: Path, judge: Judge, redraw: Redraw, steps: int = 1500, batch: int = 50,
    count: int = 5000, device: str = "cpu", report: Callable[[str], None] = print,
    world: World = FIRST,
) -> tuple[StyleJudge, dict[str, float]]:  # fmt: skip
    """The cached style judge, or one that goes on from `judge`; and how well it judges.

    All that it is to judge has been through the model's autoencoder, which softens thin lines. A
    judge that learned from crisp pictures alone named the subject in 75 % of unseen neon renders
    that had been through it, and the colour in 91 % of all; like this, it is 86 and 97 %.

    Args:
        work: Holds the cache ("style-judge.pt") and the filtered renders.
        judge: Trained on plain renders; changed.
        redraw: The model's autoencoder; half of the pictures go through it.
        steps: Of training.
        batch: Pictures a step.
        count: Filtered renders to learn from.
        device: Where to compute.
        report: Takes lines of progress.
        world: What the renders are of.
    """
    torch.manual_seed(6)
    model = StyleJudge(judge).to(device)
    path = work / f"style-judge{named(world)}.pt"
    state = load_state(path)
    if state is not None:
        model.load_state_dict(state["judge"])
        return model.eval(), state["accuracy"]
    pixels, manners, scenes = styled_renders(work, _TRAIN_SEED, count, redraw, world)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    clock = Clock(steps=steps)
    model.train()
    while clock.step < steps:
        rng = np.random.default_rng((21, clock.step))
        chosen = rng.integers(count, size=batch)
        x = blurred(to_tensor(pixels[chosen]).to(device), rng)
        set_learning_rate(optimizer, learning_rate(clock, 1e-3, 1e-5, 20))
        verdict, logits = model(x)
        wanted = torch.from_numpy(manners[chosen]).to(device)
        loss = verdict_loss(verdict, [scenes[i] for i in chosen]) + F.cross_entropy(logits, wanted)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        clock.step += 1
        if clock.step % 50 == 0:
            report(f"style judge step {clock.step} {clock.elapsed_s():.0f} s "
                   f"loss {loss.item():.4f}")  # fmt: skip
    model.eval()
    fresh, kinds, shown = styled_renders(work, _TEST_SEED, 1000, redraw, world)
    accuracy: dict[str, float] = {}
    for name, half in (("", slice(0, 500)), (", redrawn", slice(500, 1000))):
        seen = look(model, np.asarray(fresh[half]), shown[half])
        accuracy |= {
            f"style{name}": float((seen.manner.argmax(axis=1) == kinds[half]).mean()),
            f"subject{name}": float(seen.subject.mean()),
            f"colour{name}": float(seen.colour.mean()),
        }
    report(f"style judge on unseen filtered renders {accuracy}")
    save_state(path, judge=model.state_dict(), accuracy=accuracy)
    return model, accuracy
