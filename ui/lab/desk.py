"""The Lab's answers to its script. Imported with the first of them, like all of this folder."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from backend.contracts.errors import BadInput
from backend.engine.jobs.asking import ask
from backend.resolve import names
from ui.lab.panel import Panel, Sent, panels
from ui.server.bundle import Script, bundle
from ui.server.studio import Studio

FOLDER = Path(__file__).parent
STATIC = FOLDER.parent / "static"


@dataclass(frozen=True)
class LabFile:
    """A file of the Lab's page.

    Attributes:
        name: Changes with its content.
        kind: Its media type.
        content: UTF-8.
    """

    name: str
    kind: str
    content: bytes


@cache
def files(page: Script) -> tuple[LabFile, LabFile]:
    """The Lab's script, which takes what the page's has from there, and its style sheet."""
    script = bundle(STATIC, FOLDER, main="lab", within=page)
    style = b"\n".join(path.read_bytes() for path in sorted(FOLDER.glob("*.css")))
    named = f"lab-{hashlib.blake2b(style, digest_size=8).hexdigest()}.css"
    return (
        LabFile(script.name, "text/javascript", script.content),
        LabFile(named, "text/css", style),
    )


def about(page: Script) -> Sent:
    """{"script", "style", "panels": [{"key", "title", "says"}]}."""
    script, style = files(page)
    told = [{"key": one.key, "title": one.title, "says": one.says} for one in panels().values()]
    return {"script": script.name, "style": style.name, "panels": told}


def fitting(studio: Studio, model: str) -> Sent:
    """Why panels have no use for a model: {key: sentence or ""}."""
    entry = names.model(studio.engine.library(), model)
    return {panel.key: panel.unfit(entry) or "" for panel in panels().values()}


async def begin(studio: Studio, panel: str, what: str, sent: Sent, owner: str) -> Sent:
    """Begins a job: {"job"}.

    Raises:
        LoomError: With the sentence to show.
    """
    make = _named(panel).asks.get(what)
    if make is None:
        raise BadInput(f"'{panel}' is not asked for '{what[:80]}'.")
    wanted = await asyncio.to_thread(make, studio, sent)
    return {"job": await asyncio.to_thread(ask, studio.engine, wanted, owner)}


async def tell(studio: Studio, panel: str, what: str, sent: Sent) -> Sent:
    """Answers at once.

    Raises:
        LoomError: With the sentence to show.
    """
    answer = _named(panel).tells.get(what)
    if answer is None:
        raise BadInput(f"'{panel}' does not tell '{what[:80]}'.")
    return await asyncio.to_thread(answer, studio, sent)


def data(studio: Studio, job: str) -> Sent:
    """All that a job has told, for a file: what it was asked, its facts, those of each picture."""
    status = studio.engine.status(job)
    if not status.outputs:
        raise BadInput("There is nothing to export yet.")
    first = status.outputs[0].record
    return {
        "mode": first.mode,
        "model": first.model,
        "settings": first.settings,
        "found": status.info.get("lab", {}),
        "pictures": [
            {"index": one.index, "views": list(one.views), **one.record.extra}
            for one in status.outputs
        ],
    }


def _named(key: str) -> Panel:
    found = panels().get(key)
    if found is None:
        raise BadInput(f"The Lab has no panel '{key[:80]}'.")
    return found
