"""Patches: what they need is known to the stack, no module hides one, and every bit comes back."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.attention import Blend, EndAttention
from backend.models.lora import file as lora_file
from backend.models.lora.file import LoraFile
from backend.models.lora.mix import LoraMixer
from backend.models.memory import block_offload
from backend.models.memory.block_offload import Turns
from backend.models.memory.devices import pick
from backend.models.memory.residency import Weights
from backend.models.patches import Claim, Detour, Needs, PatchStack
from backend.training.rows import RowAdapters
from tests import lora_files

ROOT = Path(__file__).resolve().parents[2]
WHOLE, EAGER, STAYS = Needs(whole_batch=True), Needs(eager=True), Needs(in_place=True)


# --- the stack ---------------------------------------------------------------------------------


def test_needs_of_all_patches_of_a_module_add_up() -> None:
    patches, one, other = PatchStack(), nn.Linear(1, 1), nn.Linear(1, 1)
    with patches.under(Claim(WHOLE), one), patches.under(Claim(EAGER), one):
        assert patches.needs(one) == Needs(whole_batch=True, eager=True)
        assert patches.needs(other) == Needs()
        with patches.under(Claim(STAYS), other):
            assert patches.needs(other) == STAYS
            assert not patches.needs(one).in_place
    assert patches.needs(one) == Needs()


def test_a_patch_leaves_wherever_it_is_in_the_stack_and_after_an_error() -> None:
    patches, module = PatchStack(), nn.Linear(1, 1)
    below, above = Claim(EAGER), Claim(STAYS)
    patches.put(below, module)
    patches.put(above, module)
    patches.take_off(below)
    patches.take_off(below)
    assert patches.needs(module) == STAYS
    patches.take_off(above)
    with pytest.raises(ZeroDivisionError), patches.under(below, module):
        raise ZeroDivisionError
    assert patches.needs(module) == Needs()


def test_one_of_a_kind_alone() -> None:
    patches, module = PatchStack(), nn.Linear(1, 1)
    with patches.under(Claim(EAGER), module, alone="there is one"):
        with (
            pytest.raises(RuntimeError, match="there is one"),
            patches.under(Claim(STAYS), module, alone="there is one"),
        ):
            pass
        assert patches.needs(module) == EAGER
        patches.put(Claim(STAYS), nn.Linear(1, 1), alone="there is one")


def test_a_layer_goes_its_ways_again_in_the_reverse_order() -> None:
    layer = nn.Linear(1, 1)
    seen: list[str] = []
    layer.register_forward_hook(lambda *_: seen.append("hook"))
    first = Detour(layer, lambda x: x + 1)
    second = Detour(layer, lambda x: x + 2)
    assert float(layer(torch.zeros(1))) == 2
    second.end()
    assert float(layer(torch.zeros(1))) == 1
    first.end()
    assert "forward" not in vars(layer)
    assert seen == ["hook"] * 2


def test_a_network_that_asks_another_stack_is_refused(eps: Checkpoint) -> None:
    with pytest.raises(ValueError, match="the checkpoint's own patches"):
        replace(eps, patches=PatchStack())


# --- every patch of the product on a model -------------------------------------------------------


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def model(request: pytest.FixtureRequest, root: Path) -> Checkpoint:
    found = Catalog([root], FAMILIES).checkpoint("tiny-eps")
    return FAMILIES.load(found, pick("cpu", request.param))


@pytest.fixture(scope="module")
def loras(model: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> tuple[LoraFile, ...]:
    folder = tmp_path_factory.mktemp("loras")
    targets = (*lora_files.ATTENTION, *lora_files.CONVOLUTIONS, *lora_files.TEXT)
    return tuple(
        lora_file.read(
            lora_files.write(
                folder / f"{seed}.safetensors",
                lora_files.peft_keys(
                    lora_files.random_factors(model.lora_parts, targets, seed=seed, size=0.3)
                ),
            )
        )
        for seed in (0, 1)
    )


def held(model: Checkpoint) -> dict[str, Any]:
    """All that the model's modules hold: bytes, identities and addresses."""
    found: dict[str, Any] = {}
    for part, root in model.parts.items():
        for path, module in root.named_modules():
            for key, value in vars(module).items():
                inner = value.items() if isinstance(value, dict) else ()
                found[f"{part}.{path}: {key}"] = id(value)
                found |= {f"{part}.{path}: {key}.{name}": id(one) for name, one in inner}
        for name, tensor in (*root.named_parameters(), *root.named_buffers()):
            raw = tensor.detach().flatten().clone().view(torch.uint8).numpy().tobytes()
            found[f"{part}.{name} bytes"] = hashlib.sha256(raw).hexdigest()
            found[f"{part}.{name} at"] = (tensor.data_ptr(), tensor.stride(), tensor.dtype)
    return found


def drawn(model: Checkpoint, rows: int = 2) -> torch.Tensor:
    unet = model.network.model
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 4, 8, 8, generator=generator).to(unet.dtype)
    context = model.text.encode(["a fish"]).context.expand(rows, -1, -1)
    with torch.no_grad():
        return unet(x, torch.full((rows,), 500.0), encoder_hidden_states=context).sample


Enter = Callable[[Checkpoint, tuple[LoraFile, ...]], AbstractContextManager[Any]]


@contextmanager
def merged(model: Checkpoint, loras: tuple[LoraFile, ...]) -> Iterator[None]:
    mixer = LoraMixer(model.lora_parts, model.patches, tolerance=float("inf"))
    with mixer.applied([(loras[0], 0.5), (loras[1], 1.0)]) as mix:
        mix.remix([(loras[1], 0.3)])
        yield


@contextmanager
def beside(model: Checkpoint, loras: tuple[LoraFile, ...]) -> Iterator[None]:
    mixer = LoraMixer(model.lora_parts, model.patches, tolerance=-1)
    with mixer.applied([(loras[0], 0.5)]):
        yield


@contextmanager
def by_row(model: Checkpoint, loras: tuple[LoraFile, ...]) -> Iterator[None]:
    with LoraMixer(model.lora_parts, model.patches).applied([(loras[0], 1.0)]) as mix:
        mix.per_sample(torch.tensor([[0.2], [0.9]]))
        yield


@contextmanager
def attention(model: Checkpoint, loras: tuple[LoraFile, ...]) -> Iterator[None]:
    control = EndAttention(model.network.model, model.patches)
    with control.installed():
        control.blend = Blend(torch.tensor([0.3, 0.6]), (0, 1), fused=False)
        yield


@contextmanager
def fitted(model: Checkpoint, loras: tuple[LoraFile, ...]) -> Iterator[None]:
    unet = model.network.model
    adapters = RowAdapters(unet, 2, 2, 0, model.patches)
    for parameter in adapters.up.values():
        nn.init.normal_(parameter, std=0.1)
    with block_offload.kept(model.patches, unet), adapters.installed():
        yield


@contextmanager
def in_turns(model: Checkpoint, loras: tuple[LoraFile, ...]) -> Iterator[None]:
    unet = model.network.model
    weights = Weights(unet, model.blocks["unet"])

    def need(of: Weights, piece: Any) -> None:
        if not model.patches.needs(unet).in_place:
            of.detach()
        piece.attach(lambda tensor: tensor.clone(memory_format=torch.preserve_format))

    turns = Turns(weights, torch.device("cpu"), need)
    block_offload.begin(model.patches, unet, turns)
    try:
        yield
    finally:
        block_offload.end(model.patches, unet)


NESTED: Mapping[str, tuple[Enter, ...]] = {
    "mix": (merged,),
    "mix beside the weights": (beside,),
    "mix by row": (by_row,),
    "attention": (attention,),
    "fit": (fitted,),
    "turns": (in_turns,),
    "fit under a mix": (merged, fitted),
    "fit under a mix beside": (beside, fitted),
    "attention over a mix by row": (by_row, attention),
    "mix in turns": (in_turns, merged),
    "mix beside in turns": (in_turns, beside),
    "mix by row and attention in turns": (in_turns, by_row, attention),
    "fit under a mix in turns": (in_turns, beside, fitted),
}


@pytest.mark.parametrize(
    ("nested", "needs"),
    [
        ((merged,), STAYS),
        ((beside,), Needs(eager=True, in_place=True)),
        ((by_row,), Needs(True, True, True)),
        ((attention,), Needs(whole_batch=True, eager=True)),
        ((fitted,), Needs(True, True, True)),
        ((in_turns,), EAGER),
        ((in_turns, merged), EAGER),
        ((in_turns, by_row), Needs(whole_batch=True, eager=True)),
    ],
)
def test_each_patch_says_what_it_needs(
    model: Checkpoint, loras: tuple[LoraFile, ...], nested: tuple[Enter, ...], needs: Needs
) -> None:
    with ExitStack() as stack:
        for enter in nested:
            stack.enter_context(enter(model, loras))
        assert model.patches.needs(model.network.model) == needs


def test_attention_lets_calls_be_cut_while_it_blends_nothing(model: Checkpoint) -> None:
    with EndAttention(model.network.model, model.patches).installed():
        assert model.patches.needs(model.network.model) == EAGER


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
def test_leaving_restores_every_bit(
    model: Checkpoint, loras: tuple[LoraFile, ...], nested: tuple[Enter, ...], fails: bool
) -> None:
    plain, before = drawn(model), held(model)
    with ExitStack() as stack:
        if fails:
            stack.enter_context(pytest.raises(ZeroDivisionError))
        for enter in nested:
            stack.enter_context(enter(model, loras))
        changes = nested != (in_turns,)
        assert torch.equal(drawn(model), plain) != changes
        if fails:
            raise ZeroDivisionError
    assert held(model) == before
    assert torch.equal(drawn(model), plain)
    assert model.patches.needs(model.network.model) == Needs()
    assert model.patches.holdings() == ()


@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
def test_a_module_under_patches_hides_nothing(
    model: Checkpoint, loras: tuple[LoraFile, ...], nested: tuple[Enter, ...]
) -> None:
    """What stands in a module is what torch or diffusers put there, and a layer's own forward."""

    def names() -> set[tuple[str, str]]:
        return {
            (f"{part}.{path}", key)
            for part, root in model.parts.items()
            for path, module in root.named_modules()
            for key in vars(module)
        }

    before = names()
    with ExitStack() as stack:
        for enter in nested:
            stack.enter_context(enter(model, loras))
        new = names() - before
        assert before <= names()
        assert {key for _, key in new} <= {"forward"}
        layers = {path for path, _ in new}
        for part, root in model.parts.items():
            for path, module in root.named_modules():
                if f"{part}.{path}" in layers:
                    assert isinstance(module, (nn.Linear, nn.Conv2d))


def test_a_mix_leaves_and_comes_back_under_the_attention(
    model: Checkpoint, loras: tuple[LoraFile, ...]
) -> None:
    """As for a picture that is drawn in the middle of a morph."""
    plain, before = drawn(model), held(model)
    mixer = LoraMixer(model.lora_parts, model.patches)
    control = EndAttention(model.network.model, model.patches)
    first = mixer.applied([(loras[0], 0.5)])
    first.__enter__()
    changed = drawn(model)
    with control.installed():
        first.__exit__(None, None, None)
        assert torch.equal(drawn(model), plain)
        with mixer.applied([(loras[1], 0.5)]):
            assert not torch.equal(drawn(model), plain)
        second = mixer.applied([(loras[0], 0.5)])
        second.__enter__()
        assert torch.equal(drawn(model), changed)
    second.__exit__(None, None, None)
    assert held(model) == before


def test_what_a_mix_keeps_is_told(model: Checkpoint, loras: tuple[LoraFile, ...]) -> None:
    mixer = LoraMixer(model.lora_parts, model.patches)
    with mixer.applied([(loras[0], 0.5)]) as mix:
        told = [item for item in model.holdings() if item.what == "LoRAs in force"]
        assert {item.place for item in told} == {"cpu"}
        assert sum(item.nbytes for item in told) == mix.kept_bytes > 0
        mix.per_sample(torch.tensor([[0.2], [0.9]]))
        wider = sum(item.nbytes for item in model.patches.holdings())
        assert wider == mix.kept_bytes > sum(item.nbytes for item in told)
        mix.remix([])
        assert model.patches.holdings() == ()


def test_no_module_of_the_product_reaches_into_another_ones_attributes() -> None:
    """A flag in a module's `__dict__` would be state that no stack knows of."""
    found: list[str] = []
    for file in (ROOT / "backend").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "__dict__":
                found.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert found == []
