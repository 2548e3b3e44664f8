"""A stock of encoded scenes rolls on, and a kill costs nothing but time."""

import numpy as np
import pytest
import torch

from toyworld import Scene
from toyworld.fresh import draw_scenes
from toyworld.grow import deep_autoencoder
from toyworld.stock import CHUNK, Stock, covers, encode_scenes


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return deep_autoencoder((8, 8, 8, 8, 8), 4).eval()


def test_a_stock_holds_what_was_encoded(vae, tmp_path):
    stock = Stock(tmp_path, vae, 3, slots=4, channels=4)
    stock.fill(0, 2)
    made = encode_scenes(vae, (3, 1), CHUNK)
    taken = stock.take(np.array([CHUNK + 2, CHUNK + 5]))
    assert taken.latents == pytest.approx(made.latents[[2, 5]], abs=2e-2)
    assert taken.cover == pytest.approx(made.cover[[2, 5]], abs=1 / 255)
    assert taken.scenes == [made.scenes[2], made.scenes[5]]


def test_a_stock_rolls_on(vae, tmp_path):
    stock = Stock(tmp_path, vae, 3, slots=2, channels=4)
    stock.fill(0, 2)
    old = stock.take(np.array([0])).latents.copy()
    stock.fill(1, 3)
    assert stock.take(np.array([2 * CHUNK])).scenes == [draw_scenes((3, 2), CHUNK)[0][0]]
    assert not np.array_equal(stock.take(np.array([2 * CHUNK])).latents, old)
    with pytest.raises(ValueError, match="do not fit"):
        stock.fill(0, 3)


def test_what_a_kill_lost_is_made_again_and_the_rest_is_not(vae, tmp_path, monkeypatch):
    stock = Stock(tmp_path, vae, 3, slots=4, channels=4)
    stock.fill(0, 1)

    class Killed(Exception):
        pass

    def kill() -> None:
        if stock._holds[1] == 2:
            raise Killed

    with pytest.raises(Killed):
        stock.fill(0, 4, kill)
    again = Stock(tmp_path, vae, 3, slots=4, channels=4)
    made = []
    again.fill(0, 4, lambda: made.append(1))
    assert len(made) == 2, "chunks 2 and 3; the first two were there"
    whole = Stock(tmp_path / "whole", vae, 3, slots=4, channels=4)
    whole.fill(0, 4)
    places = np.arange(4 * CHUNK)
    assert np.array_equal(again.take(places).latents, whole.take(places).latents)


def test_another_shape_is_refused(vae, tmp_path):
    Stock(tmp_path, vae, 3, slots=4, channels=4)
    with pytest.raises(ValueError, match="remove its folder"):
        Stock(tmp_path, vae, 3, slots=5, channels=4)


def test_cover_tells_where_subjects_are():
    empty = np.zeros((1, 64, 64, 3), np.uint8)
    picture = empty.copy()
    picture[0, :16, 16:24] = 200
    share = covers(picture, empty, 4)
    assert share.shape == (1, 4, 4)
    assert share[0, 0, 1] == pytest.approx(0.5)
    assert share.sum() == pytest.approx(0.5)


def test_scenes_are_named_as_they_are_shown(vae):
    made = encode_scenes(vae, (5, 5), 3)
    assert all(isinstance(s, Scene) for s in made.scenes)
    assert made.scenes == [s for s, _ in draw_scenes((5, 5), 3)]
    assert made.latents.shape == (3, 4, 16, 16)
    assert 0 < made.cover.mean() < 0.8


def test_each_chunk_has_its_own_shares(vae, tmp_path):
    pets = {"fish": 1e9, "cat": 1e9}
    stock = Stock(tmp_path, vae, 3, slots=2, channels=4, shares_of=lambda n: pets if n else {})
    stock.fill(0, 2)
    taken = stock.take(np.arange(2 * CHUNK))
    assert taken.scenes[:CHUNK] == [s for s, _ in draw_scenes((3, 0), CHUNK)]
    named = {s.name for scene in taken.scenes[CHUNK:] for s in scene.subjects}
    assert named == {"fish", "cat"}
    made = encode_scenes(vae, (3, 1), CHUNK, shares=pets)
    assert taken.latents[CHUNK:] == pytest.approx(made.latents, abs=2e-2)
