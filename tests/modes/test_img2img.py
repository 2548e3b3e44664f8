"""img2img through the engine on a small random model: what a person may rely on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus, Pixels
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import Img2ImgSettings, Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.models.autoencoder.vae import Vae
from backend.pictures.masks import blur_extent_px
from backend.storage.outputs import Storage
from tests.jobs import ended
from tests.samplers import SCHEDULES_OF
from tests.tiny import tiny_checkpoint

SIZE = 64


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_checkpoint(root / "checkpoints" / "nine", in_channels=9)
    engine = LocalEngine.create(
        [root],
        Storage(tmp_path_factory.mktemp("data")),
        device="cpu",
        dtype="float32",
        warm_up=None,
    )
    yield engine
    engine.close()


def settings(**values: Any) -> Img2ImgSettings:
    defaults = {
        "prompt": "a red house",
        "model": "tiny",
        "steps": 8,
        "seed": 3,
        "width": SIZE,
        "height": SIZE,
        "guidance_scale": 3.0,
        "strength": 0.5,
    }
    return Img2ImgSettings.model_validate({**defaults, **values})


def scene(width: int = SIZE, height: int = SIZE, seed: int = 1) -> Pixels:
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3))
    return coarse.astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)


def middle(size: int = SIZE) -> Pixels:
    mask = np.zeros((size, size, 3), np.uint8)
    mask[size // 4 : 3 * size // 4, size // 4 : 3 * size // 4] = 255
    return mask


def run(
    engine: LocalEngine, wanted: Img2ImgSettings, branch: Branch | None = None, **images: Pixels
) -> JobStatus:
    pictures = images or {"image": scene()}
    status = ended(engine, ask(engine, Request(wanted, pictures, branch, save=False)))
    assert status.state == "done", status.error
    return status


def pictures(status: JobStatus) -> Pixels:
    return np.stack([output.image for output in status.outputs])


def refusal(engine: LocalEngine, wanted: Img2ImgSettings, **images: Pixels) -> str:
    """The sentence with which a job is refused or fails."""
    try:
        status = ended(engine, ask(engine, Request(wanted, images, save=False)))
    except BadInput as error:
        return str(error)
    assert status.state == "failed"
    return status.error or ""


def apart(a: Pixels, b: Pixels) -> int:
    return int(np.abs(a.astype(int) - b).max())


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with each picture that the autoencoder encodes."""
    calls: list[int] = []
    encode = Vae.encode

    def counted(self: Vae, images: Any, *rest: Any) -> Any:
        calls.append(len(images))
        return encode(self, images, *rest)

    monkeypatch.setattr(Vae, "encode", counted)
    return calls


def test_strength_decides_how_many_steps_run_and_how_far_they_lead(engine: LocalEngine) -> None:
    status = run(engine, settings(strength=0.5))
    assert status.info["steps"] == 4
    assert status.timeline is not None
    assert status.timeline.steps == 4
    some, all_of_it = (run(engine, settings(strength=s)) for s in (0.13, 1.0))
    assert some.info["steps"] == 1
    assert all_of_it.info["steps"] == 8
    assert apart(pictures(some), pictures(all_of_it)) > 0


def test_progress_counts_the_steps_that_run(engine: LocalEngine) -> None:
    token = ask(engine, Request(settings(steps=40, strength=0.5), {"image": scene()}, save=False))
    status, seen = engine.status(token), set()
    while status.state in ("queued", "running"):
        status = engine.wait(token, status.revision, 1.0)
        if status.progress.stage == "sampling":
            seen.add((status.progress.step, status.progress.total))
    assert {total for _, total in seen} == {20}
    assert min(step for step, _ in seen) < 10


def test_the_start_is_the_level_of_the_record(engine: LocalEngine) -> None:
    low, high = (run(engine, settings(strength=s)).outputs[0].record for s in (0.25, 0.75))
    assert (low.extra["steps"], high.extra["steps"]) == (2, 6)
    assert 0 < low.extra["sigma"] < high.extra["sigma"]
    assert len(low.extra["image_sha256"]) == 64


def test_only_another_picture_is_encoded_again(engine: LocalEngine, encoded: list[int]) -> None:
    picture, mask = scene(seed=7), middle()
    run(engine, settings(), image=picture)
    assert len(encoded) == 1
    run(engine, settings(strength=0.9), image=picture)
    run(engine, settings(guidance_scale=1.0), image=picture)
    run(engine, settings(prompt="the sea", seed=9, batch_size=2), image=picture)
    run(engine, settings(), image=picture, mask=mask)
    run(engine, settings(masked_content="latent_noise"), image=picture, mask=255 - mask)
    run(engine, settings(strengths=(0.3, 0.9)), image=picture)
    assert len(encoded) == 1
    run(engine, settings(), image=scene(seed=8))
    run(engine, settings(width=72), image=picture)
    assert len(encoded) == 3


@pytest.mark.parametrize(("sampler", "schedule"), [(s, n[0]) for s, n in SCHEDULES_OF.items()])
def test_a_ladder_is_its_rungs_one_by_one(
    engine: LocalEngine, sampler: str, schedule: str, encoded: list[int]
) -> None:
    strengths = (0.25, 0.75, 0.5)
    base = settings(sampler=sampler, schedule=schedule, batch_size=2)
    picture = scene(seed=len(sampler) * 31 + len(schedule))
    ladder = run(engine, base.model_copy(update={"strengths": strengths}), image=picture)
    assert len(ladder.outputs) == 6
    assert encoded in ([1], [])
    for place, strength in enumerate(strengths):
        alone = run(engine, base.model_copy(update={"strength": strength}), image=picture)
        for index, output in enumerate(ladder.outputs[2 * place : 2 * place + 2]):
            assert output.index == 2 * place + index
            assert output.record.settings["strength"] == strength
            assert output.record.settings["strengths"] == []
            assert output.record.settings["seed"] == 3 + index
            assert apart(output.image, pictures(alone)[index]) <= 1


def test_a_ladder_asks_the_model_once_a_step(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(engine, settings())
    with engine._models.lease("tiny") as model:
        batches: list[int] = []
        unet = model.network.model
        hook = unet.register_forward_pre_hook(lambda _, args: batches.append(len(args[0])))
        run(engine, settings(strengths=(0.25, 0.5, 0.75, 1.0), guidance_scale=1.0))
        hook.remove()
    assert batches == [1, 1, 2, 2, 3, 3, 4, 4]


def test_a_ladder_with_a_guidance_interval_is_its_rungs_too(engine: LocalEngine) -> None:
    part = {"guidance_start": 0.5, "sampler": "euler"}
    ladder = pictures(run(engine, settings(strengths=(0.5, 1.0), **part)))
    for place, strength in enumerate((0.5, 1.0)):
        alone = pictures(run(engine, settings(strength=strength, **part)))
        assert apart(ladder[place], alone[0]) <= 1


def test_the_record_of_each_picture_makes_it_again(engine: LocalEngine) -> None:
    ladder = run(engine, settings(strengths=(0.4, 0.8), batch_size=2, seed=-1))
    for output in ladder.outputs[1:3]:
        again = run(engine, Img2ImgSettings.model_validate(output.record.settings))
        assert apart(pictures(again)[0], output.image) <= 1


@pytest.mark.parametrize("content", ["original", "latent_noise", "fill"])
@pytest.mark.parametrize("model", ["tiny", "nine"])
def test_outside_the_mask_the_upload_stays_bit_equal(
    engine: LocalEngine, content: str, model: str
) -> None:
    picture, mask = scene(), middle()
    wanted = settings(masked_content=content, mask_blur=2, model=model, strength=1.0)
    result = pictures(run(engine, wanted, image=picture, mask=mask))[0]
    reach = blur_extent_px(2)
    far = np.ones((SIZE, SIZE), bool)
    far[16 - reach : 48 + reach, 16 - reach : 48 + reach] = False
    assert np.array_equal(result[far], picture[far])
    assert apart(result[24:40, 24:40], picture[24:40, 24:40]) > 8


def test_an_inverted_mask_repaints_the_rest(engine: LocalEngine) -> None:
    picture, mask = scene(), middle()
    wanted = settings(mask_blur=0, mask_invert=True)
    result = pictures(run(engine, wanted, image=picture, mask=mask))[0]
    assert np.array_equal(result[16:48, 16:48], picture[16:48, 16:48])
    same = pictures(run(engine, settings(mask_blur=0), image=picture, mask=255 - mask))[0]
    assert np.array_equal(result, same)


def test_only_masked_draws_the_part_at_full_size(engine: LocalEngine) -> None:
    picture, mask = scene(), np.zeros((SIZE, SIZE, 3), np.uint8)
    mask[8:24, 8:24] = 255
    plain = settings(mask_blur=0, only_masked_padding=4)
    part = plain.model_copy(update={"only_masked": True})
    whole, zoomed = (
        pictures(run(engine, each, image=picture, mask=mask))[0] for each in (plain, part)
    )
    outside = mask[..., 0] == 0
    assert np.array_equal(zoomed[outside], picture[outside])
    assert apart(zoomed, whole) > 0


def test_masks_are_laid_down_as_their_picture_is(engine: LocalEngine) -> None:
    picture, mask = scene(128, 64), np.zeros((64, 128, 3), np.uint8)
    mask[:, 48:80] = 255
    result = pictures(run(engine, settings(mask_blur=0), image=picture, mask=mask))[0]
    fitted = picture[:, 32:96]
    assert apart(result[:, :12], fitted[:, :12]) == 0
    assert apart(result[:, 16:48], fitted[:, 16:48]) > 0


def test_outpainting_adds_to_the_sides_and_keeps_the_picture(engine: LocalEngine) -> None:
    picture = scene()
    wanted = settings(
        outpaint_left=16,
        outpaint_bottom=8,
        mask_blur=0,
        strength=1.0,
        masked_content="latent_noise",
    )
    status = run(engine, wanted, image=picture)
    result = pictures(status)[0]
    assert result.shape == (72, 80, 3)
    assert np.array_equal(result[:64, 16:], picture)
    both = run(engine, wanted, image=picture, mask=middle())
    kept = middle()[..., 0] == 0
    assert np.array_equal(pictures(both)[0][:64, 16:][kept], picture[kept])
    assert not np.array_equal(pictures(both)[0][:64, 16:], picture)


def test_variations_lean_the_noise_and_not_the_source(engine: LocalEngine) -> None:
    plain, none, some = (
        pictures(run(engine, settings(**values)))
        for values in (
            {},
            {"variation_seed": 9, "variation_strength": 0.0},
            {"variation_seed": 9, "variation_strength": 0.3},
        )
    )
    assert np.array_equal(plain, none)
    assert apart(plain, some) > 0


@pytest.mark.parametrize("masked", [False, True])
def test_a_branch_with_unchanged_settings_gives_the_original_bit_for_bit(
    engine: LocalEngine, masked: bool
) -> None:
    images = {"image": scene(), **({"mask": middle()} if masked else {})}
    for sampler in ("dpmpp_2m", "euler_a"):
        wanted = settings(sampler=sampler, schedule="model", batch_size=2)
        original = run(engine, wanted, **images)
        branch = run(engine, wanted, Branch(original.token, 1), **images)
        assert np.array_equal(pictures(branch), pictures(original))
        assert branch.timeline == original.timeline
        assert branch.info["steps"] == 2


def test_branches_that_cannot_be_are_refused(engine: LocalEngine) -> None:
    ladder = run(engine, settings(strengths=(0.5, 0.75)))
    single = run(engine, settings())
    images = {"image": scene()}
    with pytest.raises(BadInput, match="side by side"):
        ask(engine, Request(settings(), images, Branch(ladder.token, 0)))
    with pytest.raises(BadInput, match="size"):
        ask(engine, Request(settings(outpaint_left=8), images, Branch(single.token, 0)))
    words = Txt2ImgSettings(model="tiny", steps=8, width=SIZE, height=SIZE)
    with pytest.raises(BadInput, match="img2img"):
        ask(engine, Request(words, {}, Branch(single.token, 0)))


def test_an_inpainting_model_paints_all_without_a_mask_and_refuses_txt2img(
    engine: LocalEngine,
) -> None:
    result = pictures(run(engine, settings(model="nine")))[0]
    assert result.shape == (SIZE, SIZE, 3)
    words = Txt2ImgSettings(model="nine", steps=2, width=SIZE, height=SIZE)
    with pytest.raises(BadInput, match="only changes a picture"):
        ask(engine, Request(words, save=False))


def test_bad_input_is_refused_with_a_sentence_and_the_next_job_runs(engine: LocalEngine) -> None:
    picture, black = scene(), np.zeros((SIZE, SIZE, 3), np.uint8)
    dot = black.copy()
    dot[3, 3] = 255
    assert "no picture to start from" in refusal(engine, settings())
    assert "no picture to start from" in refusal(engine, settings(), mask=middle())
    assert "nothing to repaint" in refusal(engine, settings(), image=picture, mask=black)
    assert "too thin" in refusal(engine, settings(mask_blur=0), image=picture, mask=dot)
    assert "100 x 30" in refusal(
        engine, settings(), image=picture, mask=np.full((30, 100, 3), 255, np.uint8)
    )
    assert "needs a mask" in refusal(engine, settings(only_masked=True), image=picture)
    assert "2048" in refusal(
        engine, settings(outpaint_left=1024, outpaint_right=1024), image=picture
    )
    assert pictures(run(engine, settings())).shape == (1, SIZE, SIZE, 3)
