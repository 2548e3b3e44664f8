"""LoRAs in a run, through the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import BadInput, UnknownName
from backend.contracts.events import JobStatus
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import pick
from backend.storage.outputs import Storage
from tests import jobs, lora_files
from tests.tiny import tiny_checkpoint


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    catalog = Catalog([root], FAMILIES)
    parts = FAMILIES.load(catalog.checkpoint("tiny"), pick("cpu", "float32")).lora_parts
    (root / "loras").mkdir()
    for seed, name in enumerate(("ink", "neon")):
        factors = lora_files.random_factors(
            parts, (*lora_files.ATTENTION, *lora_files.TEXT), seed=seed, size=0.3
        )
        lora_files.write(root / "loras" / f"{name}.safetensors", lora_files.peft_keys(factors))
    storage = Storage(tmp_path_factory.mktemp("data"))
    engine = LocalEngine.create([root], storage, device="cpu", dtype="float32", warm_up=None)
    yield engine
    engine.close()


def settings(**values: Any) -> Txt2ImgSettings:
    defaults = {
        "prompt": "a red house",
        "model": "tiny",
        "steps": 6,
        "seed": 3,
        "width": 64,
        "height": 64,
        "guidance_scale": 3.0,
    }
    return Txt2ImgSettings.model_validate({**defaults, **values})


def run(engine: LocalEngine, wanted: Txt2ImgSettings) -> JobStatus:
    return ended(engine, ask(engine, Request(wanted, save=False)))


def ended(engine: LocalEngine, token: str) -> JobStatus:
    status = jobs.ended(engine, token)
    assert status.state == "done", status.error
    return status


def picture(status: JobStatus) -> np.ndarray:
    return status.outputs[0].image


def test_a_lora_acts_and_leaves_the_base_as_it_was(engine: LocalEngine) -> None:
    before = picture(run(engine, settings()))
    ink = run(engine, settings(loras=[{"name": "ink"}]))
    both = run(engine, settings(loras=[{"name": "ink"}, {"name": "neon", "weight": -0.5}]))
    off = picture(run(engine, settings(loras=[{"name": "ink", "weight": 0.0}])))
    assert not np.array_equal(picture(ink), before)
    assert not np.array_equal(picture(both), picture(ink))
    assert np.array_equal(off, before)
    assert np.array_equal(picture(run(engine, settings())), before)
    assert set(ink.outputs[0].record.extra["lora_hashes"]) == {"ink"}


def test_a_tag_in_the_prompt_is_a_row(engine: LocalEngine) -> None:
    row = run(engine, settings(loras=[{"name": "ink", "weight": 0.8}]))
    tag = run(engine, settings(prompt="a red house <lora:ink:0.8>"))
    added = run(
        engine,
        settings(prompt="a red house <lora:ink:0.3>", loras=[{"name": "ink", "weight": 0.5}]),
    )
    assert np.array_equal(picture(tag), picture(row))
    assert np.array_equal(picture(added), picture(row))
    assert tag.info["settings"]["prompt"] == "a red house"
    assert tag.info["settings"]["loras"] == row.info["settings"]["loras"]


def test_a_lora_acts_only_in_its_part_of_the_run(engine: LocalEngine) -> None:
    unet_only = {"name": "ink", "start": 0.5}
    late = run(engine, settings(loras=[unet_only]))
    whole = run(engine, settings(loras=[{"name": "ink"}]))
    never = run(engine, settings(loras=[{"name": "ink", "start": 0.0, "end": 0.0}]))
    assert not np.array_equal(picture(late), picture(whole))
    assert not np.array_equal(picture(never), picture(late))
    early = [engine.timeline_frame(run_.token, 2) for run_ in (late, never)]
    assert np.array_equal(*early)


def test_what_cannot_be_used_is_refused_and_the_next_job_runs(engine: LocalEngine) -> None:
    before = picture(run(engine, settings()))
    with pytest.raises(UnknownName, match="ink"):
        ask(engine, Request(settings(loras=[{"name": "inkk"}])))
    with pytest.raises(BadInput):
        ask(engine, Request(settings(prompt="<lora:ink:99>")))
    assert np.array_equal(picture(run(engine, settings())), before)


def test_a_job_in_the_middle_of_another_sees_the_plain_weights(engine: LocalEngine) -> None:
    plain = picture(run(engine, settings()))
    ink = settings(loras=[{"name": "ink"}], steps=40)
    alone = picture(run(engine, ink))
    background = ask(engine, Request(ink, save=False), background=True)
    jobs.until(engine, background, lambda now: now.progress.step >= 2)
    interactive = ask(engine, Request(settings(), save=False))
    middle = ended(engine, interactive)
    assert engine.status(background).state == "running"
    assert np.array_equal(picture(middle), plain)
    assert np.array_equal(picture(ended(engine, background)), alone)
