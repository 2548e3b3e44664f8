"""Codes drawn by the one loop, through the engine on a small random model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus, Pixels
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import parse
from backend.contracts.settings.codes import CodesSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests.jobs import ended
from tests.tiny import tiny_checkpoint
from tests.tiny_codes import CODES, SIDE, SIZE_PX, tiny_codes

CELLS = SIDE * SIDE


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    tiny_codes(root / "checkpoints" / "codes")
    tiny_codes(root / "checkpoints" / "bare", priors=(), sharper=False)
    tiny_checkpoint(root / "checkpoints" / "tiny")
    engine = LocalEngine.create(
        [root],
        Storage(tmp_path_factory.mktemp("data")),
        device="cpu",
        dtype="float32",
        warm_up=None,
    )
    yield engine
    engine.close()


def settings(**values: Any) -> CodesSettings:
    standard = {"prompt": "a red house", "model": "codes", "seed": 3}
    return CodesSettings.model_validate(standard | values)


def run(
    engine: LocalEngine, asked: Any, branch: Branch | None = None, **images: Pixels
) -> JobStatus:
    status = ended(engine, ask(engine, Request(asked, images, branch, save=False)))
    assert status.state == "done", status.error
    return status


def scene(side_px: int = SIZE_PX) -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (side_px, side_px, 3), dtype=np.uint8)


@pytest.mark.parametrize("prior", ["transformer", "pixelcnn"])
def test_a_step_is_a_cell_and_the_timeline_keeps_them_all(engine: LocalEngine, prior: str) -> None:
    status = run(engine, settings(prior=prior))
    (output,) = status.outputs
    assert output.image.shape == (SIZE_PX, SIZE_PX, 3)
    assert output.views["codes"].shape == output.image.shape
    assert status.progress.total == CELLS
    assert status.timeline is not None
    assert status.timeline.steps == CELLS
    codes = np.array(status.info["codes"])
    assert codes.shape == (SIDE, SIDE)
    assert status.info["used"] == len(np.unique(codes))
    assert status.info["codebook"] == CODES


def test_a_seed_repeats_and_a_batch_is_its_seeds_one_by_one(engine: LocalEngine) -> None:
    pair = run(engine, settings(batch_size=2)).outputs
    for number, output in enumerate(pair):
        (alone,) = run(engine, settings(seed=3 + number)).outputs
        assert np.array_equal(alone.image, output.image)
    assert not np.array_equal(pair[0].image, pair[1].image)


def test_a_branch_goes_on_from_a_cell(engine: LocalEngine) -> None:
    whole = run(engine, settings())
    again = run(engine, settings(), Branch(whole.token, 5))
    assert np.array_equal(again.outputs[0].image, whole.outputs[0].image)
    other = run(engine, settings(seed=99, temperature=3.0, top_k=0), Branch(whole.token, 5))
    ours, theirs = (np.array(one.info["codes"]).ravel() for one in (other, whole))
    assert (ours[:6] == theirs[:6]).all()
    assert (ours[6:] != theirs[6:]).any()


def test_a_branch_keeps_the_cells_of_its_run(engine: LocalEngine) -> None:
    whole = run(engine, settings())
    asked = Request(settings(paint="0,0=1"), {}, Branch(whole.token, 3), save=False)
    status = ended(engine, ask(engine, asked))
    assert status.state == "failed"
    assert "That run drew other cells" in str(status.error)


def test_a_picture_goes_through_its_codes(engine: LocalEngine) -> None:
    for model in ("codes", "bare"):
        asked = settings(model=model, redraw="none", prompt="")
        status = run(engine, asked, image=scene(24))
        (output,) = status.outputs
        assert set(output.views) == {"codes", "difference"}
        assert 0 < status.info["psnr_db"] < 99
        assert status.progress.stage != "sampling"


def test_chosen_cells_are_drawn_and_painted_ones_put_in(engine: LocalEngine) -> None:
    kept = np.array(run(engine, settings(redraw="none"), image=scene()).info["codes"])
    asked = settings(redraw="1,2 2,2", paint="0,1=7", seed=4)
    status = run(engine, asked, image=scene())
    codes = np.array(status.info["codes"])
    assert status.progress.total == 2
    assert codes[0, 1] == 7
    same = codes == kept
    same[1:3, 2] = same[0, 1] = True
    assert same.all()
    top = run(engine, settings(kept_rows=2), image=scene())
    assert (np.array(top.info["codes"])[:2] == kept[:2]).all()
    assert top.progress.total == CELLS - 2 * SIDE


def test_a_larger_picture_is_seen_through_a_window(engine: LocalEngine) -> None:
    status = run(engine, settings(width=2 * SIZE_PX, height=SIZE_PX))
    assert status.outputs[0].image.shape == (SIZE_PX, 2 * SIZE_PX, 3)
    assert status.progress.total == 2 * CELLS


def test_the_other_decoder_draws_the_same_codes_otherwise(engine: LocalEngine) -> None:
    own, other = (run(engine, settings(decoder=name)) for name in ("vqvae", "vqgan"))
    assert own.info["codes"] == other.info["codes"]
    assert not np.array_equal(own.outputs[0].image, other.outputs[0].image)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model": "bare", "prompt": ""}, "has no prior that draws codes"),
        ({"model": "bare", "redraw": "none", "prompt": "", "decoder": "vqgan"}, "by vqvae alone"),
        ({"redraw": "9,9"}, "lies outside"),
        ({"paint": "0,0=99"}, "There are 12 codes"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    engine: LocalEngine, values: dict[str, Any], said: str
) -> None:
    asked = Request(settings(**values), {"image": scene()}, save=False)
    status = ended(engine, ask(engine, asked))
    assert status.state == "failed"
    assert said in str(status.error)


def test_other_modes_and_other_models_are_refused_before_they_wait(engine: LocalEngine) -> None:
    with pytest.raises(BadInput, match="draws codes, cell by cell"):
        ask(engine, Request(parse("txt2img", {"model": "codes"}), save=False))
    with pytest.raises(BadInput, match="has no codebook"):
        ask(engine, Request(settings(model="tiny"), save=False))
    with pytest.raises(BadInput, match="Only a picture has codes to keep"):
        ask(engine, Request(settings(kept_rows=2), save=False))
