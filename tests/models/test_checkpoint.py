"""A model in memory as the whole of its parts."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from backend.contracts.holdings import Holding
from backend.models.catalog.hashes import content_hash
from backend.models.checkpoint import Checkpoint, module_bytes
from backend.models.text.no_prompt import NoPrompt


def test_bytes_are_those_of_parameters_and_buffers_shared_ones_once() -> None:
    module = nn.Module()
    module.a = nn.Linear(4, 3)  # 12 + 3 numbers
    module.b = module.a
    module.register_buffer("c", torch.zeros(5, dtype=torch.float16))
    assert module_bytes(module) == 15 * 4 + 5 * 2


def test_it_is_known_by_what_its_files_hold(eps: Checkpoint) -> None:
    assert eps.name == "tiny-eps"
    assert eps.hash == content_hash(eps.info)
    assert len(eps.hash) == 10
    assert (eps.native_size, eps.prediction_type) == ((64, 64), "epsilon")
    assert (eps.latent_channels, eps.vae_factor) == (4, 8)
    assert eps.card is eps.info.card


def test_the_parts_are_named_for_people(eps: Checkpoint) -> None:
    assert set(eps.parts) == {"text encoder", "unet", "vae"}
    tiny = nn.Linear(2, 2)
    larger = replace(eps, tiny=tiny)  # type: ignore[arg-type]
    assert larger.parts["tiny decoder"] is tiny
    assert larger.nbytes == eps.nbytes + 6 * 4
    assert eps.nbytes == sum(map(module_bytes, eps.parts.values()))


def test_loras_change_the_text_encoder_and_the_unet_alone(eps: Checkpoint) -> None:
    assert set(eps.lora_parts) == {"text_encoder", "unet"}
    assert eps.lora_parts["unet"] is eps.network.model


def test_embedded_prompts_are_counted_and_let_go(eps: Checkpoint) -> None:
    eps.release()
    assert eps.holdings() == ()
    eps.text.encode(["a fish"])
    (held,) = eps.holdings()
    assert isinstance(held, Holding)
    assert held.nbytes == 2 * 77 * 32 * 4  # and the empty prompt, which fills up others
    assert eps.release() == held.nbytes
    assert eps.holdings() == ()


def test_one_that_keeps_no_prompts_holds_nothing(eps: Checkpoint) -> None:
    silent = replace(eps, text=NoPrompt())
    assert (silent.holdings(), silent.release()) == ((), 0)


def test_previews_are_of_its_own_latents(eps: Checkpoint) -> None:
    latents = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    fast, full = eps.previewer()(latents), eps.previewer("full")(latents)
    assert fast is not None
    assert full is not None
    assert fast.shape == (2, 32, 32, 3)  # a patch of 4x4 px for each position
    assert full.shape == (2, 64, 64, 3)
