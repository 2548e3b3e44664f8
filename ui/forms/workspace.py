"""A tab's workspace: controls at the left, the stage at the right, and the events between them."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import gradio as gr

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.contracts.fields import title_of
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import Settings, parse
from backend.contracts.settings.live import is_live, live_values
from backend.resolve.wildcards import has_wildcards
from ui.forms.choices import card_of
from ui.forms.embedding_chips import embedding_chips
from ui.forms.form import Form
from ui.forms.grid import GridPanel
from ui.forms.prompt_tools import prompt_row, read_fill, style_chips
from ui.forms.stage import mount_call, stage
from ui.forms.tab import Tab
from ui.gradio_compat.carrying import gathered
from ui.gradio_compat.event_data import given, told
from ui.gradio_compat.untyped import event
from ui.jobs.asked import Place
from ui.server.foreign import as_list
from ui.server.studio import Studio

_ACTIONS = """
<div class="actions-row">
  <button class="go" type="button"><span>Generate</span> <kbd></kbd></button>
  <button class="stop" type="button" disabled>Stop <kbd>Esc</kbd></button>
  <button class="skip" type="button" aria-label="Skip this picture" hidden>»</button>
  LIVE<button class="again" type="button" aria-pressed="false" aria-label="Again and again"
    title="A new picture each time one is done, until you end it">∞</button>
</div>
<div class="sum-row"><p class="sum" aria-label="What will run"></p><button class="saving"
  type="button" title="How results are saved" aria-haspopup="dialog">PNG</button></div>
"""
_LIVE = """<button class="change" type="button" aria-pressed="false"
    title="What you change here changes the picture that forms, from its next step on">Live</button>
  """

FAN = 4  # pictures of a fan, where the form asks for fewer
NAMED = ("sampler", "upscaler")  # lists of which the line by Generate says what is chosen


class Workspace:
    """The components of one tab on the page."""

    def __init__(self, tab: Tab, studio: Studio, form: Form, targets: list[dict[str, str]]) -> None:
        self.tab = tab
        self.studio = studio
        self.form = form
        mode = tab.mode
        first_model = str(getattr(form.parts["model"], "value", ""))
        examples = card_of(studio.engine.library(), first_model).example_prompts
        start = {"examples": list(examples)[:3], "targets": targets}
        with gr.Row(elem_classes="loom-work"):
            with gr.Column(elem_classes="loom-left", scale=0, min_width=0):
                with gr.Group(elem_classes="loom-source", visible=tab.inputs.asks):
                    self.pictures = tab.inputs.components()
                    with gr.Group(elem_classes="loom-controls", visible=bool(tab.layout.beside)):
                        for name in tab.layout.beside:
                            form.add(name)
                with gr.Group(elem_classes="loom-words"):
                    form.add("prompt")
                    self.words = prompt_row(studio, mode)
                    with gr.Accordion(
                        "negative prompt",
                        open=False,
                        elem_id=f"{mode}-negative",
                        elem_classes="loom-fold loom-negative",
                    ):
                        form.add("negative_prompt")
                    with gr.Accordion(
                        "styles and embeddings",
                        open=False,
                        elem_id=f"{mode}-styles",
                        elem_classes="loom-fold loom-negative",
                    ):
                        style_chips(studio, mode)
                        embedding_chips(studio, mode)
                self.actions = gr.HTML(
                    None,
                    html_template=_ACTIONS.replace("LIVE", _LIVE if is_live(form.settings) else ""),
                    js_on_load=mount_call("mountActions", mode, ("generate", "reset", "put")),
                    apply_default_css=False,
                    elem_classes="loom-actions",
                )
                if tab.layout.loras_open:
                    self._add_loras()
                with gr.Group(elem_classes="loom-controls"):
                    for name in tab.layout.main:
                        form.add(name)
                        if name in tab.layout.under:
                            self.pictures |= tab.layout.under[name]()
                    with gr.Row(elem_classes="loom-seed"):
                        form.add("seed")
                        self.dice = gr.Button(
                            "Random seed",
                            elem_classes="loom-icon loom-dice",
                            min_width=0,
                            scale=0,
                            elem_id=f"{mode}-dice",
                        )
                        self.recycle = gr.Button(
                            "Seed of the last picture",
                            elem_classes="loom-icon loom-recycle",
                            min_width=0,
                            scale=0,
                            elem_id=f"{mode}-recycle",
                        )
                self._add_folds(early=True)
                if not tab.layout.loras_open:
                    self._add_loras()
                self._add_folds(early=False)
                self.axes = GridPanel(studio, form) if tab.grid else None
                with (
                    gr.Accordion(
                        "Advanced", open=False, elem_id=f"{mode}-advanced", elem_classes="loom-fold"
                    ),
                    gr.Group(elem_classes="loom-controls"),
                ):
                    for name in tab.in_advanced:
                        form.add(name)
            with gr.Column(elem_classes="loom-right", min_width=0):
                self.stage = stage(
                    mode,
                    tab.heading,
                    tab.text,
                    start,
                    starts="image" in self.pictures,
                    live=is_live(form.settings),
                    before=tab.below.before,
                )
                self.results = tab.below.result() | tab.below.panel(studio)
        self.actions.value = {
            **form.told(first_model),
            "folds": self._folds(),
            "titles": self._titles(),
        }
        self.kept_form = gr.BrowserState(None, storage_key=f"loom-{mode}-form", secret="loom")

    def _add_loras(self) -> None:
        """Open where they are what the tab is for: right below Generate."""
        with gr.Accordion(
            "LoRA",
            open=self.tab.layout.loras_open,
            elem_id=f"{self.tab.mode}-lora",
            elem_classes="loom-fold",
        ):
            self.form.add("loras")

    def _add_folds(self, *, early: bool) -> None:
        for fold in self.tab.layout.folds:
            if fold.early != early:
                continue
            with gr.Accordion(
                fold.title,
                open=False,
                elem_id=f"{self.tab.mode}-{fold.key}",
                elem_classes="loom-fold",
            ):
                self.pictures |= fold.pictures()
                with gr.Group(elem_classes="loom-controls"):
                    for name in fold.fields:
                        self.form.add(name)

    def connect(self, page: gr.Blocks) -> None:
        """Wires the events; called once every tab is built."""
        self._connect_runs()
        self._connect_controls()
        if self.axes is not None:
            self.axes.connect(self.pictures)
        self.page = page
        self.tab.connect(self)

    def _connect_runs(self) -> None:
        inputs = self.form.parts | self.pictures
        gathered(event(self.actions, "generate"), f"{self.tab.mode}.generate", inputs)
        gathered(event(self.stage, "branch"), f"{self.tab.mode}.branch", inputs)

    async def request(self, raw: dict[str, Any], branch: Branch | None = None) -> Request:
        """What the components' raw values ask for.

        Raises:
            LoomError: With the sentence to show.
        """
        # In a thread: the engine may still be starting, and pictures take a while to read.
        return await asyncio.to_thread(self._request, raw, branch)

    def _request(self, raw: dict[str, Any], branch: Branch | None) -> Request:
        images = self.tab.inputs.pixels(raw)
        settings = self.form.parse({k: v for k, v in raw.items() if k not in self.pictures})
        if self.tab.inputs.settle is not None:
            settings, images = self.tab.inputs.settle(settings, raw)
        if branch is not None:
            settings = self._with_seeds_of(branch.token, settings)
        if branch is not None and branch.fan:
            settings = settings.model_copy(update={"batch_size": max(FAN, settings.batch_size)})
        return Request(settings, images=images, branch=branch)

    async def grid(self, raw: dict[str, Any]) -> Request:
        """The X/Y/Z grid that they ask for.

        Raises:
            LoomError: With the sentence to show.
        """
        if self.axes is None:
            raise BadInput(f"{self.tab.title} has no grid.")
        axes = self.axes
        return await asyncio.to_thread(
            lambda: Request(axes.settings(raw), images=self.tab.inputs.pixels(raw))
        )

    def live(self, raw: dict[str, Any]) -> dict[str, Any]:
        """What the form says of the fields that change while a picture forms.

        Raises:
            LoomError: With the sentence to show.
        """
        settings = self.form.parse({k: v for k, v in raw.items() if k not in self.pictures})
        return live_values(settings)

    def at_hand(self, raw: dict[str, Any]) -> dict[str, Pixels]:
        """The input pictures that lie in the tab; none where not all values were sent.

        Raises:
            LoomError: One of them cannot be read.
        """
        return self.tab.inputs.pixels(raw) if all(name in raw for name in self.pictures) else {}

    def place(self, field: str) -> Place | None:
        """Where a settings field stands in this tab; None where it has no control of its own."""
        control = next(
            (c for c in self.form.controls.values() if field in (c.key, *c.fields)), None
        )
        if control is None:
            return None
        label = str(
            getattr(self.form.parts[control.key], "label", "")
            or title_of(self.form.settings, field)
        )
        return Place(control.key, label, self._fold_of(control.fields))

    def _folds(self) -> dict[str, list[str]]:
        """The controls in each accordion, by its element id."""
        found: dict[str, list[str]] = {}
        for key, control in self.form.controls.items():
            if fold := self._fold_of(control.fields):
                found.setdefault(fold, []).append(key)
        return found

    def _titles(self) -> dict[str, dict[str, str]]:
        """Titles of the values of lists that the line by Generate names."""
        offered: dict[str, list[tuple[Any, Any]]] = {
            key: cast(Any, self.form.parts[key]).choices for key in NAMED if key in self.form.parts
        }
        return {
            key: {str(value): str(title) for title, value in choices}
            for key, choices in offered.items()
        }

    def _fold_of(self, fields: tuple[str, ...]) -> str:
        inside = {name: fold.key for fold in self.tab.layout.folds for name in fold.fields}
        inside |= dict.fromkeys(self.tab.in_advanced, "advanced")
        inside |= {"loras": "lora", "negative_prompt": "negative"}
        folds = [inside[name] for name in fields if name in inside]
        return f"{self.tab.mode}-{folds[0]}" if folds else ""

    def _with_seeds_of(self, token: str, settings: Settings) -> Settings:
        """A branch goes on with the run's own noise where the form leaves the seed open.

        Of several batches, the steps of the last one that ran are kept.
        """
        status = self.studio.engine.status(token)
        drawn = dict(status.info.get("settings", {}))
        if drawn.get("batch_count", 1) > 1:
            past = parse(self.tab.mode, drawn)
            over = len(status.outputs) // past.picture_count + len(status.info.get("skipped", ()))
            last = min(over, past.batch_count - 1)
            drawn = past.batch(last).model_dump(mode="json")
        open_seeds = {
            name: drawn[name]
            for name in ("seed", "variation_seed")
            if getattr(settings, name) == -1 and name in drawn
        }
        alone = {"batch_size": 1} if has_wildcards(settings) else {}  # as its run was drawn
        return settings.model_copy(update=open_seeds | alone | {"batch_count": 1})

    def _connect_controls(self) -> None:
        form = self.form
        quiet: dict[str, Any] = {
            "queue": False,
            "show_progress": "hidden",
            "show_progress_on": self.stage,
            "api_visibility": "private",
            "preprocess": False,
            "trigger_mode": "multiple",
        }

        def reset(evt: gr.EventData, model: Any) -> list[Any]:
            keys = {str(given(evt, "key", "")), *map(str, as_list(given(evt, "keys", [])))}
            standard = form.defaults(str(model))
            return form.only({key: value for key, value in standard.items() if key in keys})

        event(self.actions, "reset")(
            reset, inputs=form.parts["model"], outputs=form.components, **quiet
        )

        def follow_sampler(sampler: Any, schedule: Any) -> Any:
            choices = form.schedules(sampler)
            names = [name for _, name in choices]
            kept = schedule if schedule in names else names[0] if names else None
            return gr.update(choices=choices, value=kept)

        if "sampler" in form.parts:  # a tab may draw by one of its own
            sampler, schedule = form.parts["sampler"], form.parts["schedule"]
            follows: dict[str, Any] = quiet | {"trigger_mode": "always_last"}
            sampler.input(follow_sampler, inputs=[sampler, schedule], outputs=schedule, **follows)

        seed = form.parts["seed"]
        self.dice.click(lambda: -1, outputs=seed, **quiet)

        drawn = f"(seed) => loom.stages.{form.mode}?.value.results?.[0]?.seed ?? seed"
        self.recycle.click(fn=None, js=drawn, inputs=seed, outputs=seed, **quiet)

        def reuse(evt: gr.EventData) -> int:
            return _whole(given(evt, "seed", -1), -1)

        event(self.stage, "reuse")(reuse, outputs=seed, **quiet)

        def advise(evt: gr.EventData) -> list[Any]:
            changes = given(evt, "changes", {})
            known = {name: value for name, value in changes.items() if name in form.parts}
            return form.only(known)

        event(self.stage, "advise")(advise, outputs=form.components, **quiet)
        event(self.actions, "put")(advise, outputs=form.components, **quiet)

        def example(evt: gr.EventData) -> str:
            return str(given(evt, "text", ""))

        event(self.stage, "example")(example, outputs=form.parts["prompt"], **quiet)

        def fill(evt: gr.EventData) -> tuple[str, str]:
            return read_fill(told(evt))

        event(self.words, "fill")(
            fill, outputs=[form.parts["prompt"], form.parts["negative_prompt"]], **quiet
        )


def _whole(value: Any, otherwise: int = 0) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
