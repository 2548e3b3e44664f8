"""Compiled calls: equal to plain ones, under LoRAs too, and plain wherever they do not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import nn

from backend.contracts.errors import BadInput
from backend.models.denoiser import compiled
from backend.models.denoiser.compiled import Compiled, check_compile
from backend.models.lora.file import LoraFile, read
from backend.models.lora.mix import LoraMixer
from backend.models.memory import memory_pressure
from backend.models.memory.memory_pressure import Thrift
from backend.models.memory.residency import Weights
from backend.models.patches import PatchStack
from tests import lora_files as files


class Recorder:
    """A backend that runs the traced graph as it is, and counts."""

    def __init__(self) -> None:
        self.traced = self.called = 0

    def __call__(self, graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Any:
        self.traced += 1

        def run(*given: Any) -> Any:
            self.called += 1
            return graph(*given)

        return run


@pytest.fixture
def unet() -> nn.Module:
    torch._dynamo.reset()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        one_level = UNet2DConditionModel(  # every part of a UNet once: tracing it takes seconds
            sample_size=8,
            in_channels=4,
            out_channels=4,
            layers_per_block=1,
            block_out_channels=(8,),
            norm_num_groups=4,
            cross_attention_dim=32,
            attention_head_dim=2,
            down_block_types=("CrossAttnDownBlock2D",),
            mid_block_type=None,
            up_block_types=("UpBlock2D",),
        )
        return one_level.eval().requires_grad_(False)


@pytest.fixture
def small() -> nn.Module:
    torch._dynamo.reset()
    return nn.Conv2d(4, 4, 3, padding=1).eval().requires_grad_(False)


def see(module: Callable[..., Any], side: int = 8) -> torch.Tensor:
    with torch.no_grad():
        return module(torch.ones(1, 4, side, side))


def lora_of(unet: nn.Module, path: Path) -> LoraFile:
    factors = files.random_factors({"unet": unet}, files.ATTENTION, seed=2, rank=3)
    return read(files.write(path / "a.safetensors", files.diffusers_keys(factors)))


def call(unet: Callable[..., Any], batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, 4, 8, 8, generator=generator)
    context = torch.randn(batch, 7, 32, generator=generator)
    with torch.no_grad():
        return unet(
            x,
            torch.full((batch,), 500.0),
            encoder_hidden_states=context,
            return_dict=False,
            added_cond_kwargs=None,
            down_block_additional_residuals=None,
        )[0]


def test_each_size_is_compiled_once_and_equal(small: nn.Module) -> None:
    recorder, said = Recorder(), list[str]()
    fast = Compiled(small, "full", PatchStack(), recorder)
    with memory_pressure.in_force(Thrift(tell=said.append)):
        for side in (8, 16, 8, 16, 8):
            assert torch.equal(see(fast, side), see(small, side))
    assert recorder.traced == 2
    assert recorder.called == 5
    assert len(said) == 2
    assert "compiled for this size" in said[0]


def test_loras_act_at_once(unet: nn.Module, tmp_path: Path) -> None:
    recorder, patches = Recorder(), PatchStack()
    fast, file = Compiled(unet, "full", patches, recorder), lora_of(unet, tmp_path)
    plain = call(fast)
    with LoraMixer({"unet": unet}, patches).applied() as mix:
        for weight in (1.0, 0.3):
            mix.remix([(file, weight)])
            changed = call(fast)
            assert torch.equal(changed, call(unet))
            assert not torch.equal(changed, plain)
    assert torch.equal(call(fast), plain)
    assert (recorder.traced, recorder.called) == (1, 4)


def test_a_changed_structure_is_called_plainly(unet: nn.Module, tmp_path: Path) -> None:
    recorder, patches = Recorder(), PatchStack()
    fast, file = Compiled(unet, "full", patches, recorder), lora_of(unet, tmp_path)
    plain = call(unet)
    with LoraMixer({"unet": unet}, patches, tolerance=-1).applied([(file, 1.0)]) as mix:
        assert mix.beside
        assert torch.equal(call(fast), call(unet))
        mix.per_sample(torch.tensor([[0.0], [1.0]]))
        rows = call(fast)
        assert torch.equal(rows, call(unet))
        assert not torch.equal(rows[1], plain[1])
    assert recorder.called == 0


def test_no_call_walks_over_the_layers(
    unet: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches = PatchStack()
    fast, file = Compiled(unet, "full", patches, Recorder()), lora_of(unet, tmp_path)
    with LoraMixer({"unet": unet}, patches, tolerance=-1).applied([(file, 1.0)]) as mix:
        monkeypatch.setattr(nn.Module, "modules", lambda own: pytest.fail("it walks"))
        call(fast)
        monkeypatch.undo()
        mix.remix([])
        assert not mix.beside
        assert not patches.needs(unet).eager


def test_weights_may_move(small: nn.Module) -> None:
    fast = Compiled(small, "full", PatchStack(), Recorder())
    plain = see(fast)
    weights = Weights(small)
    weights.attach(lambda tensor: tensor.clone().mul_(1.01))
    assert torch.equal(see(fast), see(small))
    assert not torch.equal(see(fast), plain)
    weights.detach()
    assert torch.equal(see(fast), plain)


def test_where_gradients_are_wanted_the_call_is_plain(unet: nn.Module) -> None:
    recorder = Recorder()
    fast = Compiled(unet, "full", PatchStack(), recorder)
    x = torch.zeros(1, 4, 8, 8, requires_grad=True)
    made = fast(x, torch.tensor([1.0]), encoder_hidden_states=torch.zeros(1, 7, 32)).sample
    made.sum().backward()
    assert x.grad is not None
    assert recorder.called == 0


def test_what_cannot_be_compiled_runs_as_it_is(small: nn.Module) -> None:
    tries: list[int] = []

    def broken(graph: Any, inputs: Any) -> Any:
        tries.append(1)
        raise FileNotFoundError("g++")

    fast, said = Compiled(small, "full", PatchStack(), broken), list[str]()
    with memory_pressure.in_force(Thrift(tell=said.append)):
        assert torch.equal(see(fast), see(small))
        assert torch.equal(see(fast, 16), see(small, 16))
    assert tries == [1]
    assert said[-1] == "The model could not be compiled, so it runs as it is."


def test_a_shortage_is_not_taken_for_it(small: nn.Module) -> None:
    full = True

    def backend(graph: torch.fx.GraphModule, inputs: Any) -> Any:
        def run(*given: Any) -> Any:
            if full:
                raise torch.OutOfMemoryError("out of memory")
            return graph(*given)

        return run

    fast = Compiled(small, "full", PatchStack(), backend)
    with pytest.raises(torch.OutOfMemoryError):
        see(fast)
    full = False
    assert torch.equal(see(fast), see(small))


def test_the_number_of_sizes_is_bounded(small: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "SHAPES", 1)
    recorder = Recorder()
    fast = Compiled(small, "full", PatchStack(), recorder)
    for side in (8, 16, 8):
        assert torch.equal(see(fast, side), see(small, side))
    assert (recorder.traced, recorder.called) == (1, 2)


def test_graphs_need_cuda() -> None:
    with pytest.raises(BadInput, match="CUDA GPU"):
        check_compile("graphs", torch.device("cpu"))
    check_compile("graphs", torch.device("cuda"))
    check_compile("full", torch.device("cpu"))
