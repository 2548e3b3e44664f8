"""The ControlNet's training steps resume exactly, and its folder loads and fits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel

from backend.control.canny import Canny
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.control.controlnet import choose, load_controlnet
from backend.models.control.shape import ControlShape
from backend.models.memory.devices import pick
from toyworld.autoencoder import new_autoencoder
from toyworld.checkpoint import Clock
from toyworld.controlnet import (
    ControlTrainer,
    EdgeLesson,
    control_stage,
    edges_of,
    new_controlnet,
    write_controlnet,
)
from toyworld.dataset import Pool, scene_of
from toyworld.diffusion import new_unet
from toyworld.folder import world_of, write_folder
from toyworld.grow import deep_autoencoder
from toyworld.plan import BASE, new_cell_unet
from toyworld.render import render
from toyworld.sampling import Parts
from toyworld.score_controlnet import SCALES, Followed, draw, followed, rows_of
from toyworld.text import new_text_encoder, write_tokenizer
from toyworld.world import SECOND

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SIZE_PX = 64


@pytest.fixture(scope="module")
def lesson() -> EdgeLesson:
    pixels = np.stack([render(scene_of(2, i), SIZE_PX) for i in range(4)])
    latents = np.random.default_rng(0).standard_normal((4, 4, 8, 8)).astype(np.float32)
    return EdgeLesson(Pool(2, pixels), latents, batch=2)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory):
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer"), merge_limit=100)


def parts(tokenizer) -> Parts:
    torch.manual_seed(0)
    unet = new_unet((32, 64), context_width=32, sample_size=8)
    text = new_text_encoder(tokenizer, width=32, layers=1)
    return Parts(tokenizer, text, unet, new_autoencoder())


def trainer(tokenizer, path: Path) -> ControlTrainer:
    return ControlTrainer(parts(tokenizer), path, dtype=torch.float32)


def quiet(_line: str) -> None:
    pass


def test_training_moves_the_controlnet_alone_and_resumes(tokenizer, lesson, tmp_path) -> None:
    whole = trainer(tokenizer, tmp_path / "whole.pt")
    base = [p.clone() for p in whole.unet.parameters()]
    whole.run("tiny", lesson, Clock(steps=4), 1e-3, 1e-4, quiet)
    assert all(map(torch.equal, base, whole.unet.parameters()))
    assert float(whole.controlnet.controlnet_mid_block.weight.detach().abs().max()) > 0

    first = trainer(tokenizer, tmp_path / "parts.pt")
    plain = first.loss

    def until_the_power_fails(given: EdgeLesson) -> torch.Tensor:
        if first.step == 2:
            first.save()
            raise KeyboardInterrupt
        return plain(given)

    first.loss = until_the_power_fails
    with pytest.raises(KeyboardInterrupt):
        first.run("tiny", lesson, Clock(steps=4), 1e-3, 1e-4, quiet)
    second = trainer(tokenizer, tmp_path / "parts.pt")
    assert second.step == 2
    second.run("tiny", lesson, Clock(steps=4), 1e-3, 1e-4, quiet)
    for ours, theirs in zip(
        second.controlnet.parameters(), whole.controlnet.parameters(), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_a_fresh_controlnet_changes_nothing(tokenizer, lesson, tmp_path) -> None:
    """So its first loss is the base's own."""
    made = trainer(tokenizer, tmp_path / "state.pt")
    controls = np.repeat(lesson.pool.pixels[:2, :, :, :1], 3, axis=3)
    small = parts(tokenizer)
    drawn = [
        draw(
            small,
            made.averaged_controlnet(),
            ["a red house", "a cat"],
            controls,
            scale,
            2.0,
            2,
            steps=2,
        )
        for scale in (0.0, 1.0)
    ]
    assert np.array_equal(*drawn)


def test_after_one_step_edges_already_count(tokenizer, lesson, tmp_path) -> None:
    made = trainer(tokenizer, tmp_path / "state.pt")
    made.run("tiny", lesson, Clock(steps=1), 1e-2, 1e-2, quiet)
    net = made.controlnet.eval()
    given = {"timestep": torch.tensor([500]), "encoder_hidden_states": torch.zeros(1, 77, 32)}
    x = torch.zeros(1, 4, 8, 8)
    edges = edges_of(lesson.pool.pixels[:2])
    with torch.no_grad():
        first, second = (
            net(x, controlnet_cond=edges[i : i + 1], return_dict=False, **given)[1] for i in (0, 1)
        )
    assert float((first - second).abs().max()) > 1e-4 * float(first.abs().max()) > 0


def test_the_folder_is_small_half_precision_and_loads(tokenizer, lesson, tmp_path) -> None:
    made = trainer(tokenizer, tmp_path / "state.pt")
    folder = tmp_path / "controlnet" / "pocket-canny"
    for _ in range(2):
        write_controlnet(folder, made.averaged_controlnet())
    loaded = ControlNetModel.from_pretrained(folder, use_safetensors=True)
    assert loaded.config["cross_attention_dim"] == 32
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.json", "diffusion_pytorch_model.safetensors", "card.json", "README.md"}
    assert [path.name for path in folder.parent.iterdir()] == ["pocket-canny"]


def test_the_stage_runs_from_a_base_folder_to_a_controlnet(tokenizer, lesson, tmp_path) -> None:
    small = parts(tokenizer)
    base, out = tmp_path / "checkpoints" / "pocket", tmp_path / "controlnet" / "pocket-canny"
    write_folder(base, tokenizer, small.text_encoder, small.unet, small.vae, 3.0)
    said: list[str] = []
    control_stage(
        base,
        out,
        tmp_path,
        lambda: lesson.pool,
        lambda: lesson.pool,
        minutes=0.002,
        large_share=0.5,
        seed=0,
        device="cpu",
        report=said.append,
        batches=(2, 2),
    )
    assert said[-1] == f"wrote {out}"
    catalog = Catalog([tmp_path], FAMILIES)
    found = choose(catalog, catalog.checkpoint("pocket"), "canny", None)
    assert load_controlnet(found, pick("cpu", "float32")).name == "pocket-canny"


def test_edges_vary_in_training_and_not_in_scoring(lesson) -> None:
    plain = edges_of(lesson.pool.pixels)
    assert plain.shape == (4, 3, SIZE_PX, SIZE_PX)
    assert set(plain.unique().tolist()) == {0.0, 1.0}
    assert np.array_equal(plain[0, 0].numpy() * 255, Canny(100, 200)(lesson.pool.pixels[0])[..., 0])
    varied = edges_of(lesson.pool.pixels, np.random.default_rng(0))
    assert not torch.equal(plain, varied)


def test_the_score_tells_renders_from_shuffled_ones(lesson) -> None:
    controls = np.stack([Canny()(picture) for picture in lesson.pool.pixels])
    recall, precision, f1 = followed(controls, lesson.pool.pixels)
    assert (recall, precision, f1) == (1.0, 1.0, 1.0)
    assert followed(np.roll(controls, 1, axis=0), lesson.pool.pixels)[2] < 0.7
    rows = rows_of({scale: Followed(1, 1, 1 - scale, 0.2, 0.9) for scale in SCALES})
    assert any("it is not" in row.cpu_bar for row in rows)
    assert rows[-1].value == "90.0 %"
    unseen = rows_of({scale: Followed(1, 1, 1 - scale, 0.2, None) for scale in SCALES})
    assert unseen == rows[:-1], "no judge, no line about colours"


def test_a_controlnet_fits_latents_of_factor_16(tokenizer, tmp_path) -> None:
    torch.manual_seed(0)
    plan = replace(BASE, channels=(32, 64), side=4)
    text = new_text_encoder(tokenizer, width=32, layers=1)
    unet, vae = new_cell_unet(plan, 32), deep_autoencoder((8, 8, 8, 8, 8), 16)
    cells = Parts(tokenizer, text, unet, vae)
    net = new_controlnet(cells)
    down, mid = net(
        torch.zeros(1, 16, 4, 4), torch.tensor([5]), encoder_hidden_states=torch.zeros(1, 7, 32),
        controlnet_cond=torch.zeros(1, 3, 64, 64), return_dict=False,
    )  # fmt: skip
    assert down[0].shape == (1, 32, 4, 4)
    assert mid.shape == (1, 64, 2, 2)
    write_folder(tmp_path / "checkpoints/deep", tokenizer, text, unet, vae, 3.0, world=SECOND)
    write_controlnet(tmp_path / "controlnet/edges", net, world=SECOND)
    card = json.loads((tmp_path / "controlnet/edges/card.json").read_text())
    assert card["base_version"] == "Pocket 2"
    assert world_of(tmp_path / "checkpoints/deep") is SECOND
    config = json.loads((tmp_path / "controlnet/edges/config.json").read_text())
    assert ControlShape.of_controlnet(config) == ControlShape.of_unet(unet.config, 16)
