"""The trainer: learns, resumes bit for bit, stops well, writes what diffusers reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from peft.tuners.lora import LoraLayer
from safetensors import safe_open
from safetensors.torch import load_file

from backend.contracts.errors import BadInput, Cancelled, NumericalProblem, StorageProblem
from backend.contracts.settings.train_lora import PRESETS
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.lora.file import read
from backend.models.lora.mix import LoraMixer
from backend.models.memory.devices import Target
from backend.training import adapter
from backend.training.config import TrainingConfig
from backend.training.data import Picture
from backend.training.lora import Example, TrainStep, fit, prepare
from tests.tiny import tiny_checkpoint


def load(
    root: Path, prediction: Literal["epsilon", "v_prediction"], dtype: torch.dtype = torch.float32
) -> Checkpoint:
    tiny_checkpoint(root / "checkpoints" / "tiny", prediction)
    info = Catalog([root], FAMILIES).checkpoint("tiny")
    return FAMILIES.load(info, Target(torch.device("cpu"), dtype))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return load(tmp_path_factory.mktemp("models"), "epsilon")


def pictures(count: int = 3) -> list[Picture]:
    chance = np.random.default_rng(0)
    return [
        Picture(f"{i}.png", chance.integers(0, 255, (80, 96, 3), dtype=np.uint8), f"boat {i}, ink")
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def examples(model: Checkpoint) -> list[Example]:
    return prepare(model, pictures(), None, lambda: None)


def run(
    config: TrainingConfig,
    model: Checkpoint,
    examples: list[Example],
    check: Callable[[], None] = lambda: None,
    resume: bool = False,
) -> list[TrainStep]:
    return list(fit(config, model, examples, check, resume=resume))


def settings(folder: Path, **changes: Any) -> TrainingConfig:
    base = {"output": folder / "ink.safetensors", "rank": 4, "learning_rate": 1e-2, "steps": 6}
    return TrainingConfig(**(base | changes))


def stop_at(calls: int) -> Callable[[], None]:
    count = 0

    def check() -> None:
        nonlocal count
        count += 1
        if count > calls:
            raise Cancelled("stopped")

    return check


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_it_learns(tmp_path: Path, prediction: Literal["epsilon", "v_prediction"]) -> None:
    model = load(tmp_path, prediction)
    learned = prepare(model, pictures(1), None, lambda: None)
    before = {name: value.clone() for name, value in model.network.model.state_dict().items()}
    attributes = set(model.network.model.__dict__)
    # The noise of a step depends on its number alone, so the losses of two fits can be compared.
    idle = [
        step.loss for step in run(settings(tmp_path, steps=80, learning_rate=1e-12), model, learned)
    ]
    steps = run(settings(tmp_path, steps=80), model, learned)
    assert [step.step for step in steps] == list(range(1, 81))
    assert steps[0].total == 80
    losses = [step.loss for step in steps]
    assert np.mean(losses[-40:]) < 0.95 * np.mean(idle[-40:])
    after = model.network.model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert set(model.network.model.__dict__) == attributes
    assert not any(parameter.requires_grad for parameter in model.network.model.parameters())


@pytest.mark.parametrize(
    "options",
    [
        {"convolutions": True, "lr_schedule": "cosine"},
        {
            "accumulation": 2,
            "batch_size": 2,
            "epochs": 3,
            "steps": None,
            "min_snr_gamma": 5.0,
            "least_weight": 0.5,
        },
    ],
)
def test_resume_equals_an_uninterrupted_fit(
    tmp_path: Path, model: Checkpoint, examples: list[Example], options: dict[str, Any]
) -> None:
    whole = settings(tmp_path / "a", checkpoint_every=2, **options)
    run(whole, model, examples)
    broken = settings(tmp_path / "b", checkpoint_every=2, **options)
    with pytest.raises(Cancelled):
        run(broken, model, examples, stop_at(1 * broken.accumulation))
    assert not broken.output.exists()
    with pytest.raises(Cancelled):  # in the midst of a step, where steps have several calls
        run(broken, model, examples, stop_at(2 * broken.accumulation - 1), resume=True)
    rest = run(broken, model, examples, resume=True)
    assert rest[0].step > 1
    wanted, found = load_file(whole.output), load_file(broken.output)
    assert list(wanted) == list(found)
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)
    assert any(bool(value.any()) for name, value in found.items() if "lora_B" in name)
    again = run(broken, model, examples, resume=True)
    assert again == []


def test_a_fit_at_lower_weights_acts_whole_between_its_steps(
    tmp_path: Path, model: Checkpoint, examples: list[Example]
) -> None:
    config = settings(tmp_path / "a", steps=3, least_weight=0.25)
    for _ in fit(config, model, examples, lambda: None):
        layers = [m for m in model.network.model.modules() if isinstance(m, LoraLayer)]
        assert {scale for layer in layers for scale in layer.scaling.values()} == {1.0}
    run(settings(tmp_path / "b", steps=3), model, examples)
    low, whole = (load_file(tmp_path / name / "ink.safetensors") for name in "ab")
    assert list(low) == list(whole)
    assert not all(torch.equal(low[name], whole[name]) for name in low)


def test_more_epochs_can_follow(tmp_path: Path, model: Checkpoint, examples: list[Example]) -> None:
    run(settings(tmp_path / "a", steps=4), model, examples)
    run(settings(tmp_path / "a", steps=6), model, examples, resume=True)
    run(settings(tmp_path / "b", steps=6), model, examples)
    first = load_file(tmp_path / "a" / "ink.safetensors")
    second = load_file(tmp_path / "b" / "ink.safetensors")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_resume_refuses_another_fit(
    tmp_path: Path, model: Checkpoint, examples: list[Example]
) -> None:
    run(settings(tmp_path), model, examples)
    with pytest.raises(BadInput, match="other pictures or settings"):
        run(settings(tmp_path, learning_rate=1e-3), model, examples, resume=True)
    with pytest.raises(BadInput, match="other pictures or settings"):
        run(settings(tmp_path), model, examples[:2], resume=True)
    state = tmp_path / ".training" / "ink.state.safetensors"
    state.write_bytes(state.read_bytes()[:-9])
    with pytest.raises(StorageProblem, match="damaged"):
        run(settings(tmp_path), model, examples, resume=True)
    assert len(run(settings(tmp_path), model, examples)) == 6


def test_checkpoints_and_stop(tmp_path: Path, model: Checkpoint, examples: list[Example]) -> None:
    with pytest.raises(Cancelled):
        run(settings(tmp_path, checkpoint_every=2), model, examples, stop_at(3))
    folder = tmp_path / ".training"
    assert sorted(path.name for path in folder.iterdir()) == [
        "ink-000002.safetensors",
        "ink-000003.safetensors",
        "ink.state.safetensors",
    ]
    assert read(folder / "ink-000003.safetensors").info.rank == 4


def test_nan_stops_and_keeps_the_last_checkpoint(
    tmp_path: Path, model: Checkpoint, examples: list[Example]
) -> None:
    config = settings(tmp_path, checkpoint_every=2)
    fitting = fit(config, model, examples, lambda: None)
    for _ in range(3):
        next(fitting)
    layer = model.network.model.conv_out
    kept = layer.bias.detach().clone()
    with torch.no_grad():
        layer.bias.fill_(float("nan"))
    try:
        with pytest.raises(NumericalProblem, match="step 4"):
            next(fitting)
    finally:
        with torch.no_grad():
            layer.bias.copy_(kept)
    assert not config.output.exists()
    lora = read(tmp_path / ".training" / "ink-000002.safetensors")
    assert all(bool(torch.isfinite(delta.B).all()) for delta in lora.deltas.values())
    assert not any("lora" in name for name, _ in model.network.model.named_modules())


def test_closing_the_generator_frees_the_model(
    tmp_path: Path, model: Checkpoint, examples: list[Example]
) -> None:
    fitting = fit(settings(tmp_path), model, examples, lambda: None)
    next(fitting)
    assert any("lora" in name for name, _ in model.network.model.named_modules())
    assert not torch.is_inference_mode_enabled()
    fitting.close()
    assert not any("lora" in name for name, _ in model.network.model.named_modules())


def test_full_disk(
    tmp_path: Path, model: Checkpoint, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(adapter, "save_file", full)
    with pytest.raises(StorageProblem, match="room on the disk"):
        run(settings(tmp_path), model, examples)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("convolutions", [False, True])
def test_file_is_read_by_diffusers_and_by_us(
    tmp_path: Path, model: Checkpoint, examples: list[Example], convolutions: bool
) -> None:
    config = settings(tmp_path, alpha=2.0, trigger_words=("ink",), convolutions=convolutions)
    run(config, model, examples)
    with safe_open(config.output, framework="pt") as file:
        notes = file.metadata()
    assert notes["base_hash"] == model.hash
    assert (notes["rank"], notes["alpha"]) == ("4", "2.0")
    assert json.loads(notes["settings"])["noise_offset"] == 0.1
    assert str(tmp_path) not in json.dumps(notes)
    lora = read(config.output)
    assert lora.info.trigger_words == ("ink",)
    assert {delta.scale for delta in lora.deltas.values()} == {0.5}
    ends = {path.rpartition(".")[2] for path in lora.deltas}
    assert ("conv1" in ends, "conv" in ends, "proj_in" in ends) == (convolutions,) * 3
    pipe = StableDiffusionPipeline.from_pretrained(model.info.path)
    pipe.load_lora_weights(tmp_path, weight_name="ink.safetensors", adapter_name="ink")
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    context = examples[0].context.context
    with torch.no_grad():
        wanted = pipe.unet(x, 500, encoder_hidden_states=context).sample
        plain = model.network.model(x, 500, encoder_hidden_states=context).sample
        with LoraMixer(model.lora_parts, model.patches).applied([(lora, 1.0)]):
            found = model.network.model(x, 500, encoder_hidden_states=context).sample
    assert torch.allclose(found, wanted, atol=1e-5)
    assert float((wanted - plain).abs().max()) > 1e-3


def test_trigger_words_from_the_captions(
    tmp_path: Path, model: Checkpoint, examples: list[Example]
) -> None:
    config = settings(tmp_path, file_dtype="float16")
    run(config, model, examples)
    lora = read(config.output)
    assert lora.info.trigger_words == ("ink",)
    assert {delta.A.dtype for delta in lora.deltas.values()} == {torch.float16}


def test_bfloat16_model_with_float32_weights(tmp_path: Path) -> None:
    model = load(tmp_path, "v_prediction", torch.bfloat16)
    learned = prepare(model, pictures(1), 64, lambda: None)
    config = settings(tmp_path, learning_rate=1e-4, steps=2)
    with adapter.adapted(model.network.model, 4, 4.0, 0) as parameters:
        assert {parameter.dtype for parameter in parameters.values()} == {torch.float32}
        start = {name: value.detach().clone() for name, value in parameters.items()}
    run(config, model, learned)
    written = load_file(config.output)
    moved = max(float((written[name] - start[name]).abs().max()) for name in start)
    # Two steps of Adam move a weight by at most twice the rate: finer than bf16 at this size.
    assert 0 < moved <= 2.5e-4


def test_noise_offset_and_min_snr_change_the_fit(
    tmp_path: Path, model: Checkpoint, examples: list[Example]
) -> None:
    losses = [
        [step.loss for step in run(settings(tmp_path, steps=8, **options), model, examples)]
        for options in ({}, {"noise_offset": 0.0}, {"min_snr_gamma": 0.5}, {"seed": 1})
    ]
    assert len({tuple(row) for row in losses}) == 4


def test_the_rate_stays_or_falls_to_zero(tmp_path: Path) -> None:
    stays, falls = settings(tmp_path), settings(tmp_path, lr_schedule="cosine")
    assert {stays.rate_at(step, 6) for step in range(6)} == {1e-2}
    rates = [falls.rate_at(step, 6) for step in range(7)]
    assert rates[0] == 1e-2
    assert rates[3] == pytest.approx(0.5e-2)
    assert rates[6] == pytest.approx(0.0)
    assert rates == sorted(rates, reverse=True)


def test_refused(tmp_path: Path, model: Checkpoint, examples: list[Example]) -> None:
    with pytest.raises(BadInput, match="no pictures"):
        prepare(model, [], None, lambda: None)
    with pytest.raises(BadInput, match="no pictures"):
        run(settings(tmp_path), model, [])
    dot = Picture("dot.png", np.zeros((1, 1, 3), np.uint8), "")
    with pytest.raises(BadInput, match=r"dot\.png is 1x1 px"):
        prepare(model, [dot], None, lambda: None)
    for preset in PRESETS.values():
        settings(tmp_path, **preset)
    assert settings(tmp_path, steps=None, epochs=3, accumulation=2).total_steps(5) == 9
