"""Mixing: exact restore, re-mixing in place, effective scale, per-sample mixes, schedules."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from backend.contracts.errors import ModelProblem
from backend.models.lora.file import LoraFile, read
from backend.models.lora.mix import LoraMixer, canonical, text_key
from backend.models.patches import PatchStack
from tests import lora_files as files
from tests.models.lora.mixing import call, image_of, make_parts

HALF = (torch.bfloat16, torch.float16)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_hundred_changes_leave_every_bit(loras: tuple[LoraFile, ...], dtype: torch.dtype) -> None:
    parts = make_parts(dtype)
    before = image_of(parts)
    attributes = {
        name: set(module.__dict__)
        for part in parts.values()
        for name, module in part.named_modules()
    }
    mixer = LoraMixer(parts, PatchStack())
    chance = random.Random(7)

    def mix() -> list[tuple[LoraFile, float]]:
        count = chance.randint(0, 4)
        return [
            (chance.choice(loras), chance.choice([0.0, 0.01, -1.0, 0.3, 2.5])) for _ in range(count)
        ]

    beside = 0
    for _ in range(20):
        with mixer.applied(mix()) as active:
            for _ in range(5):
                chosen = mix()
                active.remix(chosen)
                if chance.random() < 0.3:
                    active.per_sample(torch.rand(2, len(chosen)))
                beside += len(active.beside)
                if chance.random() < 0.05:
                    call(parts["unet"])
        assert image_of(parts) == before
    assert beside > 0
    assert attributes == {
        name: set(module.__dict__)
        for part in parts.values()
        for name, module in part.named_modules()
    }


def test_an_error_inside_restores(loras: tuple[LoraFile, ...]) -> None:
    parts = make_parts(torch.bfloat16)
    before = image_of(parts)
    mixer = LoraMixer(parts, PatchStack())
    with pytest.raises(ZeroDivisionError), mixer.applied([(loras[0], 1.0)]):
        raise ZeroDivisionError
    assert image_of(parts) == before
    with mixer.applied():
        pass


def test_sliders_move_in_place_and_touch_only_their_layers(loras: tuple[LoraFile, ...]) -> None:
    parts = make_parts()
    unet = parts["unet"]
    addresses = {name: tensor.data_ptr() for name, tensor in unet.named_parameters()}
    versions = {}
    with LoraMixer(parts, PatchStack()).applied([(loras[1], 1.0), (loras[2], 1.0)]) as active:
        changed = set(active.layers)
        assert changed == set(loras[1].deltas) | set(loras[2].deltas)
        versions = {name: tensor._version for name, tensor in unet.named_parameters()}
        active.remix([(loras[2], 0.5), (loras[1], 1.0)])
        touched = {
            f"unet.{name.removesuffix('.weight')}"
            for name, tensor in unet.named_parameters()
            if tensor._version != versions[name]
        }
        assert touched == set(loras[2].deltas)
        active.remix([(loras[1], 1.0)])
        assert set(active.layers) == set(loras[1].deltas)
        kept = sum(
            unet.get_submodule(path.removeprefix("unet.")).weight.nbytes for path in active.layers
        )
        assert kept < active.kept_bytes < 2 * kept
        active.remix([])
        assert active.kept_bytes == 0
    assert addresses == {name: tensor.data_ptr() for name, tensor in unet.named_parameters()}


def test_merged_weight_is_the_formula(loras: tuple[LoraFile, ...]) -> None:
    parts = make_parts()
    path = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    layer = parts["unet"].get_submodule(path.removeprefix("unet."))
    original = layer.weight.detach().double().clone()
    mix = [(loras[0], -0.7), (loras[1], 1.6)]
    wanted = original + sum(
        s * file.deltas[path].scale * file.deltas[path].B.double() @ file.deltas[path].A.double()
        for file, s in mix
    )
    with LoraMixer(parts, PatchStack()).applied(mix):
        assert torch.allclose(layer.weight.double(), wanted, atol=1e-7)


def test_order_and_repetition_do_not_matter(loras: tuple[LoraFile, ...]) -> None:
    parts = make_parts()
    mixer = LoraMixer(parts, PatchStack())
    results = []
    for mix in (
        [(loras[0], 0.5), (loras[1], 0.75), (loras[2], 1.0)],
        [(loras[2], 1.0), (loras[1], 0.75), (loras[0], 0.5)],
        [(loras[1], 0.25), (loras[2], 1.0), (loras[0], 0.5), (loras[1], 0.5)],
    ):
        with mixer.applied(mix):
            results.append(call(parts["unet"]))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])
    assert canonical([(loras[0], 1.0), (loras[0], -1.0)]) == ()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("size", [0.003, 0.03, 0.3])
@pytest.mark.parametrize("convolution", [False, True])
def test_effective_scale(
    tmp_path: Path, dtype: torch.dtype, size: float, convolution: bool
) -> None:
    """Seen at the layer's output: the change projected on the wanted change."""
    torch.manual_seed(0)
    layer: nn.Module = (
        nn.Conv2d(96, 192, 3, stride=2, padding=1, bias=False)
        if convolution
        else nn.Linear(256, 256, bias=False)
    )
    unet = nn.ModuleDict({"conv_in": layer.to(dtype).requires_grad_(False)})
    factors = files.random_factors({"unet": unet}, ("conv_in",), seed=1, size=size)
    lora = read(files.write(tmp_path / "a.safetensors", files.diffusers_keys(factors)))
    pair = factors["unet.conv_in"]
    delta = (pair.B.flatten(1) @ pair.A.flatten(1)).view(layer.weight.shape)
    # bf16 rounds the outputs most coarsely, so it needs the most of them for a steady mean.
    batch = 96 if dtype == torch.bfloat16 else 6
    x = torch.randn(batch, 96, 24, 24) if convolution else torch.randn(4096, 256)
    x = x.to(dtype)

    def output(weight: torch.Tensor) -> torch.Tensor:
        return (
            torch.nn.functional.conv2d(x.float(), weight, stride=2, padding=1)
            if convolution
            else x.float() @ weight.T
        )

    plain = output(layer.weight.float())
    for weight in (0.05, 0.25, 1.0):
        with LoraMixer({"unet": unet}, PatchStack()).applied([(lora, weight)]) as active:
            if dtype == torch.bfloat16 and size * weight < 0.001:
                assert active.beside == ("unet.conv_in",)
            if dtype == torch.float32 or size * weight > 0.2:
                assert active.beside == ()
            change = layer(x).float() - plain
        wanted = output(delta) * weight
        scale = float((change * wanted).sum() / wanted.square().sum())
        assert scale == pytest.approx(1.0, abs=0.02), weight


def test_rounding_would_eat_a_small_change(tmp_path: Path) -> None:
    """The same measure fails without the path beside: the test above can fail."""
    torch.manual_seed(0)
    layer = nn.Linear(256, 256, bias=False).to(torch.bfloat16).requires_grad_(False)
    unet = nn.ModuleDict({"conv_in": layer})
    factors = files.random_factors({"unet": unet}, ("conv_in",), seed=1, size=0.003)
    lora = read(files.write(tmp_path / "a.safetensors", files.diffusers_keys(factors)))
    pair = factors["unet.conv_in"]
    wanted = 0.25 * (pair.B @ pair.A)
    original = layer.weight.float()
    with LoraMixer({"unet": unet}, PatchStack(), tolerance=float("inf")).applied(
        [(lora, 0.25)]
    ) as active:
        assert active.beside == ()
        change = layer.weight.float() - original
    assert float((change * wanted).sum() / wanted.square().sum()) < 0.5


def test_a_small_lora_beside_a_strong_one_keeps_its_scale(tmp_path: Path) -> None:
    """The sum's scale alone would hide that the small one has been rounded away."""
    torch.manual_seed(0)
    layer = nn.Linear(128, 128, bias=False).to(torch.bfloat16).requires_grad_(False)
    unet = nn.ModuleDict({"conv_in": layer})
    made = []
    for seed, size in ((1, 0.01), (2, 1e-4)):
        factors = files.random_factors({"unet": unet}, ("conv_in",), seed=seed, size=size)
        path = files.write(tmp_path / f"{seed}.safetensors", files.diffusers_keys(factors))
        made.append(read(path))
    with LoraMixer({"unet": unet}, PatchStack()).applied([(made[0], 1.0)]) as active:
        assert active.beside == ()
        active.remix([(made[0], 1.0), (made[1], 1.0)])
        assert active.beside == ("unet.conv_in",)


def test_text_encoder_is_mixed_too(loras: tuple[LoraFile, ...]) -> None:
    parts = make_parts()
    ids = torch.arange(8)[None]
    with torch.no_grad():
        plain = parts["text_encoder"](ids).last_hidden_state
        with LoraMixer(parts, PatchStack()).applied([(loras[0], 1.0)]):
            mixed = parts["text_encoder"](ids).last_hidden_state
        with LoraMixer(parts, PatchStack()).applied([(loras[1], 1.0)]):
            other = parts["text_encoder"](ids).last_hidden_state
    assert float((mixed - plain).abs().max()) > 0.01
    assert torch.equal(other, plain)


def test_text_key(loras: tuple[LoraFile, ...]) -> None:
    whole, attention, convolutions = loras
    key = text_key([(whole, 0.5), (attention, 1.0)])
    assert key
    assert key == text_key([(convolutions, 2.0), (whole, 0.5)])
    assert key != text_key([(whole, 0.5000001)])
    assert text_key([(attention, 1.0), (convolutions, 1.0), (whole, 0.0)]) == ""


def test_one_mix_at_a_time(loras: tuple[LoraFile, ...]) -> None:
    parts, patches = make_parts(), PatchStack()
    before = image_of(parts)
    refusals: list[str] = []

    def second() -> None:
        try:
            with LoraMixer(parts, patches).applied([(loras[1], 1.0)]):
                pass
        except RuntimeError as error:
            refusals.append(str(error))

    with LoraMixer(parts, patches).applied([(loras[0], 1.0)]) as active:
        mixed = image_of(parts)
        second()
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        assert image_of(parts) == mixed
        assert active.layers
    assert len(refusals) == 2
    assert image_of(parts) == before
    second()
    assert len(refusals) == 2


def test_a_lora_that_does_not_fit_changes_nothing(
    loras: tuple[LoraFile, ...], tmp_path: Path
) -> None:
    parts = make_parts()
    before = image_of(parts)
    pair = files.Factors(torch.ones(2, 16), torch.ones(16, 2))
    path = files.write(
        tmp_path / "odd.safetensors", files.diffusers_keys({"unet.mid_block.to_q": pair})
    )
    odd = read(path)
    mixer = LoraMixer(parts, PatchStack())
    with (
        pytest.raises(ModelProblem, match="'odd' cannot be used"),
        mixer.applied([(loras[0], 1.0), (odd, 1.0)]),
    ):
        pass
    assert image_of(parts) == before
    with mixer.applied([(loras[0], 1.0)]) as active:
        mixed = image_of(parts)
        with pytest.raises(ModelProblem, match="does not exist"):
            active.remix([(odd, 1.0)])
        assert image_of(parts) == mixed


def test_layouts_and_hooks_of_others_survive(loras: tuple[LoraFile, ...]) -> None:
    parts = make_parts(torch.bfloat16)
    unet = parts["unet"].to(memory_format=torch.channels_last)
    layer = unet.down_blocks[0].resnets[0].conv1
    calls: list[int] = []

    def forward(x: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return type(layer).forward(layer, x)

    layer.forward = forward
    base = call(unet)
    with LoraMixer(parts, PatchStack(), tolerance=-1.0).applied([(loras[2], 1.0)]):
        assert float((call(unet) - base).abs().max()) > 0.01
    assert layer.__dict__["forward"] is forward
    assert torch.equal(call(unet), base)
    assert layer.weight.is_contiguous(memory_format=torch.channels_last)
