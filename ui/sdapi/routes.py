"""The routes of `/sdapi/v1`."""

from __future__ import annotations

import asyncio
import base64
import html
import secrets
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse

from backend.contracts.errors import BadInput, Closing, LoomError, QueueFull, UnknownName
from backend.contracts.events import JobStatus
from backend.contracts.library import unknown
from backend.contracts.requests import Request
from backend.engine.jobs.asking import ask
from backend.engine.jobs.job import CLOSING, PUT_OFF
from backend.engine.jobs.protocol import Engine
from backend.pictures.budget import Budget
from backend.storage.audit import Audit
from ui.jobs.sentences import sentence
from ui.jobs.state import ENDED
from ui.sdapi import answers, mapping
from ui.sdapi.desks import Desk, Desks
from ui.sdapi.further import further, units
from ui.sdapi.names import names
from ui.sdapi.payloads import (
    BatchImages,
    Detect,
    Drawing,
    Img2Img,
    PngInfo,
    SingleImage,
    Txt2Img,
)
from ui.sdapi.plot import grid, includes_cells, is_plot
from ui.sdapi.preparing import model_name, not_kept, prepared, saved_as, vae_name
from ui.sdapi.tasks import token_of
from ui.server.studio import Studio

POLL_S = 0.1
PACKERS = 2
T = TypeVar("T")
DrawingT = TypeVar("DrawingT", bound=Drawing)
Made = Callable[[DrawingT, dict[str, Any], Collection[str], Budget], Request]


def sdapi(studio: Studio, key: bytes = b"", audit: Audit | None = None) -> FastAPI:
    """The application to be mounted at `/sdapi/v1`.

    Args:
        studio: What it talks to.
        key: Makes the tokens of jobs that clients name, the same after a restart; one is drawn
            without.
        audit: Where it is noted what owners do by it.
    """
    engine = studio.engine
    chosen = engine.library().default_model
    desks = Desks(
        {"sd_model_checkpoint": chosen, "CLIP_stop_at_last_layers": 1, "samples_format": "png"}
    )
    app = FastAPI(openapi_url=None)
    _errors(app)
    _drawing(app, studio, desks, key or secrets.token_bytes(32))
    _steering(app, engine, desks)
    names(app, studio)
    further(app, engine, audit)
    return app


def controlnet(studio: Studio) -> FastAPI:
    """The application to be mounted at `/controlnet`: what units may name."""
    app = FastAPI(openapi_url=None)
    _errors(app)

    @app.get("/version")
    def version() -> dict[str, Any]:
        return {"version": 3}

    @app.get("/model_list")
    def model_list() -> dict[str, Any]:
        nets = studio.engine.library().controlnets
        return {"model_list": [net.name for net in nets if not net.problem]}

    @app.get("/module_list")
    def module_list() -> dict[str, Any]:
        return {"module_list": answers.modules()}

    units(app, studio.engine)

    @app.post("/detect")
    def detect(sent: Detect) -> dict[str, Any]:
        images = list(map(answers.coded, mapping.detected(sent)))
        return {"images": images, "info": " ".join(["Success", *sent.passed_over()])}

    return app


def _drawing(app: FastAPI, studio: Studio, desks: Desks, key: bytes) -> None:
    engine = studio.engine

    # Payloads are read and pictures packed by few, so that looks at the page do not wait for them.
    packers = ThreadPoolExecutor(PACKERS, thread_name_prefix="scripts")

    def packed(work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(packers, work)

    def read(
        sent: DrawingT, options: dict[str, Any], made: Made[DrawingT]
    ) -> tuple[DrawingT, tuple[str, ...], list[Request]]:
        styles, _ = studio.styles.list()
        library = engine.library()
        sent, notes = prepared(sent, options, library, styles)
        names = [card.name for card in library.models]
        budget = Budget()  # of all its pictures together
        several = [made(one, options, names, budget) for one in _each_picture(sent)]
        return (
            sent,
            notes,
            [grid(one, sent, names) for one in several] if is_plot(sent) else several,
        )

    async def draw(http: HttpRequest, sent: DrawingT, made: Made[DrawingT]) -> dict[str, Any]:
        desk = desks.of(http)
        sent, notes, several = await packed(partial(read, sent, desk.options, made))
        statuses: list[JobStatus] = []
        before = desk.interrupted
        for count, request in enumerate(several * sent.n_iter):
            settings = request.settings
            if count and statuses[0].outputs:
                first = statuses[0].outputs[0].record.settings
                settings = settings.model_copy(update={"seed": first["seed"]})
                settings = settings.model_copy(
                    update={"seed": settings.image_seed(count * settings.batch_size)}
                )
            request = replace(request, settings=settings)
            task = f"{sent.task}/{count}" if sent.task else ""
            token = token_of(key, desk.owner, task, request)
            statuses.append(await _finished(engine, desk, http, request, token))
            if desk.interrupted != before or statuses[-1].state != "done":
                break
        if is_plot(sent):
            statuses = [answers.plotted(one, cells=includes_cells(sent)) for one in statuses]
        kind = saved_as(desk.options | (sent.override_settings or {}))
        told = partial(answers.result, images=sent.send_images, notes=notes, saved_as=kind)
        return await packed(partial(told, statuses, sent.model_dump()))

    @app.post("/txt2img")
    async def txt2img(sent: Txt2Img, http: HttpRequest) -> dict[str, Any]:
        def made(
            one: Txt2Img, options: dict[str, Any], names: Collection[str], budget: Budget
        ) -> Request:
            return mapping.txt2img(one, options, _upscalers(engine), names, budget)

        return await draw(http, sent, made)

    @app.post("/img2img")
    async def img2img(sent: Img2Img, http: HttpRequest) -> dict[str, Any]:
        return await draw(http, sent, mapping.img2img)

    @app.post("/extra-single-image")
    async def single_image(sent: SingleImage, http: HttpRequest) -> dict[str, Any]:
        request = await packed(
            lambda: mapping.single_image(sent, tuple(engine.library().enlargers))
        )
        status = await _finished(engine, desks.of(http), http, request)
        told = html.escape(" ".join(sent.passed_over()))
        return {"html_info": told, "image": await packed(partial(answers.first_picture, status))}

    @app.post("/extra-batch-images")
    async def batch_images(sent: BatchImages, http: HttpRequest) -> dict[str, Any]:
        made: list[str] = []
        budget = Budget()  # what is made of small pictures may be large
        for one in sent.each():
            request = await packed(
                partial(mapping.single_image, one, tuple(engine.library().enlargers))
            )
            status = await _finished(engine, desks.of(http), http, request)
            made.append(await packed(partial(answers.first_picture, status)))
            budget.take(len(made[-1]), "imageList")
        told = html.escape(" ".join(sent.passed_over()))
        return {"html_info": told, "images": made}

    @app.post("/png-info")
    def png_info(sent: PngInfo) -> dict[str, Any]:
        return answers.texts(mapping.raw(sent.image, "image"))


def _each_picture(sent: DrawingT) -> list[DrawingT]:
    """One payload for each of several pictures to start from."""
    if not isinstance(sent, Img2Img) or len(sent.init_images or ()) < 2:
        return [sent]
    return [sent.model_copy(update={"init_images": [one]}) for one in sent.init_images or ()]


def _upscalers(engine: Engine) -> tuple[str, ...]:
    """Names of the one-pass upscalers that can be used, which are those for hires fix."""
    return tuple(one.name for one in engine.library().upscalers if not one.problem)


async def _finished(
    engine: Engine, desk: Desk, http: HttpRequest, request: Request, named: str = ""
) -> JobStatus:
    """Runs one job to its end; a client that hangs up stops it, unless it has named the job.

    Args:
        engine: Runs it.
        desk: Of the caller.
        http: The call.
        request: What is asked for.
        named: The job's token where the caller can ask for it again.
    """
    token = await asyncio.to_thread(
        ask, engine, request, desk.owner, lasting=bool(named), token=named
    )
    desk.running.append(token)
    try:
        while (status := engine.status(token)).state not in ENDED:
            engine.touch(token)
            if not named and await http.is_disconnected():
                engine.cancel(token)
            await asyncio.sleep(POLL_S)
    finally:
        desk.running.remove(token)
        if not named:
            engine.cancel(token)  # of no effect on a job that has ended
    if status.state == "failed":
        raise LoomError(status.error or "The job failed.")
    if status.state == "stopped" and status.error in (PUT_OFF, CLOSING):
        raise Closing(status.error)
    return status


def _steering(app: FastAPI, engine: Engine, desks: Desks) -> None:
    @app.get("/progress")
    async def progress(
        http: HttpRequest, skip_current_image: bool = False, job: str | None = None
    ) -> dict[str, Any]:
        """How far the caller's oldest request is, or the job of that id."""
        desk = desks.of(http)
        token = job or (desk.running[0] if desk.running else None)
        if token is None:
            return _progress(None, 0, "")
        status = engine.status(token)
        shown = ""
        if not skip_current_image:
            preview = await engine.next_preview(token, 0, 0.0)
            shown = base64.b64encode(preview.jpeg).decode() if preview else ""
        return _progress(status, len(desk.running), shown)

    @app.post("/skip")
    def skip(http: HttpRequest) -> dict[str, Any]:
        """Passes over the caller's present picture, and stops what makes only one."""
        desk = desks.steered(http)
        for token in desk.running[:1]:
            status = engine.status(token)
            if status.parts > 1:
                engine.skip(token, status.part)
            else:
                engine.cancel(token)
        return {}

    @app.post("/interrupt")
    def interrupt(http: HttpRequest) -> dict[str, Any]:
        desk = desks.steered(http)
        desk.interrupted += 1
        for token in list(desk.running):
            engine.cancel(token)
        return {}

    @app.get("/options")
    def options(http: HttpRequest) -> dict[str, Any]:
        return desks.of(http).options

    @app.post("/options")
    def set_options(http: HttpRequest, wanted: dict[str, Any]) -> dict[str, str] | None:
        desk = desks.steered(http)
        if "sd_model_checkpoint" in wanted:
            known = [card.name for card in engine.library(refresh=True).models]
            name = model_name(wanted["sd_model_checkpoint"], known)
            if name not in known:
                raise UnknownName(
                    f"There is no model '{name[:80]}'; there are: {', '.join(known)}.",
                    "sd_model_checkpoint",
                )
            desk.options["sd_model_checkpoint"] = name
        skip = wanted.get("CLIP_stop_at_last_layers", 1)
        if not (isinstance(skip, int) and 1 <= skip <= 12):
            raise BadInput(
                "'CLIP_stop_at_last_layers' is a whole number from 1 to 12.",
                "CLIP_stop_at_last_layers",
            )
        if "CLIP_stop_at_last_layers" in wanted:
            desk.options["CLIP_stop_at_last_layers"] = skip
        if "sd_vae" in wanted:
            vae = vae_name(wanted["sd_vae"])
            vaes = [entry.name for entry in engine.library(refresh=True).vaes]
            if vae and vae not in vaes:
                raise unknown("autoencoder", vae, vaes, "sd_vae")
            desk.options["sd_vae"] = wanted["sd_vae"]
        for key in ("samples_format", "jpeg_quality"):
            if key in wanted:
                desk.options[key] = wanted[key]
        notes = not_kept(wanted)
        return {"comments": "\n".join(notes)} if notes else None


def _progress(status: JobStatus | None, count: int, shown: str) -> dict[str, Any]:
    now = status.progress if status is not None else None
    total = now.total if now is not None else 0
    return {
        "progress": now.step / total if now is not None and total else 0.0,
        "eta_relative": (now.eta_s or 0.0) if now is not None else 0.0,
        "state": {
            "job": status.token if status is not None else "",
            "job_count": count,
            "job_no": 0,
            "sampling_step": now.step if now is not None else 0,
            "sampling_steps": total,
            "interrupted": status is not None and status.state == "stopped",
            "skipped": False,
            "stage": now.stage if now is not None else "",
        },
        "current_image": shown or None,
        "textinfo": now.note if now is not None else "",
    }


def _errors(app: FastAPI) -> None:
    def answer(status: int, kind: str, text: str) -> JSONResponse:
        return JSONResponse({"error": kind, "detail": text, "errors": text}, status)

    @app.exception_handler(LoomError)
    async def refused(_: HttpRequest, error: LoomError) -> JSONResponse:
        match error:
            case UnknownName():
                status = 404
            case Closing():
                status = 503
            case QueueFull():
                status = 429
            case BadInput():
                status = 422
            case _:
                status = 400
        return answer(status, type(error).__name__, str(error))

    @app.exception_handler(RequestValidationError)
    async def misshapen(_: HttpRequest, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
        return answer(422, "BadInput", f"'{where}' cannot be used: {first['msg'].lower()}.")

    @app.exception_handler(Exception)
    async def internal(_: HttpRequest, error: Exception) -> JSONResponse:
        return answer(500, "InternalError", sentence(error))
