"""The endpoints for scripts, through a real server."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from backend.contracts.settings import Txt2ImgSettings
from tests.ui.conftest import Server

QUICK = {"steps": 2, "seed": 7}


@pytest.fixture(scope="module")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    made = Client(
        server.url,
        verbose=False,
        analytics_enabled=False,
        download_files=tmp_path_factory.mktemp("downloads"),
    )
    yield made
    made.close()


def raw(server: Server, body: str, path: str = "txt2img") -> str:
    """What plain HTTP answers: the refusal, or the last event's data."""
    url = f"{server.url}/gradio_api/call/v2/{path}"
    sent = httpx.post(url, content=body, headers={"content-type": "application/json"}, timeout=60)
    if sent.status_code != 200:
        return sent.text
    with httpx.stream("GET", f"{url}/{sent.json()['event_id']}", timeout=60) as events:
        return [line for line in events.iter_lines() if line.startswith("data:")][-1]


def test_parameters_are_the_settings(client: Client) -> None:
    info = client.view_api(return_format="dict")["named_endpoints"]
    assert {
        "/txt2img",
        "/img2img",
        "/style_transfer",
        "/lora_mix",
        "/morph",
        "/upscale",
        "/clip",
        "/loopback",
        "/ddim_table",
        "/codes",
        "/xyz_grid",
        "/train_lora",
        "/train_digits",
        "/encode",
        "/noise_at",
        "/options",
        "/cancel_job",
        "/read_record",
        "/verify",
        "/memory",
        "/free_memory",
    } == set(info)
    given = {p["parameter_name"]: p["parameter_default"] for p in info["/txt2img"]["parameters"]}
    expected = {name: field.get_default() for name, field in Txt2ImgSettings.model_fields.items()}
    assert given == expected | {
        "loras": [],
        "templates": [],
        "stages": [],
        "changes": [],
        "regions": [],
        "reference": None,
    }


def test_two_pictures_and_the_same_one_by_one(client: Client) -> None:
    files, info = client.predict(prompt="a red house", batch_size=2, **QUICK, api_name="/txt2img")
    assert info["seeds"] == [7, 8]
    assert info["settings"]["width"] == 256
    assert info["settings"]["guidance_scale"] == 4.0
    assert set(info) >= {"seeds", "settings", "model", "steps", "elapsed_s"}
    assert [Path(file).suffix for file in files] == [".png", ".png"]
    for file, seed in zip(files, (7, 8), strict=True):
        again, _ = client.predict(prompt="a red house", steps=2, seed=seed, api_name="/txt2img")
        with Image.open(file) as one, Image.open(again[0]) as other:
            assert np.array_equal(np.asarray(one), np.asarray(other))


def test_steering_and_regions_travel_in_calls_and_records(client: Client) -> None:
    lora = {"name": client.predict(api_name="/options")["loras"][0]["name"], "weight": 0.5}
    place = {"prompt": "a boat", "box": [0.0, 0.0, 0.5, 1.0], "loras": [lora]}
    pull = {"steer": "palette", "steer_palette": "#2060e0:3 #ffffff", "steer_scale": 0.5}
    files, info = client.predict(
        prompt="the sea", regions=[place], region_soft=0.2, **pull, **QUICK, api_name="/txt2img"
    )
    found = client.predict(handle_file(files[0]), api_name="/read_record")["settings"]
    for told in (info["settings"], found):
        (region,) = told["regions"]
        assert (region["prompt"], region["box"]) == (place["prompt"], place["box"])
        assert [(use["name"], use["weight"]) for use in region["loras"]] == [(lora["name"], 0.5)]
        assert told["region_soft"] == 0.2
        assert {name: told[name] for name in pull} == pull
    assert "steer_every" not in found  # as it stands without a word


def test_a_picture_tells_its_settings(client: Client) -> None:
    files, _ = client.predict(prompt="ein grünes Haus", **QUICK, api_name="/txt2img")
    found = client.predict(handle_file(files[0]), api_name="/read_record")
    assert found["mode"] == "txt2img"
    assert found["settings"]["prompt"] == "ein grünes Haus"
    assert found["settings"]["seed"] == 7


def test_options(client: Client) -> None:
    options = client.predict(api_name="/options")
    assert [card["name"] for card in options["models"]] == ["pocket", "studio-xl"]
    assert options["schedules"]["ddim"] == ["model", "trailing"]
    assert set(options) == {
        "models",
        "samplers",
        "schedules",
        "loras",
        "controlnets",
        "embeddings",
        "vaes",
        "upscalers",
        "ipadapters",
        "presets",
    }
    assert {"name", "family", "vectors", "fits"} <= set(options["embeddings"][0])
    assert options["presets"]
    assert all(
        set(preset) == {"name", "mode", "bundled", "pictures"} for preset in options["presets"]
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"steps": "20"}, "steps"),
        ({"steps": 0}, "steps"),
        ({"steps": 2.5}, "steps"),
        ({"width": 250}, "width"),
        ({"model": "nowhere"}, "nowhere"),
        ({"prompt": 5}, "prompt"),
        ({"sampler": "ddim"}, "karras"),
        ({"loras": [{"name": "x", "wieght": 1}]}, "wieght"),
        ({"prompt": "!oom"}, "768x768"),
        ({"prompt": "x" * 100_000}, "prompt"),
        ({"width": 2048, "height": 2048}, "1536x1536"),
    ],
)
def test_bad_values_get_a_sentence(client: Client, values: dict[str, Any], words: str) -> None:
    with pytest.raises(AppError) as caught:
        client.predict(**(QUICK | values), api_name="/txt2img")
    assert words in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_an_internal_error_says_nothing_of_itself(client: Client) -> None:
    with pytest.raises(AppError) as caught:
        client.predict(prompt="!crash", **QUICK, api_name="/txt2img")
    assert "/secret" not in str(caught.value)


def test_unknown_fields_are_named(client: Client, server: Server) -> None:
    with pytest.raises(TypeError, match="promt"):
        client.predict(promt="a house", api_name="/txt2img")
    assert raw(server, '{"promt": "a house"}') == (
        '{"detail":"There is no setting \'promt\'; check its spelling."}'
    )


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", '"4"', "true"])
def test_no_number_no_run(server: Server, number: str) -> None:
    assert "'guidance_scale':" in raw(server, f'{{"guidance_scale": {number}, "steps": 2}}')


@pytest.mark.parametrize("path", ["/etc/hostname", "app.py", "../app.py"])
def test_server_files_are_not_read(server: Server, path: str) -> None:
    plain = raw(server, json.dumps({"file": {"path": path}}), "read_record")
    assert "path on the server" in plain
    # With this mark, Gradio refuses the path before the endpoint sees it.
    marked = {"file": {"path": path, "meta": {"_type": "gradio.FileData"}}}
    assert "does not fit the page" in raw(server, json.dumps(marked), "read_record")


def test_a_job_can_be_cancelled_by_its_token(client: Client) -> None:
    job = client.submit(prompt="a boat", steps=150, api_name="/txt2img")
    token = running_token(job)
    client.predict(token, api_name="/cancel_job")
    with pytest.raises(AppError, match="Stopped"):
        job.result(timeout=60)


def test_cancelling_the_call_stops_the_work(client: Client) -> None:
    job = client.submit(prompt="a boat", steps=150, api_name="/txt2img")
    token = running_token(job)
    job.cancel()
    # The one worker is free as soon as the job has stopped, and only then.
    client.predict(prompt="next", **QUICK, api_name="/txt2img")
    assert client.predict(token, api_name="/cancel_job")["state"] == "stopped"


def test_an_unknown_job_is_refused(client: Client) -> None:
    with pytest.raises(AppError, match="no longer known"):
        client.predict("nothing", api_name="/cancel_job")


def test_the_queue_cannot_be_passed_by(server: Server) -> None:
    sent = httpx.post(f"{server.url}/gradio_api/run/txt2img", json={"data": ["x"]})
    assert sent.status_code == 404


def test_the_endpoint_documents_itself() -> None:
    told = inspect.getdoc(Txt2ImgSettings) or ""
    assert told.splitlines()[0] == "A picture from a prompt."


def running_token(job: Any) -> str:
    """Waits until a job has reported that it runs."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for _, info in job.outputs():
            if info.get("state") == "running":
                return str(info["job"])
        time.sleep(0.05)
    pytest.fail("the job never ran")
