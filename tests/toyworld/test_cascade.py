"""The trainer of `pocket-64`, for a few steps of a small network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel

from backend.models.text.t5 import T5Text
from tests.staged import drawn, loaded, staged
from tests.tiny import tiny_checkpoint
from toyworld.cascade import CascadeTrainer, Reader, Recipe, export, grown
from toyworld.checkpoint import Clock
from toyworld.dataset import Pool
from toyworld.world import SECOND
from toyworld.x4_score import rendered, scenes


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("pocket"), card={"known_words": ["house"]})


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe(batch=2, small_steps=1, outer=(8, 16), kept=1)


def test_the_inner_levels_are_the_latent_ones(model: Path) -> None:
    core = UNet2DConditionModel.from_pretrained(model / "unet").eval()
    width = core.config["block_out_channels"][0]
    made = grown(core, Recipe(outer=(8, width), kept=1)).eval()
    assert len(core.down_blocks) == 2  # so that a level is left out
    for theirs, ours in (
        (core.down_blocks[0].resnets[0], made.down_blocks[2].resnets[0]),
        (core.up_blocks[1].resnets[1], made.up_blocks[0].resnets[1]),
    ):
        wanted, found = theirs.state_dict(), ours.state_dict()
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    shape = made(torch.randn(1, 3, 32, 32), 5, torch.randn(1, 5, 32)).sample.shape
    assert shape == (1, 6, 32, 32)
    with pytest.raises(ValueError, match="Of 2 levels 3 cannot be kept"):
        grown(core, Recipe(kept=3))


def test_it_begins_at_half_the_size(
    model: Path, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool(1, rendered(scenes(1, 4), 32), world=SECOND)
    trainer = CascadeTrainer(recipe, tmp_path / "work", pool, model)
    seen: list[tuple[int, ...]] = []
    forward = trainer.net.forward

    def watched(x: torch.Tensor, *rest: object, **named: object) -> object:
        seen.append(tuple(x.shape))
        return forward(x, *rest, **named)

    monkeypatch.setattr(trainer.net, "forward", watched)
    trainer.run(Clock(steps=2), lambda line: None)
    assert seen == [(8, 3, 16, 16), (2, 3, 32, 32)]


def test_what_is_trained_is_what_the_studio_draws_with(
    model: Path, recipe: Recipe, tmp_path: Path
) -> None:
    pool = Pool(1, rendered(scenes(1, 4), 32), world=SECOND)
    trainer = CascadeTrainer(recipe, tmp_path / "work", pool, model)
    before = [weight.clone() for weight in trainer.net.parameters()]
    trainer.run(Clock(steps=2), lambda line: None)
    assert (
        sum(not torch.equal(*pair) for pair in zip(before, trainer.net.parameters(), strict=True))
        > 50
    )
    export(trainer, tmp_path / "checkpoints" / "pocket-64")
    told = (tmp_path / "checkpoints" / "pocket-64" / "README.md").read_text()
    assert "2 steps, 10 examples" in told  # eight small ones, then two
    ours = loaded(tmp_path, "pocket-64")
    assert (ours.info.guidance_scale, ours.info.card.known_words) == (4.0, ("house",))
    assert isinstance(ours.text, T5Text)
    # The trainer embeds as the studio does, up to its precision.
    texts = ["a red house", ""]
    found = ours.text.encode(texts).context
    assert (found - Reader(model).embed(texts)).abs().max() < 0.1
    values = {"sampler": "ddpm", "steps": 3, "guidance_scale": 4.0, "width": 32, "height": 32}
    first = drawn(staged(ours, prompt="a red house", **values))
    other = drawn(staged(ours, prompt="a blue fish", **values))
    assert first.shape == (1, 32, 32, 3)
    assert not np.array_equal(first, other)
