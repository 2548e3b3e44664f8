"""The two ends of a morph, and the noise that leads there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.contracts.events import Progress
from backend.models.checkpoint import Checkpoint
from backend.models.text.conditioning import Conditioning
from backend.modes.morph.cost import Ledger
from backend.modes.morph.ends import End, both, gather, identical, inverted
from backend.sampling.noise import SeededNoise
from backend.sampling.types import Level
from tests.modes.morph.ends import end, staged
from tests.modes.test_guide import model
from tests.tiny_control import house

__all__ = ["model"]  # the fixture


def test_a_walk_starts_in_the_noise_of_its_seeds(model: Checkpoint) -> None:
    stage = staged(model, method="walk")
    ends = gather(stage, {}, Ledger(), "")
    for one, prompt, seed in zip(ends, ("a red house", "a boat"), (7, 9), strict=True):
        noise = SeededNoise([seed], (4, 8, 8), torch.device("cpu")).draw()
        assert one.start is not None
        assert torch.equal(one.start, noise * stage.schedule.init_scale)
        assert one.prompt == prompt
        assert torch.equal(one.text.context, model.text.encode([prompt]).context)
        assert one.latents is None


def test_a_picture_is_fitted_and_encoded(model: Checkpoint) -> None:
    stage, ledger = staged(model), Ledger()
    pictures = {"image_a": house(64, 64), "image_b": house(96, 128)}
    first, last = gather(stage, pictures, ledger, "")
    assert first.picture is not None
    assert last.picture is not None
    assert np.array_equal(first.picture, pictures["image_a"])
    assert last.picture.shape == (64, 64, 3)
    assert first.latents is not None
    assert torch.equal(first.latents, model.codec.encode(pictures["image_a"][None])[0])
    assert (first.start, ledger.forwards) == (None, {})


def test_an_end_without_one_is_drawn_with_the_models_own_guidance(model: Checkpoint) -> None:
    told = list[Progress]()
    stage, ledger = staged(model, report=told.append), Ledger()
    first, last = gather(stage, {"image_a": house(64, 64)}, ledger, "")
    assert last.latents is not None
    assert last.latents.shape == (1, 4, 8, 8)
    assert (last.picture, first.picture is None) == (None, False)
    assert ledger.forwards == {"drawing": 2 * 4}  # both halves of each step
    assert [(one.step, one.total, one.note) for one in told] == [
        (step, 4, "Drawing end B") for step in (1, 2, 3, 4)
    ]
    card = model.card.model_copy(update={"guidance_scale": 1.0})
    plain = replace(model, info=replace(model.info, card=card))
    other = gather(staged(plain), {"image_a": house(64, 64)}, Ledger(), "")[1]
    assert other.latents is not None
    assert not torch.allclose(other.latents, last.latents)


def test_ends_are_identical_where_nothing_lies_between(model: Checkpoint) -> None:
    walk = staged(model, method="walk", seed_a=7, seed_b=7).settings
    a, b = end(model, "a boat", 1), end(model, "a boat", 2)
    assert identical(walk, (a, b))
    assert not identical(walk, (a, replace(b, prompt="a house")))
    assert not identical(staged(model, method="walk").settings, (a, b))
    quick = staged(model).settings
    assert not identical(quick, (a, b))
    assert identical(quick, (a, replace(b, latents=a.latents)))


class Still:
    """Says that the picture is grey, and counts its calls."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def __call__(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        self.rows.append(len(x))
        return torch.zeros_like(x)


def test_noise_is_found_for_both_at_once_and_kept(model: Checkpoint) -> None:
    stage, still = staged(model), Still()
    pair = (end(model, "a red house", 1), end(model, "a boat", 2))
    first, last = inverted(stage, pair, still, ("", ""))
    assert set(still.rows) == {2}
    for before, after in zip(pair, (first, last), strict=True):
        assert before.latents is not None
        assert after.start is not None
        # Grey has no signal: all of the latents is noise, and grows with the level.
        ratio = after.start / before.latents
        assert ratio.min() > 1
        torch.testing.assert_close(ratio, ratio[:, :1, :1, :1].expand_as(ratio))
        assert after.latents is before.latents
    calls = len(still.rows)
    again = inverted(stage, pair, still, ("", ""))
    assert len(still.rows) == calls
    assert again[1].start is not None
    assert last.start is not None
    assert torch.equal(again[1].start, last.start)


def other_words(one: End) -> End:
    return replace(one, prompt="a ship")


def other_picture(one: End) -> End:
    assert one.latents is not None
    return replace(one, latents=one.latents + 1)


def other_vectors(one: End) -> End:
    """The file of a textual inversion has changed; the words are the same."""
    return replace(one, text=Conditioning(one.text.context + 1, one.text.padding))


@pytest.mark.parametrize("change", [other_words, other_picture, other_vectors])
def test_what_leads_elsewhere_is_worked_out_anew(model: Checkpoint, change) -> None:  # type: ignore[no-untyped-def]
    stage, still = staged(model), Still()
    pair = (end(model, "a red house", 1), end(model, "a boat", 2))
    inverted(stage, pair, still, ("", ""))
    calls = len(still.rows)
    inverted(stage, (pair[0], change(pair[1])), still, ("", ""))
    assert len(still.rows) == 2 * calls


def test_loras_under_an_end_and_settings_of_the_walk_count(model: Checkpoint) -> None:
    stage, still = staged(model), Still()
    pair = (end(model, "a red house", 1), end(model, "a boat", 2))
    inverted(stage, pair, still, ("", ""))
    calls = len(still.rows)
    inverted(stage, pair, still, ("", "ink"))
    assert len(still.rows) == 2 * calls
    more = replace(stage, settings=stage.settings.model_copy(update={"inversion_refine": 1}))
    inverted(more, pair, still, ("", ""))
    assert len(still.rows) > 3 * calls
    before = len(still.rows)
    fps = replace(stage, settings=stage.settings.model_copy(update={"fps": 9, "easing": "smooth"}))
    inverted(fps, pair, still, ("", ""))  # of the frames between, not of the ends
    assert len(still.rows) == before


def test_both_prompts_are_rows_of_a_batch(model: Checkpoint) -> None:
    pair = (end(model, "a red house", 1), end(model, "a boat BREAK on the sea", 2))
    text = both(pair)
    assert text.context.shape[:2] == (2, 154)
    assert torch.equal(text.context[1:], pair[1].text.context)
