"""`python -m toyworld.eye_test`: the judgement by eye, blind.

48 fixed prompts and seeds, every subject at least three times. Pictures of the old weights, the
new ones and the world itself are shuffled on numbered sheets; which is which lies in a key apart.
Somebody who has not seen the key names the subject of each, or "none", in answers.txt; `--marks`
counts. The second set is for the end: no choice may be made by it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from toyworld.prompts import Question, question, shuffled_scene
from toyworld.render import render
from toyworld.sampling import generate, load_parts
from toyworld.scene import sample_pair
from toyworld.settings import SETTINGS
from toyworld.subjects import SUBJECTS
from toyworld.world import SECOND, World

COUNT = 48
SETS = {"first": 1, "second": 2}
COLUMNS, ROWS = 6, 4
NONE = "none"


def eye_questions(which: str) -> list[Question]:
    """The prompts of a set: one subject each, all of them three times and six a fourth time.

    Raises:
        KeyError: There is no such set.
    """
    rng = np.random.default_rng((4848, SETS[which]))
    names = list(SUBJECTS)
    wanted = names * (COUNT // len(names))
    wanted += [str(n) for n in rng.permutation(names)[: COUNT - len(wanted)]]
    settings = list(SETTINGS)
    asked: list[Question] = []
    for i, name in enumerate(str(n) for n in rng.permutation(wanted)):
        pair = sample_pair(rng)
        while pair[0] != name:
            pair = sample_pair(rng)
        asked.append(question("one", [pair], settings[i % len(settings)], int(rng.integers(4))))
    return asked


def seed_of(which: str, place: int) -> int:
    """The seed of a set's picture."""
    return 10_000 * SETS[which] + place


@dataclass(frozen=True)
class Tile:
    """What one number on the sheets shows."""

    kind: str
    """"old", "new" or "render"."""
    subject: str
    prompt: str


def shuffled_tiles(which: str, kinds: list[str]) -> list[tuple[str, int]]:
    """(kind, place in the set) of every number, in the order of the sheets."""
    every = [(kind, i) for kind in kinds for i in range(COUNT)]
    order = np.random.default_rng((77, SETS[which], len(kinds))).permutation(len(every))
    return [every[i] for i in order]


def write_sheets(
    folder: Path, key: Path, which: str, pictures: dict[str, NDArray[np.uint8]]
) -> list[Path]:
    """Write numbered sheets and an empty answers.txt to a folder, and the key elsewhere.

    Args:
        folder: Where the sheets go; the key may not lie there.
        key: File of the key.
        which: Name of the set.
        pictures: Kind -> (48, side, side, 3) in the order of `eye_questions`.

    Raises:
        ValueError: The key would lie beside the sheets.
    """
    if folder.resolve() in key.resolve().parents:
        raise ValueError(f"Keep the key apart: {key} lies in the folder of the sheets.")
    folder.mkdir(parents=True, exist_ok=True)
    key.parent.mkdir(parents=True, exist_ok=True)
    asked = eye_questions(which)
    order = shuffled_tiles(which, sorted(pictures))
    tiles = [Tile(k, asked[i].scene.subjects[0].name, asked[i].prompt) for k, i in order]
    key.write_text(json.dumps([tile.__dict__ for tile in tiles], indent=1) + "\n")
    sheets: list[Path] = []
    page = COLUMNS * ROWS
    for start in range(0, len(order), page):
        cells = [
            _numbered(pictures[kind][i], start + k + 1)
            for k, (kind, i) in enumerate(order[start : start + page])
        ]
        blank = np.full_like(cells[0], 255)
        cells += [blank] * (page - len(cells))
        rows = [np.concatenate(cells[r : r + COLUMNS], 1) for r in range(0, page, COLUMNS)]
        path = folder / f"sheet-{start // page + 1}.png"
        cv2.imwrite(str(path), np.concatenate(rows)[:, :, ::-1])
        sheets.append(path)
    lines = [f"# One of: {', '.join(SUBJECTS)}; or {NONE}"]
    lines += [f"{n + 1}:" for n in range(len(order))]
    (folder / "answers.txt").write_text("\n".join(lines) + "\n")
    return sheets


def _numbered(picture: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    """A picture with its number on a strip above."""
    strip = np.full((24, picture.shape[1], 3), 255, dtype=np.uint8)
    cv2.putText(strip, str(number), (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1,
                cv2.LINE_AA)  # fmt: skip
    return np.concatenate((strip, picture))


def read_answers(path: Path, count: int) -> list[str]:
    """The named subjects, in the order of the numbers.

    Raises:
        ValueError: A number has no answer, or one that is neither a subject nor "none".
    """
    given: dict[int, str] = {}
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            number, _, name = line.partition(":")
            given[int(number)] = name.strip().lower()
    for number in range(1, count + 1):
        if given.get(number) not in (*SUBJECTS, NONE):
            raise ValueError(
                f"Number {number} says {given.get(number, '')!r}: name one of "
                f"{', '.join(SUBJECTS)}, or {NONE}."
            )
    return [given[n] for n in range(1, count + 1)]


def marks(answers: list[str], tiles: list[Tile]) -> str:
    """A Markdown table: of each kind how many were recognised, and which subjects were not."""
    lines = ["| pictures | recognised | subjects under 2 of 3 |", "| --- | --- | --- |"]
    for kind in dict.fromkeys(sorted(tile.kind for tile in tiles)):
        hits: dict[str, list[bool]] = {name: [] for name in SUBJECTS}
        for answer, tile in zip(answers, tiles, strict=True):
            if tile.kind == kind:
                hits[tile.subject].append(answer == tile.subject)
        right = sum(sum(h) for h in hits.values())
        weak = [f"{n} {sum(h)} of {len(h)}" for n, h in hits.items() if 3 * sum(h) < 2 * len(h)]
        total = sum(len(h) for h in hits.values())
        lines.append(f"| {kind} | {right} of {total} | {', '.join(weak) or 'none'} |")
    return "\n".join(lines) + "\n"


def drawn(which: str, size_px: int = 256, world: World = SECOND) -> NDArray[np.uint8]:
    """What the world itself draws for the set's prompts."""
    return np.stack([
        render(shuffled_scene(q, seed_of(which, i)), size_px, world)
        for i, q in enumerate(eye_questions(which))
    ])  # fmt: skip


def made(model: Path, which: str, between: Callable[[], None] | None = None) -> NDArray[np.uint8]:
    """A model's pictures of the set, each from a seed of its own, at its card's guidance."""
    parts = load_parts(model)
    guidance = json.loads((model / "card.json").read_text())["guidance_scale"]
    return np.concatenate([
        generate(parts, [q.prompt], guidance, seed=seed_of(which, i), between=between)
        for i, q in enumerate(eye_questions(which))
    ])  # fmt: skip


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m toyworld.eye_test", description=__doc__)
    parser.add_argument("--old", type=Path, default=Path("models/checkpoints/pocket"))
    parser.add_argument("--new", type=Path, help="folder of the new model")
    parser.add_argument("--set", choices=tuple(SETS), default="first")
    parser.add_argument("--out", type=Path, default=Path("runs/eye-test"), help="of the sheets")
    parser.add_argument("--key", type=Path, default=Path("runs/eye-test-key.json"))
    parser.add_argument("--marks", type=Path, help="count the answers in this file instead")
    return parser.parse_args()


def main() -> None:
    """Write sheets, or count answers."""
    args = arguments()
    if args.marks is not None:
        tiles = [Tile(**tile) for tile in json.loads(args.key.read_text())]
        print(marks(read_answers(args.marks, len(tiles)), tiles))
        return
    pictures = {"old": made(args.old, args.set), "render": drawn(args.set)}
    if args.new is not None:
        pictures["new"] = made(args.new, args.set)
    for path in write_sheets(args.out, args.key, args.set, pictures):
        print(path)


if __name__ == "__main__":
    main()
