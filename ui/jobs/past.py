"""The history over plain routes: pages of past pictures, small pictures, and what one does to them.

Whoever may open the page sees all of it, as the outputs folder is one, unless the studio is
private: then all see their own alone. What is done to a picture, who made it does, or an owner of
the studio.
"""

from __future__ import annotations

import asyncio
import datetime
import re
import zipfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from backend.contracts.errors import BadInput, NotYours
from backend.storage.foreign_folders import is_foreign, located
from backend.storage.history import MAX_NAMES, History
from backend.storage.history_table import Entry, Query
from backend.storage.makers import Viewer
from backend.storage.outputs import Storage
from backend.storage.remarks import remark_of
from ui.jobs.pictures import file_url, served
from ui.jobs.sentences import sentence
from ui.server.foreign import as_dict, as_list
from ui.server.viewers import viewer_of

PAGE, MAX_PAGE = 60, 200
WAIT_S = 0.4  # for the folder to be looked at; then what is known by now is the answer
THUMBNAIL_PX = 256
MAX_ZIPPED = 1000
MAX_WORDS_CHARS, MAX_PROMPT_CHARS = 200, 300
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_FRESH = {"Cache-Control": "no-store"}

Answer = Callable[[Request], Awaitable[Response]]


def history_routes(history: History, storage: Storage, *, private: bool = False) -> list[BaseRoute]:
    """Routes below the page's own.

    Args:
        history: Of the outputs folder.
        storage: That folder.
        private: Whether people see their own pictures alone.
    """

    def place(name: str) -> Path:
        found = located(storage.foreign, name)
        return (storage.outputs / name if found is None else found[1]).resolve()

    def viewer(request: Request) -> Viewer:
        return viewer_of(request, private)

    def past(request: Request) -> dict[str, Any]:
        """?search=, model, lora, since, until, favourites=1, offset: {"items", "total", ...}."""
        asked, who = request.query_params, viewer(request)
        offset, limit = _whole(asked.get("offset")), _whole(asked.get("limit")) or PAGE
        if not offset:
            history.refresh(WAIT_S)
        found = history.find(query_of(asked), offset, min(limit, MAX_PAGE), who)
        items = [
            _item(place(entry.name), entry, fixed=not who.may_change(entry.maker))
            for entry in found.entries
        ]
        told: dict[str, Any] = {"items": items, "total": found.total, "unread": found.unread}
        if not offset:
            told["models"], told["loras"] = history.choices(who)
        return told

    def names(request: Request) -> dict[str, Any]:
        return {"names": history.names(query_of(request.query_params), viewer(request))}

    async def thumbnail(request: Request) -> Response:
        try:
            name = request.query_params.get("name", "")
            await asyncio.to_thread(history.seen, name, viewer(request))
            content = await asyncio.to_thread(storage.thumbnail, Path(name), THUMBNAIL_PX)
        except Exception as error:
            return _json({"error": sentence(error)}, 404)
        return served(request, content, "image/jpeg")  # its address changes with the file

    def favour(told: dict[str, Any], who: Viewer) -> dict[str, Any]:
        history.favour(_names(told), told.get("on") is True, who)
        return {}

    def said(request: Request) -> dict[str, Any]:
        return asdict(history.said_of(request.query_params.get("name", ""), viewer(request)))

    def say(told: dict[str, Any], who: Viewer) -> dict[str, Any]:
        tags = [tag for tag in as_list(told.get("tags")) if isinstance(tag, str)]
        remark = remark_of(str(told.get("note", "")), tags)
        history.remark(str(told.get("name", "")), remark, who)
        return asdict(remark)

    def delete(told: dict[str, Any], who: Viewer) -> dict[str, Any]:
        return {"names": history.delete(_names(told), who)}

    def restore(told: dict[str, Any], who: Viewer) -> dict[str, Any]:
        return {"names": history.restore(_names(told), who)}

    def acting(act: Callable[[dict[str, Any], Viewer], dict[str, Any]]) -> Answer:
        async def answer(request: Request) -> Response:
            try:
                told = as_dict(await request.json())
                return _json(await asyncio.to_thread(act, told, viewer(request)))
            except Exception as error:
                status = 403 if isinstance(error, NotYours) else 200
                return _json({"error": sentence(_as_bad(error))}, status)

        return answer

    async def zipped(request: Request) -> Response:
        try:
            chosen = _names(as_dict(await request.json()))
            if len(chosen) > MAX_ZIPPED:
                raise BadInput(f"At most {MAX_ZIPPED} pictures go into one zip; choose fewer.")
            who = viewer(request)
            paths = await asyncio.to_thread(lambda: [history.seen(name, who) for name in chosen])
        except Exception as error:
            return _json({"error": sentence(_as_bad(error))}, 400)
        return StreamingResponse(zip_of(paths), media_type="application/zip", headers=_FRESH)

    return [
        Route("/history", _answering(past)),
        Route("/history/names", _answering(names)),
        Route("/history/thumbnail", thumbnail),
        Route("/history/favour", acting(favour), methods=["POST"]),
        Route("/history/delete", acting(delete), methods=["POST"]),
        Route("/history/restore", acting(restore), methods=["POST"]),
        Route("/history/note", _answering(said)),
        Route("/history/note", acting(say), methods=["POST"]),
        Route("/history/zip", zipped, methods=["POST"]),
    ]


def query_of(asked: Mapping[str, str]) -> Query:
    """What an address asks for; what is no day is no bound."""
    day = {k: v for k in ("since", "until") if _DAY.fullmatch(v := asked.get(k, ""))}
    return Query(
        search=asked.get("search", "")[:MAX_WORDS_CHARS],
        model=asked.get("model", ""),
        lora=asked.get("lora", ""),
        favourites=asked.get("favourites") == "1",
        **day,
    )


@dataclass
class _Sink:
    """What a zip is written into, piece by piece; it cannot go back."""

    pieces: list[bytes] = field(default_factory=list[bytes])

    def write(self, data: bytes) -> int:
        self.pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        data = b"".join(self.pieces)
        self.pieces.clear()
        return data


def zip_of(paths: Sequence[Path]) -> Iterator[bytes]:
    """A zip of pictures as it is written, one picture in memory at a time; PNGs as they are."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[arg-type]
        for path in paths:
            try:
                content = path.read_bytes()
            except OSError:  # deleted since it was chosen
                continue
            archive.writestr(f"{path.parent.name}_{path.name}", content)
            yield sink.taken()
    yield sink.taken()


def _item(path: Path, entry: Entry, *, fixed: bool) -> dict[str, Any]:
    when = datetime.datetime.fromtimestamp(entry.saved_s)
    name = quote(entry.name, safe="/")
    return {
        "name": entry.name,
        "mode": entry.mode,
        "prompt": entry.prompt[:MAX_PROMPT_CHARS],
        "seed": entry.seed,
        "model": entry.model,
        "loras": list(entry.loras),
        "width": entry.width,
        "height": entry.height,
        "when": f"{when:%d %b %Y, %H:%M}",
        "favourite": entry.favourite,
        "thumb": f"loom/history/thumbnail?name={name}&v={entry.written_ns}",
        "src": file_url(path),
        "fixed": fixed or is_foreign(entry.name),
    }


def _names(told: dict[str, Any]) -> list[str]:
    names = [name for name in as_list(told.get("names")) if isinstance(name, str)]
    if not names or len(names) > MAX_NAMES:
        raise BadInput("Choose one picture or more.")
    return names


def _answering(made: Callable[[Request], dict[str, Any]]) -> Answer:
    async def answer(request: Request) -> Response:
        try:
            return _json(await asyncio.to_thread(made, request))
        except Exception as error:
            return _json({"error": sentence(error)})

    return answer


def _json(content: Any, status: int = 200) -> Response:
    return JSONResponse(content, status, headers=_FRESH)


def _as_bad(error: Exception) -> Exception:
    # Of JSON and of its encoding.
    return BadInput("Choose one picture or more.") if isinstance(error, ValueError) else error


def _whole(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else 0
