from pathlib import Path

import numpy as np

from backend.contracts.events import Record
from backend.contracts.settings import parse
from backend.storage.history_rows import row_of, words_of
from backend.storage.outputs import Storage


def test_the_words_of_a_morph_are_its_ends() -> None:
    assert words_of({"prompt": "a boat"}) == "a boat"
    assert words_of({"prompt": "", "prompt_a": "a boat", "prompt_b": "a cat"}) == "a boat → a cat"
    assert words_of({"prompt": "both", "prompt_a": "a boat", "prompt_b": "a cat"}) == "both"


def test_a_picture_that_cannot_be_read_has_a_name_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    row = row_of("2026-01-02/cut.png", path, path.stat())
    assert (row.name, row.version) == ("2026-01-02/cut.png", (path.stat().st_mtime_ns, 8))
    assert row == type(row)(row.name, row.version)


def test_one_with_a_recipe_is_found_by_its_words_and_made_when_its_name_says(
    tmp_path: Path,
) -> None:
    loras = [{"name": "ink"}, {"name": "off", "on": False}]
    settings = parse("txt2img", {"prompt": "A boat", "seed": 7, "loras": loras})
    record = Record("txt2img", settings.model_dump(mode="json"), {"name": "sea", "hash": ""})
    path = Storage(tmp_path).save_output(np.zeros((20, 30, 3), np.uint8), record)
    named = row_of("2026-01-02/120000-a.png", path, path.stat())
    other = row_of("2026-01-02/a.png", path, path.stat())
    assert (named.width, named.height, named.seed, named.model) == (30, 20, "7", "sea")
    assert (named.prompt, named.loras) == ("A boat", ("ink",))
    assert {"a boat", "sea", "ink"} <= set(named.words.split("\n"))
    assert other.saved_s == path.stat().st_mtime != named.saved_s
