"""Clips through the engine on a small random model: what a person may rely on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from backend.contracts.clip import Clip, as_pictures
from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus, Pixels
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import ClipSettings, Img2ImgSettings, Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.modes import clip as mode
from backend.storage.outputs import Storage
from tests import jobs
from tests.models.denoiser.stored import strengthened
from tests.tiny import tiny_checkpoint, tiny_sdxl
from tests.tiny_control import house, tiny_controlnet

FRAMES = tuple(np.roll(house(96, 64), 4 * index, axis=1) for index in range(5))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    folder = strengthened(tiny_checkpoint(root / "checkpoints" / "tiny", "v_prediction"))
    tiny_controlnet(folder, root / "controlnet" / "tiny-canny", seed=1)
    data = tmp_path_factory.mktemp("data")
    engine = LocalEngine.create([root], Storage(data), device="cpu", dtype="float32", warm_up=None)
    yield engine
    engine.close()


def settings(**values: Any) -> ClipSettings:
    return ClipSettings.model_validate(
        {
            "prompt": "a red house",
            "model": "tiny",
            "steps": 6,
            "seed": 3,
            "guidance_scale": 4.0,
            "width": 64,
            "height": 64,
            "control": False,
            **values,
        }
    )


def started(engine: LocalEngine, wanted: ClipSettings, branch: Branch | None = None) -> str:
    images = as_pictures(Clip(FRAMES, 10))
    return ask(engine, Request(wanted, images, branch, save=False))


def run(engine: LocalEngine, wanted: ClipSettings, branch: Branch | None = None) -> JobStatus:
    status = jobs.ended(engine, started(engine, wanted, branch), 90.0)
    assert status.state == "done", status.error
    return status


def pictures(status: JobStatus) -> list[Pixels]:
    return [output.image for output in status.outputs]


def apart(a: Pixels, b: Pixels) -> int:
    return int(np.abs(a.astype(int) - b).max())


def test_frames_that_look_at_nothing_are_those_of_img2img(engine: LocalEngine) -> None:
    frames = pictures(run(engine, settings(attend="off", frame_noise="own")))
    for index, frame in enumerate(frames):
        alone = Img2ImgSettings.model_validate(
            {"prompt": "a red house", "model": "tiny", "steps": 6, "seed": 3 + index,
             "guidance_scale": 4.0, "width": 64, "height": 64, "strength": 0.5}
        )  # fmt: skip
        token = ask(engine, Request(alone, {"image": FRAMES[index]}, save=False))
        assert apart(frame, jobs.ended(engine, token, 60.0).outputs[0].image) <= 1


def test_the_first_frame_is_its_own_and_the_others_change(engine: LocalEngine) -> None:
    plain = pictures(run(engine, settings(attend="off")))
    looking = pictures(run(engine, settings()))
    assert apart(plain[0], looking[0]) <= 1
    assert all(apart(a, b) > 4 for a, b in zip(plain[1:], looking[1:], strict=True))


def test_the_model_is_left_as_it_was(engine: LocalEngine) -> None:
    before = Txt2ImgSettings.model_validate(
        {"prompt": "a boat", "model": "tiny", "steps": 3, "seed": 1, "width": 64, "height": 64}
    )
    made: list[Pixels] = []
    for _ in range(2):
        token = ask(engine, Request(before, save=False))
        made.append(jobs.ended(engine, token, 60.0).outputs[0].image)
        run(engine, settings(attend_own=True, control=True))
    assert np.array_equal(made[0], made[1])


def test_the_control_acts_on_each_frame_by_its_own_edges(engine: LocalEngine) -> None:
    plain = pictures(run(engine, settings(attend="off")))
    status = run(engine, settings(attend="off", control=True, control_scale=1.0))
    assert all(apart(a, b) > 4 for a, b in zip(plain, pictures(status), strict=True))
    assert status.outputs[0].record.settings["controlnet"] == "tiny-canny"
    assert set(status.outputs[0].record.extra["controlnets"]) == {"tiny-canny"}


def test_a_run_goes_on_from_where_it_was_stopped(engine: LocalEngine) -> None:
    """The finished steps stay, and what follows is the same picture bit for bit."""
    wanted = settings(steps=20, strength=0.5, sampler="dpmpp_2m", schedule="karras")
    whole = pictures(run(engine, wanted))
    token = started(engine, wanted)
    jobs.until(engine, token, lambda now: now.timeline is not None and now.timeline.steps >= 3)
    engine.cancel(token)
    status = jobs.ended(engine, token, 60.0)
    assert status.state == "stopped"
    assert status.timeline is not None
    resumed = run(engine, wanted, Branch(token, status.timeline.steps - 1))
    assert all(np.array_equal(a, b) for a, b in zip(pictures(resumed), whole, strict=True))


def test_it_tells_flicker_and_shows_each_frames_source(engine: LocalEngine) -> None:
    status = run(engine, settings())
    told = status.info["flicker"]
    assert len(told["over_time"]) == len(FRAMES) - 1
    assert told["whole"] == pytest.approx(np.mean(told["over_time"]), abs=1e-4)
    assert [output.record.extra["frame"] for output in status.outputs] == list(range(5))
    assert all(output.views["source"].shape == (64, 64, 3) for output in status.outputs)
    settled = status.outputs[0].record.settings
    assert (settled["frames"], settled["fps"]) == (5, 12)


def test_a_shortage_halves_the_chunk_and_changes_no_frame(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.models.denoiser.unet import Unet

    whole = pictures(run(engine, settings()))
    plain = Unet._output
    refused: list[int] = []

    def short(self: Unet, inputs: Any) -> torch.Tensor:
        if len(inputs.scaled) > 4:
            refused.append(len(inputs.scaled))
            raise torch.OutOfMemoryError("out of memory")
        return plain(self, inputs)

    monkeypatch.setattr(Unet, "_output", short)
    status = run(engine, settings())
    assert refused
    assert "2 frames at once" in status.info["notes"][0]
    assert all(apart(a, b) <= 1 for a, b in zip(pictures(status), whole, strict=True))


def test_a_branch_of_another_length_is_refused(engine: LocalEngine) -> None:
    token = run(engine, settings()).token
    images = as_pictures(Clip(FRAMES[:3], 10))
    with pytest.raises(BadInput, match="5 frames, and these settings take 3"):
        ask(engine, Request(settings(), images, Branch(token, 1), save=False))


def test_without_a_fitting_controlnet_it_says_so(engine: LocalEngine) -> None:
    with pytest.raises(BadInput, match="nothing"):
        started(engine, settings(control=True, controlnet="nothing"))


def test_inverted_frames_start_where_img2img_finds_their_noise(engine: LocalEngine) -> None:
    own = {"start_noise": "inverted", "sampler": "ddim", "schedule": "model", "strength": 0.7}
    own |= {"source_prompt": "a house", "guidance_scale": 2.0, "inversion_refine": 0}
    frames = pictures(run(engine, settings(attend="off", **own)))
    for index in (0, 4):
        alone = Img2ImgSettings.model_validate(
            {"prompt": "a red house", "model": "tiny", "steps": 6, "seed": 3, "width": 64,
             "height": 64, **own}
        )  # fmt: skip
        token = ask(engine, Request(alone, {"image": FRAMES[index]}, save=False))
        wanted = jobs.ended(engine, token, 60.0).outputs[0].image
        # A random model makes much of a rounding here and there.
        assert (np.abs(frames[index].astype(int) - wanted) <= 2).mean() > 0.99
    with pytest.raises(BadInput, match="inverted by DDIM"):
        started(engine, settings(start_noise="inverted"))


def test_words_that_change_along_the_clip_are_said_to_each_frame(engine: LocalEngine) -> None:
    common = {"attend": "off", "steps": 4}
    both = settings(prompt="a [red:blue:0.4] house", prompt_over="frames", **common)
    made = pictures(run(engine, both))
    red = pictures(run(engine, settings(prompt="a red house", **common)))
    blue = pictures(run(engine, settings(prompt="a blue house", **common)))
    assert all(apart(a, b) <= 1 for a, b in zip(made, [*red[:2], *blue[2:]], strict=True))
    assert apart(red[0], blue[0]) > 1


def test_a_key_picture_is_looked_at_and_named(engine: LocalEngine) -> None:
    images = as_pictures(Clip(FRAMES, 10)) | {"key_picture": 255 - house()}
    token = ask(engine, Request(settings(), images, save=False))
    status = jobs.ended(engine, token, 90.0)
    assert status.state == "done", status.error
    plain = pictures(run(engine, settings()))
    assert all(apart(a, b) > 1 for a, b in zip(pictures(status), plain, strict=True))
    assert status.outputs[0].record.extra["key_picture_sha256"]


def test_frames_of_sdxl_look_at_each_other_in_any_chunks(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path_factory.mktemp("xl")
    strengthened(tiny_sdxl(root / "checkpoints" / "xl"))
    data = Storage(tmp_path_factory.mktemp("data"))
    large = LocalEngine.create([root], data, device="cpu", dtype="float32", warm_up=None)
    try:
        asked = settings(model="xl", steps=4)
        together = pictures(run(large, asked))
        monkeypatch.setattr(mode, "MOST_TOGETHER", 2)
        parts = pictures(run(large, asked))
        plain = pictures(run(large, asked.model_copy(update={"attend": "off"})))
    finally:
        large.close()
    assert all(apart(a, b) <= 1 for a, b in zip(together, parts, strict=True))
    assert apart(together[0], plain[0]) <= 1
    assert all(apart(a, b) > 2 for a, b in zip(together[1:], plain[1:], strict=True))
