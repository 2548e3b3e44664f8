"""The drawn world: the same scene gives the same pixels, and captions say what is drawn."""

import numpy as np
import pytest

import toyworld
from toyworld import HELD_OUT, Scene, Subject
from toyworld.dataset import render_pool
from toyworld.palette import COLOURS
from toyworld.prompts import questions, shuffled_scene
from toyworld.render import _place
from toyworld.scene import sample_pair, sample_scene
from toyworld.settings import SETTINGS
from toyworld.subjects import SUBJECTS
from toyworld.world import FIRST, SECOND, WORLDS


def test_a_scene_is_drawn_the_same_each_time():
    scene = toyworld.sample_scene(np.random.default_rng(4))
    again = toyworld.sample_scene(np.random.default_rng(4))
    assert scene == again
    first, second = toyworld.render(scene), toyworld.render(again)
    assert first.shape == (256, 256, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, second)


def test_seeds_vary_the_picture():
    one = Scene((Subject("cat", "white"),), "snow", 1)
    two = Scene((Subject("cat", "white"),), "snow", 2)
    assert np.abs(toyworld.render(one).astype(int) - toyworld.render(two)).mean() > 2


def test_sizes_show_the_same_scene():
    scene = Scene((Subject("boat", "red", "big"),), "sea", 3)
    small, large = toyworld.render(scene, 64), toyworld.render(scene, 256)
    shrunk = large.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - small).mean() < 9


def test_the_world_is_large_enough():
    assert len(SUBJECTS) >= 14
    assert len(COLOURS) == 10
    assert len(SETTINGS) >= 8
    assert len(HELD_OUT) / (len(SUBJECTS) * len(COLOURS)) == pytest.approx(0.08, abs=0.005)


def test_held_out_pairs_never_occur_in_training():
    rng = np.random.default_rng(0)
    for _ in range(3000):
        scene = toyworld.sample_scene(rng)
        assert not {(s.name, s.colour) for s in scene.subjects} & HELD_OUT


def test_held_out_scenes_show_held_out_pairs_only():
    rng = np.random.default_rng(0)
    seen = {
        (s.name, s.colour)
        for _ in range(300)
        for s in toyworld.sample_scene(rng, held_out=True).subjects
    }
    assert seen == HELD_OUT
    assert sample_pair(rng, held_out=True) in HELD_OUT


def test_two_subjects_differ_in_kind_and_stand_left_and_right():
    rng = np.random.default_rng(1)
    pairs = [s for s in (toyworld.sample_scene(rng) for _ in range(200)) if len(s.subjects) == 2]
    assert 40 < len(pairs) < 120
    for scene in pairs:
        left, right = scene.subjects
        assert left.name != right.name
        assert (left.position, right.position) == ("left", "right")


def test_captions_name_what_is_drawn():
    rng = np.random.default_rng(2)
    said = set()
    for _ in range(400):
        scene = toyworld.sample_scene(rng)
        text = toyworld.caption(scene, rng)
        said.add(text)
        for subject in scene.subjects:
            assert f"{subject.colour} {subject.name}" in text
        for other in SUBJECTS:
            if other not in {s.name for s in scene.subjects}:
                assert other not in text.replace("among trees", "").split()
    assert len(said) > 380


@pytest.mark.parametrize("name", SUBJECTS)
def test_colours_can_be_measured_in_the_render(name):
    """With all else equal, changing the colour word moves many pixels, and towards that colour."""
    pictures = {
        colour: toyworld.render(Scene((Subject(name, colour, "big"),), "grass", 11), 96) / 255.0
        for colour in COLOURS
    }
    stack = np.stack(list(pictures.values()))
    body = np.ptp(stack, axis=0).max(axis=-1) > 0.5
    assert body.mean() > 0.04
    palette = np.array(list(COLOURS.values()))
    for index, picture in enumerate(stack):
        middle = np.median(picture[body], axis=0)
        assert np.linalg.norm(palette - middle, axis=1).argmin() == index


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_look_different(setting):
    def mean_rows(which: str) -> np.ndarray:
        picture = toyworld.render(Scene((Subject("star", "red", "small"),), which, 5), 64)
        return picture.mean(axis=1).astype(float)

    here = mean_rows(setting)
    for other in SETTINGS:
        if other != setting:
            assert np.abs(here - mean_rows(other)).mean() > 15


def test_unknown_words_are_refused():
    with pytest.raises(KeyError):
        toyworld.render(Scene((Subject("dragon", "red"),), "sea", 0))
    with pytest.raises(KeyError):
        toyworld.render(Scene((Subject("cat", "teal"),), "sea", 0))


@pytest.mark.parametrize(
    ("world", "means"),
    [
        (FIRST, [190.54, 82.11, 200.91, 66.22, 189.88, 170.95, 187.61, 121.24]),
        (SECOND, [186.73, 79.38, 195.14, 68.46, 185.19, 167.56, 183.13, 115.32]),
    ],
)
def test_a_version_of_the_world_never_changes(world, means):
    """The mean of eight scenes' pixels at 96 px, written down when each version was made."""
    assert WORLDS[world.version] is world
    for i, mean in enumerate(means):
        scene = sample_scene(np.random.default_rng((5, i)), world=world)
        assert toyworld.render(scene, 96, world).mean() == pytest.approx(mean, abs=0.1)


def test_the_second_world_has_more_pairs():
    shares = []
    for world in (FIRST, SECOND):
        scenes = [sample_scene(np.random.default_rng((6, i)), world=world) for i in range(1000)]
        shares.append(np.mean([len(s.subjects) == 2 for s in scenes]))
    assert shares[0] == pytest.approx(0.40, abs=0.04)
    assert shares[1] == pytest.approx(0.55, abs=0.04)


def test_places_and_sizes_vary_no_less_in_the_second_world():
    """As the score measures it: over four seeds of a prompt."""

    def spread(world) -> tuple[float, float]:
        rng = np.random.default_rng(8)
        places, sizes = [], []
        for k, question in enumerate(questions(1600)[:768:4]):
            rows = []
            for seed in range(4):
                scene = shuffled_scene(question, 4 * k + seed)
                x, foot, radius = _place(scene.subjects[0], scene, rng, world)
                rows.append((x, foot - radius, radius))
            spreads = np.var(rows, axis=0, ddof=1)
            places.append(spreads[0] + spreads[1])
            sizes.append(spreads[2])
        return float(np.mean(places) ** 0.5), float(np.mean(sizes) ** 0.5)

    old, new = spread(FIRST), spread(SECOND)
    assert new[0] >= old[0]
    assert new[1] >= old[1]


def test_an_outline_goes_around_a_subject():
    """In the second world a line much darker than both sides lies between subject and ground."""
    subject = Subject("star", "yellow", "big")
    picture = toyworld.render(Scene((subject,), "snow", 3), 256, SECOND).astype(float)
    plain = toyworld.render(Scene((subject,), "snow", 3), 256, FIRST).astype(float)

    def dark(pixels: np.ndarray) -> float:
        return float((pixels.sum(axis=-1) < 200).mean())

    assert dark(picture) > dark(plain) + 0.01


@pytest.mark.parametrize("setting", ["night sky", "forest"])
def test_a_dark_subject_in_the_dark_has_a_light_outline(setting):
    subject = Subject("heart", "black", "medium")
    lone = toyworld.render(Scene((subject,), setting, 3), 256, SECOND).astype(int)
    empty = toyworld.render(Scene((), setting, 3), 256, SECOND).astype(int)
    light = (lone.min(axis=-1) > 200) & (empty.max(axis=-1) < 200)
    assert light.mean() > 0.005


def test_a_pool_is_of_one_world(tmp_path):
    pools = [render_pool(tmp_path, 3, 4, 32, workers=1, world=world) for world in (FIRST, SECOND)]
    for pool, world in zip(pools, (FIRST, SECOND), strict=True):
        assert pool.world is world
        assert np.array_equal(pool.pixels[2], toyworld.render(pool.scene(2), 32, world))
    assert not np.array_equal(pools[0].pixels, pools[1].pixels)
    assert len(list(tmp_path.iterdir())) == 2
    again = render_pool(tmp_path, 3, 4, 32, world=SECOND)
    assert np.array_equal(again.pixels, pools[1].pixels)
