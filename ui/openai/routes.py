"""The routes of `/v1`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar, cast

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from backend.contracts.errors import BadInput, LoomError
from backend.contracts.requests import Request
from backend.engine.jobs.asking import ask
from backend.engine.jobs.protocol import Engine
from ui.jobs.sentences import sentence
from ui.openai import answers, mapping, streaming
from ui.openai.links import Linked, Links
from ui.openai.mapping import Sent
from ui.openai.payloads import Asked, Edit, Generation, Prompted, Variation
from ui.openai.waiting import Failed, ended
from ui.server.foreign import as_dict

FILES = "/v1/images/files"
MAX_PICTURES, MAX_FIELDS = 16, 40
MAX_TEXT_BYTES = 1_000_000
AskedT = TypeVar("AskedT", bound=Asked)
_PICTURES = ("image", "image[]")


def openai(engine: Engine, links: Links) -> Starlette:
    """The application to be mounted at `/v1`, behind whoever asks for a key."""
    since_s = int(time.time())

    async def models(_: HttpRequest) -> Response:
        return JSONResponse(answers.models(await _library(engine), since_s))

    async def model(http: HttpRequest) -> Response:
        card = mapping.model_of(http.path_params["name"], await _library(engine))
        return JSONResponse(answers.model(card, since_s))

    async def generations(http: HttpRequest) -> Response:
        sent = _valid(Generation, await _json(http))
        made = await asyncio.to_thread(mapping.generation, sent, await _library(engine))
        return await _answer(engine, links, http, sent, made)

    async def edits(http: HttpRequest) -> Response:
        values, pictures, mask = await _form(http)
        sent = _valid(Edit, values)
        library = await _library(engine)
        made = await asyncio.to_thread(mapping.edit, sent, pictures, mask, library)
        return await _answer(engine, links, http, sent, made)

    async def variations(http: HttpRequest) -> Response:
        values, pictures, _ = await _form(http)
        sent = _valid(Variation, values)
        made = await asyncio.to_thread(mapping.variation, sent, pictures, await _library(engine))
        return await _answer(engine, links, http, sent, made)

    return Starlette(
        routes=[
            Route("/models", models),
            Route("/models/{name:path}", model),
            Route("/images/generations", generations, methods=["POST"]),
            Route("/images/edits", edits, methods=["POST"]),
            Route("/images/variations", variations, methods=["POST"]),
        ],
        exception_handlers=cast("Any", _HANDLERS),
    )


def files(engine: Engine, links: Links) -> Route:
    """Finished pictures under addresses that carry their own permission."""

    async def file(http: HttpRequest) -> Response:
        query = http.query_params
        linked = links.read(
            http.path_params["token"],
            http.path_params["name"],
            query.get("expires", ""),
            query.get("signature", ""),
        )
        try:
            outputs = () if linked is None else engine.results(linked.token)
        except LoomError:
            outputs = ()
        if linked is None or linked.index >= len(outputs):
            text = "This picture's address is not valid, or no longer; ask for the picture again."
            return JSONResponse(answers.error(text, "invalid_request_error"), 404)
        data = await asyncio.to_thread(answers.encoded, outputs[linked.index], linked.format)
        headers = {"Cache-Control": "private, max-age=3600"}
        return Response(data, media_type=answers.KINDS[linked.format], headers=headers)

    return Route(f"{FILES}/{{token}}/{{name}}", file)


async def _answer(
    engine: Engine, links: Links, http: HttpRequest, sent: Asked, request: Request
) -> Response:
    owner: str = http.state.caller.owner
    if isinstance(sent, Prompted) and sent.stream:
        several = mapping.apart(request)
        first = await asyncio.to_thread(ask, engine, several[0], owner)
        events = streaming.events(engine, owner, sent, several, first)
        return StreamingResponse(_sent(events), media_type="text/event-stream")
    token = await asyncio.to_thread(ask, engine, request, owner)
    status = await ended(engine, token, http)
    rows: list[dict[str, Any]] = []
    for output in status.outputs:
        if sent.response_format == "url":
            name = links.of(Linked(token, output.index, sent.output_format))
            rows.append({"url": f"{str(http.base_url).rstrip('/')}{FILES}/{name}"})
        else:
            data = await asyncio.to_thread(
                answers.encoded, output, sent.output_format, sent.output_compression
            )
            rows.append({"b64_json": answers.coded(data)})
    height, width = status.outputs[0].image.shape[:2]
    return JSONResponse(answers.about(sent, width, height) | {"data": rows})


async def _sent(events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    async for event in events:
        yield streaming.line(event)


async def _library(engine: Engine) -> Any:
    return await asyncio.to_thread(lambda: engine.library(refresh=True))


def _valid(kind: type[AskedT], values: dict[str, Any]) -> AskedT:
    try:
        return kind.model_validate({key: v for key, v in values.items() if v is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "the body"
        if first["type"] == "extra_forbidden":
            raise BadInput(f"Unknown parameter: '{name[:80]}'.", name[:80]) from None
        if first["type"] == "missing":
            raise BadInput(f"Missing required parameter: '{name}'.", name) from None
        raise BadInput(f"'{name[:80]}' cannot be used: {first['msg'].lower()}.", name) from None


async def _json(http: HttpRequest) -> dict[str, Any]:
    try:
        sent = await http.json()
    except (ValueError, RecursionError):
        raise BadInput("The request is no JSON object; send one.") from None
    if not isinstance(sent, dict):
        raise BadInput("The request is no JSON object; send one.")
    return as_dict(sent)


async def _form(http: HttpRequest) -> tuple[dict[str, Any], list[Sent], Sent | None]:
    """Fields, pictures and mask of a form."""
    if not http.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise BadInput("Send a form (multipart/form-data) with the picture as 'image'.", "image")
    try:
        form = await http.form(
            max_files=MAX_PICTURES + 1, max_fields=MAX_FIELDS, max_part_size=MAX_TEXT_BYTES
        )
    except HTTPException as error:
        raise BadInput(f"The form cannot be read: {error.detail}") from None
    values: dict[str, Any] = {}
    pictures: list[Sent] = []
    mask: Sent | None = None
    try:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                values[name] = value
            elif name in _PICTURES or name.startswith("image["):
                pictures.append(Sent("image", await value.read()))
            elif name == "mask":
                mask = Sent("mask", await value.read())
            else:
                raise BadInput(f"Unknown parameter: '{name[:80]}'.", name[:80])
    finally:
        await form.close()
    return values, pictures, mask


async def _refused(_: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, LoomError)
    status, body = answers.refusal(error)
    return JSONResponse(body, status)


async def _failed(_: HttpRequest, error: Exception) -> Response:
    return JSONResponse(answers.error(str(error), "server_error", None, "generation_failed"), 500)


async def _not_found(http: HttpRequest, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    text = f"Invalid URL ({http.method} {http.url.path[:200]})"
    return JSONResponse(answers.error(text, "invalid_request_error"), status)


async def _internal(_: HttpRequest, error: Exception) -> Response:
    return JSONResponse(answers.error(sentence(error), "server_error"), 500)


_HANDLERS: dict[Any, Callable[[HttpRequest, Exception], Any]] = {
    Failed: _failed,
    LoomError: _refused,
    HTTPException: _not_found,
    Exception: _internal,
}
