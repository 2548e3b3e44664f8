"""A diffusion upscaler through the engine: diffusers' pictures, tiles, batches, stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionUpscalePipeline, UNet2DConditionModel
from PIL import Image

from backend.contracts.errors import BadInput
from backend.contracts.events import Output
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import EnlargingStage, parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.pictures.back_projection import back_projected
from backend.pictures.fit import fit
from backend.resolve.request import resolve_pictures
from backend.storage.outputs import Storage
from tests.jobs import ended
from tests.staged import close
from tests.tiny import tiny_checkpoint
from tests.tiny_pixels import tiny_x4

PROMPT, NEGATIVE = "a red house under a blue sky", "a fish"
SOURCE = np.random.default_rng(1).integers(0, 256, (16, 24, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_x4(root / "checkpoints" / "x4")
    kept = tiny_x4(root / "checkpoints" / "x4-kept")  # the same weights
    (kept / "card.json").write_text('{"faithful": true}')
    tiny_checkpoint(root / "checkpoints" / "tiny")
    return root


@pytest.fixture
def engine(models: Path, tmp_path: Path) -> Iterator[LocalEngine]:
    made = LocalEngine.create(
        [models], Storage(tmp_path), device="cpu", dtype="float32", warm_up=None
    )
    yield made
    made.close()


def request(branch: Branch | None = None, **values: Any) -> Request:
    standard = {
        "upscaler": "x4",
        "factor": 4.0,
        "prompt": PROMPT,
        "negative_prompt": NEGATIVE,
        "noise_level": 40,
        "upscaler_steps": 6,
        "upscaler_guidance": 4.0,
        "seed": 5,
    }
    return Request(parse("upscale", standard | values), {"image": SOURCE}, branch)


def run(engine: LocalEngine, branch: Branch | None = None, **values: Any) -> list[Output]:
    return list(ended(engine, ask(engine, request(branch, **values))).outputs)


@pytest.mark.parity
@pytest.mark.parametrize(("guidance", "batch"), [(1.0, 1), (4.0, 3), (9.0, 1)])
def test_it_draws_what_the_pipeline_draws(
    engine: LocalEngine, models: Path, guidance: float, batch: int
) -> None:
    pipe: Any = StableDiffusionUpscalePipeline.from_pretrained(models / "checkpoints" / "x4")
    pipe.set_progress_bar_config(disable=True)
    theirs = pipe(
        [PROMPT] * batch,
        image=[Image.fromarray(SOURCE)] * batch,
        negative_prompt=[NEGATIVE] * batch,
        guidance_scale=guidance,
        num_inference_steps=6,
        noise_level=40,
        generator=[torch.Generator().manual_seed(5 + i) for i in range(batch)],
        output_type="np",
    ).images
    outputs = run(engine, upscaler_guidance=guidance, batch_size=batch)
    assert close(np.stack([one.image for one in outputs]), theirs) >= 0.999
    assert [one.record.settings["seed"] for one in outputs] == [5 + i for i in range(batch)]


def test_what_it_recommends_is_taken_where_nothing_is_said(engine: LocalEngine) -> None:
    (output,) = run(engine, noise_level=-1, upscaler_guidance=0.0, upscaler_steps=3)
    told = output.record.settings
    assert (told["noise_level"], told["upscaler_guidance"]) == (20, 9.0)
    assert output.record.model["name"] == "x4"
    assert len(output.record.model["hash"]) == 10
    assert output.record.extra["dtype"] == "float32"
    (again,) = run(engine, **told)
    assert (again.image == output.image).all()
    settled = resolve_pictures(request(upscaler_steps=0), engine.library()).settings
    assert settled.model_dump()["upscaler_steps"] == 75


def test_a_faithful_one_gives_the_colours_back(engine: LocalEngine) -> None:
    plain, kept = (
        run(engine, upscaler=name, upscaler_steps=2, batch_size=2) for name in ("x4", "x4-kept")
    )
    for one, other in zip(plain, kept, strict=True):
        assert (other.image == back_projected(one.image, SOURCE)).all()
        assert (other.image != one.image).any()


def test_other_factors_are_brought_to_by_lanczos(engine: LocalEngine) -> None:
    (four,) = run(engine, upscaler_steps=2)
    (two,) = run(engine, upscaler_steps=2, factor=2.0)
    assert (two.image == fit(four.image, 48, 32, "crop").image).all()
    (eight,) = run(engine, upscaler_steps=2, factor=8.0)  # shown the picture at twice its size
    assert eight.image.shape == (128, 192, 3)


def test_tiles_cover_what_one_call_does(engine: LocalEngine) -> None:
    (whole,) = run(engine, tile=0)
    (same,) = run(engine, tile=32)  # larger than the picture
    assert (whole.image == same.image).all()
    (parts,) = run(engine, tile=16)
    assert parts.image.shape == whole.image.shape
    assert (parts.image != whole.image).any()
    near = np.abs(parts.image.astype(int) - whole.image).mean()
    (other,) = run(engine, tile=0, seed=6)
    assert near < np.abs(other.image.astype(int) - whole.image).mean() / 2


def test_its_steps_are_kept_and_shown_as_pictures(engine: LocalEngine) -> None:
    token = ask(engine, request())
    (output,) = ended(engine, token).outputs
    timeline = engine.timeline(token)
    assert timeline is not None
    assert timeline.steps == 6
    shown = engine.timeline_frame(token, 5, "x0", 0)
    assert shown.shape == output.image.shape


def test_a_branch_goes_on_from_a_step(engine: LocalEngine) -> None:
    token = ask(engine, request())
    (first,) = ended(engine, token).outputs
    (same,) = run(engine, Branch(token, 2))
    assert (same.image == first.image).all()
    (other,) = run(engine, Branch(token, 2), prompt="a fish")
    assert (other.image != first.image).any()
    with pytest.raises(BadInput, match="belongs to a diffusion upscaler"):
        run(engine, Branch(token, 2), upscaler="lanczos", strength=0.5, steps=4)


def test_drawn_again_it_is_one_run_of_two_stages(engine: LocalEngine) -> None:
    values = {"strength": 0.5, "steps": 4, "guidance_scale": 2.0, "batch_size": 2}
    token = ask(engine, request(**values))
    outputs = list(ended(engine, token).outputs)
    assert len(outputs) == 2
    assert outputs[0].record.extra["upscaler_hash"]
    timeline = engine.timeline(token)
    assert timeline is not None
    assert timeline.steps == 6 + 2
    (again,) = run(engine, **outputs[1].record.settings)
    assert np.abs(again.image.astype(int) - outputs[1].image).max() <= 1
    late = run(engine, Branch(token, 6), **values)
    assert (late[0].image == outputs[0].image).all()
    early = run(engine, Branch(token, 2), **values)
    assert (early[0].image == outputs[0].image).all()


def test_it_stands_beside_the_other_ways(engine: LocalEngine) -> None:
    compared = run(engine, compare=True, strength=0.5, steps=4, guidance_scale=2.0)
    assert [one.record.extra["compared"] for one in compared] == [
        "Lanczos",
        "x4",
        "Lanczos, drawn again 0.5",
        "x4, drawn again 0.5",
    ]
    for output in compared:
        (alone,) = run(engine, **output.record.settings)
        assert (alone.image == output.image).all()


def test_its_stage_is_told_apart_by_its_settings() -> None:
    settings = parse("upscale", {"upscaler": "x4", "noise_level": 7, "upscaler_steps": 3})
    past = EnlargingStage.model_validate({"width": 64, "height": 64, "sampler": "ddim"})
    stage = settings.part_like(past)
    assert isinstance(stage, EnlargingStage)
    assert (stage.noise_level, stage.steps, stage.model) == (7, 3, "x4")


def test_where_one_row_is_too_much_it_goes_on_in_tiles(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, sides = UNet2DConditionModel.forward, list[int]()

    def limited(self: Any, x: torch.Tensor, *args: Any, **options: Any) -> Any:
        sides.append(max(x.shape[2:]))
        if sides[-1] > 64:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return plain(self, x, *args, **options)

    monkeypatch.setattr(UNet2DConditionModel, "forward", limited)
    large = SOURCE.repeat(8, axis=0).repeat(6, axis=1)[:, :128]
    token = ask(engine, replace(request(tile=0, upscaler_steps=1), images={"image": large}))
    status = ended(engine, token)
    assert status.state == "done", status.error
    assert max(sides) == 128
    assert sides[-1] <= 64
    assert "Memory was short, so it went on in tiles of 64 px." in status.info["notes"]
