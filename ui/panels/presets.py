"""Presets on the page: choose, save as, delete own, export and import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from backend.contracts.errors import LoomError
from backend.contracts.settings import Settings
from backend.pictures.packing import Packed
from backend.storage.presets import MAX_PICTURES_BYTES, MAX_PRESET_BYTES
from ui.forms.workspace import Workspace
from ui.gradio_compat.carrying import carried, unpacked
from ui.gradio_compat.event_data import given
from ui.gradio_compat.untyped import skip
from ui.jobs.sentences import sentence
from ui.panels import preset_pictures
from ui.panels.header import Header, notes, preset_choices
from ui.panels.tab_bar import TabBar
from ui.server.foreign import as_dict
from ui.server.roles import needs
from ui.server.studio import Studio
from ui.server.temp_files import new_folder
from ui.server.uploads import read_upload

KEPT = ""  # what the page sends where somebody would rather keep the preset
_ASKS = """async (name) => !name || await loom.sure(`Delete the preset “${name}”?`, "Delete it")
    ? name : ''"""


class PresetPanel:
    """The panel that the header's "Presets" button opens."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        with gr.Group(visible=False, elem_classes="loom-panel") as self.box:
            gr.Markdown("### Presets\nA preset keeps the model, LoRAs and every setting.")
            self.name = gr.Textbox(
                label="Name",
                placeholder="e.g. Evening light",
                max_length=80,
                elem_id="loom-preset-name",
            )
            self.keep = gr.Checkbox(
                label="Keep the pictures with it",
                value=False,
                visible=False,
                info=f"In the same file, up to {MAX_PICTURES_BYTES / 2**20:.1f} MB.",
                elem_id="loom-preset-pictures",
                elem_classes="loom-keep",
            )
            with gr.Row():
                self.save = gr.Button(
                    "Save as", variant="primary", min_width=0, elem_id="loom-preset-save"
                )
                self.delete = gr.Button(
                    "Delete chosen", min_width=0, interactive=False, elem_id="loom-preset-delete"
                )
            with gr.Row():
                self.export = gr.DownloadButton(
                    "Export chosen", min_width=0, interactive=False, elem_id="loom-preset-export"
                )
                self.take = gr.UploadButton(
                    "Import a file", file_types=[".json"], min_width=0, elem_id="loom-preset-import"
                )
            self.link = gr.Button(
                "Copy link to these settings", min_width=0, elem_id="loom-preset-link"
            )
            self.close = gr.Button(
                "Close", min_width=0, elem_classes="loom-quiet", elem_id="loom-preset-close"
            )
        self.shown = gr.State(False)

    def connect(
        self,
        page: gr.Blocks,
        header: Header,
        workspaces: list[Workspace],
        tabs: TabBar,
        notice: Callable[[], str],
    ) -> None:
        """Wires the panel to the header and the forms.

        Args:
            page: Greets each visitor with what is wrong with presets, and with `notice`.
            header: Holds the dropdown and the notices.
            workspaces: Their forms take and give settings.
            tabs: Says which form is saved, and opens the tab of a chosen preset.
            notice: A sentence for every visitor, or "".
        """
        studio = self.studio
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

        spaces = {space.tab.mode: space for space in workspaces}

        def offered(mode: Any) -> bool:
            return mode in spaces and bool(preset_pictures.places(spaces[mode]))

        def toggle(shown: bool, mode: Any) -> tuple[Any, bool, Any]:
            return gr.update(visible=not shown), not shown, gr.update(visible=offered(mode))

        header.save.click(
            toggle,
            [self.shown, tabs.shown],
            [self.box, self.shown, self.keep],
            queue=False,
            **quiet,
        )

        def offer(evt: gr.EventData) -> Any:
            at = given(evt, "index", -1)
            at = at if isinstance(at, int) else -1
            return gr.update(visible=offered(dict(enumerate(spaces)).get(at)))

        tabs.tabs.select(offer, None, self.keep, queue=False, **quiet)
        self.close.click(
            lambda: (gr.update(visible=False), False),
            None,
            [self.box, self.shown],
            queue=False,
            **quiet,
        )

        outputs = [c for space in workspaces for c in (*space.form.components, space.actions)]
        places = [place for space in workspaces for place in preset_pictures.places(space).values()]

        def choose(name: Any) -> list[Any]:
            if not name:  # nothing was chosen
                return [*[skip()] * (len(outputs) + len(places) + 1), *tabs.stay(), skip()]
            try:
                preset = studio.presets.load(str(name or ""))
            except LoomError as error:
                skipped = [skip()] * (len(outputs) + len(places) + 1)
                return [*skipped, *tabs.stay(), notes(str(error), kind="warn")]
            changed = apply(workspaces, preset.mode, preset.settings)
            shown, told = preset_pictures.filled(workspaces, preset)
            keep = gr.update(value=bool(preset.pictures), visible=offered(preset.mode))
            return [*changed, *shown, keep, *tabs.open(preset.mode), told]

        # By an explicit choice alone: "input" also comes when the field is left.
        by_key = "(name) => loom.explicit('loom-preset', name)"
        for chosen, js in ((header.preset.select, None), (header.preset.input, by_key)):
            chosen(
                choose,
                header.preset,
                [*outputs, *places, self.keep, *tabs.outputs, header.notices],
                preprocess=False,
                show_progress_on=header.notices,
                trigger_mode="always_last",  # "once" drops a second choice
                js=js,
                **quiet,
            )

        @needs("member")
        def save(sent: Any, shown: Any) -> tuple[Any, Any]:
            raw, _ = unpacked(sent)
            name, chosen, keep = (raw.get(key) for key in ("name", "chosen", "keep"))
            try:
                space = spaces[shown]
                own = {
                    key.removeprefix(f"{shown}/"): value
                    for key, value in raw.items()
                    if key.startswith(f"{shown}/")
                }
                settings = space.form.parse(
                    {key: raw[f"{space.tab.mode}/{key}"] for key in space.form.parts}
                )
                wanted = keep is True and offered(shown)
                kept = preset_pictures.taken(space, own) if wanted else Packed({})
                preset = studio.presets.save(
                    title := str(name or "").strip(),
                    settings,
                    overwrite=title == chosen,
                    pictures=kept.files,
                )
            except Exception as error:
                return skip(), notes(sentence(error), kind="warn")
            said = preset_pictures.told(preset.name, kept, wanted=wanted)
            return self._choices(preset.name), notes(*said)

        parts: dict[str, Any] = {
            f"{mode}/{key}": part
            for mode, space in spaces.items()
            for key, part in (space.form.parts | preset_pictures.inputs(space)).items()
        }
        parts |= {"name": self.name, "chosen": header.preset, "keep": self.keep}
        saved = carried(
            self.save.click, save, parts, [header.preset, header.notices], states=[tabs.shown]
        )

        @needs("member")
        def delete(name: Any) -> tuple[Any, Any]:
            if name == KEPT:
                return skip(), skip()
            try:
                studio.presets.delete(str(name or ""))
            except Exception as error:
                return skip(), notes(sentence(error), kind="warn")
            return self._choices(None), notes(f"Preset “{name}” deleted.")

        self.delete.click(
            delete,
            header.preset,
            [header.preset, header.notices],
            preprocess=False,
            js=_ASKS,
            **quiet,
        )

        def prepare(name: Any) -> tuple[Any, Any]:
            none = gr.update(value=None, interactive=False), gr.update(interactive=False)
            if not name:
                return none
            try:
                content = studio.presets.export(str(name))
            except LoomError:
                return none
            path = new_folder() / f"{Path(str(name)).name}.json"
            path.write_bytes(content)
            return gr.update(value=str(path), interactive=True), gr.update(interactive=True)

        acting = [self.export, self.delete]
        header.preset.change(prepare, header.preset, acting, preprocess=False, queue=False, **quiet)
        # Saved under the chosen name, the choice does not change, but its file does.
        saved.then(prepare, header.preset, acting, preprocess=False, queue=False, **quiet)

        @needs("member")
        def take(sent: Any) -> tuple[Any, Any]:
            try:
                preset = studio.presets.import_(read_upload(sent, MAX_PRESET_BYTES))
            except Exception as error:
                return skip(), notes(sentence(error), kind="warn")
            return self._choices(preset.name), notes(f"Preset “{preset.name}” imported.")

        self.take.upload(
            take, self.take, [header.preset, header.notices], preprocess=False, **quiet
        )

        def greet() -> tuple[Any, Any]:
            problems = [
                f"The preset '{info.name}' was set aside: {info.problem}."
                for info in studio.presets.list()
                if info.problem
            ]
            told = [text for text in (notice(), *problems[:3]) if text]
            shown = notes(*told, kind="warn") if told else skip()
            return gr.update(choices=preset_choices(studio)), shown

        page.load(greet, None, [header.preset, header.notices], queue=False, **quiet)

    def _choices(self, name: str | None) -> Any:
        return gr.update(choices=preset_choices(self.studio), value=name)


def apply(
    workspaces: list[Workspace], mode: str, settings: Any, held: dict[str, Any] | None = None
) -> list[Any]:
    """Updates for each workspace's form and actions that put settings into the tab of `mode`.

    Args:
        held: What holds Generate back: {"said", "fields"}, see `ui/static/held.js`.
    """
    plain = settings.model_dump(mode="json") if isinstance(settings, Settings) else settings
    values = as_dict(plain)
    updates: list[Any] = []
    for space in workspaces:
        form = space.form
        if form.mode == mode:
            model = str(values.get("model", ""))
            updates += [*form.write(values), form.told(model) | {"held": held}]
        else:
            updates += [skip()] * (len(form.components) + 1)
    return updates
