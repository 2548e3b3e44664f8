"""A run's model with the autoencoder that its settings name."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch

from backend.contracts.errors import BadInput
from backend.contracts.settings import Txt2ImgSettings
from backend.models.autoencoder.identity import IdentityCodec
from backend.models.autoencoder.vae import Vae
from backend.models.autoencoder.vae_file import SeparateVae, cache_key
from backend.models.catalog.entry import ModelInfo
from backend.models.checkpoint import Checkpoint
from backend.models.control import controlnet
from backend.models.control.controlnet import ControlNet
from backend.models.upscaler.upscaler import KEY as KEY_OF_UPSCALERS
from backend.models.upscaler.upscaler import Upscaler
from backend.modes.leasing import Needs, UpscalerNeeded
from tests.modes.test_guide import model
from tests.tiny import tiny_vae

__all__ = ["model"]  # the fixture
PLAIN = Txt2ImgSettings(model="tiny")
OTHER = Txt2ImgSettings(model="tiny", vae="other")
KEY = cache_key("other", torch.float32)


@dataclass
class Models:
    """Hands out what it has, and notes what is leased now."""

    entries: dict[str, Any]
    out: list[str] = field(default_factory=list[str])

    @contextmanager
    def lease(self, name: str) -> Generator[Any]:
        self.out.append(name)
        try:
            yield self.entries[name]
        finally:
            self.out.remove(name)

    def holds(self, name: str) -> bool:
        return name in self.entries


@pytest.fixture(scope="module")
def separate(tmp_path_factory: pytest.TempPathFactory) -> SeparateVae:
    path = tmp_path_factory.mktemp("vae") / "other.safetensors"
    path.write_bytes(b"other")
    info = ModelInfo("other", path, "vae", weights=(path,))
    return SeparateVae(info, tiny_vae().eval().requires_grad_(False))


@pytest.fixture
def models(model: Checkpoint, separate: SeparateVae) -> Iterator[Models]:
    made = Models({"tiny": model, KEY: separate})
    yield made
    assert made.out == []


def test_without_a_name_the_model_is_as_it_is(models: Models, model: Checkpoint) -> None:
    with Needs.of(PLAIN).taken(models) as held:  # type: ignore[arg-type]
        assert held.model is model
        assert held.controlnets == ()
        assert models.out == ["tiny"]


def test_another_autoencoder_stands_in_for_its_own(
    models: Models, model: Checkpoint, separate: SeparateVae
) -> None:
    with Needs.of(OTHER).taken(models) as held:  # type: ignore[arg-type]
        found = held.model
        assert models.out == ["tiny", KEY]
        assert isinstance(found.codec, Vae)
        assert found.codec.model is separate.model
        assert found.codec.scaling_factor == model.codec.scaling_factor  # type: ignore[attr-defined]
        assert found.vae_hash == separate.hash != ""
        assert found.network is model.network


def test_one_of_other_latents_is_refused_and_nothing_stays_leased(
    models: Models, separate: SeparateVae
) -> None:
    models.entries[KEY] = replace(separate, model=tiny_vae(channels=3))
    said = "'other' was made for another kind of model than 'tiny'"
    with pytest.raises(BadInput, match=said), Needs.of(OTHER).taken(models):  # type: ignore[arg-type]
        pass


def test_a_model_without_an_autoencoder_is_told(models: Models, model: Checkpoint) -> None:
    models.entries["tiny"] = replace(model, codec=IdentityCodec())
    with pytest.raises(BadInput) as error, Needs.of(OTHER).taken(models):  # type: ignore[arg-type]
        pass
    assert str(error.value) == "'tiny' has no autoencoder that another could replace."
    assert error.value.field == "vae"
    assert Needs.of(OTHER).at_hand(models)  # type: ignore[arg-type]


def test_it_is_at_hand_where_all_of_it_is(models: Models) -> None:
    def there(settings: Txt2ImgSettings) -> bool:
        return Needs.of(settings).at_hand(models)  # type: ignore[arg-type]

    assert there(PLAIN)
    assert there(OTHER)
    del models.entries[KEY]
    assert there(PLAIN)
    assert not there(OTHER)
    models.entries.clear()
    assert not there(PLAIN)


def test_controlnets_are_leased_with_it_in_their_order(models: Models, model: Checkpoint) -> None:
    nets = {name: object.__new__(ControlNet) for name in ("canny", "depth")}
    models.entries |= {controlnet.KEY + name: net for name, net in nets.items()}
    needs = Needs.of(PLAIN, "depth", "canny")
    with needs.taken(models) as held:  # type: ignore[arg-type]
        assert held.model is model
        assert held.controlnets == (nets["depth"], nets["canny"])
        assert models.out == ["tiny", controlnet.KEY + "depth", controlnet.KEY + "canny"]
    assert needs.name == "tiny"


def test_an_upscaler_is_leased_by_its_own_name(models: Models) -> None:
    models.entries |= {KEY_OF_UPSCALERS + "x2": object.__new__(Upscaler)}
    with UpscalerNeeded("x2").taken(models) as found:  # type: ignore[arg-type]
        assert isinstance(found, Upscaler)
        assert models.out == [KEY_OF_UPSCALERS + "x2"]
    models.entries[KEY_OF_UPSCALERS + "x2"] = object()
    with pytest.raises(TypeError, match="is not an upscaler"), UpscalerNeeded("x2").taken(models):  # type: ignore[arg-type]
        pass
