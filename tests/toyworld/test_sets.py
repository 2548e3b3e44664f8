"""A set of weights is made beside the long run, from copies of what that has learned."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import toyworld.sets as sets
from toyworld.checkpoint import load_state, save_state
from toyworld.controlnet import ControlTrainer
from toyworld.folder import write_folder
from toyworld.grow import deep_autoencoder
from toyworld.plan import BASE, new_cell_unet, rate_after
from toyworld.sets import WeightSet, begin, controlnet_stage, finishing
from toyworld.text import new_text_encoder, write_tokenizer
from toyworld.world import SECOND

# diffusers turns a table into an array in a way that newer numpy frowns at
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def _run(folder, step):
    (folder / "stock-abc-0").mkdir(parents=True, exist_ok=True)
    (folder / "stock-abc-0" / "holds.npy").write_bytes(b"chunks")
    (folder / "vae").mkdir(exist_ok=True)
    (folder / "vae" / "config.json").write_text("{}")
    (folder / "plan.json").write_text('{"levers": []}')
    save_state(folder / "pictures" / "painter.pt", step=step)


def test_a_set_begins_once_from_copies(tmp_path):
    weights = WeightSet(tmp_path / "one")
    weights.folder.mkdir()
    with pytest.raises(FileNotFoundError):
        begin(tmp_path, weights)
    _run(tmp_path, 10)
    begin(tmp_path, weights)
    names = {path.relative_to(weights.folder).as_posix() for path in weights.folder.rglob("*.*")}
    assert names == {
        "stock-abc-0/holds.npy", "vae/config.json", "plan.json", "pictures/painter.pt",
    }  # fmt: skip
    _run(tmp_path, 20)
    begin(tmp_path, weights)
    assert load_state(weights.folder / "pictures" / "painter.pt")["step"] == 10


def test_the_rate_falls_over_all_of_a_finish(tmp_path):
    _run(tmp_path, 10)
    weights = WeightSet(tmp_path / "one")
    weights.folder.mkdir()
    begin(tmp_path, weights)
    plan = replace(BASE, batch=32, auxiliary=0.1)
    ending = finishing(plan, weights, 320)
    assert (ending.examples, ending.auxiliary, ending.average) == (640, 0.0, sets.AVERAGE)
    assert rate_after(ending, 320, 10_000) == pytest.approx(plan.rate)
    assert rate_after(ending, 480, 10_000) == pytest.approx((plan.rate + plan.floor) / 2)
    assert rate_after(ending, 640, 10_000) == pytest.approx(plan.floor)
    save_state(weights.folder / "pictures" / "painter.pt", step=15)  # a finish that was cut off
    assert finishing(plan, weights, 320) == ending


def _write_model(weights: WeightSet, work: Path) -> None:
    tokenizer = write_tokenizer(work / "tokenizer", merge_limit=50)
    text = new_text_encoder(tokenizer, width=32, layers=1)
    unet = new_cell_unet(replace(BASE, channels=(32, 64)), 32)
    weights.model.parent.mkdir(parents=True)
    write_folder(
        weights.model, tokenizer, text, unet, deep_autoencoder((8, 8, 8, 8, 8), 16), 3.0,
        world=SECOND,
    )  # fmt: skip


def test_a_set_has_its_own_controlnet(tmp_path, monkeypatch):
    waited: list[Path] = []
    monkeypatch.setattr("toyworld.sets.wait_while_paused", waited.append)
    torch.manual_seed(0)
    weights = WeightSet(tmp_path / "set")
    _write_model(weights, tmp_path)
    said: list[str] = []
    for steps in (1, 2):
        controlnet_stage(weights, steps, 2, 2, said.append)
    card = json.loads((weights.controlnet / "card.json").read_text())
    assert card["base_version"] == "Pocket 2"
    state = load_state(weights.folder / "controlnet-work" / "controlnet.pt")
    assert state is not None
    assert state["step"] == 2
    assert said[-1] == f"wrote {weights.controlnet}"
    assert waited == [tmp_path, tmp_path]  # before each step


def test_a_controlnet_may_go_on_from_anothers(tmp_path, monkeypatch):
    torch.manual_seed(0)
    weights, other = WeightSet(tmp_path / "set"), WeightSet(tmp_path / "other")
    _write_model(weights, tmp_path)
    shutil.copytree(weights.model, other.model)
    controlnet_stage(weights, 1, 2, 2, lambda _: None)
    begun: dict[str, torch.Tensor] = {}

    def run(trainer: ControlTrainer, *_: object, **__: object) -> None:
        begun.update(trainer.averaged_controlnet().half().state_dict())

    monkeypatch.setattr(ControlTrainer, "run", run)
    controlnet_stage(other, 1, 2, 2, lambda _: None, start=weights.controlnet)
    ended = load_file(weights.controlnet / "diffusion_pytorch_model.safetensors")
    assert begun.keys() == ended.keys()
    assert all(torch.equal(begun[name], ended[name]) for name in ended)
