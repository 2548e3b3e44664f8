"""Forms come from the settings model and lead back to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.contracts.errors import BadInput
from backend.contracts.library import ModelEntry
from backend.contracts.settings import MODES, Settings, Txt2ImgSettings
from backend.engine.fake.engine import FakeEngine
from ui.forms.choices import size_choices
from ui.forms.controls import SIZE, control_for
from ui.forms.form import Form
from ui.jobs.saving import SAVING
from ui.page.tabs import TABS
from ui.server.schema import field_schema, hint


@pytest.fixture(scope="module")
def form() -> Iterator[Form]:
    import gradio as gr

    engine = FakeEngine()
    built = Form("txt2img", engine)
    built.adopt(control_for(built.settings, "model"), gr.Dropdown(["pocket"], value="pocket"))
    for name in built.settings.model_fields:
        if name not in ("model", "height", "templates", "changes", "hires_grid_px", *SAVING):
            built.add(name)
    yield built
    engine.close()


def shown(form: Form, values: dict[str, object]) -> dict[str, object]:
    """What the components would send after `write`."""
    sent = {}
    for key, update in zip(form.parts, form.write(values), strict=True):
        sent[key] = update["value"]
    return sent


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.mode)
def test_every_field_has_its_control(tab: object) -> None:
    placed = {"prompt", "negative_prompt", "model", "seed", "loras", *tab.fields}
    fields = {f for name in placed for f in control_for(MODES[tab.mode], name).fields}
    own = {"templates", "changes", "hires_grid_px"}
    runs_say = own & set(MODES[tab.mode].model_fields) | set(SAVING)
    assert fields | set(tab.layout.scripted) | runs_say == set(MODES[tab.mode].model_fields)
    assert not fields & set(tab.layout.scripted)


SETTINGS = [
    Txt2ImgSettings(),
    Txt2ImgSettings(
        prompt="ein Überraschungsei",
        negative_prompt="blurry",
        sampler="euler_a",
        schedule="trailing",
        steps=7,
        guidance_scale=2.5,
        width=320,
        height=192,
        seed=2**32 - 1,
        batch_size=8,
    ),
    Txt2ImgSettings.model_validate(
        {
            "loras": [{"name": "ink", "weight": 0.8}, {"name": "a b", "start": 0.25, "end": 0.5}],
            "guidance_start": 0.1,
            "guidance_end": 0.6,
            "threshold_ratio": 0.995,
            "eta": 1.0,
            "sampler": "ddim",
            "schedule": "model",
            "variation_seed": 4,
            "variation_strength": 0.3,
            "clip_skip": 2,
            "prompt_b": "x",
            "prompt_mix": 0.5,
            "guidance_rescale": 0.7,
        }
    ),
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_settings_survive_the_form(form: Form, settings: Settings) -> None:
    back = form.parse(shown(form, settings.model_dump(mode="json")))
    recommended = {"guidance_scale": settings.guidance_scale or 4.0, "model": "pocket"}
    assert back == settings.model_copy(update=recommended)


def test_defaults_are_what_an_empty_preset_shows(form: Form) -> None:
    sent = shown(form, {})
    assert {key: sent[key] for key in form.defaults("pocket")} == form.defaults("pocket")
    assert form.defaults("pocket")["guidance_scale"] == 4.0


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [
        ("size", "320 by 192", "size"),
        ("size", "20000x192", "width"),
        ("steps", "20", "steps"),
        ("steps", float("nan"), "steps"),
        ("guidance_scale", float("inf"), "guidance_scale"),
        ("loras", "ink:much", "loras"),
        ("sampler", "magic", "sampler"),
        ("seed", None, "seed"),
    ],
)
def test_bad_values_are_named(form: Form, key: str, value: object, field: str) -> None:
    with pytest.raises(BadInput) as caught:
        form.parse(shown(form, {}) | {key: value})
    assert (caught.value.field or "").startswith(field)


def test_a_missing_control_is_not_guessed(form: Form) -> None:
    sent = shown(form, {})
    del sent["steps"]
    with pytest.raises(BadInput, match="steps"):
        form.parse(sent)


def test_schedules_follow_the_sampler(form: Form) -> None:
    assert [name for _, name in form.schedules("ddim")] == ["model", "trailing"]
    assert form.schedules("magic") == []


def test_hints_tell_range_and_unit() -> None:
    assert hint(field_schema(Txt2ImgSettings, "steps")).endswith("1 to 1000 steps.")
    assert all(hint(field_schema(Txt2ImgSettings, name)) for name in Txt2ImgSettings.model_fields)


def test_sizes_keep_the_number_of_pixels() -> None:
    for _, value in size_choices(ModelEntry("usual", native_size=(512, 512)))[1:]:
        fields = SIZE.read(value)
        assert fields["width"] % 8 == fields["height"] % 8 == 0
        assert 0.75 < fields["width"] * fields["height"] / 512**2 < 1.3


def test_a_seed_that_a_browser_would_round_is_shown_as_the_one_that_it_draws(form: Form) -> None:
    for seed, shown in ((2**63 + 9, 9), (2**50 + 9, 2**50 + 9), (-1, -1)):
        update = dict(zip(form.parts, form.write({"seed": seed}), strict=True))["seed"]
        assert update["value"] == shown
