"""What several families do alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.families.bases import OnStableDiffusion, Unadorned
from backend.families.deepfloyd import DEEPFLOYD
from backend.families.instruct import INSTRUCT
from backend.families.latent import LATENT
from backend.families.pixels import PIXELS
from backend.families.registry import FAMILIES
from backend.families.x4 import X4
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.traits import Traits
from tests.tiny_pixels import tiny_ddpm, tiny_x4


@pytest.mark.parametrize("family", [PIXELS, LATENT, DEEPFLOYD])
def test_nothing_is_made_for_models_that_take_nothing(family: Unadorned, tmp_path: Path) -> None:
    tiny_ddpm(tmp_path / "checkpoints" / "small")
    info = Catalog([tmp_path], FAMILIES).checkpoint("small")
    assert family.kin(Traits()) is None
    assert family.tokenizer(info) is None
    assert family.skeleton(info) is None


@pytest.mark.parametrize("flat", [False, True])
def test_the_cards_word_on_the_prediction_comes_first(tmp_path: Path, flat: bool) -> None:
    folder = tiny_ddpm(tmp_path / "checkpoints" / "small", flat=flat)
    catalog = Catalog([tmp_path], FAMILIES)
    assert PIXELS.scheduler_config(catalog.checkpoint("small"))["prediction_type"] == "epsilon"
    (folder / "card.json").write_text('{"prediction_type": "v_prediction"}')
    info = Catalog([tmp_path], FAMILIES).checkpoint("small")
    assert PIXELS.scheduler_config(info)["prediction_type"] == "v_prediction"


@pytest.mark.parametrize("family", [X4, INSTRUCT])
def test_all_but_the_picture_is_stable_diffusions(
    family: OnStableDiffusion, tmp_path: Path
) -> None:
    tiny_x4(tmp_path / "checkpoints" / "x4")
    info = Catalog([tmp_path], FAMILIES).checkpoint("x4")
    assert (family.name, family.kinds) == (family.base.name, family.base.kinds)
    assert family.kin(Traits()) is None
    assert family.tokenizer(info).positions == 77
    assert family.scheduler_config(info) == family.base.scheduler_config(info)
