"""One bad file never harms more than itself: headers and configs that hold anything."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.contracts.axes import marks
from backend.contracts.errors import BadInput, ModelProblem
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.catalog.safetensors_header import read_shapes
from backend.models.lora.file import LoraInfo, inspect
from backend.models.lora.fit import LoraFits
from tests.tiny import tiny_checkpoint

FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.sampled_from([float("inf"), 0, -1, [], {}, "", "Linear", [0, 0], ["x"]])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
PARTS = ("unet", "vae", "text_encoder", "scheduler")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_checkpoint(folder / "checkpoints" / "good")
    shutil.copytree(folder / "checkpoints" / "good", folder / "checkpoints" / "bad")
    return folder


def config_of(folder: Path, part: str) -> Path:
    name = "scheduler_config.json" if part == "scheduler" else "config.json"
    return folder / "checkpoints" / "bad" / part / name


@FEW
@given(part=st.sampled_from(PARTS), data=st.data())
def test_a_config_of_anything(models: Path, part: str, data: st.DataObject) -> None:
    path = config_of(models, part)
    before = path.read_text()
    values = json.loads(before)
    names = data.draw(st.lists(st.sampled_from(sorted(values)), min_size=1, max_size=3))
    try:
        path.write_text(json.dumps(values | {name: data.draw(junk) for name in names}))
        catalog = Catalog([models], FAMILIES)
        found = {model.name: model for model in catalog.models()}
        assert found["good"].problem is None
        assert set(found) == {"good", "bad"}
        fits = LoraFits(FAMILIES)
        fits.problem(LoraInfo("x", models / "x.safetensors"), found["bad"])
    finally:
        path.write_text(before)


def header(path: Path, entries: str) -> Path:
    raw = entries.encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(64))
    return path


@pytest.mark.parametrize(
    "entry",
    [
        '{"dtype": "F16", "shape": [1e999, 2], "data_offsets": [0, 64]}',
        '{"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 1e999]}',
        '{"dtype": "F16", "shape": [-2, 2], "data_offsets": [0, 64]}',
        '{"dtype": "F16", "shape": [2.5, 2], "data_offsets": [0, 64]}',
        '{"dtype": "F16", "shape": "22", "data_offsets": [0, 64]}',
        '{"dtype": "F16", "shape": [true, 2], "data_offsets": [0, 64]}',
        "[]",
        "7",
    ],
)
def test_a_header_with_numbers_that_are_none(tmp_path: Path, entry: str) -> None:
    key = "lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight"
    path = header(tmp_path / "x.safetensors", f'{{"{key}": {entry}}}')
    with pytest.raises(ModelProblem):
        read_shapes(path)
    assert inspect(path).problem is not None


@FEW
@given(entries=st.dictionaries(st.sampled_from(
    [f"lora_unet_down_blocks_0_attentions_0_proj_in.{part}" for part in
     ("lora_down.weight", "lora_up.weight", "alpha", "hada_w1_a", "lokr_w1", "diff")]
    + ["__metadata__", "unet.conv_in.lora_A.weight", "bundle_emb.x.y"]), junk))  # fmt: skip
def test_a_header_of_anything(tmp_path: Path, entries: dict[str, Any]) -> None:
    path = header(tmp_path / "x.safetensors", json.dumps(entries))
    assert inspect(path).problem is not None


@pytest.mark.parametrize("text", ["1-" + "9" * 400, "9" * 400, "1-5 (+." + "0" * 400 + "1)", "nan"])
def test_an_axis_of_endless_numbers(text: str) -> None:
    with pytest.raises(BadInput):
        marks("steps", text, {"steps": {"type": "integer"}})
