"""What endpoints share: progress as plain values, files with their record, refusals, signatures."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.events import Output, Record
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from backend.recipes.metadata import read
from tests.jobs import ended
from ui.api.parts import output_file, refusal, report, signed


def test_progress_is_told_in_plain_values() -> None:
    engine = FakeEngine(step_time_s=0.002)
    token = ask(engine, Request(Txt2ImgSettings(steps=3), save=False))
    told = report(ended(engine, token))
    assert told["job"] == token
    assert told["state"] == "done"
    assert told["total"] == told["step"] == 3
    assert set(told) == {"job", "state", "position", "stage", "step", "total", "eta_s"}
    engine.close()


def test_a_picture_is_copied_with_its_record_whether_it_was_saved_or_not(tmp_path: Path) -> None:
    record = Record("txt2img", Txt2ImgSettings(prompt="a boat", seed=7).model_dump(mode="json"), {})
    image = np.full((8, 16, 3), 200, np.uint8)
    made = output_file(tmp_path, Output(index=2, image=image, record=record))
    assert (made.orig_name, made.mime_type) == ("02-7.png", "image/png")
    content = Path(made.path).read_bytes()
    assert made.size == len(content)
    assert read(content).settings["prompt"] == "a boat"
    saved = tmp_path / "saved.png"
    saved.write_bytes(content)
    again = output_file(tmp_path, Output(index=3, image=image, record=record, path=str(saved)))
    assert Path(again.path).read_bytes() == content
    assert again.path != str(saved)


def test_a_refusal_is_its_sentence_alone() -> None:
    said = refusal(BadInput("Steps lie between 1 and 150.", "steps"))
    assert isinstance(said, gr.Error)
    assert said.message == "Steps lie between 1 and 150."
    assert said.print_exception is False
    assert "boom" not in str(refusal(RuntimeError("boom")).message)


def test_clients_see_the_fields_and_not_the_stars() -> None:
    def endpoint(request: gr.Request, *values: Any) -> None:
        return None

    made = signed(
        endpoint, {"prompt": (str, inspect.Parameter.empty), "steps": (int, 20)}, dict[str, Any]
    )
    seen = inspect.signature(made)
    assert list(seen.parameters) == ["request", "prompt", "steps"]
    assert seen.parameters["prompt"].default is inspect.Parameter.empty
    assert seen.parameters["steps"].default == 20
    assert seen.parameters["steps"].annotation is int
    assert seen.return_annotation == dict[str, Any] == made.__annotations__["return"]


@pytest.mark.parametrize("name", ["request", "prompt"])
def test_gradio_reads_the_annotations_too(name: str) -> None:
    def endpoint(request: gr.Request, *values: Any) -> None:
        return None

    assert name in signed(endpoint, {"prompt": (str, "")}, str).__annotations__
