"""Training goes on after a stop as if nothing had happened, and the folder loads in diffusers."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file

from toyworld.autoencoder import new_autoencoder, psnr_db, train_autoencoder
from toyworld.checkpoint import Clock, learning_rate
from toyworld.dataset import Pool, scene_of
from toyworld.diffusion import Lesson, Trainer, encode_pool, new_unet
from toyworld.folder import EXAMPLE_PROMPTS, world_of, write_folder
from toyworld.render import render
from toyworld.text import new_text_encoder, write_tokenizer
from toyworld.world import FIRST


@pytest.fixture(scope="module")
def pools():
    def pool(seed: int, size_px: int) -> Pool:
        return Pool(seed, np.stack([render(scene_of(seed, i), size_px) for i in range(4)]))

    return pool(1, 256), pool(2, 128)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer"), merge_limit=100)


def _trainer(tokenizer, path: Path, dtype: torch.dtype = torch.bfloat16) -> Trainer:
    torch.manual_seed(0)
    unet = new_unet((32, 64), context_width=32, sample_size=4)
    text = new_text_encoder(tokenizer, width=32, layers=1)
    return Trainer(unet, text, tokenizer, path, dtype=dtype)


def _lesson() -> Lesson:
    latents = np.random.default_rng(0).standard_normal((8, 4, 4, 4)).astype(np.float32)
    return Lesson(seed=2, latents=latents, batch=4)


def _quiet(_line: str) -> None:
    pass


def test_a_resumed_diffusion_run_is_equal(tokenizer, tmp_path):
    whole = _trainer(tokenizer, tmp_path / "whole.pt")
    whole.run("tiny", _lesson(), Clock(steps=6), 1e-3, 1e-4, _quiet)

    class Killed(Exception):
        pass

    first = _trainer(tokenizer, tmp_path / "parts.pt")
    plain_loss, seen = first.loss, []

    def loss(lesson):
        if len(seen) == 3:
            first.save()
            raise Killed
        seen.append(1)
        return plain_loss(lesson)

    first.loss = loss
    with pytest.raises(Killed):
        first.run("tiny", _lesson(), Clock(steps=6), 1e-3, 1e-4, _quiet)
    second = _trainer(tokenizer, tmp_path / "parts.pt")
    assert second.step == 3
    second.run("tiny", _lesson(), Clock(steps=6), 1e-3, 1e-4, _quiet)
    for a, b in zip(whole.averaged(), second.averaged(), strict=True):
        for (name, left), right in zip(a.named_parameters(), b.parameters(), strict=True):
            assert torch.equal(left, right), name


def test_the_text_encoder_learns_too(tokenizer, tmp_path):
    trainer = _trainer(tokenizer, tmp_path / "state.pt", torch.float32)
    before = [p.detach().clone() for p in trainer.text.parameters()]
    trainer.run("tiny", _lesson(), Clock(steps=2), 1e-3, 1e-3, _quiet)
    moved = [not torch.equal(a, b) for a, b in zip(before, trainer.text.parameters(), strict=True)]
    assert sum(moved) > len(moved) / 2


def test_the_text_encoder_rests_where_the_lesson_says_so(tokenizer, tmp_path):
    trainer = _trainer(tokenizer, tmp_path / "state.pt", torch.float32)
    before = [p.detach().clone() for p in trainer.text.parameters()]
    lesson = replace(_lesson(), text_learns=False)
    trainer.run("tiny", lesson, Clock(steps=2), 1e-3, 1e-3, _quiet)
    for a, b in zip(before, trainer.text.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_decoder_run_leaves_latents_alone(pools, tmp_path):
    torch.manual_seed(0)
    vae = new_autoencoder((8, 8, 16, 16))
    before = encode_pool(vae, pools[1], tmp_path / "before.npy")
    train_autoencoder(vae, *pools, Clock(steps=2), tmp_path / "d.pt", decoder_only=True, batch=4,
                      report=_quiet)  # fmt: skip
    assert np.array_equal(before, encode_pool(vae, pools[1], tmp_path / "after.npy"))


def _stopped_progress(clock: Clock, stop: int) -> float:
    return clock.step / 4 if clock.step < stop else 1.0


def test_a_resumed_autoencoder_run_is_equal(pools, tmp_path):
    def run(path: Path, *stops: int) -> torch.Tensor:
        for stop in stops:
            torch.manual_seed(0)
            vae = new_autoencoder((8, 8, 16, 16))
            clock = Clock(steps=4)
            clock.progress = partial(_stopped_progress, clock, stop)
            train_autoencoder(vae, *pools, clock, path, batch=4, report=_quiet)
        return torch.cat([p.detach().flatten() for p in vae.parameters()])

    assert torch.equal(run(tmp_path / "a.pt", 4), run(tmp_path / "b.pt", 2, 4))


def test_learning_rate_warms_up_and_falls():
    rates = [learning_rate(Clock(steps=100, step=s), 1.0, 0.1, 10) for s in range(101)]
    assert rates[0] < rates[5] < rates[9]
    assert rates[9] == pytest.approx(0.98, abs=0.02)
    assert rates[100] == pytest.approx(0.1)


def test_psnr_of_a_perfect_copy_is_unbounded(pools):
    class Copy:
        device, dtype = torch.device("cpu"), torch.float32

        def encode(self, x):
            mode = type("Mode", (), {"mode": lambda _: x})()
            return type("Made", (), {"latent_dist": mode})()

        def decode(self, x):
            return type("Made", (), {"sample": x + 0.02})()

    assert psnr_db(Copy(), pools[1].pixels) == pytest.approx(40.0, abs=0.4)


def test_the_folder_loads_in_diffusers(tokenizer, tmp_path):
    torch.manual_seed(0)
    unet = new_unet((32, 64), context_width=32, sample_size=32)
    text = new_text_encoder(tokenizer, width=32, layers=1)
    folder = tmp_path / "tiny"
    write_folder(folder, tokenizer, text, unet, new_autoencoder((8, 8, 16, 16)), guidance=3.5)
    assert not {p.suffix for p in folder.rglob("*")} & {".bin", ".pt", ".ckpt"}
    weights = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    assert {w.dtype for w in weights.values()} == {torch.float16}
    card = json.loads((folder / "card.json").read_text())
    assert card["guidance_scale"] == 3.5
    assert world_of(folder) is FIRST
    assert card["example_prompts"] == list(EXAMPLE_PROMPTS)
    scheduler = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    wanted = {"prediction_type": "v_prediction", "timestep_spacing": "leading", "steps_offset": 1,
              "set_alpha_to_one": False, "clip_sample": False}  # fmt: skip
    assert {k: scheduler[k] for k in wanted} == wanted
    pipe = StableDiffusionPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    made = pipe("a red house", num_inference_steps=2, height=32, width=32, output_type="np")
    assert made.images.shape == (1, 32, 32, 3)
