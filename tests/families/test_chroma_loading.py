"""Chroma against diffusers' pipelines, and what its folders are refused for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from diffusers import ChromaImg2ImgPipeline, ChromaPipeline

from backend.contracts.errors import ModelProblem
from backend.families.chroma import CHROMA
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card
from backend.models.catalog.catalog import Catalog
from tests.flow_side import SIZES, FlowSide, asked, changed, wanted
from tests.tiny_flow import edited, tiny_chroma

LONG = pytest.mark.slow
pytestmark = pytest.mark.filterwarnings("ignore:.*FluxPosEmbed:FutureWarning")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_chroma(root / "checkpoints" / "chroma")
    return root


@pytest.mark.parity
@pytest.mark.parametrize(
    ("scale", "batch", "size"),
    [
        pytest.param(1.0, 1, SIZES[0], marks=LONG),
        (4.0, 1, SIZES[1]),
        pytest.param(5.0, 3, SIZES[0], marks=LONG),
    ],
)
def test_it_draws_what_the_pipeline_draws(
    side: FlowSide, scale: float, batch: int, size: tuple[int, int]
) -> None:
    """What fills a prompt up is told, but for its first token."""
    settings = wanted("chroma", size, guidance_scale=scale, batch_size=batch)
    side.check_drawn(ChromaPipeline, settings, guidance_scale=scale)


@pytest.mark.parity
@pytest.mark.parametrize(
    ("strength", "scale", "batch"), [(0.5, 1.0, 1), pytest.param(0.75, 4.0, 3, marks=LONG)]
)
def test_img2img_begins_part_way_down_the_shifted_schedule(
    side: FlowSide, strength: float, scale: float, batch: int
) -> None:
    settings = changed("chroma", strength=strength, guidance_scale=scale, batch_size=batch)
    side.check_changed(ChromaImg2ImgPipeline, settings, guidance_scale=scale)


@pytest.mark.slow
@pytest.mark.parity
def test_a_lora_under_pefts_names_acts_as_in_the_pipeline(side: FlowSide) -> None:
    settings = wanted("chroma", steps=6, guidance_scale=1.0)
    pipe = side.pipeline(ChromaPipeline, "chroma")
    side.check_lora(pipe, settings, asked(settings, guidance_scale=1.0))


def test_what_it_is(root: Path) -> None:
    chroma = Catalog([root], FAMILIES).checkpoint("chroma")
    assert (chroma.family_title, chroma.guidance_scale) == ("Chroma", 5.0)
    assert (chroma.anatomy.can.steps, chroma.anatomy.tiny_decoder) == (35, "taef1")
    assert not chroma.anatomy.can.mask
    assert CHROMA.scheduler_config(chroma)["spacing"] == "trailing"
    assert list(CHROMA.skeleton(chroma)) == ["transformer", "text_encoder"]


def test_parts_that_do_not_belong_together_are_refused(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "chroma"
    shutil.copytree(root / "checkpoints" / "chroma", folder)
    edited(folder / "transformer" / "config.json", in_channels=384)
    with pytest.raises(ModelProblem, match="takes 384 channels"):
        CHROMA.recognise(folder, Card())
