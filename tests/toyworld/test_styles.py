"""The filters keep the scene, and what is fitted on them is a LoRA that the studio takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.lora.file import read
from backend.models.lora.mix import LoraMixer
from backend.models.memory.devices import pick
from tests.tiny import tiny_checkpoint
from toyworld.dataset import scene_of
from toyworld.folder import world_of
from toyworld.judge import Judge
from toyworld.render import render
from toyworld.sampling import load_parts, redrawn
from toyworld.score_styles import asked_of, pair_rows, single_rows
from toyworld.style_judge import MANNERS, Seen, StyleJudge, look, styled_renders
from toyworld.style_loras import SEED, StyleRecipe, fit_style, style_pictures
from toyworld.styles import PLAIN, STYLES, styled
from toyworld.world import FIRST, SECOND


@pytest.mark.parametrize("style", STYLES)
def test_a_filter_is_decided_by_its_seed_and_changes_the_picture(style):
    picture = render(scene_of(1, 3), 256)
    made = styled(picture, style, 5)
    assert made.shape == picture.shape
    assert made.dtype == np.uint8
    assert np.array_equal(made, styled(picture, style, 5))
    assert np.abs(made.astype(int) - picture).mean() > 5


def test_plain_is_the_render_itself():
    picture = render(scene_of(1, 3), 64)
    assert styled(picture, PLAIN, 0) is picture


def test_pixel_art_is_made_of_blocks():
    blocks = styled(render(scene_of(1, 3), 256), "pixel art", 0).reshape(32, 8, 32, 8, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()


def test_neon_is_dark_and_ink_is_light():
    picture = render(scene_of(1, 4), 256)
    assert np.median(styled(picture, "neon", 0)) < np.median(picture)
    assert np.median(styled(render(scene_of(1, 3), 256), "ink sketch", 0)) > 100


def test_styles_are_learned_on_the_models_own_world():
    first, second = (style_pictures("neon", 3, 64, world) for world in (FIRST, SECOND))
    assert np.array_equal(second[0].image, render(scene_of(SEED, 0, world=SECOND), 64, SECOND))
    assert all(not np.array_equal(a.image, b.image) for a, b in zip(first, second, strict=True))


def test_captions_name_the_style_but_for_every_eighth_of_which_half_are_plain():
    pictures = style_pictures("neon", 20, 64)
    assert [i for i, picture in enumerate(pictures) if not picture.caption] == [0, 1, 16, 17]
    for i, picture in enumerate(pictures):
        assert not picture.caption or picture.caption.endswith(", neon")
        assert np.array_equal(picture.image, render(scene_of(SEED, i), 64)) == (i in (0, 16))


def test_a_fitted_style_fits_its_base(tmp_path: Path):
    tiny_checkpoint(tmp_path / "checkpoints" / "tiny")
    info = Catalog([tmp_path], FAMILIES).checkpoint("tiny")
    model = FAMILIES.load(info, pick("cpu", "float32"))
    recipe = StyleRecipe(pictures=2, steps=2, batch=2, rank=2, size_px=64)
    lines: list[str] = []
    path = fit_style(model, "neon", tmp_path, recipe, lines.append)
    lora = read(path)
    assert LoraMixer(model.lora_parts, model.patches).fits(lora) is None
    assert lora.info.trigger_words == ("neon",)
    assert path.name == "pocket-neon.safetensors"


def test_a_style_is_kept_at_a_share_of_its_strength(tmp_path: Path):
    tiny_checkpoint(tmp_path / "checkpoints" / "tiny")
    info = Catalog([tmp_path], FAMILIES).checkpoint("tiny")
    model = FAMILIES.load(info, pick("cpu", "float32"))
    x = torch.ones(1, 4, 8, 8)
    context = torch.zeros(1, 77, model.network.model.config.cross_attention_dim)

    def drawn(strength: float, weight: float) -> torch.Tensor:
        recipe = StyleRecipe(pictures=2, steps=2, batch=2, size_px=64, strength=strength)
        path = fit_style(model, "neon", tmp_path / str(strength), recipe, lambda line: None)
        with (
            torch.no_grad(),
            LoraMixer(model.lora_parts, model.patches).applied([(read(path), weight)]),
        ):
            return model.network.model(x, 500, encoder_hidden_states=context).sample

    assert torch.allclose(drawn(0.5, 1.0), drawn(1.0, 0.5), atol=1e-3)
    assert not torch.allclose(drawn(0.5, 1.0), drawn(1.0, 1.0), atol=1e-3)


def test_the_style_judge_gives_a_row_for_each_picture(tmp_path: Path):
    torch.manual_seed(0)
    pictures, manners, scenes = styled_renders(tmp_path, 22, 6)
    assert [MANNERS[m] for m in manners] == [*MANNERS, PLAIN]
    seen = look(StyleJudge(Judge()).eval(), np.asarray(pictures), scenes, batch=4)
    assert seen.manner.shape == (6, len(MANNERS))
    assert seen.manner.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_half_of_what_the_style_judge_learns_from_went_through_the_autoencoder(tmp_path: Path):
    crisp, _, _ = styled_renders(tmp_path, 22, 4)
    seen, _, _ = styled_renders(tmp_path, 22, 4, lambda pictures: 255 - pictures)
    assert np.array_equal(crisp[:2], seen[:2])
    assert np.abs(255 - crisp[2:].astype(int) - seen[2:]).max() <= 1
    assert not np.array_equal(crisp[2:], seen[2:])


def test_the_autoencoder_gives_pictures_back_softened():
    base = Path(__file__).parents[2] / "models" / "checkpoints" / "pocket"
    parts, world = load_parts(base, "cpu", torch.float32), world_of(base)
    side_px = 8 * parts.factor
    pictures = np.stack([render(scene_of(1, i, world=world), side_px, world) for i in range(3)])
    back = redrawn(parts, pictures, batch=2)
    assert back.shape == pictures.shape
    assert 0 < np.abs(back.astype(int) - pictures).mean() < 12


def test_rows_tell_a_style_that_comes_from_one_that_does_not():
    def seen(probability: float) -> Seen:
        manner = np.zeros((4, len(MANNERS)), dtype=np.float32)
        manner[:, MANNERS.index("neon")] = probability
        manner[:, 0] = 1 - probability
        return Seen(manner, np.array([True] * 4), np.array([True, True, True, False]))

    rows = single_rows({"neon": {0.0: seen(0.0), 0.5: seen(0.6), 1.0: seen(0.9)}})
    assert [row.value for row in rows] == [
        "100.0 %", "0.0 %", "0.00 / 0.60 / 0.90", "100.0 / 75.0 %",
    ]  # fmt: skip
    assert (
        "it is not"
        in single_rows({"neon": {0.0: seen(0.5), 0.5: seen(0.4), 1.0: seen(0.9)}})[2].bar
    )
    pair = pair_rows({("neon", "watercolour"): seen(0.4)})[0]
    assert pair.value == "0.40, 0.00, 0.60"


def test_the_questions_are_single_and_differ():
    asked = asked_of(40)
    assert len({q.prompt for q in asked}) == 40
    assert all(len(q.scene.subjects) == 1 for q in asked)
