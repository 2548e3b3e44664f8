"""A run changed on its way: a change at a step is a branch from the step before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from backend.contracts.requests import Branch, Request
from backend.contracts.settings import Settings, parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import pick
from backend.modes.live import Live
from backend.modes.stage import Stage
from backend.modes.start import Origin
from backend.resolve.live import Course, Wish
from backend.sampling.types import Level
from backend.storage.outputs import Storage
from tests import jobs, lora_files
from tests.tiny import tiny_checkpoint
from tests.tiny_control import tiny_controlnet

AT = 3
BASE = {
    "prompt": "a red house",
    "negative_prompt": "blurry",
    "model": "tiny",
    "steps": 6,
    "seed": 3,
    "width": 64,
    "height": 64,
    "guidance_scale": 3.0,
}
PICTURE = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    checkpoint = tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_controlnet(checkpoint, root / "controlnet" / "tiny-canny")
    catalog = Catalog([root], FAMILIES)
    parts = FAMILIES.load(catalog.checkpoint("tiny"), pick("cpu", "float32")).lora_parts
    (root / "loras").mkdir()
    touched = (*lora_files.ATTENTION, *lora_files.TEXT)
    factors = lora_files.random_factors(parts, touched, seed=1, size=0.3)
    lora_files.write(root / "loras" / "ink.safetensors", lora_files.peft_keys(factors))
    engine = LocalEngine.create(
        [root],
        Storage(tmp_path_factory.mktemp("data")),
        device="cpu",
        dtype="float32",
        warm_up=None,
    )
    yield engine
    engine.close()


def run(engine: LocalEngine, wanted: Settings, branch: Branch | None = None) -> Any:
    pictures = {name: PICTURE for name in ("image",) if name in wanted.pictures}
    token = ask(engine, Request(wanted, images=pictures, branch=branch, save=False))
    status = jobs.ended(engine, token)
    assert status.state == "done", status.error
    return status


LORA = {"loras": [{"name": "ink", "weight": 0.0}]}  # a row at 0 can be moved, too
CASES = [
    ("txt2img", {}, {"prompt": "a blue boat in a very long harbour"}),
    ("txt2img", {"sampler": "heun"}, {"negative_prompt": "a house", "guidance_scale": 6.0}),
    (
        "txt2img",
        {"sampler": "euler_a", "schedule": "trailing", "guidance_scale": 1.0},
        {"guidance_scale": 5.0},
    ),
    ("txt2img", {"sampler": "dpmpp_2m"}, {"steer": "blue", "steer_every": 1, "steer_scale": 3.0}),
    ("lora_mix", LORA, {"loras": [{"name": "ink", "weight": 1.5}]}),
    ("style_transfer", {}, {"control_scale": 0.0}),
    ("img2img", {"strength": 1.0}, {"prompt": "a blue boat"}),
]


@pytest.mark.parametrize(("mode", "given", "then"), CASES)
def test_a_change_at_a_step_is_a_branch_from_the_step_before(
    engine: LocalEngine, mode: str, given: dict[str, Any], then: dict[str, Any]
) -> None:
    plain = run(engine, parse(mode, BASE | given))
    noted = [{"step": AT, "field": name, "value": value} for name, value in then.items()]
    made = run(engine, parse(mode, BASE | given | {"changes": noted}))
    changed = parse(mode, BASE | given | then)
    branched = run(engine, changed, Branch(plain.token, AT - 1))
    np.testing.assert_array_equal(made.outputs[0].image, branched.outputs[0].image)
    assert not np.array_equal(made.outputs[0].image, plain.outputs[0].image)
    before = engine.timeline_frame(made.token, AT - 1)
    np.testing.assert_array_equal(before, engine.timeline_frame(plain.token, AT - 1))
    record = made.outputs[0].record.settings
    assert [(each["step"], each["field"]) for each in record["changes"]] == [
        (AT, name) for name in then
    ]
    assert all(
        record[name] == plain.outputs[0].record.settings[name] for name in then if name in record
    )


def test_what_is_changed_before_it_begins_is_the_plain_run(engine: LocalEngine) -> None:
    engine.pause(True)
    given = {"loras": [{"name": "ink", "weight": 0.2}]}
    token = ask(engine, Request(parse("txt2img", BASE | given), save=False))
    then = {"prompt": "a blue boat", "loras": [{"name": "ink", "weight": 1.5}]}
    engine.change(token, then)
    engine.pause(False)
    made = jobs.ended(engine, token)
    plain = run(engine, parse("txt2img", BASE | then))
    np.testing.assert_array_equal(made.outputs[0].image, plain.outputs[0].image)


def test_a_change_of_the_first_pass_holds_in_the_second(engine: LocalEngine) -> None:
    hires = {"hires_scale": 1.5, "hires_denoise": 0.5, "guidance_scale": 3.0}
    first = [{"step": 2, "field": "prompt", "value": "a blue boat"}]
    second = [*first, {"stage": 1, "step": 4, "field": "prompt", "value": "a green tree"}]
    made = [
        run(engine, parse("txt2img", BASE | hires | {"changes": changes}))
        for changes in ([], first, second)
    ]
    pictures = [status.outputs[0].image for status in made]
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[1], pictures[2])
    whole = parse("txt2img", BASE | hires | {"prompt": "a blue boat"})
    on = run(engine, whole, Branch(made[0].token, 1))
    np.testing.assert_array_equal(pictures[1], on.outputs[0].image)


@dataclass
class Mix:
    told: list[object] = field(default_factory=list[object])

    def reweigh(self, uses: object) -> None:
        self.told.append(uses)

    def at(self, step: int) -> None:
        self.told.append(step)


def test_all_calls_of_a_step_hear_the_same(tmp_path: Path) -> None:
    wishes: list[Wish] = []
    settings = parse("txt2img", BASE)
    informed: list[Any] = []
    course = Course.of(settings, lambda: wishes)
    context: Any = SimpleNamespace(course=course, inform=informed.append)
    nothing: Any = None
    said: list[str] = []

    def make(stage: Stage[Settings]) -> Any:
        def denoiser(x: torch.Tensor, level: Level) -> torch.Tensor:
            said.append(stage.settings.prompt)
            return x

        return denoiser

    mix: Any = Mix()
    begin = Origin(SimpleNamespace(steps=3), torch.zeros(1), skipped=2)  # type: ignore[arg-type]
    live = Live(Stage(settings, nothing, context, nothing), begin, mix, make)
    denoiser = live.made()
    x, level = torch.zeros(1), Level.like(torch.zeros(1), 1.0, 1.0)
    for step in range(3):
        live.follow(step)
        denoiser(x, level)
        wishes.append({"prompt": f"after {step}"})  # in the middle of the step
        denoiser(x, level)
    live.follow(3)
    assert said == ["a red house"] * 2 + ["after 0"] * 2 + ["after 1"] * 2
    assert [each.step for each in course.made] == [3, 4]
    assert mix.told == [(), 3, (), 4]
    assert informed[-1]["changes"][-1] == {"step": 4, "field": "prompt", "value": "after 1"}
