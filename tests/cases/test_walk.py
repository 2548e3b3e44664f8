"""The walk through a folder of cases, over small inputs of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import save_file

from tests.cases import readers
from tests.cases.known import CASES
from tests.cases.walk import table, walked

TEXT = "a red house\nNegative prompt: blurry\nSteps: 8, Sampler: Euler a, CFG scale: 7, Seed: 42"


class Answer(NamedTuple):
    """Of a studio that refuses."""

    status_code: int

    def json(self) -> dict[str, Any]:
        return {"detail": "There is no autoencoder 'vae-ft-mse'."}


@contextmanager
def refusing(place: Path) -> Iterator[readers.Ask]:
    yield lambda path, body: Answer(422)  # type: ignore[return-value, arg-type]


def folder(root: Path) -> Path:
    for name in ("infotext-trailing", "infotext-none", "infotext-of-somebody"):
        info = PngImagePlugin.PngInfo()
        told = {"infotext-trailing": f"{TEXT}\n\nTime taken: 4.5 sec.", "infotext-none": "None"}
        info.add_text("parameters", told.get(name, TEXT))
        (root / name).mkdir()
        Image.new("RGB", (8, 8)).save(root / name / "in.png", pnginfo=info)
    (root / "styles-old-header").mkdir()
    (root / "styles-old-header" / "styles.csv").write_text("name,text\nInk,ink drawing\n")
    (root / "lora-loha").mkdir()
    pairs = {"hada_w1_a": (4, 2), "hada_w1_b": (2, 4), "hada_w2_a": (4, 2), "hada_w2_b": (2, 4)}
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    tensors = {f"{layer}.{key}": torch.ones(shape) for key, shape in pairs.items()}
    save_file(tensors | {f"{layer}.alpha": torch.tensor(1.0)}, root / "lora-loha/x.safetensors")
    (root / "api-override-vae").mkdir()
    asked = {"path": "/sdapi/v1/txt2img", "body": {}}
    (root / "api-override-vae" / "request.json").write_text(json.dumps(asked))
    (root / "pictures").mkdir()
    return root


def test_each_case_has_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "asking", refusing)
    cases, place = tmp_path / "cases", tmp_path / "place"
    cases.mkdir()
    rows = {row.case: row for row in walked(folder(cases), place)}
    assert {name: row.right for name, row in rows.items()} == {
        "infotext-trailing": True,
        "infotext-none": True,
        "infotext-of-somebody": None,  # nobody has said what is right
        "styles-old-header": True,
        "lora-loha": True,
        "api-override-vae": True,
    }
    assert "seed: 42" in rows["infotext-of-somebody"].now
    assert "no autoencoder" in rows["api-override-vae"].now
    said = table(list(rows.values()))
    assert said.endswith("5 of 6 right.")
    assert "| infotext-of-somebody |  | prompt: a red house;" in said


def test_a_reader_that_goes_wrong_is_seen(tmp_path: Path) -> None:
    facts = {"taken": 0, "said": "This is no styles.csv"}
    assert not CASES["styles-old-header"].right(facts)
    assert not CASES["infotext-none"].right({"prompt": "None", "said": ""})
    assert not CASES["mask-alpha"].right({"percent": [100, 25, 25, 25]})
