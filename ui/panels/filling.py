"""Recipes that come from outside, of a picture or a link, put into the form of their tab."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backend.contracts.errors import BadInput
from backend.contracts.settings import XyzGridSettings, parse
from backend.contracts.settings.upscale import LANCZOS
from backend.recipes.dialects import dialect_of
from backend.resolve.at_hand import AtHand, at_hand
from ui.forms.workspace import Workspace
from ui.gradio_compat.untyped import skip
from ui.jobs.sentences import sentence
from ui.panels.header import Header, notes
from ui.panels.presets import apply
from ui.panels.tab_bar import TabBar
from ui.server.studio import Studio

# What stands in the form where a record's own is missing. LoRAs stay in their rows, words of
# embeddings in the prompts, and a run with a LoRA that is not here is refused.
_INSTEAD = {
    "model": "The model that was chosen stays.",
    "vae": "The model's own autoencoder is chosen in its place.",
    "upscaler": "Lanczos is chosen in its place.",
    "hires_upscaler": "Lanczos is chosen for the second stage.",
    "reference_adapter": "The reference is followed by the model's own attention.",
    "embeddings": "Their names are plain words in the prompts.",
}
_PUT = {"vae": "", "reference_adapter": "", "upscaler": LANCZOS, "hires_upscaler": LANCZOS}
_FOLDERS = {
    "model": "checkpoints",
    "vae": "vae",
    "loras": "loras",
    "upscaler": "upscalers",
    "hires_upscaler": "upscalers",
    "reference_adapter": "ipadapter",
    "embeddings": "embeddings",
}


class Filler:
    """Fills the forms; an event that does so has `outputs`.

    Args:
        studio: Its engine says which models are here.
        header: Tells what was filled, and what was not.
        workspaces: Their forms are filled.
        tabs: The right one is opened.
    """

    def __init__(
        self, studio: Studio, header: Header, workspaces: list[Workspace], tabs: TabBar
    ) -> None:
        self._studio = studio
        self._spaces = workspaces
        self._tabs = tabs
        self._forms = [c for space in workspaces for c in (*space.form.components, space.actions)]
        self._grids = [space.axes for space in workspaces if space.axes is not None]
        self._axes = [part for grid in self._grids for part in grid.parts.values()]
        self._notices = header.notices

    @property
    def outputs(self) -> list[Any]:
        """What `fill` and `guarded` give values for."""
        return [*self._forms, *self._axes, *self._tabs.outputs, self._notices]

    def fill(
        self,
        mode: str,
        settings: dict[str, Any],
        told: str,
        further: Sequence[str] = (),
        *,
        verify: dict[str, str] | None = None,
        model: Mapping[str, str] | None = None,
        facts: Mapping[str, Any] | None = None,
        tool: str = "",
    ) -> list[Any]:
        """Updates that put settings into their tab and open it; nothing is run.

        Args:
            mode: Of the settings; a grid goes into the tab of its base mode.
            settings: Fields of that mode.
            told: Says where they came from.
            further: Said after it.
            verify: See `notes`.
            model: Its {"name", "hash"}, of a record.
            facts: Further facts of a record, as `metadata.ReadRecord.extra` holds them.
            tool: Whose record it is.

        Raises:
            BadInput: The settings cannot be used, or have no tab.
        """
        shown: list[Any] = [skip()] * len(self._axes)
        if mode == XyzGridSettings.mode:
            grid = parse(mode, settings)
            assert isinstance(grid, XyzGridSettings)
            shown = [
                value
                for panel in self._grids
                for value in (
                    panel.write(settings)
                    if panel.form.mode == grid.base_mode
                    else [skip()] * len(panel.parts)
                )
            ]
            mode, settings = grid.base_mode, grid.plain
        if all(space.form.mode != mode for space in self._spaces):
            raise BadInput(f"This picture was made in '{mode}', which has no tab here.")
        facts = facts or {}
        engine = self._studio.engine
        here = at_hand(settings, model or {}, facts, engine.library(refresh=True), engine.find)
        values = parse(mode, here.settings).model_dump(mode="json")
        said = list(here.notes)
        said += [_INSTEAD[field] for field in here.missing if field in _INSTEAD]
        said += [
            f"Its prompt was drawn from “{kept['text'][:200]}”."
            for kept in values.get("templates", ())[:1]
        ]
        said += map(str, further)
        return [
            *apply(self._spaces, mode, values, held_back(here)),
            *shown,
            *self._tabs.open(mode),
            notes(
                told,
                verify=verify,
                undo=mode,
                further=said,
                kept=facts.get("unread"),
                dialect=dialect_of(tool) or "",
            ),
        ]

    def guarded(self, updates: Callable[[], list[Any]]) -> list[Any]:
        """Those updates; or, where they fail, the sentence and nothing filled."""
        try:
            return updates()
        except Exception as error:
            return [
                *[skip()] * (len(self._forms) + len(self._axes)),
                *self._tabs.stay(),
                notes(sentence(error), kind="warn"),
            ]


def held_back(here: AtHand) -> dict[str, Any] | None:
    """What holds Generate back after a record was put in: all that it names and is not here.

    Returns:
        {"said", "fields"}: what to do in a sentence, and for each field what stands in its place
        (None: what stood there before, or a name within a text) and what is missing.
    """
    if not here.missing:
        return None
    folders = " and ".join(dict.fromkeys(f"models/{_FOLDERS[field]}" for field in here.missing))
    said = (
        f"{here.notes[0]} Put what is missing into {folders} and take the record again, or choose "
        "something else in the form; drawn as it stands, it becomes another picture."
    )
    fields = {
        field: {"instead": _PUT.get(field), "words": list(names)}
        for field, names in here.absent.items()
    }
    return {"said": said, "fields": fields}
