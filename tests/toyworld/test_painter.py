"""The long run: killed and resumed it is the same run, and its parts have known answers."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import toyworld.painter as painter_module
from toyworld import Scene, Subject
from toyworld.checkpoint import load_state, save_state
from toyworld.diffusion import new_unet
from toyworld.grow import deep_autoencoder
from toyworld.judge import HUES, NAMES
from toyworld.painter import CellHead, Painter
from toyworld.plan import Plan
from toyworld.stock import CHUNK, Stock
from toyworld.text import new_text_encoder, write_tokenizer

PLAN = Plan(channels=(32, 64), latent_channels=4, batch=4, reuse=1, stock_chunks=4, first_chunks=2,
            warmup_steps=2, examples=10_000)  # fmt: skip


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("painter")
    tokenizer = write_tokenizer(folder / "tokenizer", merge_limit=50)
    text = new_text_encoder(tokenizer, width=32, layers=1)
    vae = deep_autoencoder((8, 8, 8, 8, 8), 4).eval()
    return folder, tokenizer, text, vae


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(painter_module, "MEASURED", 4)


def _run(parts, work, plan=PLAN, old=None) -> Painter:
    folder, tokenizer, text, vae = parts
    stock = Stock(folder / "stock", vae, plan.seed, slots=16, channels=4)
    return Painter(plan, work, stock, vae, text, tokenizer, old)


def _steps(run: Painter, count: int, pause) -> None:
    run.plan = replace(run.plan, examples=(run.step + count) * run.plan.batch, decay_share=1e-9)
    run.run(pause, measure_s=1e9, report=lambda _line: None)
    run.plan = replace(run.plan, examples=PLAN.examples, decay_share=PLAN.decay_share)


def _weights(run: Painter) -> list[torch.Tensor]:
    return [w.detach().clone() for w in (*run._weights, *run._average)]


def test_a_killed_run_goes_on_as_the_same_run(parts, tmp_path):
    whole = _run(parts, tmp_path / "whole")
    _steps(whole, 6, tmp_path)
    first = _run(parts, tmp_path / "parts")
    _steps(first, 3, tmp_path)
    first.loss(*first.batch()).backward()  # what was begun when the kill came is lost
    second = _run(parts, tmp_path / "parts")
    assert (second.step, second.examples) == (3, 12)
    _steps(second, 3, tmp_path)
    for a, b in zip(_weights(whole), _weights(second), strict=True):
        assert torch.equal(a, b)


def test_without_the_optimiser_it_goes_on_from_the_average_and_warms_up(parts, tmp_path):
    first = _run(parts, tmp_path)
    _steps(first, 3, tmp_path)
    state = load_state(first.state_path)
    assert state is not None
    save_state(first.state_path, **{k: v for k, v in state.items()
                                    if k not in ("weights", "optimizer", "cold")})  # fmt: skip
    second = _run(parts, tmp_path)
    assert (second.step, second._cold) == (3, 3)
    for weight, average in zip(second.unet.parameters(), first._average, strict=True):
        assert torch.equal(weight, average)


def test_the_curve_and_the_sheets(parts, tmp_path):
    run = _run(parts, tmp_path)
    sheets = []
    run.plan = replace(PLAN, examples=5 * PLAN.batch)
    run.run(tmp_path, measure_s=1e9, report=lambda _line: None,
            sheet=lambda: sheets.append(run.examples), sheet_examples=8)  # fmt: skip
    assert sheets == [8, 16]
    line = json.loads((tmp_path / "painter.jsonl").read_text().splitlines()[-1])
    assert (line["step"], line["examples"]) == (5, 20)
    for level, value in run.measure().items():
        assert line[level] == value
        assert 0.05 < value < 3.0


def test_a_budget_ends_a_run(parts, tmp_path):
    run = _run(parts, tmp_path)
    run.run(tmp_path, budget_s=1e-6, report=lambda _line: None)
    assert run.step == 1


def test_the_stock_moves_on_and_scenes_come_under_new_captions(parts, tmp_path):
    run = _run(parts, tmp_path)
    assert run._window() == (0, 2)
    run.step = 100
    assert run._window() == (2 + 100 * 4 // CHUNK - 4, 2 + 100 * 4 // CHUNK)
    run.step = 0
    seen: dict[Scene, set[str]] = {}
    for step in range(12):
        run.step = 0 if step % 2 else 1
        run.plan = replace(PLAN, seed=0, batch=4)
        taken, texts = run.batch()
        for scene, text in zip(taken.scenes, texts, strict=True):
            seen.setdefault(scene, set()).add(text)
            assert not text or all(f"{s.colour} {s.name}" in text for s in scene.subjects)
    assert seen


def test_a_subjects_cells_count_more(parts, tmp_path):
    weights = painter_module._cell_weights(PLAN, torch.tensor([0.0, 0.25, 0.5, 1.0]))
    assert weights.tolist() == [1.0, 2.0, 3.0, 3.0]


def test_the_head_learns_subject_and_colour_by_halves():
    scenes = [Scene((Subject("cat", "red"), Subject("cup", "blue")), "sea", 0)]
    cover = torch.ones(1, 8, 8)
    cover[:, 4:] = 0
    head = CellHead(8)
    middle = torch.zeros(1, 8, 4, 4)
    middle[0, 0, :2, :2], middle[0, 1, :2, 2:], middle[0, 2, 2:] = 1, 1, 1
    with torch.no_grad():
        head.read.weight.zero_()
        head.read.bias.zero_()
        flat = float(head.loss(middle, cover, scenes))
        names = head.read.weight[:, :, 0, 0]
        names[NAMES.index("cat"), 0] = names[NAMES.index("cup"), 1] = names[len(NAMES), 2] = 30
        names[len(NAMES) + 1 + HUES.index("red"), 0] = 30
        names[len(NAMES) + 1 + HUES.index("blue"), 1] = 30
        right = float(head.loss(middle, cover, scenes))
        swapped = [Scene(scenes[0].subjects[::-1], "sea", 0)]
        wrong = float(head.loss(middle, cover, swapped))
    assert flat == pytest.approx(np.log(len(NAMES) + 1) + np.log(len(HUES)), abs=1e-4)
    assert right < 1e-3
    assert wrong > 10


def test_the_head_is_off_in_the_last_part(parts, tmp_path):
    run = _run(parts, tmp_path, replace(PLAN, auxiliary=1.0, examples=60))
    taken, texts = run.batch()
    with_head = run.loss(taken, texts).item()
    run.plan = replace(run.plan, auxiliary=0.0)
    assert run.loss(taken, texts).item() < with_head
    run.plan = replace(run.plan, auxiliary=1.0)
    run.step = 10  # 40 of 60 examples
    late = run.batch()
    alone = run.loss(*late).item()
    run.plan = replace(run.plan, auxiliary=0.0)
    assert run.loss(*late).item() == alone


def test_a_run_grows_from_an_older_unet(parts, tmp_path):
    plan = replace(PLAN, grown=True)
    with pytest.raises(ValueError, match="needs that UNet"):
        _run(parts, tmp_path, plan)
    torch.manual_seed(5)
    old = new_unet((32, 64), context_width=32)
    run = _run(parts, tmp_path, plan, old)
    grown = run.unet.mid_block.resnets[0].conv1.weight
    assert torch.equal(grown, old.mid_block.resnets[0].conv1.weight)


def test_a_pause_file_holds_a_run(parts, tmp_path):
    import threading
    import time

    (tmp_path / "PAUSE").touch()
    run = _run(parts, tmp_path)
    began = time.monotonic()
    threading.Timer(0.3, (tmp_path / "PAUSE").unlink).start()
    run.run(tmp_path, budget_s=1e-6, report=lambda _line: None)
    assert time.monotonic() - began > 0.25
