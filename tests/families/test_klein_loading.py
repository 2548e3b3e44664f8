"""Flux.2 Klein against diffusers' pipeline, and what its folders are refused for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from diffusers import Flux2KleinPipeline

from backend.contracts.errors import BadInput, ModelProblem
from backend.contracts.requests import Request
from backend.engine.jobs.asking import ask
from backend.families.klein import KLEIN
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from tests.flow_side import SIZES, FlowSide, asked, wanted
from tests.tiny_flow import edited, tiny_klein

LONG = pytest.mark.slow
NO_NEGATIVE = {"negative_prompt": ""}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_klein(root / "checkpoints" / "base")
    tiny_klein(root / "checkpoints" / "fast", distilled=True)
    return root


@pytest.mark.parity
@pytest.mark.parametrize(
    ("name", "scale", "batch", "size"),
    [
        pytest.param("fast", 1.0, 1, SIZES[0], marks=LONG),
        ("base", 4.0, 1, SIZES[1]),
        pytest.param("base", 4.0, 3, SIZES[0], marks=LONG),
    ],
)
def test_it_draws_what_the_pipeline_draws(
    side: FlowSide, name: str, scale: float, batch: int, size: tuple[int, int]
) -> None:
    """Its levels follow the picture's size and the steps; the pipeline's negative is empty."""
    settings = wanted(name, size, guidance_scale=scale, batch_size=batch, **NO_NEGATIVE)
    side.check_drawn(Flux2KleinPipeline, settings, guidance_scale=scale, negative_prompt=None)


@pytest.mark.slow
@pytest.mark.parity
def test_a_lora_under_pefts_names_acts_as_in_the_pipeline(side: FlowSide) -> None:
    settings = wanted("fast", steps=6, **NO_NEGATIVE)
    pipe = side.pipeline(Flux2KleinPipeline, "fast")
    side.check_lora(pipe, settings, asked(settings, negative_prompt=None))


def test_what_it_is(root: Path) -> None:
    catalog = Catalog([root], FAMILIES)
    base, fast = catalog.checkpoint("base"), catalog.checkpoint("fast")
    assert (base.family_title, fast.family_title) == ("Flux.2 Klein base", "Flux.2 Klein")
    assert (base.guidance_scale, fast.guidance_scale) == (4.0, 1.0)
    assert (base.anatomy.can.steps, fast.anatomy.can.steps) == (50, 4)
    assert (base.anatomy.channels, base.anatomy.factor, base.anatomy.sizes.step_px) == (32, 4, 4)
    assert list(KLEIN.skeleton(base)) == ["transformer", "text_encoder"]


def test_a_distilled_one_has_no_guidance(side: FlowSide) -> None:
    settings = wanted("fast", guidance_scale=4.0, **NO_NEGATIVE)
    with pytest.raises(BadInput, match="has no guidance"):
        ask(side.engine, Request(settings, {}, save=False))


def test_parts_that_do_not_belong_together_are_refused(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(root / "checkpoints" / "base", folder)
    edited(folder / "transformer" / "config.json", in_channels=384)
    with pytest.raises(ModelProblem, match="takes 384 channels"):
        KLEIN.recognise(folder, Card())
    edited(folder / "model_index.json", _class_name="Flux2Pipeline")
    assert KLEIN.recognise(folder, Card()) is None
