"""The tabs' pictures in presets: taken when one is saved, put back when it is chosen."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from backend.pictures.packing import Packed, pack, suffix, unpack
from backend.storage.presets import MAX_PICTURES_BYTES, Preset
from ui.forms.workspace import Workspace
from ui.gradio_compat.untyped import skip
from ui.jobs.sentences import sentence
from ui.panels.header import notes
from ui.server.temp_files import new_folder


def places(space: Workspace) -> dict[str, Component]:
    """The components that a preset's pictures fill, by the picture's name."""
    return {
        name: space.pictures[name]
        for name in space.form.settings.pictures
        if name in space.pictures
    }


def inputs(space: Workspace) -> dict[str, Component]:
    """The components that pictures are taken from: uploads, and what is painted on them."""
    return {
        name: part
        for name, part in space.pictures.items()
        if isinstance(part, gr.Image) or name == "painted"
    }


def taken(space: Workspace, raw: dict[str, Any]) -> Packed:
    """The pictures that lie in a tab, with what is painted on them, small enough to be kept.

    Args:
        space: The tab.
        raw: Values of `inputs`, by name; others may be among them.

    Raises:
        BadInput: One cannot be read, or they are too large.
    """
    return pack(space.tab.inputs.pixels(raw), MAX_PICTURES_BYTES)


def told(name: str, kept: Packed, *, wanted: bool) -> list[str]:
    """What to say after saving.

    Args:
        name: The preset's.
        kept: Its pictures.
        wanted: Whether pictures were to be kept.
    """
    if not wanted:
        return [f"Preset “{name}” saved."]
    if not kept.files:
        return [f"Preset “{name}” saved; there was no picture in the tab to keep with it."]
    said = [
        f"Preset “{name}” saved with {_count(len(kept.files))} "
        f"({max(0.1, kept.size_bytes / 2**20):.1f} MB)."
    ]
    if kept.lossy:
        said.append(
            f"To fit, kept as JPEG, so not to the last bit: {', '.join(map(_called, kept.lossy))}."
        )
    return said


def filled(spaces: list[Workspace], preset: Preset) -> tuple[list[Any], Any]:
    """Updates for every space's `places`, and one for the notices: what could not be read.

    Folds that a picture is put into are opened: it acts, and so it must be seen.

    A preset that has pictures brings all of its tab's: fields for which it has none become empty.
    One without leaves those that lie in the tab.
    """
    updates: list[Any] = []
    problems: list[str] = []
    folds: list[str] = []
    lies: dict[str, bool] = {}
    for space in spaces:
        sent_to = {part: name for name, part, _ in space.tab.places}
        for name, place in places(space).items():
            if not preset.pictures or space.tab.mode != preset.mode:
                updates.append(skip())
                continue
            path = None
            if name in preset.pictures:
                try:
                    path = _file(name, preset.pictures[name])
                    folds += _folds_around(place)
                except Exception as error:
                    problems.append(f"The preset's {_called(name)} was left out. {sentence(error)}")
            updates.append(gr.update(value=path))
            if name in sent_to:
                lies[sent_to[name]] = path is not None
    filled = f"Preset “{preset.name}” is in the form."
    kind = "warn" if problems else "info"
    said = notes(filled, *problems, kind=kind, folds=folds, pictures=lies, undo=preset.mode)
    return updates, said


def _folds_around(part: Component) -> list[str]:
    """Element ids of the accordions that a component stands in."""
    found: list[str] = []
    around = part.parent
    while around is not None:
        if isinstance(around, gr.Accordion) and around.elem_id:
            found.append(around.elem_id)
        around = around.parent
    return found


def _file(name: str, content: bytes) -> str:
    """Checks a picture and puts it into the folder of uploads, from where a form may name it."""
    unpack(content, name)
    path = new_folder() / f"{name}{suffix(content)}"
    path.write_bytes(content)
    return str(path)


def _count(number: int) -> str:
    return "its picture" if number == 1 else f"its {number} pictures"


def _called(name: str) -> str:
    """image_a -> picture A; control_image -> control picture."""
    first, _, rest = name.replace("image", "picture").partition("_")
    return f"{first} {rest.upper() if len(rest) == 1 else rest}".strip()
