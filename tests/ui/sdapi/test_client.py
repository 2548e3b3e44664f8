"""Every call of an unchanged public client of A1111's interface, and what it gets."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import webuiapi
from PIL import Image

from tests.ui.conftest import Server, running

QUICK: dict[str, Any] = {"prompt": "a cat", "steps": 2, "seed": 7, "width": 64, "height": 64}
PICTURE = Image.new("RGB", (64, 64), "red")
MASK = Image.new("L", (64, 64), 255)
PLOT = ["X/Y/Z Plot", [4, "2, 3", "", 6, "3, 5", "", 0, "", "", "True", "True", "False", "False"]]
Api = webuiapi.WebUIApi
Call = Callable[[Api], Any]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running(tmp_path_factory.mktemp("data"), "--api", fake_step_s="0.005") as server:
        yield client(server)


def client(server: Server) -> Api:
    return Api(baseurl=f"{server.url}/sdapi/v1", sampler="Euler a", scheduler="automatic")


def many(api: Api, count: int) -> Any:
    made = api.img2img([PICTURE] * count, **QUICK)
    assert len(made.images) == count
    return made


def plot(api: Api) -> Any:
    name, args = PLOT
    made = api.txt2img(script_name=name, script_args=args, **QUICK)
    assert len(made.images) == 5
    assert made.image.width > 128
    return made


def sized(api: Api) -> Any:
    made = api.txt2img(**(QUICK | {"width": 250, "height": 250}))
    assert made.image.size == (256, 256)
    return made


def hires(api: Api) -> Any:
    made = api.txt2img(enable_hr=True, hr_resize_x=96, hr_resize_y=96, **QUICK)
    assert made.image.size == (96, 96)
    return made


DRAWN: dict[str, list[Call]] = {
    "txt2img": [
        lambda api: api.txt2img(**QUICK),
        lambda api: api.txt2img(styles=["Watercolour"], **QUICK),
        lambda api: api.txt2img(tiling=True, **QUICK),
        lambda api: api.txt2img(n_iter=2, batch_size=2, save_images=False, **QUICK),
        plot,
        sized,
        hires,
    ],
    "img2img": [
        lambda api: api.img2img([PICTURE], **QUICK),
        lambda api: api.img2img([PICTURE], mask_image=MASK, inpainting_fill=1, **QUICK),
        lambda api: many(api, 2),
    ],
    "extra_single_image": [lambda api: api.extra_single_image(PICTURE, upscaler_1="Lanczos")],
    "extra_batch_images": [lambda api: api.extra_batch_images([PICTURE, PICTURE])],
}
LISTS: dict[str, tuple[str, ...]] = {  # and what each row has in A1111
    "get_samplers": ("name", "aliases", "options"),
    "get_schedulers": ("name", "label", "aliases", "default_rho", "need_inner_model"),
    "get_sd_vae": ("model_name", "filename"),
    "get_upscalers": ("name", "model_name", "model_path", "model_url", "scale"),
    "get_latent_upscale_modes": ("name",),
    "get_loras": ("name", "alias", "path", "metadata"),
    "get_sd_models": ("title", "model_name", "hash", "sha256", "filename", "config"),
    "get_hypernetworks": ("name", "path"),
    "get_face_restorers": ("name", "cmd_dir"),
    "get_realesrgan_models": ("name", "path", "scale"),
    "get_prompt_styles": ("name", "prompt", "negative_prompt"),
    "get_artist_categories": (),
    "get_artists": (),
    "util_get_model_names": (),
    "util_get_sampler_names": (),
    "util_get_scheduler_names": (),
    "controlnet_model_list": (),
    "controlnet_module_list": (),
}
TOLD: dict[str, Call] = {
    "png_info": lambda api: api.png_info(PICTURE).info,
    "interrupt": lambda api: api.interrupt(),
    "skip": lambda api: api.skip(),
    "get_options": lambda api: api.get_options()["sd_model_checkpoint"],
    "set_options": lambda api: api.set_options({"CLIP_stop_at_last_layers": 1}),
    "get_cmd_flags": lambda api: api.get_cmd_flags()["api"],
    "get_progress": lambda api: api.get_progress()["state"]["job_count"],
    "refresh_checkpoints": lambda api: api.refresh_checkpoints(),
    "get_scripts": lambda api: api.get_scripts()["txt2img"],
    "get_embeddings": lambda api: api.get_embeddings()["loaded"],
    "get_memory": lambda api: api.get_memory()["ram"]["total"] > 0,
    "custom_get": lambda api: api.custom_get("script-info", baseurl=True)[0]["args"],
    "custom_post": lambda api: api.custom_post(
        "png-info", {"image": webuiapi.b64_img(PICTURE)}, baseurl=True
    ),
    "get_endpoint": lambda api: api.get_endpoint("samplers", True),
    "post_and_get_api_result": lambda api: api.post_and_get_api_result(
        f"{api.baseurl}/txt2img", QUICK, False
    ),
    "controlnet_version": lambda api: api.controlnet_version(),
    "controlnet_detect": lambda api: api.controlnet_detect([PICTURE], module="canny").images,
    "util_set_model": lambda api: api.util_set_model("pocket"),
    "util_get_current_model": lambda api: api.util_get_current_model(),
    "util_wait_for_ready": lambda api: api.util_wait_for_ready(0.1),
    "check_extensions": lambda api: api.check_extensions(),
    "set_auth": lambda api: Api(baseurl=api.baseurl, username="a", password="b"),
}
REFUSED: dict[str, tuple[Call, str]] = {
    "interrogate": (lambda api: api.interrogate(PICTURE), "no captioner"),
}
# Of an extension that A1111 does not have by itself either: there, too, nobody answers.
EXTENSIONS = {"prompt_gen", "list_prompt_gen_models"}
OTHERWISE = {"async_post"}  # a test of its own: requests side by side


def test_no_call_of_the_client_is_left_out() -> None:
    calls = {
        name for name, _ in inspect.getmembers(Api, inspect.isfunction) if not name.startswith("_")
    }
    assert calls == {*DRAWN, *LISTS, *TOLD, *REFUSED, *EXTENSIONS, *OTHERWISE}


@pytest.mark.parametrize(
    ("name", "number"), [(name, n) for name, calls in DRAWN.items() for n in range(len(calls))]
)
def test_pictures_come(api: Api, name: str, number: int) -> None:
    made = DRAWN[name][number](api)
    assert made.images
    assert all(image.size[0] >= 64 for image in made.images)


def test_requests_may_be_made_side_by_side(api: Api) -> None:
    async def both() -> list[Any]:
        asked = (api.txt2img(use_async=True, **QUICK | {"seed": seed}) for seed in (1, 2))
        return await asyncio.gather(*asked, api.img2img([PICTURE], use_async=True, **QUICK))

    made = asyncio.run(both())
    assert [one.info["seed"] for one in made] == [1, 2, 7]
    assert all(one.image.size == (64, 64) for one in made)


@pytest.mark.parametrize("name", LISTS)
def test_lists_have_a1111s_rows(api: Api, name: str) -> None:
    rows = getattr(api, name)()
    assert isinstance(rows, list)
    for row in rows if LISTS[name] else ():
        assert set(LISTS[name]) <= set(row)


@pytest.mark.parametrize("name", TOLD)
def test_the_rest_is_answered(api: Api, name: str) -> None:
    TOLD[name](api)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_a_sentence(api: Api, name: str) -> None:
    call, said = REFUSED[name]
    with pytest.raises(RuntimeError) as refused:
        call(api)
    assert refused.value.args[0] == 422
    assert said in refused.value.args[1]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"restore_faces": True}, "'restore_faces' is not available"),
        ({"seed_resize_from_w": 512}, "'seed_resize_from_w' is not available"),
        ({"script_name": "Prompt matrix"}, "'Prompt matrix' is not available"),
        ({"scheduler": "Beta"}, "choose one of: Automatic"),
    ],
)
def test_fields_that_cannot_be_honoured_are_refused(
    api: Api, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(RuntimeError) as refused:
        api.txt2img(**QUICK, **values)
    assert refused.value.args[0] == 422
    assert said in refused.value.args[1]
