"""Verifying over plain routes: a picture's recipe runs again as a job, and is held against it.

Whoever holds the job's unguessable token follows it like any other, and asks here how it went.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from backend.contracts.errors import BadInput
from backend.engine.jobs.asking import ask
from backend.engine.jobs.protocol import Engine
from backend.recipes.metadata import write_png
from backend.recipes.verify import Original, open_original, request_for
from backend.storage.makers import Viewer
from ui.jobs.asked import MAX_ID_CHARS, Desk
from ui.jobs.people import needing
from ui.jobs.pictures import chosen, encode_png, served
from ui.jobs.sentences import sentence
from ui.jobs.verifying import outcome
from ui.server.foreign import as_dict
from ui.server.studio import Studio
from ui.server.uploads import MAX_PICTURE_BYTES, read_upload
from ui.server.viewers import viewer_of

GONE = "That picture is no longer kept here; drop its file on the page to verify it."
NO_RUN = "That verification is not known, or no longer kept; verify the picture again."
KEPT = 8  # each keeps a picture's pixels
_FRESH = {"Cache-Control": "no-store"}


@dataclass
class Verifications:
    """Pictures whose recipes run again, by job; the oldest go.

    Attributes:
        engine: Runs the recipes.
    """

    engine: Engine
    _originals: OrderedDict[str, Original] = field(default_factory=OrderedDict[str, Original])

    def begin(
        self, content: bytes, desks: Mapping[str, Desk], raw: dict[str, Any], who: str
    ) -> str:
        """Queues the recipe of a PNG; returns the job.

        Args:
            content: The PNG.
            desks: Read the input pictures that lie in the tab of the recipe's mode.
            raw: Values of the tabs' pictures, by "mode/name".
            who: Whom the queue is fair to.

        Raises:
            LoomError: It has no recipe, or the recipe cannot run here.
        """
        original = open_original(content)
        mode = str(getattr(original.settings, "base_mode", original.record.mode))
        desk = desks.get(mode)
        own = {
            key.removeprefix(f"{mode}/"): value
            for key, value in raw.items()
            if key.startswith(f"{mode}/")
        }
        token = ask(self.engine, request_for(original, desk.at_hand(own) if desk else {}), who)
        self._originals[token] = original
        while len(self._originals) > KEPT:
            self._originals.popitem(last=False)
        return token

    def original(self, job: str) -> Original:
        """The picture that a job is held against.

        Raises:
            BadInput: The job is not known here.
        """
        if job not in self._originals:
            raise BadInput(NO_RUN)
        return self._originals[job]

    def report(self, job: str) -> dict[str, Any]:
        """How a run that has ended compares.

        Raises:
            BadInput: It is not known, or did not finish.
        """
        return outcome(self.original(job), self.engine.status(job))[0]

    def then(self, job: str) -> bytes:
        """The picture that was verified, a PNG."""
        return encode_png(self.original(job).image)

    def now(self, job: str) -> bytes:
        """The one that its recipe makes here, a PNG."""
        return encode_png(outcome(self.original(job), self.engine.status(job))[1].image)


def content_of(studio: Studio, asked: dict[str, Any], viewer: Viewer) -> bytes:
    """The PNG that the page names: a result, one of the history, or a dropped file.

    Args:
        studio: Its engine and history are asked.
        asked: {"job", "image"}, {"name"} or {"path"}.
        viewer: Who asks; another's picture may not be for them.

    Raises:
        LoomError: It is not there.
    """
    if isinstance(asked.get("name"), str):
        return studio.history.seen(asked["name"], viewer).read_bytes()
    if isinstance(asked.get("path"), str):
        return read_upload(asked["path"], MAX_PICTURE_BYTES)
    output = chosen(studio.engine, asked.get("job"), asked.get("image"))
    if output is None:
        raise BadInput(GONE)
    return write_png(output.image, output.record)


def verify_routes(studio: Studio, desks: Mapping[str, Desk]) -> list[BaseRoute]:
    """Routes below the page's own: one begins a run, the others say how it went."""
    runs = Verifications(studio.engine)

    async def begin(request: Request) -> Response:
        """{"picture", "values", "page"}: {"job"}, or {"error"} with a sentence."""
        try:
            sent = as_dict(json.loads(await request.body()))
            picture, values = as_dict(sent.get("picture")), as_dict(sent.get("values"))
            page = str(sent.get("page", ""))[:MAX_ID_CHARS]
        except ValueError:
            return _json({"error": "The request did not arrive whole; reload the page."}, 400)
        who, viewer = str(request.state.owner or page), viewer_of(request, studio.private)

        def work() -> str:
            return runs.begin(content_of(studio, picture, viewer), desks, values, who)

        try:
            return _json({"job": await asyncio.to_thread(work)})
        except Exception as error:
            return _json({"error": sentence(error)})

    async def report(request: Request) -> Response:
        """{"report"} of a run that has ended; 404 with the reason else."""
        try:
            told = await asyncio.to_thread(runs.report, request.path_params["job"])
        except Exception as error:
            return _json({"error": sentence(error)}, 404)
        return _json({"report": told})

    def picture(made: Callable[[str], bytes]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            try:
                content = await asyncio.to_thread(made, request.path_params["job"])
            except Exception as error:
                return _json({"error": sentence(error)}, 404)
            return served(request, content, "image/png")

        return answer

    return [
        Route("/verify", needing("guest", begin), methods=["POST"]),  # it draws a picture
        Route("/verify/{job}", report),
        Route("/verify/{job}/then", picture(runs.then)),
        Route("/verify/{job}/now", picture(runs.now)),
    ]


def _json(content: Any, status: int = 200) -> Response:
    return JSONResponse(content, status, headers=_FRESH)
