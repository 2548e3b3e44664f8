"""Which levers pay: paired runs from one seed on one stock, at equal processor time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from toyworld.plan import BASE, LEVERS, Plan

LEVELS = ("950", "850", "700", "500", "300")
GAIN = 0.01
"""A lever is taken where it lowers the mean loss by at least this share."""

Curve = list[dict[str, float]]


def read_curves(folder: Path) -> dict[str, Curve]:
    """The curves of all levers that have one, by name."""
    curves: dict[str, Curve] = {}
    for name in LEVERS:
        path = folder / slug(name) / "painter.jsonl"
        if path.exists():
            curves[name] = [json.loads(line) for line in path.read_text().splitlines()]
    return curves


def slug(name: str) -> str:
    """A lever's name as a folder's name."""
    return "".join(c if c.isalnum() else "-" for c in name.lower()).strip("-")


def mean_loss(point: Mapping[str, float]) -> float:
    """Mean of a measurement over the levels."""
    return float(np.mean([point[level] for level in LEVELS]))


def lever_table(curves: Mapping[str, Curve]) -> str:
    """A Markdown table of every lever's measurements."""
    lines = [
        "| core-seconds | lever | examples | "
        + " | ".join(f"t = {x}" for x in LEVELS)
        + " | mean |",
        "| --- |" * 1 + " --- |" * (len(LEVELS) + 3),
    ]
    points = [(point["core_s"], name, point) for name, curve in curves.items() for point in curve]
    for _, name, point in sorted(
        points, key=lambda p: (round(p[0] / 60), list(curves).index(p[1]))
    ):
        cells = " | ".join(f"{point[level]:.3f}" for level in LEVELS)
        lines.append(
            f"| {point['core_s']:,.0f} | {name} | {point['examples']:,.0f} | {cells} | "
            f"{mean_loss(point):.3f} |"
        )
    return "\n".join(lines) + "\n"


def winners(curves: Mapping[str, Curve]) -> list[str]:
    """Levers whose last loss is clearly below the base's; of several that change the same field
    of the plan, the best."""
    if "base" not in curves:
        return []
    last = {name: mean_loss(curve[-1]) for name, curve in curves.items()}
    gains = {
        name: 1.0 - loss / last["base"]
        for name, loss in last.items()
        if name != "base" and loss < (1.0 - GAIN) * last["base"]
    }
    taken: list[str] = []
    changed: set[str] = set()
    for name in sorted(gains, key=lambda n: -gains[n]):
        own = changes(LEVERS[name])
        if not own.keys() & changed:
            taken.append(name)
            changed |= own.keys()
    return taken


def changes(plan: Plan) -> dict[str, object]:
    """What a plan has otherwise than the base."""
    every = [field.name for field in fields(Plan)]
    return {n: getattr(plan, n) for n in every if getattr(plan, n) != getattr(BASE, n)}


def combined(names: list[str], seed: int = 0) -> Plan:
    """The base with some levers.

    Raises:
        KeyError: There is no such lever.
    """
    plan = replace(BASE, seed=seed)
    for name in names:
        plan = replace(plan, **changes(LEVERS[name]))
    return plan
