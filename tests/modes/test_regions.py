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
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import pick
from backend.modes.conditioned import Conditioned
from backend.modes.regions import mask, masks, regional
from backend.storage.outputs import Storage
from tests import jobs, lora_files
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
    return [(one.conditioning, one.share) for one in made.conditions]


def test_the_prompt_keeps_a_share_of_every_region_where_it_shall() -> None:
    args = said("base"), [said("0"), said("1")], (LEFT, RIGHT), 0.1, SIZE, torch.device("cpu")
    plain, made = regional(*args), regional(*args, kept=0.25)
    assert [one.conditioning for one in made.conditions] == ["base", "0", "1"]
    assert made.conditions[0].share == 0.25
    for one, other in zip(made.conditions[1:], plain.conditions, strict=True):
        torch.testing.assert_close(one.share, 0.75 * other.share)


def test_what_covers_all_keeps_none_of_the_prompt() -> None:
    places = (LEFT, Region())
    args = said("base"), [said("0"), said("1")], places, 0.0, SIZE, torch.device("cpu")
    base, left, whole = (one.share for one in regional(*args, kept=0.5).conditions)
    plain, plain_whole = (one.share for one in regional(*args).conditions)
    torch.testing.assert_close(whole, plain_whole)
    torch.testing.assert_close(left, 0.5 * plain)
    torch.testing.assert_close(base, 0.5 * plain)
    assert [one.conditioning for one in regional(said("base"), [said("0")], (Region(),), 0.0, SIZE,
            torch.device("cpu"), kept=0.5).conditions] == ["0"]  # fmt: skip


def test_places_under_other_loras_have_a_ground_of_their_own() -> None:
    own, places = [said("0"), said("1")], (LEFT, Region(box=RIGHT.box, weight=0.5))
    args = said("base"), own, places, 0.1, SIZE, torch.device("cpu"), (0,)
    alike = regional(*args, [(0,), (0,)])
    assert [ground.loras for ground in alike.grounds] == [(0,)]
    assert alike.grounds[0].share == 1.0
    made = regional(*args, [(0, 1), (0,)])
    assert made.kinds == ((0, 1), (0,), (0, 1), (0,))
    assert [one.ground for one in made.conditions] == [0, 1]
    torch.testing.assert_close(sum(one.share for one in made.grounds), torch.ones(1, 1, *SIZE))
    torch.testing.assert_close(made.grounds[1].share, 2.0 * made.conditions[1].share)


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
    catalog = Catalog([root], FAMILIES)
    parts = FAMILIES.load(catalog.checkpoint("tiny"), pick("cpu", "float32")).lora_parts
    (root / "loras").mkdir()
    for seed, name in enumerate(("ink", "neon")):
        targets = (*lora_files.ATTENTION, *lora_files.TEXT)
        factors = lora_files.random_factors(parts, targets, seed=seed, size=0.5)
        lora_files.write(root / "loras" / f"{name}.safetensors", lora_files.peft_keys(factors))
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


@pytest.mark.parametrize("by", ["attention", "prediction"])
def test_each_place_follows_its_own_words(engine: LocalEngine, by: str) -> None:
    halves = [BOAT | {"box": [0.0, 0.0, 0.5, 1.0]}]
    plain, boat = run(engine)[0].astype(int), run(engine, **BOAT)[0].astype(int)
    told: dict[str, Any] = {"region_soft": 0.0, "region_base": 0.0, "region_by": by}
    both = run(engine, regions=halves, **told)[0].astype(int)
    left, right = np.s_[:, :16], np.s_[:, 48:]
    assert np.abs(both - boat)[left].mean() < np.abs(both - plain)[left].mean()
    assert np.abs(both - plain)[right].mean() < np.abs(both - boat)[right].mean()


@pytest.mark.parametrize("by", ["attention", "prediction"])
def test_they_change_on_the_way_and_hold_in_batches_and_passes(
    engine: LocalEngine, by: str
) -> None:
    halves = [{"prompt": "[a house:a boat:0.5]", "box": [0.0, 0.0, 0.5, 1.0]}]
    told: dict[str, Any] = {"regions": [halves[0] | {"prompt": "a house"}], "region_by": by}
    assert not np.array_equal(run(engine, **told | {"regions": halves}), run(engine, **told))
    both = run(engine, **told, batch_size=2)
    second = run(engine, **told, seed=4)[0]
    assert np.abs(both[1].astype(int) - second).max() <= 1
    larger = run(engine, **told, hires_scale=1.5, hires_denoise=0.5)
    assert larger.shape == (1, 96, 96, 3)
    unguided = run(engine, **told, guidance_scale=1.0)
    assert not np.array_equal(unguided, run(engine, guidance_scale=1.0))


INK, NEON = {"name": "ink", "weight": 0.9}, {"name": "neon", "weight": 0.7}
HALVES = {"left": [0.0, 0.0, 0.5, 1.0], "right": [0.5, 0.0, 1.0, 1.0]}


def predicted(engine: LocalEngine, **values: Any) -> torch.Tensor:
    """x0 of a run of one step, (C, h, w): what is decoded spreads over the whole picture."""
    wanted = Request(parse("txt2img", BASE | values | {"steps": 1}), save=False)
    token = ask(engine, wanted)
    assert jobs.ended(engine, token).state == "done"
    return engine._timelines.load(token, 0).step.step.x0[0].float().cpu()


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_each_place_is_under_its_own_loras(engine: LocalEngine, weight: float) -> None:
    """In one step no place knows of another: each is what the whole picture would be there."""
    places = [
        BOAT | {"box": HALVES["left"], "loras": [INK]},
        BOAT | {"box": HALVES["right"], "loras": [NEON], "weight": weight},
    ]
    twice, whole = NEON | {"weight": 2 * NEON["weight"]}, [BOAT | {"weight": weight}]
    alone = {"region_soft": 0.0, "region_base": 0.0}
    both = predicted(engine, regions=places, loras=[NEON], **alone)
    left = predicted(engine, **BOAT, loras=[NEON, INK])
    right = predicted(engine, regions=whole, loras=[twice])
    middle = both.shape[2] // 2
    assert float((left - right).abs().mean()) > 0.05
    torch.testing.assert_close(both[..., :middle], left[..., :middle], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(both[..., middle:], right[..., middle:], rtol=1e-3, atol=1e-3)


def test_one_region_that_covers_all_is_the_run_under_its_loras_bit_for_bit(
    engine: LocalEngine,
) -> None:
    whole = run(engine, **BOAT, loras=[NEON, INK])
    region = BOAT | {"loras": [INK, NEON | {"on": False}]}
    np.testing.assert_array_equal(run(engine, regions=[region], loras=[NEON]), whole)
    tagged = [{"prompt": "a blue boat <lora:ink:0.9>"}]
    np.testing.assert_array_equal(run(engine, regions=tagged, loras=[NEON]), whole)


def test_loras_of_regions_hold_in_batches_words_parts_of_the_run_and_passes(
    engine: LocalEngine,
) -> None:
    late = INK | {"start": 0.4}
    places = [{"prompt": "[a boat:a boat AND a fish:0.5]", "box": HALVES["left"], "loras": [late]}]
    plain = run(engine, regions=places)
    assert not np.array_equal(plain, run(engine, regions=[places[0] | {"loras": []}]))
    both = run(engine, regions=places, batch_size=2)
    assert np.abs(both[0].astype(int) - plain[0]).max() <= 1
    assert np.abs(both[1].astype(int) - run(engine, regions=places, seed=4)[0]).max() <= 1
    larger = run(engine, regions=places, hires_scale=1.5, hires_denoise=0.5)
    assert larger.shape == (1, 96, 96, 3)
    run(engine, "img2img", regions=places, strengths=[0.5, 0.8])
    again = run(engine, regions=places)  # and the weights are as they were
    np.testing.assert_array_equal(again, plain)
    nothing = [places[0] | {"loras": [INK | {"weight": 0.0}]}]
    without = [places[0] | {"loras": []}]
    np.testing.assert_array_equal(run(engine, regions=nothing), run(engine, regions=without))
