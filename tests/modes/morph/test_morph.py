"""Morphs through the engine on a small random model: what a person may rely on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus, Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import MorphSettings, Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests import jobs
from tests.tiny import tiny_checkpoint
from tests.tiny_control import house

A = house(96, 64)
B = np.ascontiguousarray(A[::-1, ::-1])
INVERTING = 2 * (3 * 5 + 2 * 3)
"""Sample-forwards of both ends: three of five steps lead to above sigma 1."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny", "v_prediction")
    data = tmp_path_factory.mktemp("data")
    engine = LocalEngine.create([root], Storage(data), device="cpu", dtype="float32", warm_up=None)
    yield engine
    engine.close()


def settings(**values: Any) -> MorphSettings:
    return MorphSettings.model_validate(
        {
            "prompt_a": "a red house",
            "prompt_b": "a boat",
            "model": "tiny",
            "steps": 5,
            "seed": 3,
            "width": 64,
            "height": 64,
            "frames": 5,
            "even": "off",
            "method": "quick",
            **values,
        }
    )


def walk(**values: Any) -> MorphSettings:
    return settings(method="walk", guidance_scale=3.0, **values)


def fine(**values: Any) -> MorphSettings:
    return settings(
        **{"method": "fine", "lora_steps": 4, "lora_rank": 2, "lora_lr": 1e-2, **values}
    )


def ended(engine: LocalEngine, token: str) -> JobStatus:
    return jobs.ended(engine, token, 90.0)


def run(engine: LocalEngine, wanted: MorphSettings, **images: Pixels) -> JobStatus:
    status = ended(engine, ask(engine, Request(wanted, images, save=False)))
    assert status.state == "done", status.error
    return status


def pictures(status: JobStatus) -> list[Pixels]:
    return [output.image for output in status.outputs]


def apart(a: Pixels, b: Pixels) -> int:
    return int(np.abs(a.astype(int) - b).max())


def test_the_ends_of_a_walk_are_the_pictures_of_their_prompts_and_seeds(
    engine: LocalEngine,
) -> None:
    frames = pictures(run(engine, walk(seed_a=7, seed_b=9)))
    assert len(frames) == 5
    for frame, prompt, seed in ((frames[0], "a red house", 7), (frames[-1], "a boat", 9)):
        alone = Txt2ImgSettings.model_validate(
            {
                "prompt": prompt,
                "seed": seed,
                "model": "tiny",
                "steps": 5,
                "width": 64,
                "height": 64,
                "sampler": "ddim",
                "schedule": "model",
                "guidance_scale": 3.0,
            }
        )
        token = ask(engine, Request(alone, save=False))
        assert apart(frame, ended(engine, token).outputs[0].image) <= 1
    assert apart(frames[1], frames[2]) > 0


def test_open_seeds_follow_the_seed(engine: LocalEngine) -> None:
    open_ = run(engine, walk(seed=40))
    given = run(engine, walk(seed=1, seed_a=40, seed_b=41))
    assert all(apart(a, b) == 0 for a, b in zip(pictures(open_), pictures(given), strict=True))
    assert open_.info["settings"]["seed_a"] == 40


def test_quick_gives_back_both_pictures_at_its_ends(engine: LocalEngine) -> None:
    status = run(engine, settings(inversion_refine=6, steps=20), image_a=A, image_b=B)
    told = status.info["reconstruction"]
    assert [sorted(end) for end in told] == [["psnr", "psnr_autoencoder", "psnr_picture"]] * 2
    assert status.info["settings"]["method"] == "quick"
    assert status.info["settings"]["guidance_scale"] == 1.0
    # Random weights make a field far steeper than a trained model's; refinement still helps.
    plain = run(engine, settings(inversion_refine=0, steps=20), image_a=A, image_b=B)
    for refined, first in zip(told, plain.info["reconstruction"], strict=True):
        assert refined["psnr"] > first["psnr"] + 3


def test_chunks_change_nothing(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = settings(frames=7)
    together = pictures(run(engine, wanted, image_a=A, image_b=B))
    monkeypatch.setattr("backend.modes.morph.MOST_TOGETHER", 2)
    in_parts = pictures(run(engine, wanted, image_a=A, image_b=B))
    assert max(apart(a, b) for a, b in zip(together, in_parts, strict=True)) <= 2


def test_too_little_memory_makes_smaller_chunks_and_says_so(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.models.denoiser.unet import Unet

    plain = Unet.denoiser

    def scarce(self: Unet, *args: Any, **options: Any) -> Any:
        denoise = plain(self, *args, **options)

        def limited(x: Any, level: Any) -> Any:
            if len(x) > 3:
                raise MemoryError
            return denoise(x, level)

        return limited

    expected = pictures(run(engine, settings(), image_a=A, image_b=B))
    monkeypatch.setattr(Unet, "denoiser", scarce)
    status = run(engine, settings(), image_a=A, image_b=B)
    assert "in parts" in status.info["notes"][0]
    assert max(apart(a, b) for a, b in zip(expected, pictures(status), strict=True)) <= 2


def test_every_part_of_the_method_changes_the_middle(engine: LocalEngine) -> None:
    base = pictures(run(engine, settings(), image_a=A, image_b=B))
    for change in ({"attention_lambda": 0.0}, {"adain": False}):
        other = pictures(run(engine, settings(**change), image_a=A, image_b=B))
        assert apart(base[2], other[2]) > 0
        assert apart(base[0], other[0]) <= 2


def test_inserted_frames_make_the_steps_more_even(engine: LocalEngine) -> None:
    plain = run(engine, walk(frames=9, easing="smooth")).info
    for how in ("insert", "rerun"):
        info = run(engine, walk(frames=9, even=how)).info
        assert len(info["distances"]) == 8
        assert info["pdv"] < plain["pdv"]
        assert info["positions"] == sorted(info["positions"])
        assert (info["positions"][0], info["positions"][-1]) == (0.0, 1.0)


def test_inserted_frames_see_the_ends_without_running_them(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = settings(frames=8, even="insert")
    kept = run(engine, wanted, image_a=A, image_b=B)
    assert kept.info["attention_bytes"] > 0
    forwards = kept.info["sample_forwards"]
    assert forwards["frames"] + forwards["evening out"] <= 5 * 9
    monkeypatch.setattr("backend.models.denoiser.attention.EndAttention.keep", lambda *_: None)
    along = run(engine, wanted, image_a=A, image_b=B)
    assert along.info["sample_forwards"]["evening out"] == forwards["evening out"] + 5 * 4
    assert max(apart(a, b) for a, b in zip(pictures(kept), pictures(along), strict=True)) <= 2


def test_a_second_morph_inverts_nothing(engine: LocalEngine) -> None:
    run(engine, settings(prompt="once"), image_a=A, image_b=B)
    again = run(engine, settings(prompt="once", frames=4, fps=30), image_a=A, image_b=B)
    assert "inverting" not in again.info["sample_forwards"]
    other = run(engine, settings(prompt_a="twice"), image_a=A, image_b=B)
    assert other.info["sample_forwards"]["inverting"] == INVERTING


def test_the_forwards_are_counted(engine: LocalEngine) -> None:
    info = run(engine, settings(prompt_a="counted"), image_a=A, image_b=B).info
    assert info["sample_forwards"] == {"inverting": INVERTING, "frames": 5 * 5}
    assert run(engine, walk()).info["sample_forwards"] == {"frames": 2 * 5 * 5}
    assert set(info["times_s"]) == {"inverting", "frames", "decoding"}


def test_one_picture_and_one_prompt(engine: LocalEngine) -> None:
    status = run(engine, settings(seed_b=4, frames=3), image_a=A)
    assert status.info["settings"]["method"] == "quick"
    assert [len(end) for end in status.info["reconstruction"]] == [3, 1]
    assert len(status.outputs) == 3


def test_identical_ends_are_one_frame(engine: LocalEngine) -> None:
    status = run(engine, settings(prompt_b="a red house"), image_a=A, image_b=A)
    assert len(status.outputs) == 1
    assert "the same" in status.info["notes"][0]
    assert len(run(engine, walk(prompt_b="a red house", seed_b=3)).outputs) == 1


def test_fine_learns_both_ends_once_and_uses_what_it_learned(engine: LocalEngine) -> None:
    first = run(engine, fine(method=None), image_a=A, image_b=B)
    assert first.info["settings"]["method"] == "fine"
    assert first.info["sample_forwards"] == {
        "fitting": 2 * 4,
        "inverting": INVERTING,
        "frames": 5 * 5,
    }
    again = run(engine, fine(frames=4, fps=9, seed=8), image_a=A, image_b=B)
    assert again.info["sample_forwards"] == {"frames": 5 * 4}
    assert apart(pictures(first)[0], pictures(again)[0]) <= 1
    # One end is known: only the other is learned.
    other = run(engine, fine(prompt_b="a tree"), image_a=A, image_b=B)
    assert other.info["sample_forwards"]["fitting"] == 4
    quick = run(engine, settings(), image_a=A, image_b=B)
    assert apart(pictures(first)[2], pictures(quick)[2]) > 0


def test_fine_in_chunks_is_fine_together(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = pictures(run(engine, fine(frames=7), image_a=A, image_b=B))
    monkeypatch.setattr("backend.modes.morph.MOST_TOGETHER", 2)
    in_parts = pictures(run(engine, fine(frames=7), image_a=A, image_b=B))
    assert max(apart(a, b) for a, b in zip(together, in_parts, strict=True)) <= 2


def test_a_frame_says_where_it_lies(engine: LocalEngine) -> None:
    status = run(engine, walk(frames=3))
    assert [output.record.extra["position"] for output in status.outputs] == [0.0, 0.5, 1.0]
    MorphSettings.model_validate(status.outputs[1].record.settings)


def test_the_model_is_left_as_it_was(engine: LocalEngine) -> None:
    def plain() -> Pixels:
        wanted = Txt2ImgSettings(prompt="a cat", model="tiny", steps=3, seed=1)
        return ended(engine, ask(engine, Request(wanted, save=False))).outputs[0].image

    before = plain()
    for wanted in (settings(), fine(lora_steps=3)):
        run(engine, wanted, image_a=A, image_b=B)
        assert np.array_equal(before, plain())


def test_stop_keeps_the_frames_that_are_finished(engine: LocalEngine) -> None:
    wanted = walk(frames=8, even="insert", steps=60)
    token = ask(engine, Request(wanted, save=False))
    status = engine.status(token)
    while "distances" not in status.info:
        status = engine.wait(token, status.revision, 0.5)
    engine.cancel(token)
    status = ended(engine, token)
    assert status.state == "stopped"
    assert 3 <= len(status.outputs) < 8
    assert "finished pictures are kept" in (status.error or "")


def test_another_job_in_between_changes_neither(engine: LocalEngine) -> None:
    other = Txt2ImgSettings(prompt="a cat", model="tiny", steps=3, seed=1)
    alone = ended(engine, ask(engine, Request(other, save=False))).outputs[0].image
    wanted = fine(lora_steps=12, steps=12, prompt="between")
    background = ask(
        engine, Request(wanted, {"image_a": A, "image_b": B}, save=False), background=True
    )
    seen: set[str] = set()
    status = engine.status(background)
    while status.state in ("queued", "running"):
        stage = status.progress.stage
        if stage in ("fitting", "inverting", "sampling") and stage not in seen:
            seen.add(stage)
            between = ended(engine, ask(engine, Request(other, save=False)))
            assert np.array_equal(between.outputs[0].image, alone)
        status = engine.wait(background, status.revision, 0.5)
    assert status.state == "done", status.error
    assert seen == {"fitting", "inverting", "sampling"}
    undisturbed = run(engine, wanted, image_a=A, image_b=B)
    assert (
        max(apart(a, b) for a, b in zip(pictures(status), pictures(undisturbed), strict=True)) <= 1
    )


@pytest.mark.parametrize(
    ("values", "images", "said"),
    [
        ({"prompt_b": ""}, {}, "End B is missing"),
        ({"prompt_a": ""}, {"image_b": B}, "End A is missing"),
        ({"method": "walk"}, {"image_a": A}, "between prompts"),
        ({"sampler": "euler"}, {"image_a": A}, "set the sampler to 'ddim'"),
    ],
)
def test_what_cannot_run_is_refused_at_once(
    engine: LocalEngine, values: dict[str, Any], images: dict[str, Pixels], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        ask(engine, Request(settings(**values), images, save=False))


@pytest.mark.parametrize(
    "values",
    [
        {"frames": 1},
        {"frames": 10_000},
        {"batch_size": 2},
        {"eta": 0.5},
        {"method": "warp"},
    ],
)
def test_settings_that_make_no_sense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        settings(**values)
