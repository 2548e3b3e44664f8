"""The gate samples once, keeps what it made, and holds all weights against the same renders."""

from pathlib import Path

import numpy as np
import pytest
import torch

import toyworld.gate as gate
from toyworld.autoencoder import new_autoencoder
from toyworld.diffusion import new_unet
from toyworld.folder import write_folder
from toyworld.gate import Bench, Standing, fingerprint, gate_prompts, gate_table, kept, stand
from toyworld.judge import Judge
from toyworld.text import new_text_encoder, write_tokenizer

# diffusers turns a table into an array in a way that newer numpy frowns at
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("gate")
    tokenizer = write_tokenizer(folder / "tokenizer", merge_limit=50)
    torch.manual_seed(0)
    unet = new_unet((32, 64), context_width=32, sample_size=8)
    text = new_text_encoder(tokenizer, width=32, layers=1)
    write_folder(folder / "tiny", tokenizer, text, unet, new_autoencoder((8, 8, 16, 16)), 2.0)
    return folder / "tiny"


class _Eyes(torch.nn.Module):
    """Sees the mean colours of sixteen parts of a picture."""

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(x, 4)

    def forward_head(self, maps: torch.Tensor, pre_logits: bool) -> torch.Tensor:
        assert pre_logits
        return maps.flatten(1)


def test_a_model_is_judged_and_what_was_made_is_kept(model, tmp_path, monkeypatch):
    torch.manual_seed(0)
    lines, calls = [], []
    bench = Bench(_Eyes(), Judge().eval(), tmp_path, 12, 10, 64, lambda: calls.append(1),
                  lines.append)  # fmt: skip
    first = stand(bench, model)
    assert len(calls) == 20 * (2 + 2), "asked before every step of every chunk"
    assert first.frechet > first.frechet_floor
    assert first.told_apart >= 0.5
    assert 0 <= first.two <= 1
    monkeypatch.setattr(gate, "generate", lambda *_a, **_k: pytest.fail("sampled again"))
    assert stand(bench, model) == first


def test_a_stopped_sampling_goes_on(model, tmp_path):
    class Killed(Exception):
        pass

    def stop() -> None:
        raise Killed

    torch.manual_seed(0)
    judge = Judge().eval()
    bench = Bench(_Eyes(), judge, tmp_path, 12, 10, 64, None, lambda _line: None)
    whole = stand(bench, model)
    chunk = next((tmp_path / "gate" / fingerprint(model) / "samples").glob("00008-*.npy"))
    wanted = np.load(chunk)
    chunk.unlink()
    with pytest.raises(Killed):
        stand(Bench(_Eyes(), judge, tmp_path, 12, 10, 64, stop, lambda _line: None), model)
    assert not chunk.exists()
    assert stand(bench, model) == whole
    assert np.array_equal(np.load(chunk), wanted)


def test_other_weights_have_another_fingerprint(model, tmp_path):
    import shutil

    other = tmp_path / "other"
    shutil.copytree(model, other)
    assert fingerprint(other) == fingerprint(model)
    card = other / "card.json"
    card.write_text(card.read_text().replace('"guidance_scale": 2.0', '"guidance_scale": 3.0'))
    assert fingerprint(other) != fingerprint(model)


def test_what_is_kept_is_made_once(tmp_path):
    made = []

    def make() -> np.ndarray:
        made.append(1)
        return np.arange(3)

    assert np.array_equal(kept(tmp_path / "a" / "b.npy", make), np.arange(3))
    assert np.array_equal(kept(tmp_path / "a" / "b.npy", make), np.arange(3))
    assert len(made) == 1


def test_prompts_are_fixed():
    assert gate_prompts(20) == gate_prompts(20)
    assert gate_prompts(20)[:10] == gate_prompts(10)
    assert len(set(gate_prompts(50))) > 45


def test_the_table_puts_models_side_by_side():
    old = Standing(222.3, 74.9, 26.5, 1.0, 0.2, 0.0, 0.99, 30.05, (0.8, 0.98, 0.92),
                   (0.87, 0.99, 0.95), 0.39, 2000, 500)  # fmt: skip
    new = Standing(80.0, 50.0, 26.5, 0.3, 0.2, 0.0, 0.7, 31.2, (0.96, 0.99, 0.99),
                   (0.92, 0.96, 0.97), 0.72, 2000, 500)  # fmt: skip
    assert old.ratio == pytest.approx(4.05, abs=0.01)
    text = gate_table({"pocket": old, "next": new})
    assert "| what | pocket | next | bar |" in text
    assert "| two subjects, both with their colours | 39.0 % | 72.0 % | 70 % |" in text
    assert "| the first against the second, less the third | 4.05 | 2.28 | 1.60 |" in text
