"""How far pictures take after a reference: its subject and its colour, against none.

Run as `python -m bench.reference`; writes docs/benchmarks/reference.md. References are renders of
the toy world, each of one subject in one colour. Pocket draws with no word, and with the subject's
word alone; the toy world's judge says which subject and which colour it sees.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from bench.jobs import done
from bench.table import machine, markdown
from toyworld.judge import HUES, NAMES, Judge, judge_pictures, trained_judge
from toyworld.render import render
from toyworld.scene import Scene, Subject, sample_pair
from toyworld.settings import SETTINGS
from toyworld.world import SECOND

ROOT = Path(__file__).resolve().parent.parent
WAYS: dict[str, dict[str, Any]] = {
    "off": {},
    "beside, 0.5": {"reference_weight": 0.5},
    "beside, 1": {"reference_weight": 1.0},
    "beside, 2": {"reference_weight": 2.0},
    "in its place, 1": {"reference_weight": 1.0, "reference_mode": "replace"},
    "in its place, first half": {
        "reference_weight": 1.0,
        "reference_mode": "replace",
        "reference_end": 0.5,
    },
}


class Agreement(NamedTuple):
    """Shares of the pictures, 0..1; seconds of one."""

    subject: float
    colour: float
    seconds: float


def scenes(count: int) -> list[Scene]:
    """One subject each, by lot, in settings that take turns."""
    rng = np.random.default_rng(21)
    places = list(SETTINGS)
    return [
        Scene((Subject(*sample_pair(rng)),), places[index % len(places)], 900 + index)
        for index in range(count)
    ]


def agreement(judge: Judge, pictures: Sequence[NDArray[np.uint8]], asked: list[Scene]) -> Agreement:
    """How often the judge sees the reference's subject, and its colour on whatever it sees."""
    verdict = judge_pictures(judge, np.stack(pictures))
    seen = verdict.presence.argmax(dim=1)
    hues = verdict.colour[range(len(asked)), seen].argmax(dim=1)
    subjects = [scene.subjects[0] for scene in asked]
    right = [NAMES[int(kind)] == wanted.name for kind, wanted in zip(seen, subjects, strict=True)]
    like = [HUES[int(hue)] == wanted.colour for hue, wanted in zip(hues, subjects, strict=True)]
    return Agreement(float(np.mean(right)), float(np.mean(like)), 0.0)


def drawn(
    engine: LocalEngine, judge: Judge, asked: list[Scene], way: dict[str, Any], *, named: bool
) -> Agreement:
    """A picture for each scene, judged."""
    begun = time.monotonic()
    made: list[NDArray[np.uint8]] = []
    for index, scene in enumerate(asked):
        settings = Txt2ImgSettings.model_validate(
            {
                "prompt": f"a {scene.subjects[0].name}" if named else "",
                "model": "pocket",
                "steps": 12,
                "seed": 50 + index,
                **way,
            }
        )
        pictures = {"reference": render(scene, 256, SECOND)} if way else {}
        status = done(engine, ask(engine, Request(settings, pictures, save=False)))
        made.append(status.outputs[0].image)
    seconds = (time.monotonic() - begun) / len(asked)
    return agreement(judge, made, asked)._replace(seconds=seconds)


def main() -> None:
    """Prints the table and writes it."""
    parser = argparse.ArgumentParser(description="Agreement with a reference, on the toy world.")
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--judge-steps", type=int, default=2000)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "judge", help="the judge's")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    judge = trained_judge(args.work, args.judge_steps)
    asked = scenes(args.scenes)
    real = agreement(judge, [render(scene, 256, SECOND) for scene in asked], asked)
    rows = [("the references themselves", "", *_shares(real), "")]
    with tempfile.TemporaryDirectory() as data:
        engine = LocalEngine.create([ROOT / "models"], Storage(Path(data)), warm_up=None)
        for words, named in (("none", False), ("the subject", True)):
            for name, way in WAYS.items():
                found = drawn(engine, judge, asked, way, named=named)
                rows.append((name, words, *_shares(found), f"{found.seconds:.1f}"))
                print(*rows[-1], sep=" | ", flush=True)
        engine.close()
    head = ("reference", "words", "its subject", "its colour", "s a picture")
    title = f"Pocket 256x256, 12 steps, {len(asked)} references"
    text = f"# References\n\n{machine()}\n\n{markdown(title, head, rows)}\n"
    (ROOT / "docs" / "benchmarks" / "reference.md").write_text(text, encoding="utf-8")


def _shares(found: Agreement) -> tuple[str, str]:
    return f"{100 * found.subject:.0f} %", f"{100 * found.colour:.0f} %"


if __name__ == "__main__":
    main()
