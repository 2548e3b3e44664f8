"""Wildcards through the engine on a small random model: records make their pictures again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.requests import Request
from backend.contracts.settings import XyzGridSettings, parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.recipes.metadata import read
from backend.storage.outputs import Storage
from backend.storage.wildcards import WildcardFiles
from tests import jobs
from tests.modes.test_hires import run, settings
from tests.tiny import tiny_checkpoint

COLOURS = {"red", "green", "blue"}


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wildcards")


@pytest.fixture(autouse=True)
def colours(words: Path) -> Path:
    path = words / "colour.txt"
    path.write_text("red\ngreen\nblue\n")
    return path


@pytest.fixture(scope="module")
def engine(words: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    engine = LocalEngine.create(
        [root],
        Storage(tmp_path_factory.mktemp("data")),
        device="cpu",
        dtype="float32",
        warm_up=None,
        wildcards=WildcardFiles(words),
    )
    yield engine
    engine.close()


def test_each_picture_of_a_batch_draws_its_own_and_can_be_made_again(
    engine: LocalEngine, colours: Path
) -> None:
    asked = settings(prompt="a __colour__ house", batch_size=3, batch_count=2)
    status = run(engine, asked)
    told = [output.record.settings for output in status.outputs]
    assert [one["seed"] for one in told] == [asked.seed + i for i in range(6)]
    assert {one["prompt"].split()[1] for one in told} == COLOURS
    assert all(
        one["templates"] == [{"field": "prompt", "text": "a __colour__ house"}] for one in told
    )
    colours.write_text("purple\n")
    for output in status.outputs:
        again = run(engine, parse("txt2img", output.record.settings)).outputs[0]
        assert np.array_equal(again.image, output.image)
        assert again.record.settings == output.record.settings


def test_the_picture_is_that_of_the_drawn_prompt(engine: LocalEngine) -> None:
    made = run(engine, settings(prompt="a __colour__ house", seed=11)).outputs[0]
    plain = run(engine, settings(prompt=made.record.settings["prompt"], seed=11)).outputs[0]
    assert np.array_equal(made.image, plain.image)


def test_the_file_says_what_was_drawn_to_every_tool(engine: LocalEngine) -> None:
    wanted = settings(prompt="a __colour__ house", negative_prompt="no __colour__")
    token = ask(engine, Request(wanted))
    status = jobs.ended(engine, token)
    path = status.outputs[0].path
    assert path is not None
    found = read(Path(path).read_bytes())
    from PIL import Image

    with Image.open(path) as image:
        text = image.info["parameters"]
    assert text.startswith(f"{found.settings['prompt']}\nNegative prompt: ")
    assert "__" not in text
    assert found.settings["templates"][1]["text"] == "no __colour__"


def test_the_cells_of_a_grid_draw_by_their_seeds(engine: LocalEngine) -> None:
    values = settings(prompt="a __colour__ house").model_dump()
    shared = {name: values[name] for name in values if name in XyzGridSettings.model_fields}
    grid = parse("xyz_grid", shared | {"x_field": "seed", "x_values": "1-5"})
    cells = run(engine, grid).outputs[:-1]
    for cell in cells:
        seed = cell.record.settings["seed"]
        alone = run(engine, settings(prompt="a __colour__ house", seed=seed)).outputs[0]
        assert cell.record.settings["prompt"] == alone.record.settings["prompt"]


def test_a_line_may_bring_a_lora_and_a_wrong_name_is_said_at_once(
    engine: LocalEngine, colours: Path
) -> None:
    colours.write_text("ink <lora:nowhere:0.5>\n")
    with pytest.raises(BadInput, match="nowhere"):
        ask(engine, Request(settings(prompt="__colour__")))
    with pytest.raises(BadInput, match="There is no wildcard '__color__'; there are: colour"):
        ask(engine, Request(settings(prompt="a __color__", batch_size=2)))
