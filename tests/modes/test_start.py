"""Where runs begin: a branch under another sampler goes on in the middle of its run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from backend.contracts.requests import Branch
from backend.contracts.settings import Img2ImgSettings
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import pick
from backend.modes.start import Origin, Span, _began
from backend.sampling.types import Schedule, State, Step
from backend.storage.outputs import Storage
from tests import lora_files
from tests.modes.test_hires import pictures, run, settings
from tests.tiny import tiny_checkpoint

STEPS = 8
HALF = 4  # steps behind the branch


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    catalog = Catalog([root], FAMILIES)
    parts = FAMILIES.load(catalog.checkpoint("tiny"), pick("cpu", "float32")).lora_parts
    (root / "loras").mkdir()
    factors = lora_files.random_factors(parts, lora_files.ATTENTION, seed=1, size=0.3)
    lora_files.write(root / "loras" / "ink.safetensors", lora_files.peft_keys(factors))
    storage = Storage(tmp_path_factory.mktemp("data"))
    engine = LocalEngine.create([root], storage, device="cpu", dtype="float32", warm_up=None)
    yield engine
    engine.close()


def branched(engine: LocalEngine, **changes: Any) -> np.ndarray:
    """The second half of a run, under Euler instead of Heun, whose levels are the same."""
    walk: dict[str, Any] = {"schedule": "model", "steps": STEPS}
    first = run(engine, settings(prompt="a red house", sampler="heun", **walk))
    wanted = {"prompt": "a red house", "sampler": "euler", **walk, **changes}
    return pictures(run(engine, settings(**wanted), Branch(first.token, HALF - 1)))


def test_a_lora_keeps_to_its_part_of_the_run(engine: LocalEngine) -> None:
    def under(start: float, end: float) -> np.ndarray:
        return branched(engine, loras=[{"name": "ink", "start": start, "end": end}])

    never, whole = branched(engine), under(0.0, 1.0)
    assert not np.array_equal(whole, never)
    assert np.array_equal(under(0.0, 0.5), never)
    assert np.array_equal(under(0.5, 1.0), whole)
    late = under(0.75, 1.0)
    assert not np.array_equal(late, never)
    assert not np.array_equal(late, whole)


def test_words_go_on_where_they_were(engine: LocalEngine) -> None:
    house, boat = branched(engine), branched(engine, prompt="a blue boat")
    assert np.array_equal(branched(engine, prompt=f"a [red house:blue boat:{HALF}]"), boat)
    assert np.array_equal(branched(engine, prompt="a [red house:blue boat:0.5]"), boat)
    late = branched(engine, prompt="a [red house:blue boat:0.75]")
    assert not np.array_equal(late, boat)
    assert not np.array_equal(late, house)


def test_guidance_keeps_to_its_part_of_the_run(engine: LocalEngine) -> None:
    off, on = branched(engine, guidance_scale=1.0), branched(engine)
    assert not np.array_equal(off, on)
    assert np.array_equal(branched(engine, guidance_end=0.5), off)
    assert np.array_equal(branched(engine, guidance_start=0.5), on)


def test_image_to_image_counts_from_its_own_start(engine: LocalEngine) -> None:
    scene = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    plain = settings(steps=STEPS, schedule="model").model_dump(
        include={"model", "seed", "width", "height", "guidance_scale", "steps", "schedule"}
    )

    def half(**changes: Any) -> np.ndarray:
        wanted = plain | {"prompt": "a red house", "strength": 0.5, **changes}
        first = run(
            engine, Img2ImgSettings.model_validate(wanted | {"sampler": "heun"}), image=scene
        )
        euler = Img2ImgSettings.model_validate(wanted | {"sampler": "euler"})
        return pictures(run(engine, euler, Branch(first.token, 1), image=scene))

    # The run has four of the eight steps; two of them are left.
    after = half(prompt="a [red house:blue boat:0.75]")
    assert not np.array_equal(after, half(prompt="a [red house:blue boat:0.25]"))
    assert not np.array_equal(after, half())


def test_a_branch_of_such_a_branch_goes_on_from_where_it_stands(engine: LocalEngine) -> None:
    walk: dict[str, Any] = {"schedule": "model", "steps": STEPS}
    first = run(engine, settings(sampler="dpmpp_2m", **walk))
    second = run(engine, settings(sampler="euler", **walk), Branch(first.token, 2))
    assert second.timeline is not None
    third = run(
        engine, settings(sampler="euler", **walk), Branch(second.token, second.timeline.steps - 3)
    )
    assert third.info["steps"] == 2
    difference = np.abs(pictures(third).astype(int) - pictures(second))
    assert difference.max() <= 1


def step(index: int, total: int) -> Step:
    return Step(index, total, 1.0, torch.zeros(1), torch.zeros(1), State())


def test_a_stored_run_began_where_its_last_walk_began() -> None:
    assert _began([step(0, 5), step(1, 5)]) == 0
    assert _began([step(3, 5), step(4, 5)]) == 3
    assert _began([step(0, 5), step(1, 5), step(0, 4)]) == 0
    assert _began([*(step(i, 5) for i in range(5)), step(2, 5), step(3, 5)]) == 2


def test_what_lies_behind_a_walk_counts_to_its_run() -> None:
    schedule = Schedule(torch.tensor([4.0, 2.0, 0.0]), torch.zeros(2), 1.0)
    origin = Origin(schedule, torch.zeros(1), skipped=6, began=-6)
    assert origin.span.total == 8
    assert origin.counted == 0
    assert Span(schedule, 1).total == 1
