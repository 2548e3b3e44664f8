"""Style transfer through the engine on a small random model: what a person may rely on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus, Pixels
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import StyleTransferSettings
from backend.control.canny import Canny
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.pictures.fit import fit
from backend.recipes.metadata import read, write_png
from backend.storage.outputs import Storage
from tests import jobs
from tests.tiny import tiny_checkpoint
from tests.tiny_control import house, tiny_controlnet

SOURCE = house(192, 128)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    folder = tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_controlnet(folder, root / "controlnet" / "tiny-canny")
    data = tmp_path_factory.mktemp("data")
    engine = LocalEngine.create([root], Storage(data), device="cpu", dtype="float32", warm_up=None)
    yield engine
    engine.close()


def settings(**values: Any) -> StyleTransferSettings:
    return StyleTransferSettings.model_validate(
        {
            "prompt": "a red house",
            "model": "tiny",
            "steps": 4,
            "seed": 3,
            "sampler": "euler",
            "schedule": "model",
            "width": 96,
            "height": 64,
            "guidance_scale": 3.0,
            **values,
        }
    )


def run(
    engine: LocalEngine,
    wanted: StyleTransferSettings,
    branch: Branch | None = None,
    **images: Pixels,
) -> JobStatus:
    token = ask(engine, Request(wanted, images or {"image": SOURCE}, branch, save=False))
    status = jobs.ended(engine, token)
    assert status.state == "done", status.error
    return status


def picture(status: JobStatus) -> Pixels:
    return status.outputs[0].image


def test_the_edges_are_found_at_the_size_that_is_drawn(engine: LocalEngine) -> None:
    output = run(engine, settings(canny_low=50, canny_high=120)).outputs[0]
    assert output.image.shape == (64, 96, 3)
    control = output.views["control"]
    assert control.shape == (64, 96, 3)
    assert set(np.unique(control)) == {0, 255}
    again = run(engine, settings(canny_low=50, canny_high=120), control_image=control).outputs[0]
    assert np.array_equal(again.image, output.image)


def test_obedience_is_measured_and_kept_with_the_picture(engine: LocalEngine) -> None:
    status = run(engine, settings(control_scale=0.5))
    output = status.outputs[0]
    found = output.record.extra["obedience"]
    assert set(found) == {"recall", "precision", "f1", "density", "suggestions"}
    assert all(0 <= found[key] <= 1 for key in ("recall", "precision", "f1", "density"))
    for advice in found["suggestions"]:
        StyleTransferSettings.model_validate(advice["changes"])
        assert advice["sentence"].endswith(".")
    assert output.views["obedience"].shape == output.image.shape
    assert status.info["extra"][0]["obedience"] == found
    assert read(write_png(output.image, output.record)).extra["obedience"] == found
    assert list(output.record.extra["controlnets"]) == ["tiny-canny"]
    assert output.record.settings["controlnet"] == "tiny-canny"


def test_the_record_makes_the_picture_again(engine: LocalEngine) -> None:
    first = run(engine, settings(seed=-1, batch_size=2)).outputs[1]
    again = run(engine, StyleTransferSettings.model_validate(first.record.settings))
    assert np.abs(picture(again).astype(int) - first.image).max() <= 1


def test_scale_0_and_an_empty_range_are_the_plain_picture(engine: LocalEngine) -> None:
    plain = picture(run(engine, settings(control_scale=0.0)))
    outside = picture(run(engine, settings(control_start=0.1, control_end=0.2)))
    assert np.array_equal(plain, outside)
    for mode in ("balanced", "prompt", "control"):
        assert not np.array_equal(plain, picture(run(engine, settings(control_mode=mode))))


def test_each_control_mode_is_another_picture(engine: LocalEngine) -> None:
    made = [
        picture(run(engine, settings(control_mode=mode)))
        for mode in ("balanced", "prompt", "control")
    ]
    assert not any(np.array_equal(made[i], made[i - 1]) for i in range(3))


def test_from_the_picture_only_part_of_the_steps_runs(engine: LocalEngine) -> None:
    status = run(engine, settings(start_from="picture", strength=0.5))
    assert status.info["steps"] == 2
    near = picture(run(engine, settings(start_from="picture", strength=0.25)))
    assert not np.array_equal(picture(status), near)


@pytest.mark.parametrize("start", [{}, {"start_from": "picture", "strength": 0.75}])
def test_a_branch_goes_on_with_the_same_control(engine: LocalEngine, start: dict[str, Any]) -> None:
    wanted = settings(control_end=0.7, **start)
    status = run(engine, wanted)
    again = run(engine, wanted, Branch(status.token, 0))
    assert np.array_equal(picture(status), picture(again))


@pytest.mark.parametrize(
    ("values", "images", "said"),
    [
        ({}, {"nothing": SOURCE}, "no source picture"),
        ({"start_from": "picture"}, {"control_image": SOURCE}, "needs a source picture"),
        ({"outpaint_left": 8}, {}, "use img2img"),
        ({}, {"image": SOURCE, "mask": SOURCE}, "start_from to 'picture'"),
        ({"strengths": (0.5, 0.6)}, {}, "start_from to 'picture'"),
        ({"detector": "depth_midas"}, {}, "no ControlNet for 'depth_midas'"),
        ({"controlnet": "other"}, {}, "no ControlNet 'other'"),
        ({"controls": [{"name": "tiny-canny"}]}, {}, "'control_image' is missing"),
    ],
)
def test_what_cannot_run_is_refused_at_once(
    engine: LocalEngine, values: dict[str, Any], images: dict[str, Pixels], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        ask(engine, Request(settings(**values), images or {"image": SOURCE}, save=False))


def test_a_ladder_under_control_is_what_each_strength_gives_alone(engine: LocalEngine) -> None:
    together = run(engine, settings(start_from="picture", strengths=(0.5, 1.0)))
    alone = [
        picture(run(engine, settings(start_from="picture", strength=strength)))
        for strength in (0.5, 1.0)
    ]
    for output, single in zip(together.outputs, alone, strict=True):
        assert np.abs(output.image.astype(int) - single).max() <= 1
        assert "obedience" in output.record.extra
    assert not np.array_equal(*alone)


def test_a_ladder_whose_control_ends_early_counts_from_each_start(engine: LocalEngine) -> None:
    wanted = {"start_from": "picture", "control_end": 0.5}
    together = run(engine, settings(strengths=(0.5, 1.0), **wanted))
    alone = picture(run(engine, settings(strength=0.5, **wanted)))
    assert np.abs(together.outputs[0].image.astype(int) - alone).max() <= 1


def test_outside_the_mask_the_source_stays(engine: LocalEngine) -> None:
    mask = np.zeros(SOURCE.shape, np.uint8)
    mask[32:96, 48:144] = 255
    wanted = settings(start_from="picture", strength=1.0, mask_blur=0)
    output = run(engine, wanted, image=SOURCE, mask=mask).outputs[0]
    fitted = fit(SOURCE, 96, 64, "crop").image
    outside = fit(mask, 96, 64, "crop").image[..., 0] == 0
    assert np.array_equal(output.image[outside], fitted[outside])
    assert not np.array_equal(output.image[~outside], fitted[~outside])
    plain = run(engine, wanted.model_copy(update={"control_scale": 0.0}), image=SOURCE, mask=mask)
    assert not np.array_equal(plain.outputs[0].image, output.image)


def test_only_the_masked_part_follows_its_own_edges(engine: LocalEngine) -> None:
    mask = np.zeros(SOURCE.shape, np.uint8)
    mask[40:88, 72:120] = 255
    wanted = settings(
        start_from="picture",
        strength=1.0,
        only_masked=True,
        only_masked_padding=8,
        canny_low=50,
        canny_high=120,
    )
    output = run(engine, wanted, image=SOURCE, mask=mask).outputs[0]
    assert "obedience" not in output.record.extra
    whole = Canny(50, 120)(fit(SOURCE, 96, 64, "crop").image)
    control = output.views["control"]
    assert control.shape == whole.shape
    assert not np.array_equal(control, whole)
    direct = run(engine, wanted, image=SOURCE, mask=mask, control_image=SOURCE).outputs[0]
    assert direct.views["control"].shape == whole.shape


def test_another_detector_needs_no_thresholds(engine: LocalEngine) -> None:
    wanted = settings(detector="identity")
    edges = Canny()(SOURCE)
    output = run(engine, wanted, image=edges).outputs[0]
    assert "obedience" not in output.record.extra
    assert list(output.views) == ["control"]


def test_the_library_lists_what_fits(engine: LocalEngine) -> None:
    (net,) = engine.library().controlnets
    assert (net.name, net.fits, net.detectors) == ("tiny-canny", ("tiny",), ("canny",))
