"""The stages of the next Pocket's training, on models small enough for a test."""

import fcntl
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL

import toyworld.painter as painter_module
import toyworld.pocket as pocket
from toyworld.autoencoder import new_autoencoder
from toyworld.checkpoint import load_state
from toyworld.deepen import DeepenPlan
from toyworld.diffusion import new_unet
from toyworld.folder import world_of, write_folder
from toyworld.grow import deep_autoencoder
from toyworld.plan import LEVERS
from toyworld.pocket import Home
from toyworld.sets import WeightSet
from toyworld.stock import encode_scenes
from toyworld.text import new_text_encoder, write_tokenizer
from toyworld.world import SECOND

ROOT = Path(__file__).parents[2]

# diffusers turns a table into an array in a way that newer numpy frowns at
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    torch.manual_seed(0)
    tokenizer = write_tokenizer(tmp_path / "tokenizer", merge_limit=50)
    text = new_text_encoder(tokenizer, width=32, layers=1)
    unet = new_unet((32, 64), context_width=32)
    write_folder(tmp_path / "old", tokenizer, text, unet, new_autoencoder((8, 8, 8, 8)), 2.0)
    tiny = {name: replace(plan, channels=(32, 64), batch=4, first_chunks=2, latent_channels=4,
                          examples=64) for name, plan in LEVERS.items()}  # fmt: skip
    monkeypatch.setattr(pocket, "LEVERS", tiny)
    monkeypatch.setattr(pocket, "combined", lambda names, seed: replace(tiny["base"], seed=seed))
    monkeypatch.setattr(pocket, "grow", lambda _old: deep_autoencoder((8, 8, 8, 8, 8), 4))
    monkeypatch.setattr(pocket, "STATISTICS_COUNT", 16)
    monkeypatch.setattr(painter_module, "MEASURED", 4)
    plain = pocket.Stock
    monkeypatch.setattr(pocket, "Stock", lambda folder, vae, seed, _slots, **more: plain(
        folder, vae, seed, 8, 4, **more))  # fmt: skip
    monkeypatch.setattr(pocket, "DeepenPlan", lambda seed: DeepenPlan(
        seed, scenes=1, crops=1, crop_px=32, measured=1))  # fmt: skip
    (tmp_path / "work").mkdir()
    return Home(tmp_path / "work", tmp_path / "old")


def test_from_the_autoencoder_to_a_sheet(home, monkeypatch):
    pocket.autoencoder_stage(home, 0, 1e-6)
    vae = AutoencoderKL.from_pretrained(home.vae)
    latents = encode_scenes(vae.eval(), (1, 1), 24).latents
    assert np.abs(latents.mean(axis=(0, 2, 3))).max() < 0.3
    assert latents.std(axis=(0, 2, 3)) == pytest.approx(np.ones(4), abs=0.3)

    monkeypatch.setattr(pocket, "TURN_MINUTES", 5e-7)
    begun = []
    plain = pocket.painter
    monkeypatch.setattr(pocket, "painter", lambda home, plan, folder: (
        begun.append(folder.name), plain(home, plan, folder))[1])  # fmt: skip
    pocket.levers_stage(home, ["base", "min-SNR 5"], 1e-6, 0)
    assert begun == ["base", "min-snr-5"] * 2, "they take turns"
    assert (home.work / "levers.md").read_text().count("| min-SNR 5 |") == 1
    stocks = list(home.work.glob("stock-*"))
    assert len(stocks) == 1, "all levers share one"

    assert pocket.long_plan(home, 0).channels == (32, 64)
    assert json.loads((home.work / "plan.json").read_text())["levers"] in ([], ["min-SNR 5"])
    kept = json.loads((home.work / "plan.json").read_text())
    kept["settings"] = {"reuse": 2, "oftener": ["fish"], "oftener_from": 1}
    (home.work / "plan.json").write_text(json.dumps(kept))
    plan = pocket.long_plan(home, 0)
    assert (plan.reuse, plan.oftener, plan.oftener_from) == (2, ("fish",), 1)
    run = pocket.painter(home, plan, home.work / "pictures")
    run.run(home.work, budget_s=1e-6, report=lambda _line: None)
    pocket.sheet(home, run, steps=2)
    picture = cv2.imread(str(home.work / "sheet-00000004.png"))
    assert picture.shape == (6 * 256, 8 * 256, 3)
    assert world_of(home.work / "model") is SECOND

    before = (home.work / "pictures" / "painter.pt").read_bytes()
    weights = WeightSet(home.work / "one")
    weights.folder.mkdir()
    for _ in range(2):  # the second time there is nothing left to do
        pocket.finish_stage(home, weights, 0, 8)
    assert (home.work / "pictures" / "painter.pt").read_bytes() == before
    assert load_state(weights.folder / "pictures" / "painter.pt")["step"] == 3
    assert json.loads((weights.folder / "finish.json").read_text()) == {"from": 4}
    assert world_of(weights.model) is SECOND
    assert not any(str(home.work) in path.read_text() for path in weights.model.rglob("*.json"))

    pocket.decoder_stage(home, 0, 1e-6)
    sharp = AutoencoderKL.from_pretrained(home.sharp).eval()
    assert np.array_equal(encode_scenes(sharp, (1, 1), 2).latents, latents[:2])
    assert not torch.equal(sharp.decoder.conv_out.weight, vae.decoder.conv_out.weight)
    trained = pocket.Deepener(
        AutoencoderKL.from_pretrained(home.vae), home.work / "decoder.pt",
        DeepenPlan(1, decoder_only=True),
    ).averaged()  # fmt: skip
    mean = (trained.decoder.conv_out.weight + vae.decoder.conv_out.weight) / 2
    assert torch.allclose(sharp.decoder.conv_out.weight, mean, atol=1e-6)
    assert torch.equal(pocket.export(home, run).vae.decoder.conv_out.weight,
                       sharp.decoder.conv_out.weight)  # fmt: skip


def test_a_second_training_in_the_same_folder_is_refused(tmp_path):
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = subprocess.run(
            [sys.executable, "-m", "toyworld.pocket", "autoencoder", "--work", str(tmp_path)],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert ended.returncode == 1
    assert "runs in" in ended.stderr.splitlines()[-1]
