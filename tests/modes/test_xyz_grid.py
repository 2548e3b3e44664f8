"""X/Y/Z grids through the engine on a small random model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import CLIPTextModel

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus
from backend.contracts.requests import Request
from backend.contracts.settings import XyzGridSettings, parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.models.autoencoder.vae import Vae
from backend.resolve.request import complete
from backend.storage.outputs import Storage
from tests.jobs import ended
from tests.tiny import tiny_checkpoint

BASE: dict[str, Any] = {
    "prompt": "a red house",
    "model": "tiny",
    "steps": 4,
    "seed": 3,
    "width": 64,
    "height": 64,
    "guidance_scale": 3.0,
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    data = tmp_path_factory.mktemp("data")
    engine = LocalEngine.create([root], Storage(data), device="cpu", dtype="float32", warm_up=None)
    yield engine
    engine.close()


def grid(**values: Any) -> XyzGridSettings:
    made = parse("xyz_grid", BASE | values)
    assert isinstance(made, XyzGridSettings)
    return made


def run(engine: LocalEngine, request: Request) -> JobStatus:
    token = ask(engine, request)
    return ended(engine, token)


def test_every_cell_is_the_picture_that_its_record_makes_alone(engine: LocalEngine) -> None:
    wanted = grid(
        x_field="seed",
        x_values="5, 6, 9",
        y_field="sampler",
        y_values="DDIM, Euler a",
        z_field="prompt_sr",
        z_values="red, blue",
    )
    status = run(engine, Request(wanted))
    assert status.state == "done", status.error
    *cells, sheet = status.outputs
    assert [cell.index for cell in cells] == list(range(12))
    assert cells[4].record.extra["cell"] == {"x": 1, "y": 1, "z": 0}
    assert cells[4].record.extra["compared"] == "seed 6, euler_a, red"
    assert "blue house" in cells[7].record.settings["prompt"]
    for cell in (cells[0], cells[4], cells[11]):
        assert cell.record.mode == "txt2img"
        alone = run(engine, Request(parse("txt2img", cell.record.settings)))
        difference = np.abs(alone.outputs[0].image.astype(int) - cell.image)
        assert difference.max() <= 1
    assert sheet.record.mode == "xyz_grid"
    assert sheet.image.shape[0] > 4 * 64
    assert sheet.image.shape[1] > 3 * 64
    again = parse("xyz_grid", sheet.record.settings)
    assert again.picture_count == 12
    assert all(Path(str(output.path)).is_file() for output in status.outputs)
    assert status.progress.total == 48


def test_cells_share_prompts_and_source(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded: list[object] = []
    encoded: list[object] = []
    forward, encode = CLIPTextModel.forward, Vae.encode
    monkeypatch.setattr(
        CLIPTextModel,
        "forward",
        lambda self, *a, **k: (embedded.append(a), forward(self, *a, **k))[1],
    )
    monkeypatch.setattr(Vae, "encode", lambda self, *a: (encoded.append(a), encode(self, *a))[1])
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    run(engine, Request(grid()))
    embedded.clear()
    wanted = grid(
        prompt="a boat, never seen",
        negative_prompt="fog",
        base_mode="img2img",
        x_field="strength",
        x_values="0.5-1 [3]",
        y_field="seed",
        y_values="1-2",
        base={"mask_blur": 0},
    )
    status = run(engine, Request(wanted, {"image": picture}))
    assert status.state == "done", status.error
    assert len(status.outputs) == 7
    assert len(embedded) == 2  # the prompt and the negative one; the empty one is known already
    assert len(encoded) == 1
    assert {c.record.settings["strength"] for c in status.outputs[:6]} == {0.5, 0.75, 1.0}


def test_a_stopped_grid_keeps_its_cells_and_their_sheet(engine: LocalEngine) -> None:
    wanted = grid(x_field="guidance_scale", x_values="1-8", y_field="steps", y_values="20-27")
    token = ask(engine, Request(wanted))
    status = engine.status(token)
    while len(status.outputs) < 2:
        status = engine.wait(token, status.revision, 1.0)
    engine.cancel(token)
    status = ended(engine, token)
    assert status.state == "stopped"
    assert 3 <= len(status.outputs) < 64
    last = status.outputs[-1]
    assert last.record.mode == "xyz_grid"
    assert last.record.extra["cells"] == len(status.outputs) - 1


def test_how_long_it_will_take_is_learned(engine: LocalEngine) -> None:
    run(engine, Request(grid()))
    few = engine.seconds(complete(grid(x_field="seed", x_values="1-2"), engine.library()))
    many = engine.seconds(complete(grid(x_field="seed", x_values="1-8"), engine.library()))
    assert few is not None
    assert many == pytest.approx(4 * few)


def test_a_name_that_is_not_there_is_refused_before_the_start(engine: LocalEngine) -> None:
    with pytest.raises(BadInput, match="nowhere"):
        ask(engine, Request(grid(x_field="model", x_values="tiny, nowhere")))
    with pytest.raises(BadInput, match="ink"):
        ask(engine, Request(grid(x_field="lora:ink", x_values="0, 1")))
    with pytest.raises(BadInput, match="picture"):
        ask(engine, Request(grid(base_mode="img2img", x_field="strength", x_values="0.5, 1")))
