"""The autoencoder's run goes on after a kill as if nothing had happened, and can be held."""

import json
import threading

import pytest
import torch

from toyworld.deepen import Deepener, DeepenPlan, rate_at
from toyworld.grow import deep_autoencoder

PLAN = DeepenPlan(scenes=1, crops=2, crop_px=32, measured=1, colour_steps=2)


def _run(path, decoder_only=False):
    torch.manual_seed(0)
    plan = DeepenPlan(**{**PLAN.__dict__, "decoder_only": decoder_only})
    return Deepener(deep_autoencoder((8, 8, 8, 8, 8), 4), path, plan)


def _steps(run, count, work):
    """Exactly `count` steps: a step counts one second of the budget."""
    plain = run.loss

    def loss():
        made = plain()
        run.spent_s = round(run.spent_s) + 1.0
        return made

    run.loss = loss
    run.run(run.spent_s + count, work, lambda _line: None)


def test_the_rate_stays_at_its_peak_and_falls_at_the_end():
    plan = DeepenPlan(peak=1.0, floor=0.1, warmup_steps=10, decay_share=0.25)
    assert rate_at(plan, 0.0, 0) == pytest.approx(0.1)
    assert rate_at(plan, 0.5, 3) == pytest.approx(0.4), "it warms up at every start"
    assert rate_at(plan, 0.0, 500) == rate_at(plan, 0.74, 500) == 1.0
    assert 0.1 < rate_at(plan, 0.9, 500) < 0.6
    assert rate_at(plan, 1.0, 500) == pytest.approx(0.1)


def test_a_state_brings_everything_back(tmp_path):
    first = _run(tmp_path / "a.pt")
    _steps(first, 3, tmp_path)
    second = _run(tmp_path / "a.pt")
    assert (second.step, second.spent_s) == (first.step, first.spent_s)
    a, b = first.averaged(), second.averaged()
    for left, right in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(left, right)
    assert torch.equal(first.loss(), second.loss())
    moments = second.optimizer.state_dict()["state"][0]
    assert torch.equal(moments["exp_avg"], first.optimizer.state_dict()["state"][0]["exp_avg"])


def test_the_curve_is_written(tmp_path):
    run = _run(tmp_path / "a.pt")
    _steps(run, 2, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == run.step
    assert lines[-1]["db"] == pytest.approx(run.measure(), abs=0.01)


def test_the_decoder_alone_leaves_latents_as_they_are(tmp_path):
    run = _run(tmp_path / "a.pt", decoder_only=True)
    x = torch.rand(1, 3, 32, 32)
    before = run.vae.encode(x).latent_dist.mode()
    decoded = run.vae.decode(before).sample
    _steps(run, 2, tmp_path)
    assert torch.equal(before, run.vae.encode(x).latent_dist.mode())
    assert not torch.equal(decoded, run.vae.decode(before).sample)


def test_a_pause_file_holds_the_run(tmp_path):
    run = _run(tmp_path / "a.pt")
    (tmp_path / "PAUSE").touch()
    seen = []
    plain = run.loss

    def loss():
        seen.append((tmp_path / "PAUSE").exists())
        return plain()

    run.loss = loss
    threading.Timer(0.3, (tmp_path / "PAUSE").unlink).start()
    _steps(run, 1, tmp_path)
    assert seen == [False]
