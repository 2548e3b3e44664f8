"""Invert a picture, then edit its prompt: what stays, what changes, and what is asked anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus, Output, Pixels
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import Img2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.models.denoiser.unet import Unet
from backend.pictures.difference import psnr
from backend.storage.outputs import Storage
from tests import jobs
from tests.tiny import tiny_checkpoint

SCENE = (
    np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    .repeat(8, axis=0).repeat(8, axis=1)
)  # fmt: skip


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


def settings(**values: Any) -> Img2ImgSettings:
    return Img2ImgSettings.model_validate(
        {
            "prompt": "a red house",
            "source_prompt": "a red house",
            "start_noise": "inverted",
            "sampler": "ddim",
            "schedule": "model",
            "model": "tiny",
            "steps": 10,
            "strength": 1.0,
            "seed": 3,
            "width": 64,
            "height": 64,
            "guidance_scale": 1.0,
            **values,
        }
    )


def run(
    engine: LocalEngine, wanted: Img2ImgSettings, branch: Branch | None = None
) -> tuple[JobStatus, list[Output]]:
    token = ask(engine, Request(wanted, {"image": SCENE}, branch, save=False))
    status = jobs.ended(engine, token)
    assert status.state == "done", status.error
    return status, list(status.outputs)


def picture(engine: LocalEngine, wanted: Img2ImgSettings) -> Pixels:
    return run(engine, wanted)[1][0].image


def test_its_own_prompt_brings_the_picture_back(engine: LocalEngine) -> None:
    (output,) = run(engine, settings(steps=40, strength=0.6, inversion_refine=4))[1]
    back = output.views["reconstruction"]
    assert psnr(output.image, back) > 45
    assert output.record.extra["inversion"]["psnr"] > 25


def test_refinement_brings_it_back_better(engine: LocalEngine) -> None:
    found: list[float] = []
    for refine in (0, 4):
        wanted = settings(steps=40, strength=0.6, inversion_refine=refine)
        found.append(run(engine, wanted)[1][0].record.extra["inversion"]["psnr"])
    assert found[1] > found[0] + 3


def test_another_prompt_or_guidance_changes_it_and_climbs_no_more(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = picture(engine, settings())
    calls: list[int] = []
    plain = Unet.denoiser

    def counting(self: Unet, *args: Any, **values: Any) -> Any:
        denoise = plain(self, *args, **values)

        def counted(x: Any, level: Any) -> Any:
            calls.append(len(x))
            return denoise(x, level)

        return counted

    monkeypatch.setattr(Unet, "denoiser", counting)
    edited = picture(engine, settings(prompt="a blue boat", guidance_scale=5.0))
    assert not np.array_equal(edited, first)
    assert len(calls) == 10 + 10  # once down with its own prompt, once with the new one
    calls.clear()
    picture(engine, settings(source_prompt="a cat"))
    # Other words: the way up is found anew, six of its steps to above sigma 1.
    assert len(calls) == 6 * 5 + 4 * 3 + 10 + 10


def test_a_lower_strength_starts_lower_and_stays_closer(engine: LocalEngine) -> None:
    edited = {"prompt": "a blue boat", "guidance_scale": 2.0, "steps": 20}
    back = run(engine, settings(strength=0.15, steps=20))[1][0].views["reconstruction"]
    near, far = (picture(engine, settings(strength=s, **edited)) for s in (0.15, 0.8))
    assert psnr(near, back) > psnr(far, back)


def test_a_ladder_is_what_each_strength_gives_alone(engine: LocalEngine) -> None:
    edited = {"prompt": "a blue boat", "guidance_scale": 3.0}
    together = run(engine, settings(strengths=(0.5, 1.0), **edited))[1]
    for output, strength in zip(together, (0.5, 1.0), strict=True):
        alone = picture(engine, settings(strength=strength, **edited))
        assert np.abs(output.image.astype(int) - alone).max() <= 1


def test_a_branch_goes_on_from_its_own_step(engine: LocalEngine) -> None:
    status, (output,) = run(engine, settings())
    again = run(engine, settings(), Branch(status.token, 4))[1][0]
    assert np.array_equal(again.image, output.image)


def test_another_sampler_is_refused(engine: LocalEngine) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(BadInput, match="set the sampler to 'ddim'") as refusal:
        ask(engine, Request(settings(sampler="euler"), {"image": image}))
    assert refusal.value.field == "sampler"
