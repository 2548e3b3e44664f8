"""`/sdapi/v1` behind `--api`, asked by an unchanged public client of A1111's interface."""

from __future__ import annotations

import base64
import io
import threading
import time
from typing import Any

import pytest
import requests
import webuiapi
from PIL import Image

from tests.ui.conftest import Server, running
from tests.ui.standing_logins import PROGRAM

QUICK: dict[str, Any] = {"steps": 3, "seed": 7, "width": 64, "height": 64}


def coded(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def refused(served: Server, path: str, **body: Any) -> tuple[int, str]:
    answer = requests.post(f"{served.url}/sdapi/v1/{path}", json=body, timeout=60)
    assert answer.headers["content-type"].startswith("application/json")
    return answer.status_code, answer.json()["detail"]


def test_txt2img(api: webuiapi.WebUIApi) -> None:
    made = api.txt2img(
        prompt="a red house",
        negative_prompt="fog",
        sampler_name="DPM++ 2M",
        scheduler="Karras",
        cfg_scale=4,
        batch_size=2,
        n_iter=2,
        **QUICK,
    )
    assert [image.size for image in made.images] == [(64, 64)] * 4
    assert made.info["all_seeds"] == [7, 8, 9, 10]
    assert made.info["sampler_name"] == "DPM++ 2M"
    assert made.info["infotexts"][0].startswith("a red house\nNegative prompt: fog\n")
    assert made.info["job"]
    assert "Seed: 8" in made.images[1].info["parameters"]


def test_the_clients_defaults_are_accepted(api: webuiapi.WebUIApi) -> None:
    made = api.txt2img(prompt="a boat", steps=2)
    assert made.image.size == (512, 512)
    assert made.info["sampler_name"] == "Euler a"


def test_hires_fix(api: webuiapi.WebUIApi) -> None:
    made = api.txt2img(prompt="a boat", enable_hr=True, hr_scale=2, denoising_strength=0.6, **QUICK)
    assert made.image.size == (128, 128)


def test_img2img_with_a_mask(api: webuiapi.WebUIApi, source: Image.Image) -> None:
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    made = api.img2img(
        [source],
        prompt="a boat",
        denoising_strength=0.9,
        mask_image=mask,
        mask_blur=0,
        inpainting_fill=1,
        inpaint_full_res=False,
        **QUICK,
    )
    assert made.info["denoising_strength"] == 0.9
    assert made.image.getpixel((60, 32)) == source.getpixel((60, 32))
    assert made.image.getpixel((4, 4)) != source.getpixel((4, 4))


def test_a_controlnet_unit(api: webuiapi.WebUIApi, source: Image.Image) -> None:
    assert api.has_controlnet
    assert "pocket-canny" in api.controlnet_model_list()
    assert "canny" in api.controlnet_module_list()
    unit = webuiapi.ControlNetUnit(
        image=source, module="canny", model="pocket-canny", weight=0.8, control_mode=1
    )
    from_noise = api.txt2img(prompt="a cat", controlnet_units=[unit], **QUICK)
    assert "pocket-canny" in from_noise.image.info["latent-loom"]
    from_picture = api.img2img(
        [source], prompt="a cat", controlnet_units=[unit], denoising_strength=0.8, **QUICK
    )
    record = from_picture.image.info["latent-loom"]
    assert '"mode": "style_transfer"' in record
    assert '"control_scale": 0.8' in record
    assert '"start_from": "picture"' in record


def test_progress_and_interrupt(api: webuiapi.WebUIApi) -> None:
    assert api.get_progress()["state"]["job_count"] == 0
    done: list[Any] = []
    thread = threading.Thread(
        target=lambda: done.append(api.txt2img(prompt="a slow boat", **(QUICK | {"steps": 150})))
    )
    thread.start()
    seen: dict[str, Any] = {}
    deadline = time.monotonic() + 60
    while not seen.get("current_image"):
        assert time.monotonic() < deadline
        seen = api.get_progress()
    assert 0 < seen["progress"] < 1
    assert seen["state"]["sampling_steps"] == 150
    job = seen["state"]["job"]
    own = api.custom_get(f"progress?job={job}&skip_current_image=true", baseurl=True)
    assert own["state"]["job"] == job
    assert own["current_image"] is None
    Image.open(io.BytesIO(base64.b64decode(seen["current_image"]))).verify()
    api.interrupt()
    thread.join(60)
    assert done[0].info["interrupted"] is True
    assert done[0].images == []


def test_png_info(api: webuiapi.WebUIApi) -> None:
    made = api.txt2img(prompt="a blue tree", **QUICK)
    text = made.images[0].info["parameters"]
    sent = requests.post(
        f"{api.baseurl}/png-info",
        timeout=60,
        json={"image": "data:image/png;base64," + made.json["images"][0]},
    ).json()
    assert sent["info"] == text
    assert sent["parameters"]["prompt"] == "a blue tree"


def test_a_picture_without_text_has_an_empty_info(
    api: webuiapi.WebUIApi, source: Image.Image
) -> None:
    answer = requests.post(
        f"{api.baseurl}/png-info", json={"image": coded(source)}, timeout=60
    ).json()
    assert answer == {"info": "", "items": {}, "parameters": {}}


def test_several_pictures_are_one_each(api: webuiapi.WebUIApi, source: Image.Image) -> None:
    made = api.img2img([source, source], prompt="a boat", denoising_strength=0.8, **QUICK)
    assert made.info["all_seeds"] == [7, 8]


def test_what_is_changed_is_told(api: webuiapi.WebUIApi) -> None:
    wanted = QUICK | {"width": 65, "seed": 2**50 + 7}
    made = api.txt2img(prompt="x", override_settings={"eta_noise_seed_delta": 31337}, **wanted)
    assert made.image.size == (72, 64)
    assert made.info["all_seeds"] == [2**50 + 7]
    assert "width 65 became 72" in made.info["comments"]
    assert "'eta_noise_seed_delta' is not known here" in made.info["comments"]
    assert "'whatever' is not known" in api.set_options({"whatever": 1})["comments"]
    assert api.set_options({"CLIP_stop_at_last_layers": 1}) is None


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("txt2img", {"steps": 0}, 422, "'steps'"),
        ("txt2img", {"steps": "many"}, 422, "'steps'"),
        ("txt2img", {"sampler_name": "Restart"}, 422, "no sampler 'Restart'"),
        ("txt2img", {"restore_faces": True}, 422, "'restore_faces' is not available"),
        ("txt2img", {"override_settings": {"sd_model_checkpoint": "nowhere"}}, 404, "no model"),
        ("txt2img", {"alwayson_scripts": {"ADetailer": {"args": [{}]}}}, 422, "ADetailer"),
        (
            "txt2img",
            {"alwayson_scripts": {"controlnet": {"args": [{"module": "canny"}]}}},
            422,
            "no image",
        ),
        (
            "txt2img",
            {"alwayson_scripts": {"controlnet": {"args": [{"weight": "x"}]}}},
            422,
            "weight",
        ),
        ("txt2img", {"styles": ["Nowhere"]}, 422, "no style 'Nowhere'"),
        ("txt2img", {"override_settings": {"sd_vae": "x.safetensors"}}, 404, "no autoencoder 'x'"),
        ("options", {"sd_vae": "x"}, 404, "no autoencoder 'x'"),
        ("interrogate", {"image": "aGVsbG8="}, 422, "no captioner"),
        ("txt2img", {"prompt": "!oom"}, 400, "does not fit"),
        ("img2img", {}, 422, "init_images"),
        ("img2img", {"init_images": ["http://example.org/a.png"]}, 422, "not base64"),
        ("img2img", {"init_images": ["aGVsbG8="]}, 422, "picture"),
        ("png-info", {"image": "aGVsbG8="}, 422, "."),
        ("options", {"sd_model_checkpoint": "nowhere"}, 404, "no model 'nowhere'"),
    ],
)
def test_mistakes_get_sentences(
    served: Server, path: str, body: dict[str, Any], status: int, sentence: str
) -> None:
    got, text = refused(served, path, **body)
    assert got == status, text
    assert sentence in text
    assert "Traceback" not in text


def test_the_pages_password_guards_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    data = tmp_path_factory.mktemp("data")
    with running(data, "--api", "--auth", "anna:loom", program=PROGRAM) as server:
        base = f"{server.url}/sdapi/v1"
        assert requests.get(f"{base}/sd-models", timeout=60).status_code == 401
        assert requests.get(f"{server.url}/controlnet/version", timeout=60).status_code == 401
        wrong = requests.get(f"{base}/sd-models", auth=("anna", "x"), timeout=60)
        assert (wrong.status_code, "password" in wrong.json()["detail"]) == (401, True)
        api = webuiapi.WebUIApi(baseurl=base, username="anna", password="loom")
        assert api.util_get_model_names() == ["pocket", "studio-xl"]
        for _ in range(12):
            last = requests.get(f"{base}/options", auth=("anna", "x"), timeout=60).status_code
        assert last == 429


def test_without_the_flag_there_is_nothing(server: Server) -> None:
    assert requests.get(f"{server.url}/sdapi/v1/sd-models", timeout=60).status_code == 404


def test_a_picture_is_made_larger(
    api: webuiapi.WebUIApi, served: Server, source: Image.Image
) -> None:
    names = [one["name"] for one in api.get_upscalers()]
    assert names == ["None", "Lanczos", "pocket-sharp"]
    made = api.extra_single_image(source, upscaler_1="pocket-sharp", upscaling_resize=3)
    assert made.image.size == (192, 192)
    to_size = {"resize_mode": 1, "upscaling_resize_w": 96, "upscaling_resize_h": 128}
    sent = {"image": coded(source), "upscaler_1": "Lanczos"} | to_size
    for crop, size in ((True, (96, 128)), (False, (128, 128))):
        answer = requests.post(
            f"{served.url}/sdapi/v1/extra-single-image",
            json=sent | {"upscaling_crop": crop},
            timeout=60,
        )
        picture = Image.open(io.BytesIO(base64.b64decode(answer.json()["image"])))
        assert picture.size == size


def test_what_does_not_enlarge_is_refused(served: Server, source: Image.Image) -> None:
    sent = {"image": coded(source)}
    status, said = refused(served, "extra-single-image", **sent, upscaler_1="R-ESRGAN 4x+")
    assert (status, said) == (
        422,
        "There is no upscaler 'R-ESRGAN 4x+' here; use Lanczos, or pocket-sharp.",
    )
    status, said = refused(served, "extra-single-image", **sent, gfpgan_visibility=0.5)
    assert (status, "'gfpgan_visibility' is not available" in said) == (422, True)
    status, said = refused(served, "extra-single-image", **sent, resize_mode=2)
    assert (status, "'resize_mode' is 0" in said) == (422, True)
