"""Routes that further clients ask for first, and the format in which they want their pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from backend.recipes.metadata import read
from tests.ui.conftest import running

QUICK: dict[str, Any] = {"prompt": "a cat", "steps": 2, "seed": 7, "width": 64, "height": 64}
# Forge's payload as its own page of the interface fills it in, with what it adds to A1111's.
FORGE: dict[str, Any] = {
    **{"prompt": "a cat", "negative_prompt": "", "styles": None, "seed": 7, "subseed": -1},
    **{"subseed_strength": 0, "seed_resize_from_h": -1, "seed_resize_from_w": -1},
    **{"sampler_name": None, "scheduler": "Karras", "batch_size": 1, "n_iter": 1, "steps": 2},
    **{"cfg_scale": 7, "distilled_cfg_scale": 3.5, "width": 64, "height": 64, "tiling": None},
    **{"restore_faces": None, "do_not_save_samples": False, "do_not_save_grid": False},
    **{"eta": None, "denoising_strength": None, "s_min_uncond": None, "s_churn": None},
    **{"s_tmax": None, "s_tmin": None, "s_noise": None, "override_settings": None},
    **{"override_settings_restore_afterwards": True, "refiner_checkpoint": None},
    **{"refiner_switch_at": None, "disable_extra_networks": False, "firstpass_image": None},
    **{"comments": None, "enable_hr": False, "firstphase_width": 0, "firstphase_height": 0},
    **{"hr_scale": 2, "hr_upscaler": None, "hr_second_pass_steps": 0, "hr_resize_x": 0},
    **{"hr_resize_y": 0, "hr_checkpoint_name": None, "hr_additional_modules": None},
    **{"hr_sampler_name": None, "hr_scheduler": None, "hr_prompt": "", "hr_negative_prompt": ""},
    **{"hr_cfg": 1, "hr_distilled_cfg": 3.5, "force_task_id": None, "sampler_index": "DPM++ 2M"},
    **{"script_name": None, "script_args": [], "send_images": True, "save_images": False},
    **{"alwayson_scripts": {}, "infotext": None},
}


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with (
        running(tmp_path_factory.mktemp("data"), "--api", fake_step_s="0.005") as server,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/sdapi/v1/refresh-vae", type(None)),
        ("POST", "/sdapi/v1/refresh-embeddings", type(None)),
        ("POST", "/sdapi/v1/unload-checkpoint", dict),
        ("POST", "/sdapi/v1/reload-checkpoint", dict),
        ("GET", "/sdapi/v1/extensions", list),
        ("GET", "/sdapi/v1/sd-modules", list),
        ("GET", "/controlnet/settings", dict),
        ("GET", "/controlnet/control_types", dict),
    ],
)
def test_they_are_answered(http: httpx.Client, method: str, path: str, kind: type) -> None:
    answer = http.request(method, path)
    assert answer.status_code == 200
    assert isinstance(answer.json(), kind)


def test_control_types_name_what_units_may_name(http: httpx.Client) -> None:
    every = http.get("/controlnet/control_types").json()["control_types"]["All"]
    assert every["module_list"] == http.get("/controlnet/module_list").json()["module_list"]
    assert every["model_list"][1:] == http.get("/controlnet/model_list").json()["model_list"]


def test_forges_whole_payload_draws_and_nothing_of_it_is_unknown(http: httpx.Client) -> None:
    answer = http.post("/sdapi/v1/txt2img", json=FORGE)
    assert answer.status_code == 200, answer.text
    told = answer.json()["info"]
    assert '"comments": ""' in told
    assert '"sampler_name": "DPM++ 2M"' in told


@pytest.mark.parametrize(("kind", "begins"), [("jpg", b"\xff\xd8"), ("webp", b"RIFF")])
def test_pictures_come_in_the_format_asked_for_with_their_records(
    http: httpx.Client, kind: str, begins: bytes
) -> None:
    once = QUICK | {"override_settings": {"samples_format": kind}}
    sent = http.post("/sdapi/v1/txt2img", json=once).json()
    data = base64.b64decode(sent["images"][0])
    assert data.startswith(begins)
    assert read(data).settings["seed"] == 7
    assert http.get("/sdapi/v1/options").json()["samples_format"] == "png"  # for that once
