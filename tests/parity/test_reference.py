"""Pictures drawn like a reference against diffusers' parts with stored features, in float32."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, DDIMScheduler, StableDiffusionImg2ImgPipeline

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import Img2ImgSettings, Settings, parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.modes.reference_noise import NOISE_SEED
from backend.storage.outputs import Storage
from tests import jobs
from tests.models.denoiser.referring import Copies, Referring
from tests.models.denoiser.stored import strengthened
from tests.tiny import tiny_checkpoint
from tests.tiny_control import house, tiny_controlnet

pytestmark = pytest.mark.parity
WITHIN, SHARE = 2, 0.999
STEPS = 6
SUNSET = np.ascontiguousarray(255 - house()[::-1])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    folder = strengthened(tiny_checkpoint(root / "checkpoints" / "tiny"))
    tiny_controlnet(folder, root / "controlnet" / "tiny-canny", seed=1)
    return root


@pytest.fixture(scope="module")
def engine(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    data = tmp_path_factory.mktemp("data")
    engine = LocalEngine.create(
        [root], Storage(data), device="cpu", dtype="float32", preview="off", warm_up=None
    )
    yield engine
    engine.close()


def settings_of(mode: str, **values: Any) -> Settings:
    return parse(
        mode,
        {
            "prompt": "a red house on grass",
            "negative_prompt": "blue",
            "model": "tiny",
            "sampler": "ddim",
            "schedule": "model",
            "steps": STEPS,
            "guidance_scale": 7.5,
            "seed": 5,
            "width": 64,
            "height": 64,
            **values,
        },
    )


def ours(engine: LocalEngine, settings: Settings, **pictures: Pixels) -> list[Any]:
    status = jobs.ended(engine, ask(engine, Request(settings, pictures, save=False)), 120.0)
    assert status.state == "done", status.error
    return list(status.outputs)


@torch.no_grad()
def theirs(root: Path, settings: Any, copies: Copies, acts: range) -> Pixels:
    """Step by step; in each step the reference goes first, without the ControlNet."""
    pipe: Any = StableDiffusionImg2ImgPipeline.from_pretrained(root / "checkpoints" / "tiny")
    scheduler: Any = DDIMScheduler.from_config(pipe.scheduler.config)
    scheduler.set_timesteps(settings.steps)
    positive, negative = pipe.encode_prompt(
        settings.prompt, "cpu", 1, True, negative_prompt=settings.negative_prompt
    )
    text = torch.cat([negative, positive])

    def encoded(picture: Pixels) -> Any:
        pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        return pipe.vae.encode(pixels).latent_dist

    scale = pipe.vae.config.scaling_factor
    known = encoded(SUNSET).mode() * scale
    grain = torch.randn(known.shape, generator=torch.Generator().manual_seed(NOISE_SEED % 2**32))
    drawn = torch.Generator().manual_seed(settings.seed)
    first = 0
    if isinstance(settings, Img2ImgSettings) and settings.starts_from_picture:
        first = settings.steps - settings.model_steps(settings.strength)
        source = encoded(house()).sample(drawn) * scale
        noise = torch.randn(source.shape, generator=drawn)
        x = scheduler.add_noise(source, noise, scheduler.timesteps[first : first + 1])
    else:
        x = torch.randn(known.shape, generator=drawn)
    net: Any = ControlNetModel.from_pretrained(root / "controlnet" / "tiny-canny")
    edges = torch.from_numpy(house()).permute(2, 0, 1)[None].float() / 255
    for step, time in enumerate(scheduler.timesteps[first:]):
        both, added = torch.cat([x, x]), {}
        if settings.mode == "style_transfer":
            down, mid = net(both, time, text, torch.cat([edges] * 2), return_dict=False)
            added = {"down_block_additional_residuals": down, "mid_block_additional_residual": mid}
        if step in acts:
            with Referring(pipe.unet, copies) as oracle:
                oracle.keeps = True
                noised = scheduler.add_noise(known, grain, time[None])
                pipe.unet(torch.cat([noised] * 2), time, text)
                oracle.keeps = False
                made = pipe.unet(both, time, text, **added).sample
        else:
            made = pipe.unet(both, time, text, **added).sample
        n, p = made.chunk(2)
        x = scheduler.step(n + settings.guidance_scale * (p - n), time, x).prev_sample
    picture = (pipe.vae.decode(x / scale).sample[0] / 2 + 0.5).clamp(0, 1) * 255
    return picture.round().to(torch.uint8).permute(1, 2, 0).numpy()


def share_within(a: Pixels, b: Pixels) -> float:
    return float((np.abs(a.astype(int) - b).max(axis=-1) <= WITHIN).mean())


@pytest.mark.parametrize(
    ("mode", "values", "copies", "acts"),
    [
        ("txt2img", {"reference_weight": 1.0}, Copies(1, 1), range(STEPS)),
        (
            "txt2img",
            {"reference_weight": 1.0, "reference_mode": "replace", "reference_end": 0.5},
            Copies(0, 1),
            range(3),
        ),
        (
            "img2img",
            {"reference_weight": 0.5, "strength": 0.7, "reference_start": 0.25},
            Copies(2, 1),
            range(1, STEPS),
        ),
        ("style_transfer", {"reference_weight": 2.0}, Copies(1, 2), range(STEPS)),
    ],
)
def test_it_is_the_oracles_picture(
    engine: LocalEngine,
    root: Path,
    mode: str,
    values: dict[str, Any],
    copies: Copies,
    acts: range,
) -> None:
    settings = settings_of(mode, **values)
    pictures = {"reference": SUNSET}
    if mode == "img2img":
        pictures["image"] = house()
    if mode == "style_transfer":
        pictures["control_image"] = house()
    wanted = theirs(root, settings, copies, acts)
    (made,) = ours(engine, settings, **pictures)
    assert share_within(made.image, wanted) >= SHARE
    assert made.record.extra["reference_sha256"]
    assert made.record.settings["reference_weight"] == values["reference_weight"]
    off = settings.model_copy(update={"reference_weight": 0.0})
    (plain,) = ours(engine, off, **pictures)
    assert share_within(plain.image, wanted) < SHARE  # the reference is seen in the pixels
    without = {name: picture for name, picture in pictures.items() if name != "reference"}
    (never,) = ours(engine, settings_of(mode, strength=0.7) if mode == "img2img" else
                    settings_of(mode), **without)  # fmt: skip
    assert np.array_equal(plain.image, never.image)  # bit for bit


def test_a_batch_is_what_its_pictures_are_alone_and_hires_follows_it_too(
    engine: LocalEngine,
) -> None:
    values = {"reference_weight": 1.0, "steps": 3, "hires_scale": 1.5, "hires_denoise": 0.7}
    both = ours(engine, settings_of("txt2img", batch_size=2, **values), reference=SUNSET)
    (second,) = ours(engine, settings_of("txt2img", **values | {"seed": 6}), reference=SUNSET)
    assert np.abs(both[1].image.astype(int) - second.image).max() <= 1
    ladder = {"reference_weight": 1.0, "strengths": (0.4, 0.8)}
    rungs = ours(engine, settings_of("img2img", **ladder), image=house(), reference=SUNSET)
    (alone,) = ours(
        engine,
        settings_of("img2img", reference_weight=1.0, strength=0.4),
        image=house(),
        reference=SUNSET,
    )
    assert np.array_equal(rungs[0].image, alone.image)


def test_a_reference_that_is_missing_is_said(engine: LocalEngine) -> None:
    with pytest.raises(BadInput, match="no reference picture; add one"):
        ask(engine, Request(settings_of("txt2img", reference_weight=1.0), save=False))


def test_an_inverted_reference_is_found_once_and_seen(engine: LocalEngine) -> None:
    common = {"reference_weight": 1.0, "steps": 4, "width": 64, "height": 64}
    fresh, inverted, again = (
        ours(engine, settings_of("txt2img", **common, **own), reference=SUNSET)[0]
        for own in ({}, {"reference_noise": "inverted"}, {"reference_noise": "inverted"})
    )
    assert np.array_equal(inverted.image, again.image)
    assert np.abs(inverted.image.astype(int) - fresh.image).max() > 2
    assert inverted.record.settings["reference_noise"] == "inverted"
    assert "reference_noise" not in fresh.record.settings
