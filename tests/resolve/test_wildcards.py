"""Wildcards in prompts: what is drawn, by which seed, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.settings import (
    MAX_DRAWN_SEED,
    MorphSettings,
    Template,
    Txt2ImgSettings,
    parse,
)
from backend.resolve.wildcards import apart, drawn, has_wildcards
from backend.storage.wildcards import WildcardFiles

ROOT = Path(__file__).parents[2]
COLOURS = ("red", "green", "blue")
EIGHT = ["green", "blue", "green", "red", "green", "green", "red", "red"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "wildcards"
    (folder / "deep").mkdir(parents=True)
    (folder / "colour.txt").write_text("# colours\n\n  red \ngreen\nblue\n", "utf-8")
    (folder / "deep" / "thing.txt").write_text("a __colour__ ball\n", "utf-8")
    (folder / "empty.txt").write_text("# nothing\n\n", "utf-8")
    (folder / "loop.txt").write_text("and __loop__\n", "utf-8")
    (folder / "many.txt").write_text(" ".join(["__many2__"] * 30), "utf-8")
    (folder / "many2.txt").write_text(" ".join(["__colour__"] * 30), "utf-8")
    (tmp_path / "secret.txt").write_text("secret\n", "utf-8")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    return folder


@pytest.fixture
def files(folder: Path) -> WildcardFiles:
    return WildcardFiles(folder)


def prompt(files: WildcardFiles, text: str, seed: int = 1) -> str:
    return drawn(Txt2ImgSettings(prompt=text, seed=seed), files).prompt


def test_lines_are_drawn_by_the_seed(files: WildcardFiles) -> None:
    assert files["colour"].lines == COLOURS
    made = [prompt(files, "a __colour__ house, __Colour__ door", seed) for seed in range(60)]
    assert made == [
        prompt(files, "a __colour__ house, __Colour__ door", seed) for seed in range(60)
    ]
    assert set(made) == {f"a {a} house, {b} door" for a in COLOURS for b in COLOURS}
    assert prompt(files, "__deep/thing__!", 5) in {f"a {colour} ball!" for colour in COLOURS}


def test_a_seed_draws_the_same_for_ever(files: WildcardFiles) -> None:
    # Written down once: records and shared prompts rely on it.
    made = [prompt(files, "__colour__", seed) for seed in range(8)]
    assert made == EIGHT


def test_the_template_stands_beside_what_was_drawn(files: WildcardFiles) -> None:
    asked = Txt2ImgSettings(prompt="a __colour__ fish", negative_prompt="__colour__", seed=3)
    made = drawn(asked, files)
    assert made.templates == (
        Template(field="prompt", text="a __colour__ fish"),
        Template(field="negative_prompt", text="__colour__"),
    )
    written = made.model_dump(mode="json")
    again = parse("txt2img", written)
    assert again == made
    assert not has_wildcards(again)
    assert drawn(again, {}) is again  # the files are not asked any more
    assert "templates" not in Txt2ImgSettings().model_dump()


def test_regions_draw_as_the_prompt_does(files: WildcardFiles) -> None:
    left, right = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)
    said: list[dict[str, Any]] = [
        {"prompt": "a __colour__ cat", "box": left},
        {"prompt": "a boat", "box": right},
        {"prompt": "a {big|small} __nothing__", "on": False},
    ]
    drew: set[tuple[str, str]] = set()
    for seed in range(40):
        asked = parse("txt2img", {"prompt": "a __colour__ day", "regions": said, "seed": seed})
        assert isinstance(asked, Txt2ImgSettings)
        assert has_wildcards(asked)
        made = drawn(asked, files)
        first, *others = (region.prompt for region in made.regions)
        assert others == ["a boat", "a {big|small} __nothing__"]  # one that is off asks nothing
        drew.add((made.prompt, first))
        assert [kept.field for kept in made.templates] == ["prompt", "region 1"]
        assert made.templates[1].text == "a __colour__ cat"
        again = parse("txt2img", made.model_dump(mode="json"))
        assert drawn(again, {}) is again
    assert drew == {(f"a {a} day", f"a {b} cat") for a in COLOURS for b in COLOURS}
    several = apart(asked.model_copy(update={"prompt": "", "batch_size": 3}))
    assert (several.batch_size, several.batch_count) == (1, 3)


def test_every_picture_draws_its_own(files: WildcardFiles) -> None:
    asked = Txt2ImgSettings(prompt="__colour__", seed=MAX_DRAWN_SEED, batch_size=4, batch_count=3)
    several = apart(asked)
    assert (several.batch_size, several.batch_count) == (1, 12)
    made = [drawn(several.batch(number), files) for number in range(12)]
    assert [one.seed for one in made] == [MAX_DRAWN_SEED, *range(11)]
    assert [one.prompt for one in made] == [prompt(files, "__colour__", one.seed) for one in made]
    assert len({one.prompt for one in made}) == 3
    with pytest.raises(BadInput, match="100 at most; these are 112"):
        apart(asked.model_copy(update={"batch_size": 16, "batch_count": 7}))


def test_the_ends_of_a_morph_draw_apart(files: WildcardFiles) -> None:
    ends = [
        drawn(MorphSettings(prompt_a="__colour__", prompt_b="__colour__", seed=seed), files)
        for seed in range(20)
    ]
    assert {(end.prompt_a, end.prompt_b) for end in ends} > {("red", "red"), ("red", "green")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "__colur__",
            "There is no wildcard '__colur__'; there are: colour, deep/thing, empty, loop",
        ),
        ("__../secret__", "There is no wildcard"),
        ("__deep/../colour__", "There is no wildcard"),
        ("__/etc/passwd__", "There is no wildcard"),
        ("__link__", "There is no wildcard"),
        ("__empty__", r"empty\.txt has no line"),
        ("__loop__", "never ends"),
        ("__many__", "never ends"),
    ],
)
def test_what_cannot_be_drawn_is_said(files: WildcardFiles, text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        prompt(files, text)
    assert caught.value.field == "prompt"


def test_a_name_that_is_nearly_one_comes_with_the_one_that_was_meant(files: WildcardFiles) -> None:
    with pytest.raises(BadInput, match="There is no wildcard '__color__'") as caught:
        drawn(
            Txt2ImgSettings(prompt="a cat", negative_prompt="__color__ __colour__", seed=1), files
        )
    assert caught.value.field == "negative_prompt"
    assert caught.value.fix is not None
    assert caught.value.fix.label == "Use __colour__"
    assert caught.value.fix.changes == {"negative_prompt": "__colour__ __colour__"}


def test_without_files_it_says_where_to_put_them() -> None:
    with pytest.raises(BadInput, match="data/wildcards"):
        prompt(WildcardFiles(Path("/nowhere")), "__colour__")


@pytest.mark.parametrize("text", ["snake_case", "a __ b __ c", "____", "_a_", "__init_"])
def test_plain_underscores_are_text(text: str) -> None:
    assert not has_wildcards(Txt2ImgSettings(prompt=text))


def test_a_file_that_is_too_large_is_said(folder: Path) -> None:
    (folder / "big.txt").write_text("x" * 1_100_000)
    with pytest.raises(BadInput, match="larger than 1 MB"):
        prompt(WildcardFiles(folder), "__big__")


def test_every_bundled_file_can_be_drawn() -> None:
    bundled = WildcardFiles(ROOT / "wildcards")
    assert tuple(bundled) == ("colour", "scene", "setting", "size", "subject")
    made = {prompt(bundled, "__scene__", seed) for seed in range(40)}
    assert len(made) > 30
    assert not any("__" in text for text in made)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("a {red|blue} house", {"a red house", "a blue house"}),
        ("{a|b}{|c}", {"a", "b", "ac", "bc"}),
        ("{a {b|c}|d}", {"a b", "a c", "d"}),
        ("{[a|b]|c}", {"[a|b]", "c"}),
        ("{2$$a|b}", {"a, b", "b, a"}),
        ("{2$$ and $$a|b}", {"a and b", "b and a"}),
        ("{0-1$$a|b}", {"", "a", "b"}),
        ("{1::a|0::b}", {"a"}),
        ("{__colour__|grey}", {*COLOURS, "grey"}),
        ("a {plain} {red|red}", {"a {plain} red"}),
    ],
)
def test_parts_of_braces_are_drawn(files: WildcardFiles, text: str, made: set[str]) -> None:
    assert {prompt(files, text, seed) for seed in range(80)} == made


def test_braces_without_a_choice_and_escaped_ones_stay(files: WildcardFiles) -> None:
    for text in ("a {plain} house", "a \\{red|blue\\} house", "{", "a|b"):
        assert not has_wildcards(Txt2ImgSettings(prompt=text))
        assert prompt(files, text) == text


def test_names_may_hold_blanks_and_dots(folder: Path, files: WildcardFiles) -> None:
    (folder / "hair styles v1.2.txt").write_text("bob\n", "utf-8")
    assert prompt(files, "a __hair styles v1.2__, __colour__") in {f"a bob, {c}" for c in COLOURS}


def test_choices_of_a_choice_end(files: WildcardFiles) -> None:
    with pytest.raises(BadInput, match="draws more than"):
        prompt(files, "{a|b}" * 501)
    nested = "{" * 60 + "a|b" + "}" * 60
    assert "a" in prompt(files, nested) or "b" in prompt(files, nested)
