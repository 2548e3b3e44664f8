"""Two subjects, each in a colour of its own: two regions against one prompt that names both.

Run as `python -m bench.regions`; it draws all ways, writes docs/images/regions.jpg and prints a
table. The toy world's judge, a classifier of renders that is trained first (once, into --work),
says which subjects it sees and in which colours. Eyes may say it instead: `--eyes FOLDER` writes
shuffled sheets there, and once answers.txt lies beside them, with lines as "3 pink boat | red car"
(from the left, a ? behind what is not whole) or "3 none", the table. `--cost` measures instead what
three regions cost against as many plain pictures, in the same rows of model calls: in processor
time, on one thread.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from bench.__main__ import ROOT
from bench.by_eye import ANSWERS, seen, write_sheets
from bench.jobs import done
from bench.steer import write_sheet
from bench.table import machine, markdown, worked
from toyworld.captions import SETTING_PHRASES
from toyworld.judge import NAMES, Judge, judge_pictures, mark, trained_judge
from toyworld.prompts import Question, question
from toyworld.scene import sample_pair
from toyworld.settings import SETTINGS
from toyworld.world import SECOND

LEFT, RIGHT = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]
THIRDS = {
    "red": [0.0, 0.0, 0.34, 0.9],
    "green": [0.34, 0.0, 0.67, 0.9],
    "blue": [0.67, 0.0, 1.0, 0.9],
}
SHOWN = 8
SEED = 1000
Timed = tuple[str, list[float]]


class Right(NamedTuple):
    """Shares of the pictures, 0..1.

    Attributes:
        subjects: Both are seen, and nothing else is likelier.
        both: They have their colours, too.
        placed: And the first is left of the second.
    """

    subjects: float
    both: float
    placed: float


def pairs(count: int) -> list[Question]:
    """Two subjects of two colours each, in settings that take turns; by lot, always the same."""
    rng = np.random.default_rng(22)
    places = list(SETTINGS)
    asked: list[Question] = []
    while len(asked) < count:
        first, second = sample_pair(rng), sample_pair(rng)
        if first[0] != second[0] and first[1] != second[1]:
            asked.append(question("two", [first, second], places[len(asked) % len(places)], 0))
    return asked


def in_regions(asked: Question) -> dict[str, Any]:
    """The same as two regions: each half has its subject, the rest is the setting."""
    phrase = SETTING_PHRASES[asked.scene.setting][0]
    return {
        "prompt": asked.prompt,
        "regions": [
            {"prompt": f"a {one.colour} {one.name} {phrase}", "box": box}
            for one, box in zip(asked.scene.subjects, (LEFT, RIGHT), strict=True)
        ],
    }


def ways(asked: Question) -> dict[str, dict[str, Any]]:
    """How it is drawn."""
    regions = in_regions(asked)
    return {
        "two regions, none of the prompt": {**regions, "region_base": 0.0},
        "two regions, 0.55 of the prompt": {**regions, "region_base": 0.55},
        "one prompt with both": {"prompt": asked.prompt},
    }


def drawn(engine: LocalEngine, **values: Any) -> Pixels:
    """One picture of the standard settings."""
    wanted = Request(parse("txt2img", values), save=False)
    return done(engine, ask(engine, wanted)).outputs[0].image


def judged(judge: Judge, pictures: list[Pixels], asked: list[Question]) -> Right:
    """What the judge makes of them."""
    verdict = judge_pictures(judge, np.stack(pictures))
    marks = mark(verdict, [one.scene for one in asked])
    both = marks.subject & marks.colour
    placed: list[bool] = []
    for row, one in enumerate(asked):
        left, right = (
            float(verdict.centre[row, NAMES.index(each.name), 0]) for each in one.scene.subjects
        )
        placed.append(left < right)
    return Right(
        float(marks.subject.mean()), float(both.mean()), float((both & np.array(placed)).mean())
    )


def kept(folder: Path | None, way: str, number: int, draw: Callable[[], Pixels]) -> Pixels:
    """A picture; where there is a folder it is kept there, and taken from there the next time."""
    if folder is None:
        return draw()
    path = folder / f"{way.replace(' ', '-').replace(',', '')}-{number}.png"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw()).save(path)
    return np.asarray(Image.open(path))


def cost(engine: LocalEngine, runs: int) -> list[list[str]]:
    """Milliseconds of processor for a step with three regions, and for as many rows of plain calls.

    A step's is what a run of 16 takes beyond one of 4, so that nothing else counts. All ways take
    turns; the ratio is the median of those of the turns.
    """
    plain = {"prompt": "a red house on grass", "seed": SEED}
    regions = [{"prompt": f"a {hue} house", "box": box} for hue, box in THIRDS.items()]
    ways: dict[str, dict[str, Any]] = {
        "5 pictures without guidance: 5 rows": {"batch_size": 5, "guidance_scale": 1.0},
        "three regions and the rest: 5 rows": {"regions": regions},
        "1 picture with guidance: 2 rows": {},
        "three regions and the rest, by attention: 2 rows": {
            "regions": regions,
            "region_by": "attention",
        },
    }
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(runs + 1):
        for way, values in ways.items():
            short, long = (
                worked(partial(drawn, engine, **plain, **values, steps=steps)) for steps in (4, 16)
            )
            if turn:  # the first warms up
                taken[way].append(1000 * (long - short) / 12)
        print({way: [round(one) for one in found] for way, found in taken.items()}, flush=True)
    rows: list[list[str]] = []
    for (base, least), (way, found) in in_pairs(list(taken.items())):
        ratio = statistics.median(b / a for a, b in zip(least, found, strict=True))
        rows += [[base, f"{statistics.median(least):.0f}", ""]]
        rows += [[way, f"{statistics.median(found):.0f}", f"{ratio:.3f}"]]
    return rows


def in_pairs(items: list[Timed]) -> list[tuple[Timed, Timed]]:
    """First and second, third and fourth."""
    return list(zip(items[::2], items[1::2], strict=True))


def all_drawn(
    engine: LocalEngine, asked: list[Question], pictures: Path | None
) -> dict[str, list[Pixels]]:
    """The pictures of all pairs in all ways."""
    made: dict[str, list[Pixels]] = {}
    for number, one in enumerate(asked):
        for way, values in ways(one).items():
            draw = partial(drawn, engine, **values, seed=SEED + number)
            made.setdefault(way, []).append(kept(pictures, way, number, draw))
        print(f"{number + 1}/{len(asked)} {one.prompt}", flush=True)
    return made


def scores(judge: Judge, made: dict[str, list[Pixels]], asked: list[Question]) -> list[list[str]]:
    """What the judge says of each way."""
    return [
        [way, *(f"{100 * share:.0f} %" for share in judged(judge, pictures, asked))]
        for way, pictures in made.items()
    ]


def by_eye(found: dict[str, dict[int, str]], asked: list[Question]) -> list[list[str]]:
    """What eyes say of each way."""
    rows: list[list[str]] = []
    for way, told in found.items():
        counts = [0, 0, 0]
        for number, what in told.items():
            wanted = [f"{one.colour} {one.name}" for one in asked[number].scene.subjects]
            named = [part.strip() for part in what.rstrip("? ").split("|")]
            both, placed = sorted(named) == sorted(wanted), named == wanted
            for at, right in enumerate((both, placed, placed and not what.endswith("?"))):
                counts[at] += right
        rows.append([way, *(f"{count} of {len(told)}" for count in counts)])
    return rows


def main() -> None:
    """Prints the tables and writes them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--count", type=int, default=40, help="pictures of two subjects, each way")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "judge", help="the judge's")
    parser.add_argument("--judge-steps", type=int, default=2000)
    parser.add_argument("--pictures", type=Path, help="where they are kept from run to run")
    parser.add_argument("--eyes", type=Path, help="judged by eye, in this folder")
    parser.add_argument("--cost", action="store_true", help="time them instead")
    parser.add_argument("--runs", type=int, default=5, help="of each way that is timed")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        engine = LocalEngine.create([ROOT / "models"], Storage(Path(data)), warm_up=None)
        if args.cost:
            torch.set_num_threads(1)
            table = markdown("A step", ["way", "ms", "ratio"], cost(engine, args.runs))
            print(machine(), table, sep="\n\n")
            engine.close()
            return
        asked = pairs(args.count)
        made = all_drawn(engine, asked, args.pictures)
        engine.close()
    write_sheet(args.out / "images" / "regions.jpg", [made[way][:SHOWN] for way in made])
    title = f"Pocket, {args.count} pairs"
    if args.eyes is None:
        args.work.mkdir(parents=True, exist_ok=True)
        judge = trained_judge(args.work, args.judge_steps, world=SECOND)
        head = ["drawn by", "both subjects", "and their colours", "and each on its side"]
        print(markdown(f"{title}, by the toy world's judge", head, scores(judge, made, asked)))
    elif not (args.eyes / ANSWERS).exists():
        write_sheets(args.eyes, made)
    else:
        head = ["drawn by", "both, in their colours", "and each on its side", "and both whole"]
        print(markdown(f"{title}, by eye", head, by_eye(seen(args.eyes), asked)))


if __name__ == "__main__":
    main()
