"""txt2img through the engine on a small random model: what a person may rely on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests import jobs
from tests.samplers import SCHEDULES_OF
from tests.tiny import tiny_checkpoint


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    data = tmp_path_factory.mktemp("data")
    engine = LocalEngine.create([root], Storage(data), device="cpu", dtype="float32", warm_up=None)
    yield engine
    engine.close()


def settings(**values: object) -> Txt2ImgSettings:
    defaults = {
        "prompt": "a red house",
        "model": "tiny",
        "steps": 5,
        "seed": 3,
        "width": 64,
        "height": 64,
        "guidance_scale": 3.0,
    }
    return Txt2ImgSettings.model_validate({**defaults, **values})


def run(engine: LocalEngine, wanted: Txt2ImgSettings, branch: Branch | None = None) -> JobStatus:
    token = ask(engine, Request(wanted, branch=branch, save=False))
    return ended(engine, token)


def ended(engine: LocalEngine, token: str) -> JobStatus:
    status = jobs.ended(engine, token)
    assert status.state == "done", status.error
    return status


def pictures(status: JobStatus) -> np.ndarray:
    return np.stack([output.image for output in status.outputs])


def test_a_batch_is_the_pictures_of_its_seeds_one_by_one(engine: LocalEngine) -> None:
    batch = run(engine, settings(batch_size=3, sampler="euler_a", schedule="model"))
    assert batch.info["seeds"] == [3, 4, 5]
    for index, seed in enumerate(batch.info["seeds"]):
        alone = run(engine, settings(seed=seed, sampler="euler_a", schedule="model"))
        difference = np.abs(pictures(alone)[0].astype(int) - pictures(batch)[index])
        assert difference.max() <= 1


def test_the_record_of_each_picture_makes_it_again(engine: LocalEngine) -> None:
    batch = run(engine, settings(batch_size=2, seed=-1))
    second = batch.outputs[1]
    again = run(engine, Txt2ImgSettings.model_validate(second.record.settings))
    assert np.abs(pictures(again)[0].astype(int) - second.image).max() <= 1


def test_a_variation_leans_from_one_noise_to_another(engine: LocalEngine) -> None:
    plain = pictures(run(engine, settings()))
    none = pictures(run(engine, settings(variation_seed=9, variation_strength=0.0)))
    some = pictures(run(engine, settings(variation_seed=9, variation_strength=0.2)))
    full = pictures(run(engine, settings(variation_seed=9, variation_strength=1.0)))
    other = pictures(run(engine, settings(seed=9)))
    assert np.array_equal(plain, none)
    assert np.array_equal(full, other)
    assert not np.array_equal(some, plain)
    assert not np.array_equal(some, full)


def test_prompt_mix_runs_from_one_prompt_to_the_other(engine: LocalEngine) -> None:
    a = pictures(run(engine, settings(prompt="a red house")))
    b = pictures(run(engine, settings(prompt="the sea at night")))
    ends = [
        pictures(
            run(engine, settings(prompt="a red house", prompt_b="the sea at night", prompt_mix=mix))
        )
        for mix in (0.0, 0.5, 1.0)
    ]
    assert np.array_equal(ends[0], a)
    assert np.array_equal(ends[2], b)
    assert not np.array_equal(ends[1], a)
    assert not np.array_equal(ends[1], b)


def test_an_empty_prompt_is_a_picture_too(engine: LocalEngine) -> None:
    assert pictures(run(engine, settings(prompt=""))).shape == (1, 64, 64, 3)


@pytest.mark.parametrize(("sampler", "schedule"), [(s, n[0]) for s, n in SCHEDULES_OF.items()])
def test_a_branch_with_unchanged_settings_gives_the_original_bit_for_bit(
    engine: LocalEngine, sampler: str, schedule: str
) -> None:
    wanted = settings(sampler=sampler, schedule=schedule, batch_size=2, steps=6, eta=0.0)
    original = run(engine, wanted)
    assert original.timeline is not None
    assert original.timeline.batch == 2
    for step in (0, original.timeline.steps // 2, original.timeline.steps - 1):
        branch = run(engine, wanted, Branch(original.token, step))
        assert np.array_equal(pictures(branch), pictures(original)), step
        assert branch.timeline is not None
        assert branch.timeline.steps == original.timeline.steps
        assert branch.info["steps"] == original.timeline.steps - 1 - step


def test_a_branch_with_another_prompt_keeps_the_beginning_and_changes_the_end(
    engine: LocalEngine,
) -> None:
    original = run(engine, settings())
    branch = run(engine, settings(prompt="the sea"), Branch(original.token, 1))
    assert not np.array_equal(pictures(branch), pictures(original))
    frames = [engine.timeline_frame(token, 1) for token in (original.token, branch.token)]
    assert np.array_equal(*frames)


@pytest.mark.parametrize(("sampler", "steps"), [("euler", 5), ("dpmpp_2m", 9), ("ddim", 20)])
def test_a_branch_may_change_sampler_and_steps(
    engine: LocalEngine, sampler: str, steps: int
) -> None:
    original = run(engine, settings())
    wanted = settings(sampler=sampler, schedule="model", steps=steps)
    branch = run(engine, wanted, Branch(original.token, 2))
    assert branch.timeline is not None
    sigmas = branch.timeline.sigmas
    assert list(sigmas) == sorted(sigmas, reverse=True)


def test_a_branch_of_another_size_is_refused_with_a_sentence(engine: LocalEngine) -> None:
    original = run(engine, settings())
    with pytest.raises(BadInput, match="size"):
        ask(engine, Request(settings(width=128), branch=Branch(original.token, 1)))
    with pytest.raises(BadInput, match="batch"):
        ask(engine, Request(settings(batch_size=2), branch=Branch(original.token, 1)))


def test_two_clients_get_what_they_get_alone_and_see_their_own_steps(
    engine: LocalEngine,
) -> None:
    wanted = [settings(prompt="a red house", seed=1), settings(prompt="a blue boat", seed=2)]
    alone = [pictures(run(engine, each)) for each in wanted]
    tokens = [
        ask(engine, Request(each, save=False), owner=name)
        for each, name in zip(wanted, "ab", strict=True)
    ]
    together = [ended(engine, token) for token in tokens]
    for got, expected in zip(together, alone, strict=True):
        assert np.array_equal(pictures(got), expected)
    first, second = (engine.timeline_frame(token, 4) for token in tokens)
    assert not np.array_equal(first, second)


def test_the_timeline_ends_in_the_picture(engine: LocalEngine) -> None:
    done = run(engine, settings())
    assert done.timeline is not None
    last = engine.timeline_frame(done.token, done.timeline.steps - 1)
    assert np.abs(last.astype(int) - pictures(done)[0]).mean() < 2
    noisy = engine.timeline_frame(done.token, 0, "xt")
    assert not np.array_equal(noisy, engine.timeline_frame(done.token, 0, "x0"))


def test_the_video_is_an_mp4(engine: LocalEngine) -> None:
    done = run(engine, settings())
    assert jobs.video_of(engine, done.token)[4:8] == b"ftyp"


def test_guidance_at_or_below_one_makes_half_the_work(engine: LocalEngine) -> None:
    one = pictures(run(engine, settings(guidance_scale=1.0)))
    zero = pictures(run(engine, settings(guidance_scale=0.0)))
    assert np.array_equal(one, zero)


def test_a_guidance_interval_of_nothing_is_no_guidance(engine: LocalEngine) -> None:
    none = pictures(run(engine, settings(guidance_start=0.0, guidance_end=0.0)))
    off = pictures(run(engine, settings(guidance_scale=1.0)))
    whole = pictures(run(engine, settings(guidance_start=0.0, guidance_end=1.0)))
    assert np.array_equal(none, off)
    assert not np.array_equal(whole, off)


def test_thresholding_and_rescale_change_the_picture(engine: LocalEngine) -> None:
    plain = pictures(run(engine, settings(guidance_scale=9.0)))
    for change in ({"threshold_ratio": 0.9}, {"guidance_rescale": 0.7}):
        changed = pictures(run(engine, settings(guidance_scale=9.0, **change)))
        assert not np.array_equal(changed, plain)
