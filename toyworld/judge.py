"""The judge: a classifier of renders that says what a picture shows and where.

It looks at 128x128 pictures. A map of 16x16 cells holds a score of each subject and of each colour;
a subject's colour is read where that subject is seen, so two subjects do not mix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from toyworld.checkpoint import Clock, learning_rate, load_state, save_state, set_learning_rate
from toyworld.dataset import Pool, render_pool, to_tensor
from toyworld.palette import COLOURS
from toyworld.scene import Scene
from toyworld.settings import SETTINGS
from toyworld.subjects import SUBJECTS
from toyworld.world import FIRST, World, named

SIZE_PX = 128
FEATURES = 64
SAVED_EVERY = 100  # steps of a training
NAMES, HUES, PLACES = tuple(SUBJECTS), tuple(COLOURS), tuple(SETTINGS)


@dataclass(frozen=True)
class Verdict:
    """What the judge sees in a batch of pictures."""

    presence: Tensor
    """(B, subjects) logits."""
    colour: Tensor
    """(B, subjects, colours) logits, of each subject where it would be."""
    setting: Tensor
    """(B, settings) logits."""
    centre: Tensor
    """(B, subjects, 2) x and y in 0..1."""
    extent: Tensor
    """(B, subjects) root of the share of cells that show the subject."""
    features: Tensor
    """(B, FEATURES) means of the last hidden map."""


class Judge(nn.Module):
    """A small convolutional network over pictures in -1..1."""

    def __init__(self) -> None:
        super().__init__()
        widths = (
            (3, 32, 5, 2),
            (32, 64, 3, 2),
            (64, 96, 3, 2),
            (96, 96, 3, 1),
            (96, FEATURES, 3, 1),
        )
        layers: list[nn.Module] = []
        for inner, outer, kernel, stride in widths:
            layers += [
                nn.Conv2d(inner, outer, kernel, stride, kernel // 2),
                nn.GroupNorm(8, outer),
                nn.SiLU(),
            ]
        self.body = nn.Sequential(*layers)
        spread: list[nn.Module] = []
        for reach in (2, 4):
            spread += [
                nn.Conv2d(FEATURES, FEATURES, 3, padding=reach, dilation=reach),
                nn.GroupNorm(8, FEATURES),
                nn.SiLU(),
            ]
        self.wide = nn.Sequential(*spread)
        self.names = nn.Conv2d(FEATURES, len(NAMES), 1)
        self.hues = nn.Conv2d(2 * FEATURES, len(HUES), 1)
        self.places = nn.Linear(FEATURES, len(PLACES))

    def forward(self, pictures: Tensor) -> Verdict:
        """Judge (B, 3, 128, 128) pictures in -1..1."""
        return self.verdict(self.body(pictures))

    def verdict(self, near: Tensor) -> Verdict:
        """Judge from the body's (B, FEATURES, 16, 16) maps."""
        wide = self.wide(near)
        maps = self.names(wide).flatten(2)
        attention = maps.softmax(dim=-1)
        hues = self.hues(torch.cat([near, wide], dim=1)).flatten(2)
        side = wide.shape[-1]
        cells = (torch.arange(side, device=maps.device) + 0.5) / side
        grid = torch.stack([cells.repeat(side), cells.repeat_interleave(side)], dim=1)
        features = wide.mean(dim=(2, 3))
        return Verdict(
            presence=torch.logsumexp(maps, dim=-1) - 3.0,
            colour=torch.einsum("bnc,bhc->bnh", attention, hues),
            setting=self.places(features),
            centre=attention @ grid.to(attention.dtype),
            extent=maps.sigmoid().mean(dim=-1).sqrt(),
            features=features,
        )


def prepare(pictures: NDArray[np.uint8]) -> Tensor:
    """(B, H, W, 3) uint8 pictures of any size -> (B, 3, 128, 128) in -1..1."""
    x = to_tensor(pictures)
    if x.shape[-1] != SIZE_PX:
        x = F.interpolate(x, (SIZE_PX, SIZE_PX), mode="area")
    return x


@torch.no_grad()
def judge_pictures(judge: Judge, pictures: NDArray[np.uint8], batch: int = 64) -> Verdict:
    """Judge any number of pictures."""
    device = next(judge.parameters()).device
    parts = [
        judge(prepare(pictures[i : i + batch]).to(device)) for i in range(0, len(pictures), batch)
    ]
    return Verdict(
        **{
            name: torch.cat([getattr(p, name) for p in parts]).float().cpu()
            for name in Verdict.__dataclass_fields__
        }
    )


@dataclass(frozen=True)
class Marks:
    """One row a picture: what was right."""

    subject: NDArray[np.bool_]
    """All subjects named, no other more likely."""
    colour: NDArray[np.bool_]
    """The colour of each of the scene's subjects."""
    setting: NDArray[np.bool_]


def mark(verdict: Verdict, scenes: list[Scene]) -> Marks:
    """Hold a verdict against what the scenes say."""
    subject, colour, setting = [], [], []
    for i, scene in enumerate(scenes):
        wanted = {NAMES.index(s.name): HUES.index(s.colour) for s in scene.subjects}
        seen = verdict.presence[i].topk(len(wanted)).indices.tolist()
        subject.append(set(seen) == set(wanted))
        hues = verdict.colour[i].argmax(dim=-1)
        if len(wanted) == 1:
            # a wrong subject may still have the right colour
            colour.append(int(hues[seen[0]]) in wanted.values())
        else:
            colour.append(all(int(hues[k]) == hue for k, hue in wanted.items()))
        setting.append(int(verdict.setting[i].argmax()) == PLACES.index(scene.setting))
    return Marks(np.array(subject), np.array(colour), np.array(setting))


def verdict_loss(verdict: Verdict, scenes: list[Scene]) -> Tensor:
    """How far a verdict is from what the scenes say."""
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
    wanted = torch.tensor(hues, device=presence.device)
    return (
        4.0 * F.binary_cross_entropy_with_logits(verdict.presence, presence)
        + F.cross_entropy(verdict.colour[rows, columns], wanted)
        + 0.5 * F.cross_entropy(verdict.setting, places)
    )


def blurred(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Soften and disturb half of a batch: the judge shall not live on a renderer's crispness."""
    half = len(x) // 2
    soft = F.avg_pool2d(F.pad(x[:half], (1, 1, 1, 1), mode="replicate"), 3, 1)
    share = float(rng.uniform(0.2, 1.0))
    noise = torch.from_numpy(rng.standard_normal(soft.shape, dtype=np.float32)).to(x.device)
    return torch.cat([torch.lerp(x[:half], soft, share) + 0.05 * noise, x[half:]])


def accuracy(judge: Judge, pool: Pool) -> dict[str, float]:
    """Shares of right subjects, colours and settings on renders."""
    scenes = [pool.scene(i) for i in range(len(pool.pixels))]
    marks = mark(judge_pictures(judge, pool.pixels), scenes)
    return {name: float(getattr(marks, name).mean()) for name in Marks.__dataclass_fields__}


def judge_path(work: Path, world: World) -> Path:
    """Where the judge of a world's renders is kept."""
    return work / f"judge{named(world)}.pt"


def trained_judge(
    work: Path, steps: int = 2000, batch: int = 64, device: str = "cpu", workers: int = 2,
    report: Callable[[str], None] = print, world: World = FIRST,
) -> Judge:  # fmt: skip
    """The cached judge, or one trained on fresh renders of all pairs, held-out ones included.

    How well it judges is kept beside it, for the score's table: it should be 99 % or more. A
    training that was stopped goes on from its last hundred steps.
    """
    torch.manual_seed(5)
    judge = Judge().to(torch.device(device)).to(memory_format=torch.channels_last)
    path = judge_path(work, world)
    state = load_state(path)
    if state is not None:
        judge.load_state_dict(state["judge"])
        return judge.eval()
    begun = path.with_suffix(".begun.pt")
    clock = Clock(steps=steps)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=3e-3, weight_decay=1e-2)
    if (state := load_state(begun)) is not None:
        judge.load_state_dict(state["judge"])
        optimizer.load_state_dict(state["optimizer"])
        clock.step = state["step"]
    usual = render_pool(work, 11, 8000, SIZE_PX, workers, world=world)
    rare = render_pool(work, 12, 2000, SIZE_PX, workers, held_out=True, world=world)
    pools = ((usual, batch - batch // 4), (rare, batch // 4))
    kind = torch.device(device).type
    while clock.step < steps:
        rng = np.random.default_rng((11, clock.step))
        pixels, scenes = [], []
        for pool, count in pools:
            chosen = np.sort(rng.integers(len(pool.pixels), size=count))
            pixels.append(pool.pixels[chosen])
            scenes += [pool.scene(int(i)) for i in chosen]
        order = rng.permutation(len(scenes))
        x = to_tensor(np.concatenate(pixels)[order]).to(device)
        set_learning_rate(optimizer, learning_rate(clock, 3e-3, 1e-5, 50))
        with torch.autocast(kind, torch.bfloat16):
            verdict = judge(blurred(x, rng))
        loss = verdict_loss(verdict, [scenes[i] for i in order])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        clock.step += 1
        if clock.step % 50 == 0:
            report(f"judge step {clock.step} {clock.elapsed_s():.0f} s loss {loss.item():.4f}")
        if clock.step % SAVED_EVERY == 0:
            save_state(begun, judge=judge.state_dict(), optimizer=optimizer.state_dict(),
                       step=clock.step)  # fmt: skip
    judge.eval()
    shares = [
        accuracy(judge, render_pool(work, 13, 1000, SIZE_PX, workers, world=world)),
        accuracy(judge, render_pool(work, 14, 500, SIZE_PX, workers, held_out=True, world=world)),
    ]
    report(f"judge on unseen renders {shares[0]}, on held-out pairs {shares[1]}")
    save_state(path, judge=judge.state_dict(), accuracy=shares)
    begun.unlink(missing_ok=True)
    return judge
