"""Tables of the page's words in other languages, as they lie beside its scripts."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ui.jobs.pictures import served

FOLDER = Path(__file__).parents[1] / "static" / "words"


def word_routes(folder: Path = FOLDER) -> list[BaseRoute]:
    """A route below the page's own: /words/{language}, a table; 404 where there is none."""
    tables = {path.stem: path.read_bytes() for path in sorted(folder.glob("*.json"))}

    async def words(request: Request) -> Response:
        table = tables.get(request.path_params["language"])
        if table is None:
            return JSONResponse({"error": "There is no table of words for this language."}, 404)
        return served(request, table, "application/json", lasting=False)

    return [Route("/words/{language}", words)]
