"""A cascade through the engine: diffusers' pictures, one timeline, branches between stages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import IFPipeline, IFSuperResolutionPipeline

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus, Output
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import parse
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.models.text.t5 import T5Text
from backend.pictures.back_projection import back_projected
from backend.storage.outputs import Storage
from tests.jobs import ended
from tests.staged import close
from tests.tiny import tiny_checkpoint
from tests.tiny_pixels import tiny_if, tiny_if_larger, tiny_x4

PROMPT, NEGATIVE = "a red house under a blue sky", "a fish"
SECOND = {"model": "two", "steps": 6, "guidance_scale": 4.0, "noise_level": 200}
THIRD = {"model": "x4", "steps": 3, "guidance_scale": 2.0, "noise_level": 30}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_if(root / "checkpoints" / "if" / "one")
    tiny_if_larger(root / "checkpoints" / "if" / "two")
    tiny_x4(root / "checkpoints" / "if" / "x4")
    kept = tiny_x4(root / "checkpoints" / "if" / "kept")  # the same weights
    (kept / "card.json").write_text('{"faithful": true}')
    tiny_checkpoint(root / "checkpoints" / "tiny")
    return root


@pytest.fixture
def engine(models: Path, tmp_path: Path) -> Iterator[LocalEngine]:
    made = LocalEngine.create(
        [models], Storage(tmp_path), device="cpu", dtype="float32", warm_up=None
    )
    yield made
    made.close()


def request(branch: Branch | None = None, **values: Any) -> Request:
    standard: dict[str, Any] = {
        "prompt": PROMPT,
        "negative_prompt": NEGATIVE,
        "model": "one",
        "sampler": "ddpm",
        "schedule": "model",
        "steps": 8,
        "guidance_scale": 7.0,
        "seed": 5,
        "stages": [SECOND],
    }
    return Request(parse("txt2img", standard | values), branch=branch)


def run(engine: LocalEngine, branch: Branch | None = None, **values: Any) -> JobStatus:
    status = ended(engine, ask(engine, request(branch, **values)))
    assert status.state == "done", status.error
    return status


def same(ours: Output, theirs: Output) -> bool:
    return bool((ours.image == theirs.image).all())


@pytest.mark.parity
def test_two_stages_are_diffusers(engine: LocalEngine, models: Path) -> None:
    folder = models / "checkpoints" / "if"
    first: Any = IFPipeline.from_pretrained(folder / "one")
    second: Any = IFSuperResolutionPipeline.from_pretrained(folder / "two")
    for pipe in (first, second):
        pipe.set_progress_bar_config(disable=True)
    embedded, negative = first.encode_prompt([PROMPT] * 3, negative_prompt=[NEGATIVE] * 3)
    told = {"prompt_embeds": embedded, "negative_prompt_embeds": negative}

    def seeds() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(5 + i) for i in range(3)]

    small = first(
        **told,
        generator=seeds(),
        num_inference_steps=8,
        guidance_scale=7.0,
        output_type="pt",
    ).images
    large = second(
        **told,
        image=small,
        generator=seeds(),
        num_inference_steps=6,
        guidance_scale=4.0,
        noise_level=200,
        output_type="np",
    ).images
    outputs = run(engine, batch_size=3).outputs
    assert [one.image.shape for one in outputs] == [(16, 16, 3)] * 3 + [(32, 32, 3)] * 3
    kept = (small / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    assert close(np.stack([one.image for one in outputs[:3]]), kept) >= 0.999
    assert close(np.stack([one.image for one in outputs[3:]]), large) >= 0.999


def test_the_prompt_is_embedded_once(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    own = T5Text.encode

    def counted(text: T5Text, prompts: Any, *rest: Any) -> Any:
        asked.extend(prompts)
        return own(text, prompts, *rest)

    monkeypatch.setattr(T5Text, "encode", counted)
    run(engine, steps=2)
    assert engine.memory().residents  # both are still there
    assert sorted(set(asked)) == sorted({PROMPT, NEGATIVE})


def test_three_stages_share_one_timeline_and_keep_their_pictures(engine: LocalEngine) -> None:
    status = run(engine, stages=[SECOND, THIRD])
    sizes = [one.image.shape[0] for one in status.outputs]
    assert sizes == [16, 32, 128]
    assert [one.record.extra["stage"] for one in status.outputs] == [1, 2, 3]
    assert sorted(status.outputs[2].record.extra["stage_hashes"]) == ["two", "x4"]
    final = [one.record.extra.get("final_stage", False) for one in status.outputs]
    assert final == [False, False, True]
    timeline = engine.timeline(status.token)
    assert timeline is not None
    assert timeline.steps == 8 + 6 + 3
    shown = [engine.timeline_frame(status.token, step, "x0", 0) for step in (7, 13, 16)]
    assert [frame.shape[0] for frame in shown] == sizes
    for output in status.outputs:
        values: dict[str, Any] = {"stages": [], **output.record.settings}
        again = run(engine, None, **values).outputs[-1]
        assert same(again, output)


def test_a_stage_that_is_off_is_left_out(engine: LocalEngine) -> None:
    status = run(engine, stages=[SECOND | {"on": False}, THIRD])
    assert [one.image.shape[0] for one in status.outputs] == [16, 64]
    (alone,) = run(engine, stages=[SECOND | {"on": False}]).outputs
    assert same(alone, status.outputs[0])


def test_what_is_left_open_is_recommended(engine: LocalEngine) -> None:
    settings = run(engine, stages=[{"model": "two"}], steps=2).info["settings"]
    (row,) = settings["stages"]
    assert (row["steps"], row["guidance_scale"], row["noise_level"]) == (50, 4.0, 250)
    assert (row["sampler"], row["factor"]) == ("ddpm", 2)


def test_a_branch_begins_in_any_stage(engine: LocalEngine) -> None:
    whole = run(engine, stages=[SECOND, THIRD])
    # step 4 lies in the first stage, 7 ends it, 10 lies in the second, 15 in the third
    for step in (4, 7, 10, 15):
        outputs = run(engine, Branch(whole.token, step), stages=[SECOND, THIRD]).outputs
        assert all(map(same, outputs, whole.outputs)), step
    other = run(
        engine, Branch(whole.token, 7), stages=[SECOND | {"guidance_scale": 9.0}, THIRD]
    ).outputs
    assert same(other[0], whole.outputs[0])
    assert not same(other[1], whole.outputs[1])
    changed = run(engine, Branch(whole.token, 15), stages=[SECOND, THIRD | {"guidance_scale": 6.0}])
    assert not same(changed.outputs[2], whole.outputs[2])
    with pytest.raises(BadInput, match="switch it on"):
        run(engine, Branch(whole.token, 15), stages=[SECOND])


def test_a_latent_model_begins_a_cascade_too(engine: LocalEngine) -> None:
    status = run(engine, model="tiny", sampler="ddim", stages=[THIRD], width=64, height=64, steps=3)
    assert [one.image.shape[0] for one in status.outputs] == [64, 256]
    assert status.outputs[1].record.model["name"] == "tiny"


def test_a_faithful_stage_gives_its_colours_back_and_hands_them_on(engine: LocalEngine) -> None:
    base = {"sampler": "ddim", "steps": 3, "batch_size": 2}
    stage = THIRD | {"model": "kept", "steps": 1}
    plain = run(engine, **base, stages=[THIRD | {"steps": 1}]).outputs
    kept = run(engine, **base, stages=[stage, stage]).outputs
    assert len(kept) == 6
    for place in range(2):
        wanted = back_projected(plain[2 + place].image, plain[place].image)
        assert (kept[2 + place].image == wanted).all()
        large = kept[4 + place].image
        own, other = (
            np.abs(back_projected(large, small[2 + place].image).astype(int) - large).mean()
            for small in (kept, plain)
        )
        assert own < other / 2  # of noise one step leaves some


def test_it_gives_back_those_of_a_decoded_picture_too(engine: LocalEngine) -> None:
    base = {"model": "tiny", "sampler": "ddim", "width": 64, "height": 64, "steps": 3}
    plain, kept = (
        run(engine, **base, stages=[THIRD | {"model": name, "steps": 1}]).outputs
        for name in ("x4", "kept")
    )
    assert (kept[1].image == back_projected(plain[1].image, plain[0].image)).all()


def test_a_branch_needs_its_run(engine: LocalEngine) -> None:
    with pytest.raises(BadInput):
        ask(engine, request(Branch("gone", 1)))


def test_the_second_stage_alone_enlarges_a_picture(engine: LocalEngine) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (16, 24, 3), dtype=np.uint8)

    def larger(**values: Any) -> Output:
        given = {"upscaler": "two", "factor": 2.0, "upscaler_steps": 3, "seed": 5} | values
        wanted = Request(parse("upscale", given), {"image": picture}, save=False)
        status = ended(engine, ask(engine, wanted))
        assert status.state == "done", status.error
        (output,) = status.outputs
        return output

    first = larger(prompt=PROMPT)
    assert first.image.shape == (32, 48, 3)
    assert first.record.settings["noise_level"] == 250
    assert not same(larger(prompt="a fish"), first)  # the first stage beside it reads for it
    assert same(larger(**first.record.settings), first)


def test_a_later_stage_that_is_shown_no_picture_is_refused(engine: LocalEngine) -> None:
    with pytest.raises(BadInput, match="take one to Upscale"):
        ask(engine, request(model="two", stages=[]))
    with pytest.raises(BadInput, match="add the one to enlarge"):
        ask(engine, Request(parse("upscale", {"upscaler": "two"})))
