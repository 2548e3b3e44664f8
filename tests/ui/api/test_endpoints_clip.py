"""The endpoint of clips, by Gradio's own client against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from backend.recipes.metadata import read
from tests.pictures.clips import films
from tests.ui.conftest import Server


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


def test_a_film_comes_back_frame_by_frame_and_as_a_file(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(films.film(tmp_path, 9, fps=8, name="made.mp4"))
    files, info = client.predict(
        clip=handle_file(path),
        prompt="a red house",
        first_frame=1,
        every=2,
        strength=0.3,
        steps=10,
        width=64,
        height=64,
        control=False,
        format="webp",
        api_name="/clip",
    )
    records = [read(Path(file).read_bytes()) for file in files]
    assert [record.extra["frame"] for record in records] == [0, 1, 2, 3]
    assert (records[0].settings["frames"], records[0].settings["fps"]) == (4, 4)
    brightness = [float(np.asarray(Image.open(file)).mean()) for file in files]
    assert brightness == sorted(brightness)  # each shows its own frame of the film
    with Image.open(info["video"]) as video:
        assert (video.format, getattr(video, "n_frames", 1)) == ("WEBP", 4)
    assert len(info["flicker"]["over_time"]) == 3


def test_what_is_no_clip_is_a_sentence(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42 and no more")
    with pytest.raises(AppError, match="holds no video"):
        client.predict(clip=handle_file(path), api_name="/clip")
    with pytest.raises(AppError, match="no clip yet"):
        client.predict(api_name="/clip")


def test_the_sound_of_the_taken_frames_is_in_the_film_where_it_is_asked_for(
    client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(films.tone(tmp_path, 20, name="made.mp4", fps=10))
    common = {"width": 64, "height": 64, "steps": 4, "control": False, "api_name": "/clip"}
    _, info = client.predict(clip=handle_file(path), audio=True, first_frame=5, **common)
    heard = np.abs(films.samples(tmp_path, Path(info["video"]).read_bytes()))
    assert len(heard) / 8000 == pytest.approx(1.5, abs=0.1)
    assert heard[:3200].mean() < 0.01 < heard[4800:].mean()  # it begins to sound after 0.5 s
    mute = tmp_path / "mute.mp4"
    mute.write_bytes(films.film(tmp_path, 4, name="silent.mp4"))
    with pytest.raises(AppError, match="no sound to keep"):
        client.predict(clip=handle_file(mute), audio=True, **common)
