"""Clips against diffusers' parts, frame by frame with stored features, in float32."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, DDIMScheduler, StableDiffusionImg2ImgPipeline

from backend.contracts.clip import Clip, as_pictures
from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import ClipSettings
from backend.control.canny import Canny
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.models.denoiser.cross_frame import PICTURE
from backend.modes import clip as mode
from backend.storage.outputs import Storage
from tests import jobs
from tests.models.denoiser.stored import storing, strengthened
from tests.tiny import tiny_checkpoint
from tests.tiny_control import house, tiny_controlnet

pytestmark = pytest.mark.parity
FRAMES = 4
WITHIN, SHARE = 2, 0.999


def moving(count: int = FRAMES) -> list[Pixels]:
    """The house walks to the right."""
    return [np.roll(house(), 3 * index, axis=1) for index in range(count)]


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


def settings_of(**values: Any) -> ClipSettings:
    return ClipSettings.model_validate(
        {
            "prompt": "a red house on grass",
            "negative_prompt": "blue",
            "model": "tiny",
            "sampler": "ddim",
            "schedule": "model",
            "steps": 8,
            "guidance_scale": 7.5,
            "seed": 5,
            "width": 64,
            "height": 64,
            **values,
        }
    )


def ours(engine: LocalEngine, settings: ClipSettings, picture: Pixels | None = None) -> np.ndarray:
    images = as_pictures(Clip(tuple(moving()), 10))
    images |= {} if picture is None else {"key_picture": picture}
    status = jobs.ended(engine, ask(engine, Request(settings, images, save=False)), 120.0)
    assert status.state == "done", status.error
    return np.stack([output.image for output in status.outputs])


@torch.no_grad()
def theirs(root: Path, settings: ClipSettings, picture: Pixels | None = None) -> np.ndarray:
    """Step by step, and in each step frame by frame."""
    pipe: Any = StableDiffusionImg2ImgPipeline.from_pretrained(root / "checkpoints" / "tiny")
    scheduler: Any = DDIMScheduler.from_config(pipe.scheduler.config)
    scheduler.set_timesteps(settings.steps)
    times = scheduler.timesteps[settings.steps - int(settings.steps * settings.strength) :]
    positive, negative = pipe.encode_prompt(
        settings.prompt, "cpu", 1, True, negative_prompt=settings.negative_prompt
    )
    text = torch.cat([negative, positive])
    net: Any = ControlNetModel.from_pretrained(root / "controlnet" / "tiny-canny")
    grain = torch.empty(0)
    latents: list[torch.Tensor] = []
    hints: list[torch.Tensor] = []
    for index, frame in enumerate(moving()):
        seed = settings.seed + (index if settings.frame_noise == "own" else 0)
        drawn = torch.Generator().manual_seed(seed)
        pixels = torch.from_numpy(frame.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        known = pipe.vae.encode(pixels).latent_dist.sample(drawn) * pipe.vae.config.scaling_factor
        noise = torch.randn(known.shape, generator=drawn)
        grain = noise if index == 0 else grain
        latents.append(scheduler.add_noise(known, noise, times[:1]))
        edges = Canny(settings.canny_low, settings.canny_high)(frame)
        hints.append(torch.from_numpy(edges).permute(2, 0, 1)[None].float() / 255)
    for time in times:
        key = PICTURE if picture is not None else settings.key_frame
        order = sorted(range(FRAMES), key=lambda index: index != key)
        with storing(
            pipe.unet, settings.attend, settings.attend_own, key=key, bank=settings.bank_frames
        ) as oracle:
            if picture is not None:
                oracle.frame = PICTURE
                seen = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
                known = pipe.vae.encode(seen).latent_dist.mode() * pipe.vae.config.scaling_factor
                pipe.unet(
                    torch.cat([scheduler.add_noise(known, grain, time[None])] * 2), time, text
                )
            for index in order:
                oracle.frame, x = index, latents[index]
                both, added = torch.cat([x, x]), {}
                if settings.control:
                    down, mid = net(
                        both, time, text, torch.cat([hints[index]] * 2),
                        conditioning_scale=settings.control_scale, return_dict=False,
                    )  # fmt: skip
                    added = {"down_block_additional_residuals": down,
                             "mid_block_additional_residual": mid}  # fmt: skip
                n, p = pipe.unet(both, time, text, **added).sample.chunk(2)
                guided = n + settings.guidance_scale * (p - n)
                latents[index] = scheduler.step(guided, time, x).prev_sample
    made = [pipe.vae.decode(x / pipe.vae.config.scaling_factor).sample[0] for x in latents]
    stacked = (torch.stack(made) / 2 + 0.5).clamp(0, 1) * 255
    return stacked.round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def share_within(a: np.ndarray, b: np.ndarray) -> float:
    return float((np.abs(a.astype(int) - b).max(axis=-1) <= WITHIN).mean())


@pytest.mark.parametrize("attend", ["off", "first", "previous", "first_previous", "bank"])
@pytest.mark.parametrize("options", [
    {"control": False}, {"control": True, "frame_noise": "own", "attend_own": True},
])  # fmt: skip
def test_every_chunk_gives_the_oracles_clip(
    engine: LocalEngine,
    root: Path,
    attend: str,
    options: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = settings_of(attend=attend, **options)
    wanted = theirs(root, settings)
    for chunk in (1, 3, FRAMES):
        monkeypatch.setattr(mode, "MOST_TOGETHER", chunk)
        made = ours(engine, settings)
        assert share_within(made, wanted) >= SHARE
    if attend != "off":
        plain = ours(engine, settings.model_copy(update={"attend": "off"}))
        assert share_within(plain, wanted) < SHARE  # the attention is seen in the pixels


@pytest.mark.parametrize("attend", ["first", "first_previous"])
@pytest.mark.parametrize("key", [2, PICTURE])
def test_another_frame_or_a_picture_stands_in_the_place_of_the_first(
    engine: LocalEngine, root: Path, attend: str, key: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.ascontiguousarray(255 - house()[::-1]) if key == PICTURE else None
    settings = settings_of(attend=attend, control=True, key_frame=max(0, key))
    wanted = theirs(root, settings, picture)
    for chunk in (1, 3, FRAMES):
        monkeypatch.setattr(mode, "MOST_TOGETHER", chunk)
        assert share_within(ours(engine, settings, picture), wanted) >= SHARE
    first = ours(engine, settings.model_copy(update={"key_frame": 0}))
    assert share_within(first, wanted) < SHARE  # it is seen in the pixels
