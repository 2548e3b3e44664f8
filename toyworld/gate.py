"""The gate that new weights must pass: `python -m toyworld.score --gate`.

Every judge here was fixed before the weights that it is to judge were trained, and all weights are
held against the same renders of the second world. Samples and features lie in the work folder, so
a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from backend.models.memory.devices import pick
from toyworld.autoencoder import psnr_db
from toyworld.captions import caption
from toyworld.checkpoint import fingerprint_of
from toyworld.distances import COMPONENTS, frechet_on_axes, kernel_distance, principal_axes
from toyworld.eyes import look, open_eyes
from toyworld.judge import Judge, judge_pictures
from toyworld.prompts import questions
from toyworld.render import render
from toyworld.sampling import Parts, generate, load_parts, redrawn
from toyworld.scene import Scene, sample_scene
from toyworld.strict_judge import strict_marks
from toyworld.told_apart import told_apart
from toyworld.world import SECOND

PROMPT_SEED, REFERENCE_SEED, OTHER_SEED = 31, 32, 33
CHUNK = 8
SAMPLES, QUESTIONS = 2000, 500


@dataclass(frozen=True)
class Bench:
    """What all weights are held against."""

    eyes: nn.Module
    judge: Judge
    work: Path
    samples: int = SAMPLES
    questions: int = QUESTIONS
    size_px: int = 256
    between: Callable[[], None] | None = None
    """Called before every step of sampling, to wait while somebody measures."""
    report: Callable[[str], None] = print


def _scenes(seed: int, count: int) -> list[Scene]:
    return [sample_scene(np.random.default_rng((seed, i)), world=SECOND) for i in range(count)]


def gate_prompts(count: int) -> list[str]:
    """Captions of fresh scenes, as varied as in training."""
    rng = np.random.default_rng(PROMPT_SEED)
    return [caption(scene, rng) for scene in _scenes(PROMPT_SEED, count)]


def fingerprint(model: Path) -> str:
    """The same of a model, its guidance included."""
    return fingerprint_of(
        model, str(json.loads((model / "card.json").read_text())["guidance_scale"])
    )


def kept(path: Path, make: Callable[[], NDArray]) -> NDArray:
    """The array in a file, or what `make` gives, kept there."""
    if path.exists():
        return np.load(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    array = make()
    aside = path.with_suffix(".part.npy")
    np.save(aside, array)
    aside.rename(path)
    return array


def sampled(
    bench: Bench, folder: Path, parts: Parts, prompts: list[str], guidance: float
) -> NDArray[np.uint8]:
    """Pictures of prompts, kept in chunks; picture i's noise does not depend on the weights."""
    chunks: list[NDArray[np.uint8]] = []
    for start in range(0, len(prompts), CHUNK):
        some = prompts[start : start + CHUNK]
        path = folder / f"{start:05d}-{len(some)}.npy"
        fresh = not path.exists()
        chunks.append(kept(path, lambda some=some, start=start: generate(
            parts, some, guidance, bench.size_px, seed=start, batch=CHUNK, between=bench.between
        )))  # fmt: skip
        if fresh:
            bench.report(f"{folder.name}: {start + len(some)} of {len(prompts)} pictures")
    return np.concatenate(chunks)


def _renders(bench: Bench, seed: int, size_px: int) -> NDArray[np.uint8]:
    return np.stack([render(s, size_px, SECOND) for s in _scenes(seed, bench.samples)])


def reference(bench: Bench, seed: int) -> NDArray[np.float32]:
    """Features of renders, (samples, 1280)."""
    path = bench.work / f"gate/renders-{seed}-{bench.samples}-{bench.size_px}px.npy"
    return kept(path, lambda: look(bench.eyes, _renders(bench, seed, bench.size_px)).numpy())


@dataclass(frozen=True)
class Standing:
    """What the judges say of one model."""

    frechet: float
    frechet_autoencoder: float
    frechet_floor: float
    kid: float
    kid_autoencoder: float
    kid_floor: float
    told_apart: float
    psnr_db: float
    one: tuple[float, float, float]
    """Shares of right subject, colour and setting."""
    held_out: tuple[float, float, float]
    two: float
    """Share with both subjects in their colours."""
    samples: int
    asked: int

    @property
    def ratio(self) -> float:
        """Distance against the autoencoder's, both less the floor."""
        return (self.frechet - self.frechet_floor) / (self.frechet_autoencoder - self.frechet_floor)


def stand(bench: Bench, model: Path) -> Standing:
    """Sample a model and judge it."""
    own = bench.work / "gate" / fingerprint(model)
    parts = load_parts(model, dtype=pick("cpu").dtype)
    guidance = float(json.loads((model / "card.json").read_text())["guidance_scale"])
    asked = questions(bench.questions)
    answered = sampled(
        bench, own / f"questions-{bench.questions}", parts, [q.prompt for q in asked], guidance
    )
    marks = strict_marks(judge_pictures(bench.judge, answered), [q.scene for q in asked])
    group = np.array([q.group for q in asked])

    def shares(which: str) -> tuple[float, float, float]:
        rows = group == which
        return tuple(float(m[rows].mean()) for m in (marks.subject, marks.colour, marks.setting))

    made = sampled(bench, own / "samples", parts, gate_prompts(bench.samples), guidance)
    real = reference(bench, REFERENCE_SEED)
    other = reference(bench, OTHER_SEED)
    seen = look(bench.eyes, made).numpy()

    def through() -> NDArray[np.float32]:
        pictures = _renders(bench, OTHER_SEED, bench.size_px)
        return np.concatenate([
            look(bench.eyes, redrawn(parts, pictures[i : i + CHUNK])).numpy()
            for i in range(0, len(pictures), CHUNK)
        ])  # fmt: skip

    back = kept(own / f"autoencoder-{bench.samples}.npy", through)
    axes = principal_axes(real, min(COMPONENTS, bench.samples - 1))
    fresh = np.stack([render(s, 256, SECOND) for s in _scenes(99, 64)])
    return Standing(
        frechet=frechet_on_axes(seen, real, axes),
        frechet_autoencoder=frechet_on_axes(back, real, axes),
        frechet_floor=frechet_on_axes(other, real, axes),
        kid=kernel_distance(seen, real),
        kid_autoencoder=kernel_distance(back, real),
        kid_floor=kernel_distance(other, real),
        told_apart=told_apart(seen, back),
        psnr_db=psnr_db(parts.vae.float(), fresh),
        one=shares("one"),
        held_out=shares("held_out"),
        two=float((marks.subject & marks.colour)[group == "two"].mean()),
        samples=bench.samples,
        asked=bench.questions,
    )


def gate_table(standings: dict[str, Standing]) -> str:
    """A Markdown table with a column for each model, beside the bars."""

    def percent(shares: tuple[float, ...]) -> str:
        return " / ".join(f"{100 * s:.1f}" for s in shares) + " %"

    rows: list[tuple[str, Callable[[Standing], str], str]] = [
        (
            "Frechet distance: pictures / through the autoencoder / render to render",
            lambda s: f"{s.frechet:.1f} / {s.frechet_autoencoder:.1f} / {s.frechet_floor:.1f}",
            "",
        ),
        ("the first against the second, less the third", lambda s: f"{s.ratio:.2f}", "1.60"),
        (
            "KID, the same three",
            lambda s: f"{s.kid:.3f} / {s.kid_autoencoder:.3f} / {s.kid_floor:.3f}",
            "",
        ),
        (
            "told apart from renders through the autoencoder",
            lambda s: f"{s.told_apart:.3f}",
            "0.80",
        ),
        ("one subject: subject / colour / setting", lambda s: percent(s.one), "95 / 98 / 98 %"),
        ("held-out pairs: the same", lambda s: percent(s.held_out), "90 / 95 / 95 %"),
        ("two subjects, both with their colours", lambda s: percent((s.two,)), "70 %"),
        ("autoencoder, 64 fresh renders", lambda s: f"{s.psnr_db:.2f} dB", "31 dB"),
        ("samples / questions", lambda s: f"{s.samples} / {s.asked}", "2000 / 500"),
    ]
    head = "| what | " + " | ".join(standings) + " | bar |"
    lines = [head, "| --- |" + " --- |" * (len(standings) + 1)]
    for what, value, bar in rows:
        cells = " | ".join(value(standing) for standing in standings.values())
        lines.append(f"| {what} | {cells} | {bar} |")
    return "\n".join(lines) + "\n"


def main_gate(
    models: list[Path],
    judge: Judge,
    work: Path,
    samples: int,
    asked: int,
    between: Callable[[], None] | None,
    report: Callable[[str], None],
) -> str:
    """Judge models beside one another and write the table into the work folder."""
    bench = Bench(open_eyes(), judge, work, samples, asked, between=between, report=report)
    text = gate_table({model.name: stand(bench, model) for model in models})
    report(text)
    (work / "gate.md").write_text(text)
    return text
