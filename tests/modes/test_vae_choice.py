"""The setting `vae`: another autoencoder reaches every mode, and the record says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import UnknownName
from backend.contracts.events import Output
from backend.contracts.requests import Request
from backend.contracts.settings import MODES, Settings, parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests import jobs
from tests.models.autoencoder.test_vae_file import original_vae
from tests.tiny import tiny_checkpoint
from tests.tiny_control import house, tiny_controlnet

A = house()
B = np.ascontiguousarray(A[::-1])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    folder = tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_controlnet(folder, root / "controlnet" / "tiny-canny")
    original_vae(root / "VAE" / "other.safetensors")
    engine = LocalEngine.create(
        [root],
        Storage(tmp_path_factory.mktemp("data")),
        device="cpu",
        dtype="float32",
        preview="off",
        warm_up=None,
    )
    yield engine
    engine.close()


def run(engine: LocalEngine, settings: Settings) -> tuple[Output, ...]:
    names = {"img2img": ("image",), "style_transfer": ("image",), "morph": ("image_a", "image_b")}
    images = dict(zip(names.get(settings.mode, ()), (A, B), strict=False))
    token = ask(engine, Request(settings, images, save=False))
    status = jobs.ended(engine, token, 90.0)
    assert status.state == "done", status.error
    return status.outputs


def settings_of(mode: str, **values: Any) -> Settings:
    morph = {"prompt_a": "a", "prompt_b": "b", "frames": 3, "even": "off", "method": "quick"}
    given = morph if mode == "morph" else {"prompt": "a red house", "guidance_scale": 3.0}
    return parse(
        mode, {"model": "tiny", "steps": 3, "width": 64, "height": 64, "seed": 3, **given, **values}
    )


@pytest.mark.parametrize("mode", ["txt2img", "img2img", "style_transfer", "lora_mix", "morph"])
def test_another_autoencoder_draws_another_picture(engine: LocalEngine, mode: str) -> None:
    own = run(engine, settings_of(mode))[0]
    other = run(engine, settings_of(mode, vae="other"))[0]
    again = run(engine, settings_of(mode))[0]
    assert np.abs(own.image.astype(int) - other.image).max() > 10
    assert np.array_equal(own.image, again.image)
    assert other.record.settings["vae"] == "other"
    assert len(other.record.extra["vae_hash"]) == 10
    assert "vae_hash" not in own.record.extra


def test_an_unknown_one_is_refused_before_the_run(engine: LocalEngine) -> None:
    with pytest.raises(UnknownName, match="no autoencoder 'othr'; did you mean 'other'"):
        ask(engine, Request(settings_of("txt2img", vae="othr")))


def test_the_library_names_them(engine: LocalEngine) -> None:
    assert [vae.name for vae in engine.library().vaes] == ["other"]


def test_old_records_stay_valid() -> None:
    for mode, cls in MODES.items():
        if issubclass(cls, Settings):
            assert cls.model_fields["vae"].get_default() == "", mode
