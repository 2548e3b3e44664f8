"""`python -m toyworld.score --styles`: do the style LoRAs bring their styles, and only those?

A judge of filtered renders looks at pictures drawn with each LoRA at three weights, and with each
two of them at half weight, by the studio's own mixing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.lora.file import LoraFile, read
from backend.models.lora.mix import LoraMixer
from backend.models.memory.devices import pick
from toyworld.folder import world_of
from toyworld.judge import Judge
from toyworld.prompts import Question, questions
from toyworld.report import Row, table, write_sheet
from toyworld.sampling import Parts, generate, load_parts, redrawn
from toyworld.style_judge import MANNERS, Seen, StyleJudge, look, trained_style_judge
from toyworld.style_loras import lora_path, write_previews
from toyworld.styles import PLAIN, STYLES

WEIGHTS = (0.0, 0.5, 1.0)
EXAMPLE = "a red boat on the sea"


@dataclass
class Studio:
    """The base with its LoRAs, ready to draw."""

    parts: Parts
    mixer: LoraMixer
    loras: dict[str, LoraFile]
    guidance: float
    size_px: int
    batch: int

    def draw(self, prompts: list[str], mix: dict[str, float], seed: int = 0) -> NDArray[np.uint8]:
        """(B, H, W, 3) pictures of prompts with styles at weights."""
        with self.mixer.applied([(self.loras[style], weight) for style, weight in mix.items()]):
            return generate(
                self.parts, prompts, self.guidance, self.size_px, seed=seed, batch=self.batch
            )


def open_studio(
    base: Path, folder: Path, guidance: float, size_px: int, batch: int, device: str
) -> Studio:
    """The base and the LoRAs of all styles.

    Raises:
        LoomError: A file is missing or damaged.
    """
    parts = load_parts(base, device, pick(device).dtype)
    info = Catalog((base.parent.parent,), FAMILIES).checkpoint(base.name)
    model = FAMILIES.load(info, pick(device))
    loras = {style: read(lora_path(folder, style)) for style in STYLES}
    mixer = LoraMixer(model.lora_parts, model.patches)
    return Studio(replace(parts, unet=model.network.model), mixer, loras, guidance, size_px, batch)


def asked_of(count: int) -> list[Question]:
    """One-subject questions of the score's own list, each prompt once."""
    unique: dict[str, Question] = {}
    for question in questions(500):
        if question.group == "one":
            unique.setdefault(question.prompt, question)
    return list(unique.values())[:count]


def single_rows(seen: dict[str, dict[float, Seen]]) -> list[Row]:
    """The lines about each style alone."""
    rows: list[Row] = []
    for style, by_weight in seen.items():
        place = MANNERS.index(style)
        shares = [100 * (by_weight[w].manner.argmax(axis=1) == place).mean() for w in WEIGHTS]
        likely = [float(by_weight[w].manner[:, place].mean()) for w in WEIGHTS]
        whole = by_weight[1.0]
        rising = "rising" if likely[0] < likely[1] < likely[2] else "rising (it is not)"
        rows += [
            Row(f"{style}: pictures in it at weight 1", f"{shares[2]:.1f} %", "85 %", "75 %"),
            Row(f"{style}: at weight 0", f"{shares[0]:.1f} %", "under 10 %", "under 10 %"),
            Row(f"{style}: mean probability at 0 / 0.5 / 1",
                " / ".join(f"{value:.2f}" for value in likely), rising, rising),
            Row(f"{style}: subject / colour of the prompt, weight 1",
                f"{100 * whole.subject.mean():.1f} / {100 * whole.colour.mean():.1f} %",
                "80 %", "80 %"),
        ]  # fmt: skip
    return rows


def pair_rows(seen: dict[tuple[str, str], Seen]) -> list[Row]:
    """The lines about two styles at half weight each."""
    rows: list[Row] = []
    for (first, second), found in seen.items():
        mean = found.manner.mean(axis=0)
        one, two, plain = (float(mean[MANNERS.index(m)]) for m in (first, second, PLAIN))
        rows.append(Row(
            f"{first} 0.5 + {second} 0.5: probability of each, of plain",
            f"{one:.2f}, {two:.2f}, {plain:.2f}", "0.25 each, plain < 0.30", "the same",
        ))  # fmt: skip
    return rows


def score_styles(
    studio: Studio, judge: StyleJudge, accuracy: dict[str, float], folder: Path, count: int,
    work: Path, report: Callable[[str], None],
) -> str:  # fmt: skip
    """Draw, judge, and keep the table, the sheet and the LoRAs' pictures."""
    asked = asked_of(count)
    scenes = [q.scene for q in asked]
    single: dict[str, dict[float, Seen]] = {}
    sheet: list[NDArray[np.uint8]] = []
    for style in STYLES:
        prompts = [f"{q.prompt}, {style}" for q in asked]
        made = {weight: studio.draw(prompts, {style: weight}) for weight in WEIGHTS}
        single[style] = {w: look(judge, pictures, scenes) for w, pictures in made.items()}
        sheet += [pictures[:10] for pictures in made.values()]
        report(f"{style}: {(single[style][1.0].manner.argmax(1) == MANNERS.index(style)).mean()}")
    pairs: dict[tuple[str, str], Seen] = {}
    some = asked[: max(10, count // 2)]
    for first, second in combinations(STYLES, 2):
        prompts = [f"{q.prompt}, {first}, {second}" for q in some]
        made_pair = studio.draw(prompts, {first: 0.5, second: 0.5})
        pairs[first, second] = look(judge, made_pair, [q.scene for q in some])
        sheet.append(made_pair[:10])
        report(f"{first} + {second}: {pairs[first, second].manner.mean(axis=0).round(2)}")
    write_sheet(work / "score-styles.png", np.concatenate(sheet))
    write_previews(folder, {
        style: studio.draw([f"{EXAMPLE}, {style}"], {style: 1.0}, seed=3)[0] for style in STYLES
    })  # fmt: skip
    note = (f"{len(asked)} pictures a weight, {len(some)} a pair, {studio.size_px} px, DPM++ 2M "
            f"karras, 20 steps, guidance {studio.guidance:g}. The judge on unseen filtered "
            f"renders: {accuracy}.")  # fmt: skip
    text = table(single_rows(single) + pair_rows(pairs), note)
    report(text)
    (work / "score-styles.md").write_text(text)
    return text


def main_styles(
    base: Path, folder: Path, judge: Judge, guidance: float, count: int, size_px: int, batch: int,
    work: Path, device: str, report: Callable[[str], None],
) -> str:  # fmt: skip
    """All of it, from the folders."""
    studio = open_studio(base, folder, guidance, size_px, batch, device)
    style_judge, accuracy = trained_style_judge(
        work, judge, partial(redrawn, studio.parts), device=device, report=report,
        world=world_of(base),
    )  # fmt: skip
    return score_styles(studio, style_judge, accuracy, folder, count, work, report)
