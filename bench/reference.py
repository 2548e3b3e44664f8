"""How far pictures take after a reference: its subject and its colour, against none.

Run as `python -m bench.reference`; writes docs/benchmarks/reference.md, or with `--sheet` a sheet
for eyes, docs/images/reference.jpg. References are renders of
the toy world, each of one subject in one colour. Pocket draws with no word, and with the subject's
word alone; the toy world's judge says which subject and which colour it sees.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

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


SHOWN = ("off", "beside, 1", "in its place, 1")  # on the sheet


class Agreement(NamedTuple):
    """Shares of the pictures, 0..1."""

    subject: float
    colour: float


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
    return Agreement(float(np.mean(right)), float(np.mean(like)))


def pictures(
    engine: LocalEngine, asked: list[Scene], name: str, *, named: bool, folder: Path | None = None
) -> list[NDArray[np.uint8]]:
    """A picture for each scene; those that lie in a folder are taken from there, and kept there."""
    way = WAYS[name]
    made: list[NDArray[np.uint8]] = []
    for index, scene in enumerate(asked):
        stem = f"{name.replace(' ', '-')}-{'named' if named else 'no-word'}-{index}.png"
        path = None if folder is None else folder / stem
        if path is not None and path.exists():
            made.append(np.asarray(Image.open(path)))
            continue
        settings = Txt2ImgSettings.model_validate(
            {
                "prompt": f"a {scene.subjects[0].name}" if named else "",
                "model": "pocket",
                "steps": 12,
                "seed": 50 + index,
                **way,
            }
        )
        given = {"reference": render(scene, 256, SECOND)} if way else {}
        status = done(engine, ask(engine, Request(settings, given, save=False)))
        made.append(status.outputs[0].image)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(made[-1]).save(path)
    return made


def sheet(engine: LocalEngine, asked: list[Scene]) -> None:
    """For eyes: a column for each reference, above what is drawn without words and with its one."""
    rows = [[render(scene, 256, SECOND) for scene in asked]]
    for named in (False, True):
        for name in SHOWN:
            rows.append(pictures(engine, asked, name, named=named))
            print(name, "named" if named else "no word", flush=True)
    whole = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    size = (128 * len(asked), 128 * len(rows))
    Image.fromarray(whole).resize(size, Image.Resampling.LANCZOS).save(
        ROOT / "docs" / "images" / "reference.jpg", quality=88
    )


def main() -> None:
    """Prints the table and writes it."""
    parser = argparse.ArgumentParser(description="Agreement with a reference, on the toy world.")
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--judge-steps", type=int, default=2000)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "judge", help="the judge's")
    parser.add_argument("--pictures", type=Path, help="where they are kept from run to run")
    parser.add_argument("--sheet", action="store_true", help="a sheet for eyes, without the judge")
    args = parser.parse_args()
    if args.sheet:
        with tempfile.TemporaryDirectory() as data:
            engine = LocalEngine.create([ROOT / "models"], Storage(Path(data)), warm_up=None)
            sheet(engine, scenes(args.scenes))
            engine.close()
        return
    asked = scenes(args.scenes)
    made: dict[tuple[str, str], list[NDArray[np.uint8]]] = {}
    with tempfile.TemporaryDirectory() as data:
        engine = LocalEngine.create([ROOT / "models"], Storage(Path(data)), warm_up=None)
        for words, named in (("none", False), ("the subject", True)):
            for name in WAYS:
                drawn = pictures(engine, asked, name, named=named, folder=args.pictures)
                made[name, words] = drawn
                print(name, words, flush=True)
        engine.close()
    args.work.mkdir(parents=True, exist_ok=True)
    judge = trained_judge(args.work, args.judge_steps, world=SECOND)
    real = agreement(judge, [render(scene, 256, SECOND) for scene in asked], asked)
    rows = [("the references themselves", "", *_shares(real))]
    for (name, words), drawn in made.items():
        rows.append((name, words, *_shares(agreement(judge, drawn, asked))))
        print(*rows[-1], sep=" | ", flush=True)
    head = ("reference", "words", "its subject", "its colour")
    title = f"Pocket 256x256, 12 steps, {len(asked)} references"
    text = f"# References\n\n{machine()}\n\n{markdown(title, head, rows)}\n"
    (ROOT / "docs" / "benchmarks" / "reference.md").write_text(text, encoding="utf-8")


def _shares(found: Agreement) -> tuple[str, str]:
    return f"{100 * found.subject:.0f} %", f"{100 * found.colour:.0f} %"


if __name__ == "__main__":
    main()
