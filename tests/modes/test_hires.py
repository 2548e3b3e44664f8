"""Hires fix through the engine on a small random model: two stages, one job."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import Img2ImgSettings, LoraMixSettings, Settings, Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests import jobs
from tests.tiny import tiny_checkpoint

HIRES = {"hires_scale": 2.0, "hires_upscaler": "lanczos"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
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


def settings(**values: object) -> Txt2ImgSettings:
    return Txt2ImgSettings.model_validate(
        {
            "prompt": "a red house",
            "model": "tiny",
            "steps": 5,
            "seed": 3,
            "width": 96,
            "height": 64,
            "guidance_scale": 3.0,
        }
        | values
    )


def run(
    engine: LocalEngine, wanted: Settings, branch: Branch | None = None, **images: np.ndarray
) -> JobStatus:
    token = ask(engine, Request(wanted, images, branch, save=False))
    status = jobs.ended(engine, token)
    assert status.state == "done", status.error
    return status


def pictures(status: JobStatus) -> np.ndarray:
    return np.stack([output.image for output in status.outputs])


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "euler_a", "ddim"])
def test_it_is_txt2img_and_then_img2img_at_the_same_seed(engine: LocalEngine, sampler: str) -> None:
    walk = {"sampler": sampler, "schedule": "model", "batch_size": 2}
    both = run(engine, settings(**HIRES, hires_steps=8, hires_denoise=0.6, **walk))
    first = run(engine, settings(**walk))
    for index, output in enumerate(first.outputs):
        second = Img2ImgSettings.model_validate(
            settings(**walk).model_dump(include=set(Settings.model_fields))
            | {
                "width": 192,
                "height": 128,
                "steps": 8,
                "strength": 0.6,
                "seed": 3 + index,
                "batch_size": 1,
            }
        )
        apart = pictures(run(engine, second, image=output.image))[0]
        assert apart.shape == (128, 192, 3)
        assert np.abs(apart.astype(int) - both.outputs[index].image).max() <= 2


@pytest.mark.parametrize("upscaler", ["latent", "lanczos"])
def test_the_record_of_a_picture_makes_it_again(engine: LocalEngine, upscaler: str) -> None:
    batch = run(engine, settings(hires_scale=1.5, hires_upscaler=upscaler, batch_size=2, seed=-1))
    record = batch.outputs[1].record
    assert (record.settings["width"], record.settings["hires_scale"]) == (96, 1.5)
    again = run(engine, Txt2ImgSettings.model_validate(record.settings))
    assert np.abs(pictures(again)[0].astype(int) - batch.outputs[1].image).max() <= 1
    assert pictures(again)[0].shape == (96, 144, 3)


def test_upscalers_and_denoise_make_a_difference(engine: LocalEngine) -> None:
    latent, lanczos, near = (
        pictures(run(engine, settings(**values)))
        for values in ({"hires_scale": 2.0}, HIRES, HIRES | {"hires_denoise": 0.3})
    )
    assert not np.array_equal(latent, lanczos)
    assert not np.array_equal(near, lanczos)


def test_progress_and_timeline_run_through_both_stages(engine: LocalEngine) -> None:
    done = run(engine, settings(**HIRES))
    assert done.info["steps"] == 5 + 3
    assert (done.progress.step, done.progress.total) == (8, 8)
    assert done.timeline is not None
    assert done.timeline.steps == 8
    sigmas = done.timeline.sigmas
    assert done.timeline.stages == (0,) * 5 + (1,) * 3
    assert sigmas[5] > sigmas[4]  # the second stage starts from noise again
    assert engine.timeline_frame(done.token, 4).shape == (64, 96, 3)
    assert engine.timeline_frame(done.token, 7).shape == (128, 192, 3)
    assert jobs.video_of(engine, done.token)[4:8] == b"ftyp"


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "euler_a"])
def test_a_branch_from_either_stage_gives_the_original(engine: LocalEngine, sampler: str) -> None:
    wanted = settings(**HIRES, sampler=sampler, schedule="model")
    original = run(engine, wanted)
    for step, left in ((1, 6), (4, 3), (5, 2), (7, 0)):
        branch = run(engine, wanted, Branch(original.token, step))
        assert np.array_equal(pictures(branch), pictures(original)), step
        assert branch.info["steps"] == left
        assert branch.timeline is not None
        assert branch.timeline.stages == (0,) * 5 + (1,) * 3
        assert (branch.progress.step, branch.progress.total) == (8, 8) if left else True


def test_a_finished_run_can_be_made_larger_from_its_last_step(engine: LocalEngine) -> None:
    small = run(engine, settings())
    large = run(engine, settings(**HIRES), Branch(small.token, 4))
    assert np.array_equal(pictures(large), pictures(run(engine, settings(**HIRES))))
    assert large.info["steps"] == 3


def test_a_branch_from_the_second_stage_needs_it(engine: LocalEngine) -> None:
    original = run(engine, settings(**HIRES))
    with pytest.raises(BadInput, match="hires fix"):
        ask(engine, Request(settings(), branch=Branch(original.token, 6)))
    with pytest.raises(BadInput, match="size"):
        ask(engine, Request(settings(hires_scale=1.5), branch=Branch(original.token, 6)))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"hires_scale": 2.0, "hires_denoise": 0.1}, "runs no step"),
        ({"hires_scale": 4.0, "width": 2048}, "4096"),
        ({"hires_scale": "2"}, "a number"),
        ({"hires_scale": 0.5}, "greater"),
    ],
)
def test_what_cannot_run_is_refused(values: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        settings(**values)


def test_a_comparison_of_loras_has_no_second_stage() -> None:
    with pytest.raises(ValueError, match="without hires fix"):
        LoraMixSettings(compare=True, hires_scale=2.0)
