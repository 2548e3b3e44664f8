"""Sheets for the judgement by eye: fixed, blind, and counted."""

import json
from collections import Counter

import cv2
import numpy as np
import pytest

from toyworld import HELD_OUT
from toyworld.eye_test import (
    COUNT,
    NONE,
    Tile,
    drawn,
    eye_questions,
    marks,
    read_answers,
    seed_of,
    shuffled_tiles,
    write_sheets,
)
from toyworld.subjects import SUBJECTS


@pytest.mark.parametrize("which", ["first", "second"])
def test_every_subject_is_asked_for_three_times_or_more(which):
    asked = eye_questions(which)
    assert len(asked) == COUNT
    assert asked == eye_questions(which)
    counts = Counter(q.scene.subjects[0].name for q in asked)
    assert set(counts) == set(SUBJECTS)
    assert min(counts.values()) == 3
    assert not {(s.name, s.colour) for q in asked for s in q.scene.subjects} & HELD_OUT


def test_the_sets_differ():
    assert eye_questions("first") != eye_questions("second")
    seeds = {seed_of(which, i) for which in ("first", "second") for i in range(COUNT)}
    assert len(seeds) == 2 * COUNT


def test_sheets_hold_every_tile_once_in_an_order_that_tells_nothing(tmp_path):
    shade = {"old": 10, "new": 120, "render": 240}
    pictures = {
        kind: np.stack([np.full((32, 32, 3), level + i % 8, np.uint8) for i in range(COUNT)])
        for kind, level in shade.items()
    }
    key = tmp_path / "apart" / "key.json"
    sheets = write_sheets(tmp_path / "sheets", key, "first", pictures)
    tiles = [Tile(**t) for t in json.loads(key.read_text())]
    assert len(tiles) == 3 * COUNT
    assert len(sheets) == 6
    order = shuffled_tiles("first", sorted(pictures))
    assert sorted(order) == sorted((k, i) for k in pictures for i in range(COUNT))
    assert len({t.kind for t in tiles[:12]}) > 1
    for number in (0, 25, 143):
        sheet = cv2.imread(str(sheets[number // 24]))
        row, column = divmod(number % 24, 6)
        seen = sheet[row * 56 + 40, column * 32 + 16, 0]
        kind, place = order[number]
        assert seen == shade[kind] + place % 8
        assert tiles[number].kind == kind
    assert "key" not in " ".join(p.name for p in (tmp_path / "sheets").iterdir())


def test_the_key_is_kept_apart(tmp_path):
    with pytest.raises(ValueError, match="apart"):
        write_sheets(tmp_path, tmp_path / "key.json", "first", {})


def test_answers_are_read_and_counted(tmp_path):
    tiles = [Tile("old", "cat", ""), Tile("old", "cat", ""), Tile("old", "cup", ""),
             Tile("new", "cat", "")]  # fmt: skip
    path = tmp_path / "answers.txt"
    path.write_text("# a line of help\n1: cat\n2: none\n3: CUP\n4:cat\n")
    answers = read_answers(path, 4)
    assert answers == ["cat", NONE, "cup", "cat"]
    text = marks(answers, tiles)
    assert "| new | 1 of 1 | none |" in text
    assert "| old | 2 of 3 | cat 1 of 2 |" in text


@pytest.mark.parametrize("last", ["4:", "4: dragon", ""])
def test_a_missing_answer_is_named(tmp_path, last):
    path = tmp_path / "answers.txt"
    path.write_text(f"1: cat\n2: none\n3: cup\n{last}\n")
    with pytest.raises(ValueError, match="Number 4"):
        read_answers(path, 4)


def test_the_world_draws_the_set():
    pictures = drawn("second", 32)
    assert pictures.shape == (COUNT, 32, 32, 3)
    assert np.array_equal(pictures, drawn("second", 32))
