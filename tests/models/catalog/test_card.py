"""Cards: what a model says of itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backend.contracts.capabilities import Capabilities, Enlarging
from backend.contracts.errors import BadInput, ModelProblem
from backend.families.registry import FAMILIES
from backend.models.catalog.card import Card, read_card
from backend.models.catalog.catalog import Catalog
from backend.models.control import controlnet
from backend.models.lora.file import read
from backend.models.lora.fit import LoraFits
from tests import lora_files
from tests.tiny import tiny_checkpoint, tiny_unet
from tests.tiny_control import tiny_controlnet

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("version", "made_for", "fits"),
    [("Sea 2", "Sea 2", True), ("Sea 2", "", True), ("", "Sea 1", True), ("Sea 2", "Sea 1", False)],
)
def test_only_another_version_is_refused(version: str, made_for: str, fits: bool) -> None:
    problem = Card(version=version).misfit(made_for)
    assert (problem is None) == fits
    if problem is not None:
        assert problem == "It was made for Sea 1; this model is Sea 2."


def test_what_ships_fits_together() -> None:
    """LoRAs and ControlNet name the version of the model that comes with the studio."""
    card = read_card(ROOT / "models/checkpoints/pocket/card.json")
    assert card.default
    assert card.version
    control = read_card(ROOT / "models/controlnet/pocket-canny/card.json")
    assert control.base_version == card.version
    loras = sorted((ROOT / "models/loras").glob("*.safetensors"))
    assert loras
    for path in loras:
        assert read(path).info.metadata.base_version == card.version


def test_the_default_model_is_the_one_whose_card_says_so(tmp_path: Path) -> None:
    tiny_checkpoint(tmp_path / "checkpoints" / "a")
    catalog = Catalog([tmp_path], FAMILIES)
    assert catalog.default == catalog.checkpoint("").name == "a"
    tiny_checkpoint(tmp_path / "checkpoints" / "b", card={"default": True})
    catalog.refresh()
    assert catalog.default == catalog.checkpoint("").name == "b"
    (tmp_path / "checkpoints" / "b" / "model_index.json").unlink()
    catalog.refresh()
    assert catalog.default == "a"
    with pytest.raises(ModelProblem):
        catalog.checkpoint("b")


def test_a_lora_and_a_controlnet_of_another_version_are_refused(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint(tmp_path / "checkpoints" / "sea", card={"version": "Sea 2"})
    net = tiny_controlnet(checkpoint, tmp_path / "controlnet" / "sea-canny")
    (tmp_path / "loras").mkdir()
    factors = lora_files.random_factors({"unet": tiny_unet()}, lora_files.ATTENTION, seed=1)
    for number in (1, 2):
        path = tmp_path / "loras" / f"ink-{number}.safetensors"
        notes = {"base_version": f"Sea {number}"}
        lora_files.write(path, lora_files.diffusers_keys(factors), notes)
    catalog, fits = Catalog([tmp_path], FAMILIES), LoraFits(FAMILIES)
    model = catalog.checkpoint("sea")
    says = "It was made for Sea 1; this model is Sea 2."
    assert fits.problem(fits.header(tmp_path / "loras" / "ink-1.safetensors"), model) == says
    assert fits.problem(fits.header(tmp_path / "loras" / "ink-2.safetensors"), model) is None
    assert controlnet.choose(catalog, model, "canny", None).name == "sea-canny"
    (net / "card.json").write_text(json.dumps({"base_version": "Sea 1"}))
    catalog.refresh()
    with pytest.raises(BadInput, match=r"does not fit 'sea'\. It was made for Sea 1"):
        controlnet.choose(catalog, model, "canny", "sea-canny")
    with pytest.raises(BadInput, match="There is no ControlNet for 'canny'"):
        controlnet.choose(catalog, model, "canny", None)


def card(path: Path, **values: Any) -> Card:
    path.write_text(json.dumps(values))
    return read_card(path)


def test_without_a_card_everything_has_a_default(tmp_path: Path) -> None:
    assert read_card(tmp_path / "card.json") == Card()


def test_names_sizes_and_words_are_read_in_either_form(tmp_path: Path) -> None:
    found = card(
        tmp_path / "card.json",
        name="Pocket",
        native_size=256,
        known_words={"colours": ["red"], "things": ["house", "boat"]},
        from_later={"x": 1},
    )
    assert found.title == "Pocket"
    assert found.native_size == (256, 256)
    assert found.known_words == ("red", "house", "boat")
    assert card(tmp_path / "card.json", native_size=[96, 64]).native_size == (96, 64)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"native_size": [0, 64]}, "native_size"),
        ({"native_size": [64, 64, 64]}, "native_size"),
        ({"guidance_scale": 99}, "guidance_scale"),
        ({"steps": 0}, "steps"),
        ({"noise_level": 1000}, "noise_level"),
        ({"prediction_type": "velocity?"}, "prediction_type"),
        ({"example_prompts": "one"}, "example_prompts"),
    ],
)
def test_a_key_that_cannot_be_used_is_named(
    values: dict[str, Any], named: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelProblem, match=named):
        card(tmp_path / "card.json", **values)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_card_is_said_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_bytes(content)
    with pytest.raises(ModelProblem, match=r"card\.json"):
        read_card(path)


def test_hires_standards_become_fields_of_settings(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text('{"hires": {"denoise": 0.3, "upscaler": "lanczos", "later": 1}}')
    assert read_card(path).hires.settings == {"hires_denoise": 0.3, "hires_upscaler": "lanczos"}
    assert read_card(tmp_path / "none.json").hires.settings == {}
    path.write_text('{"hires": {"denoise": 3}}')
    with pytest.raises(ModelProblem, match=r"hires\.denoise"):
        read_card(path)


def test_steps_and_noise_take_the_place_of_the_kinds(tmp_path: Path) -> None:
    can = Capabilities(steps=50, enlarges=Enlarging(4, 250, 350))
    assert card(tmp_path / "card.json").recommended(can) == can
    found = card(tmp_path / "card.json", steps=20, noise_level=999).recommended(can)
    assert found.enlarges is not None
    assert (found.steps, found.enlarges.noise_level) == (20, 350)
    assert card(tmp_path / "card.json", noise_level=9).recommended(Capabilities()) == Capabilities()


def test_only_what_enlarges_can_be_faithful(tmp_path: Path) -> None:
    can = Capabilities(enlarges=Enlarging(4))
    found = card(tmp_path / "card.json", faithful=True)
    assert found.recommended(can).enlarges == Enlarging(4, faithful=True)
    assert found.recommended(Capabilities()) == Capabilities()
