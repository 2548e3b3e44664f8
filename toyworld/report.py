"""What the scores share: rows of a table, fresh renders to compare with, contact sheets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from toyworld.prompts import Question, shuffled_scene
from toyworld.render import render
from toyworld.world import FIRST, World


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    value: str
    bar: str
    cpu_bar: str


def fresh_renders(
    asked: list[Question], seed: int, size_px: int = 128, world: World = FIRST
) -> NDArray[np.uint8]:
    """What the world itself draws for the questions."""
    return np.stack([
        render(shuffled_scene(q, seed * 100_000 + i), size_px, world) for i, q in enumerate(asked)
    ])  # fmt: skip


def table(rows: list[Row], note: str) -> str:
    """The rows as Markdown."""
    lines = ["| what | measured | bar | bar where only CPU time was to be had |",
             "| --- | --- | --- | --- |"]  # fmt: skip
    lines += [f"| {r.what} | {r.value} | {r.bar} | {r.cpu_bar} |" for r in rows]
    return "\n".join(lines) + f"\n\n{note}\n"


def write_sheet(path: Path, made: NDArray[np.uint8], a_row: int = 10) -> None:
    """Write pictures as one PNG."""
    whole = made[: len(made) // a_row * a_row]
    rows = [np.concatenate(list(whole[i : i + a_row]), 1) for i in range(0, len(whole), a_row)]
    cv2.imwrite(str(path), np.concatenate(rows)[:, :, ::-1])
