"""`/v1` behind `--api`, asked by OpenAI's own client, unchanged, and as Open WebUI asks."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
import requests
from PIL import Image

from backend.recipes.metadata import read
from backend.storage.accounts import Accounts
from tests.ui.conftest import Server, running

SIZE = "64x64"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("data"), "--api", fake_step_s="0.02") as server:
        yield server


@pytest.fixture(scope="module")
def client(served: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="any", max_retries=0) as made:
        yield made


def file(mode: str = "RGB") -> io.BytesIO:
    image = Image.new(mode, (64, 64), "red")
    if mode == "RGBA":
        image.paste((0, 0, 0, 0), (0, 0, 32, 64))
    stream = io.BytesIO()
    stream.name = "picture.png"
    image.save(stream, "PNG")
    stream.seek(0)
    return stream


def opened(coded: str | None) -> Image.Image:
    assert coded is not None
    return Image.open(io.BytesIO(base64.b64decode(coded)))


def test_models(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert "pocket" in names
    assert client.models.retrieve("pocket").owned_by == "latent-loom"
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("dall-e-3")
    assert refused.value.code == "model_not_found"
    assert "pocket" in refused.value.message


def test_pictures_from_words(client: openai.OpenAI) -> None:
    made = client.images.generate(
        model="pocket", prompt="a red house", n=2, size=SIZE,
        extra_body={"seed": 7, "steps": 3, "negative_prompt": "fog"},
    )  # fmt: skip
    assert made.data is not None
    assert [opened(one.b64_json).size for one in made.data] == [(64, 64)] * 2
    assert (made.size, made.output_format) == ("64x64", "png")
    record = read(base64.b64decode(made.data[1].b64_json or ""))
    assert (record.settings["prompt"], record.settings["seed"]) == ("a red house", 8)
    assert (record.settings["steps"], record.settings["negative_prompt"]) == (3, "fog")


def test_an_address_opens_to_whoever_has_it(client: openai.OpenAI, served: Server) -> None:
    made = client.images.generate(
        prompt="a boat", size=SIZE, response_format="url", output_format="webp", quality="low"
    )
    assert made.data is not None
    address = made.data[0].url or ""
    assert address.startswith(f"{served.url}/v1/images/files/")
    answer = requests.get(address, timeout=60)
    assert answer.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(answer.content)).size == (64, 64)
    forged = requests.get(address[:-1] + ("0" if address[-1] != "0" else "1"), timeout=60)
    assert forged.status_code == 404
    assert "not valid" in forged.json()["error"]["message"]


def test_a_stream_shows_the_picture_forming(client: openai.OpenAI) -> None:
    stream = client.images.generate(
        prompt="a boat", size=SIZE, stream=True, partial_images=2, extra_body={"steps": 40}
    )
    told = list(stream)
    assert told[-1].type == "image_generation.completed"
    assert any(event.type == "image_generation.partial_image" for event in told)
    assert all(opened(event.b64_json) for event in told)


def test_edits_and_variations(client: openai.OpenAI) -> None:
    masked = client.images.edit(
        image=file(), mask=file("RGBA"), prompt="a boat", size=SIZE, extra_body={"steps": "4"}
    )
    assert masked.data is not None
    assert opened(masked.data[0].b64_json).size == (64, 64)
    streamed = client.images.edit(image=[file()], prompt="a boat", size=SIZE, stream=True)
    assert [event.type for event in streamed] == ["image_edit.completed"]
    with pytest.deprecated_call():  # theirs
        varied = client.images.create_variation(image=file(), n=2, size=SIZE)  # type: ignore[arg-type]
    assert varied.data is not None
    assert len(varied.data) == 2


def test_what_cannot_be_is_a_sentence(client: openai.OpenAI, served: Server) -> None:
    with pytest.raises(openai.BadRequestError, match="Unknown parameter: 'wat'") as refused:
        client.images.generate(prompt="a", extra_body={"wat": 1})
    assert refused.value.param == "wat"
    with pytest.raises(openai.BadRequestError, match="no transparent ground"):
        client.images.generate(prompt="a", background="transparent")
    with pytest.raises(openai.BadRequestError, match="one as 'image'"):
        client.images.edit(image=[file(), file()], prompt="a")
    with pytest.raises(openai.InternalServerError) as failed:
        client.images.generate(prompt="!oom", size=SIZE)
    assert failed.value.code == "generation_failed"
    for path, body in (("images/generations", b"["), ("images/edits", b"{}"), ("chat", b"{}")):
        answer = requests.post(f"{served.url}/v1/{path}", data=body, timeout=60)
        assert answer.status_code in (400, 404)
        assert answer.json()["error"]["message"]


def test_as_open_webui_asks(served: Server) -> None:
    headers = {"Authorization": "Bearer none", "Content-Type": "application/json"}
    body = {"model": "pocket", "prompt": "a red house", "n": 1, "size": SIZE,
            "response_format": "b64_json"}  # fmt: skip
    made = requests.post(
        f"{served.url}/v1/images/generations", json=body, headers=headers, timeout=60
    )
    assert opened(made.json()["data"][0]["b64_json"]).size == (64, 64)
    form = {key: str(value) for key, value in body.items()}
    for name in ("image", "image[]"):
        changed = requests.post(
            f"{served.url}/v1/images/edits",
            data=form,
            files=[(name, ("picture.png", file(), "image/png"))],
            headers={"Authorization": "Bearer none"},
            timeout=60,
        )
        assert opened(changed.json()["data"][0]["b64_json"]).size == (64, 64)


def test_keys_of_accounts(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "accounts.json")
    accounts.add("ada", "a long password", "member")
    _, reads = accounts.make_key("ada", "looks", ("read",))
    _, draws = accounts.make_key("ada", "draws", ("read", "draw"))
    flags = ("--api", "--auth-file", str(tmp_path / "accounts.json"))
    with running(tmp_path / "data", *flags, fake_step_s="0.005") as server:

        def asked(key: str) -> openai.OpenAI:
            return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0)

        with asked("sk-wrong") as stranger, pytest.raises(openai.AuthenticationError) as refused:
            stranger.models.list()
        assert refused.value.code == "invalid_api_key"
        with asked(reads) as reader:
            assert [model.id for model in reader.models.list()]
            with pytest.raises(openai.PermissionDeniedError, match="may not draw"):
                reader.images.generate(prompt="a", size=SIZE)
        with asked(draws) as artist:
            made = artist.images.generate(prompt="a", size=SIZE, response_format="url")
            assert made.data is not None
            # The address carries its own permission.
            assert requests.get(made.data[0].url or "", timeout=60).status_code == 200
