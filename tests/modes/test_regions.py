"""Regions: masks that add up, rows that count, and pictures that are told apart by their places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.contracts.settings.regions import Region
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.modes.conditioned import Conditioned
from backend.modes.regions import mask, masks, regional
from backend.storage.outputs import Storage
from tests import jobs
from tests.tiny import tiny_checkpoint

SIZE = (8, 12)
LEFT, RIGHT = Region(box=(0.0, 0.0, 0.5, 1.0)), Region(box=(0.5, 0.0, 1.0, 1.0))
BASE = {
    "prompt": "a red house",
    "model": "tiny",
    "steps": 5,
    "seed": 3,
    "width": 64,
    "height": 64,
    "guidance_scale": 4.0,
}


def test_a_hard_box_is_where_it_says() -> None:
    found = mask(Region(box=(0.25, 0.5, 0.75, 1.0)), 0.0, SIZE)
    wanted = torch.zeros(SIZE)
    wanted[4:, 3:9] = 1.0
    assert torch.equal(found, wanted)


@pytest.mark.parametrize("soft", [0.0, 0.1, 0.5])
@pytest.mark.parametrize(
    "places", [(LEFT,), (LEFT, RIGHT), (LEFT, Region()), (Region(cells="10/01"), RIGHT)]
)
def test_all_shares_of_a_place_add_up_to_one(soft: float, places: tuple[Region, ...]) -> None:
    own, rest = masks(places, soft, SIZE)
    torch.testing.assert_close(own.sum(dim=0) + rest, torch.ones(SIZE))
    assert (own >= 0).all()
    assert (rest >= 0).all()


def test_edges_are_soft_inside_the_picture_and_not_at_its_own() -> None:
    soft = mask(LEFT, 0.5, SIZE)
    assert torch.equal(soft[:, 0], torch.ones(8))
    assert (soft[:, 5:7] < 1).all()
    assert (soft[:, 5:7] > 0).all()
    assert torch.equal(mask(Region(), 0.5, SIZE), torch.ones(SIZE))
    assert torch.equal(mask(Region(cells="11/11"), 0.5, SIZE), torch.ones(SIZE))
    painted = mask(Region(cells="10/10"), 0.5, SIZE)
    assert 0 < float(painted[0, 6]) < float(painted[0, 4]) < 1


def said(name: str) -> list[Conditioned]:
    return [Conditioned(name)]  # type: ignore[arg-type]


def shares(*places: Region) -> list[Any]:
    own = [said(str(number)) for number in range(len(places))]
    made = regional(said("base"), own, places, 0.1, SIZE, torch.device("cpu"))
    return [(one.conditioning, one.share) for one in made]


def test_what_is_covered_whole_draws_alone() -> None:
    assert shares() == [("base", 1.0)]
    assert shares(Region()) == [("0", 1.0)]
    assert shares(Region(weight=2.0)) == [("0", 2.0)]
    assert [name for name, _ in shares(LEFT, RIGHT)] == ["0", "1"]
    assert [name for name, _ in shares(LEFT)] == ["base", "0"]
    (_, rest), (_, own) = shares(LEFT)
    assert rest.shape == own.shape == (1, 1, *SIZE)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    storage = Storage(tmp_path_factory.mktemp("data"))
    engine = LocalEngine.create([root], storage, device="cpu", dtype="float32", warm_up=None)
    yield engine
    engine.close()


def run(engine: LocalEngine, mode: str = "txt2img", **values: Any) -> np.ndarray:
    pictures = {"image": np.full((64, 64, 3), 90, np.uint8)} if mode == "img2img" else {}
    wanted = Request(parse(mode, BASE | values), pictures, save=False)
    status = jobs.ended(engine, ask(engine, wanted))
    assert status.state == "done", status.error
    return np.stack([output.image for output in status.outputs])


BOAT = {"prompt": "a blue boat"}


@pytest.mark.parametrize("mode", ["txt2img", "img2img"])
def test_one_region_that_covers_all_is_the_plain_run_bit_for_bit(
    engine: LocalEngine, mode: str
) -> None:
    plain = run(engine, mode, **BOAT)
    np.testing.assert_array_equal(run(engine, mode, regions=[BOAT]), plain)
    nothing = [BOAT | {"weight": 0.0}, BOAT | {"box": [0.5, 0.5, 0.5, 1.0]}]
    np.testing.assert_array_equal(run(engine, mode, regions=nothing), run(engine, mode))


def test_each_place_follows_its_own_words(engine: LocalEngine) -> None:
    halves = [BOAT | {"box": [0.0, 0.0, 0.5, 1.0]}]
    plain, boat = run(engine)[0].astype(int), run(engine, **BOAT)[0].astype(int)
    both = run(engine, regions=halves, region_soft=0.0)[0].astype(int)
    left, right = np.s_[:, :16], np.s_[:, 48:]
    assert np.abs(both - boat)[left].mean() < np.abs(both - plain)[left].mean()
    assert np.abs(both - plain)[right].mean() < np.abs(both - boat)[right].mean()


def test_they_change_on_the_way_and_hold_in_batches_and_passes(engine: LocalEngine) -> None:
    halves = [{"prompt": "[a house:a boat:0.5]", "box": [0.0, 0.0, 0.5, 1.0]}]
    steady = [{"prompt": "a house", "box": [0.0, 0.0, 0.5, 1.0]}]
    assert not np.array_equal(run(engine, regions=halves), run(engine, regions=steady))
    both = run(engine, regions=steady, batch_size=2)
    second = run(engine, regions=steady, seed=4)[0]
    assert np.abs(both[1].astype(int) - second).max() <= 1
    larger = run(engine, regions=steady, hires_scale=1.5, hires_denoise=0.5)
    assert larger.shape == (1, 96, 96, 3)
    unguided = run(engine, regions=steady, guidance_scale=1.0)
    assert not np.array_equal(unguided, run(engine, guidance_scale=1.0))
