"""A request and the library -> what runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backend.contracts.capabilities import SizeGrid
from backend.contracts.errors import BadInput, LoomError, ModelProblem, UnknownName
from backend.contracts.library import Library
from backend.contracts.requests import Branch, CaptionedPicture, Request, TrainLoraRequest
from backend.contracts.settings import MODES, Settings, parse
from backend.contracts.settings.lora_tools import LoraPadSettings
from backend.contracts.settings.train_lora import parse_training
from backend.resolve.request import complete, resolve, resolve_pictures
from tests.resolve.library import LIBRARY, PICTURE


def settings(mode: str = "txt2img", **values: Any) -> Settings:
    return parse(mode, {"model": "sea", **values})


def coded() -> Library:
    """The library with a codebook in every model."""
    models = [replace(one, can=replace(one.can, codes=512)) for one in LIBRARY.models]
    return replace(LIBRARY, models=tuple(models))


def drawer() -> Any:
    numbers = iter(range(100, 10_000))
    return lambda: next(numbers)


def run(mode: str = "txt2img", images: Any = None, **values: Any) -> Settings:
    asked = Request(settings(mode, **values), images or {})
    (only,) = resolve_pictures(asked, LIBRARY, drawer()).runs
    return only


def test_what_is_left_open_comes_from_the_card_and_the_draws() -> None:
    made = run()
    assert (made.width, made.height, made.guidance_scale) == (256, 320, 3.5)
    assert (made.seed, made.variation_seed) == (100, 101)
    given = run(width=64, height=128, guidance_scale=0.0, seed=0, variation_seed=7)
    assert (given.width, given.height, given.guidance_scale) == (64, 128, 0.0)
    assert (given.seed, given.variation_seed) == (0, 7)


def test_the_default_model_is_named() -> None:
    made = resolve_pictures(Request(parse("txt2img", {})), LIBRARY)
    assert made.settings.model == "sea"
    asked = TrainLoraRequest(parse_training({"name": "ink"}), (CaptionedPicture("a", PICTURE),))
    trained = resolve(asked, LIBRARY)
    assert isinstance(trained, TrainLoraRequest)
    assert trained.settings.model == "sea"
    with pytest.raises(UnknownName, match="the models folder holds none"):
        resolve_pictures(Request(parse("txt2img", {})), Library((), {}))


def test_seeds_are_drawn_anew_each_time() -> None:
    request = Request(settings())
    assert len({resolve_pictures(request, LIBRARY).settings.seed for _ in range(20)}) == 20


@pytest.mark.parametrize("mode", sorted(MODES))
def test_nothing_stays_open_in_any_mode(mode: str) -> None:
    values: dict[str, Any] = {"sampler": "ddim", "schedule": "model"}
    if mode == "xyz_grid":
        values |= {"x_field": "steps", "x_values": "1-4"}
    images = dict.fromkeys(MODES[mode].pictures, PICTURE)
    images.pop("mask", None)
    if images.pop("clip", None) is not None:
        images = {"frame_0000": PICTURE}
    library = coded() if mode == "codes" else LIBRARY
    made = resolve_pictures(Request(settings(mode, **values), images), library)
    for one in (made.settings, *made.runs):
        left = {name for name, value in one if value is None or (value == -1 and "seed" in name)}
        assert left == set()
    assert len(made.runs) == (4 if mode == "xyz_grid" else 1)
    again = resolve_pictures(made, library)
    assert (again.settings, again.runs) == (made.settings, made.runs)


def test_one_run_is_the_settings_and_several_count_their_seeds() -> None:
    one = resolve_pictures(Request(settings()), LIBRARY)
    assert one.runs == (one.settings,)
    many = resolve_pictures(Request(settings(batch_size=2, batch_count=3, seed=9)), LIBRARY)
    assert [each.seed for each in many.runs] == [9, 11, 13]
    assert {(each.batch_size, each.batch_count) for each in many.runs} == {(2, 1)}
    assert (many.settings.batch_size, many.settings.batch_count) == (2, 3)


def test_what_stands_beside_the_settings_is_kept() -> None:
    asked = Request(settings("img2img"), {"image": PICTURE}, Branch("job", 3), save=False)
    made = resolve_pictures(asked, LIBRARY)
    assert (made.images, made.branch, made.save) == (asked.images, asked.branch, False)
    alone = made.single(made.runs[0])
    assert (alone.images, alone.branch, alone.save) == (asked.images, asked.branch, False)


def test_tags_go_to_the_rows_of_every_kind_of_settings() -> None:
    pad = LoraPadSettings.of(settings(loras=[{"name": "ink"}, {"name": "oil"}]))
    pad = pad.model_copy(update={"prompt": "a boat <lora:ink:1>"})
    (made,) = resolve_pictures(Request(pad), LIBRARY).runs
    assert isinstance(made, LoraPadSettings)
    assert [(use.name, use.weight) for use in made.loras] == [("ink", 2.0), ("oil", 1.0)]


def test_words_are_drawn_for_each_picture_by_its_seed() -> None:
    asked = settings(prompt="a __colour__ boat", seed=0, batch_size=4, batch_count=2)
    made = resolve_pictures(Request(asked), LIBRARY)
    # Those of test_wildcards.EIGHT under another text: only the seed and the field count.
    drawn = ["green", "blue", "green", "red", "green", "green", "red", "red"]
    assert [each.prompt for each in made.runs] == [f"a {colour} boat" for colour in drawn]
    assert [each.seed for each in made.runs] == list(range(8))
    assert made.runs[0].templates[0].text == "a __colour__ boat"
    assert (made.settings.prompt, made.settings.templates) == ("a __colour__ boat", ())


def test_a_line_may_bring_a_lora() -> None:
    made = run(prompt="a boat, __style__")
    assert (made.prompt, [(use.name, use.weight) for use in made.loras]) == (
        "a boat, ink",
        [("ink", 0.5)],
    )


def test_the_cells_of_a_grid_are_settled_each() -> None:
    asked = settings(
        "xyz_grid",
        prompt="a __colour__ boat <lora:ink:0.5>",
        x_field="seed",
        x_values="0-3",
        y_field="lora:oil",
        y_values="0, 1",
    )
    made = resolve_pictures(Request(asked), LIBRARY, drawer())
    assert made.settings.prompt == asked.prompt
    assert [cell.seed for cell in made.runs] == [0, 1, 2, 3] * 2
    colours = ["green", "blue", "green", "red"]
    assert [cell.prompt for cell in made.runs] == [f"a {colour} boat" for colour in colours] * 2
    weights = [{use.name: use.weight for use in cell.loras} for cell in made.runs]
    assert weights == [{"oil": 0.0, "ink": 0.5}] * 4 + [{"oil": 1.0, "ink": 0.5}] * 4
    assert {cell.variation_seed for cell in made.runs} == {101}


def test_a_cell_that_cannot_run_is_refused_with_the_rest() -> None:
    for values in (
        {"x_field": "model", "x_values": "sea, nowhere"},
        {"x_field": "lora:none", "x_values": "0, 1"},
    ):
        with pytest.raises(UnknownName):
            resolve_pictures(Request(settings("xyz_grid", **values)), LIBRARY)


@pytest.mark.parametrize(
    ("mode", "values", "error", "message"),
    [
        ("txt2img", {"model": "see"}, UnknownName, "no model 'see'; did you mean 'sea'"),
        ("txt2img", {"model": "torn"}, ModelProblem, "'torn' cannot be used. Its unet is missing."),
        ("txt2img", {"loras": [{"name": "inkk"}]}, UnknownName, "no LoRA 'inkk'.*'ink'"),
        ("txt2img", {"loras": [{"name": "bad"}]}, ModelProblem, "'bad' cannot be used"),
        ("txt2img", {"vae": "hard"}, UnknownName, "no autoencoder 'hard'"),
        ("txt2img", {"prompt": "__colur__"}, BadInput, "no wildcard '__colur__'"),
        ("img2img", {}, BadInput, "no picture to start from"),
        ("style_transfer", {}, BadInput, "no source picture yet"),
        ("morph", {"prompt_a": "a boat"}, BadInput, "End B is missing"),
    ],
)
def test_what_cannot_run_is_refused_at_once(
    mode: str, values: dict[str, Any], error: type[LoomError], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(mode, None, **values)


def test_rows_that_are_off_may_name_what_is_not_there() -> None:
    assert run(loras=[{"name": "gone", "on": False}]).loras[0].name == "gone"


def test_a_morph_learns_its_method_from_its_pictures() -> None:
    ends = {"image_a": PICTURE, "image_b": PICTURE}
    made = run("morph", ends, sampler="ddim", schedule="model")
    assert made.model_dump()["method"] == "fine"
    assert run("morph", prompt="a boat").model_dump()["method"] == "walk"


def test_a_forecast_needs_no_pictures() -> None:
    made = complete(settings("img2img"), LIBRARY, drawer())
    assert (made.width, made.seed) == (256, 100)


def test_a_second_stage_lies_on_the_grid_of_the_model_that_runs() -> None:
    sixteen = replace(LIBRARY.models[0], name="deep", sizes=SizeGrid(step_px=16))
    library = replace(LIBRARY, models=(*LIBRARY.models, sixteen))
    asked = settings(model="deep", width=96, height=64, hires_scale=1.1)
    made = resolve_pictures(Request(asked), library).settings
    assert made.drawn_size == (112, 64)
    # What a record, a queue that was kept or a worker elsewhere makes of it is the same.
    again = parse("txt2img", made.model_dump(mode="json"))
    assert (again, again.drawn_size) == (made, (112, 64))
    on_sea = again.model_copy(update={"model": "sea"})
    assert resolve_pictures(Request(on_sea), library).settings.drawn_size == (104, 72)
