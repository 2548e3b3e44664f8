"""Named endpoints for scripts: /<mode> for each mode, /train_lora, /train_digits, /options,
/cancel_job, /read_record, /verify, /encode, /noise_at, /memory, /free_memory.

Values arrive raw and are validated by the settings model. A job's endpoint is an asynchronous
generator: while the job runs it yields ([], {"job": token, ...}), at last (files, info); when the
client cancels, the generator is closed and the job with it.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse

from backend.contracts.errors import BadInput
from backend.contracts.events import JobStatus, Output
from backend.contracts.fields import is_list, item_of
from backend.contracts.library import plain
from backend.contracts.requests import Request
from backend.contracts.settings import MODES, ClipSettings, MorphSettings, Settings, parse
from backend.engine.exports.animation import encode
from backend.engine.jobs.asking import ask
from backend.recipes.metadata import read
from ui.api.lab import lab_endpoints
from ui.api.parts import REPORT_EVERY_S, output_file, refusal, report, signed
from ui.api.training import train_digits_endpoint, train_lora_endpoint
from ui.api.verify import verify_endpoint
from ui.gradio_compat.login import owner_of
from ui.gradio_compat.untyped import add_endpoint
from ui.jobs.sentences import sentence
from ui.jobs.state import ENDED
from ui.server.roles import needs
from ui.server.studio import Studio
from ui.server.temp_files import new_folder
from ui.server.uploads import MAX_PICTURE_BYTES, read_inputs, read_upload

MOVING = (MorphSettings.mode, ClipSettings.mode)  # their pictures are frames of one film


def connect_api(studio: Studio, modes: Iterable[str]) -> dict[str, str]:
    """Adds the endpoints to the page being built, one for the job of each of these modes.

    Returns:
        Name -> what it does, as clients are told.
    """
    jobs = [_job_endpoint(studio, mode, MODES[mode]) for mode in modes]
    told: dict[str, str] = {}
    for endpoint in (
        *jobs,
        train_lora_endpoint(studio),
        train_digits_endpoint(studio),
        _options(studio),
        _cancel_job(studio),
        _read_record(),
        verify_endpoint(studio),
        *lab_endpoints(studio),
        _memory(studio),
        _free_memory(studio),
    ):
        name = endpoint.__name__
        told[name] = inspect.getdoc(endpoint) or ""
        add_endpoint(endpoint, api_name=name, concurrency_limit=None, api_description=told[name])
    return told


def _job_endpoint(studio: Studio, mode: str, settings: type[Settings]) -> Callable[..., Any]:
    names = [*settings.model_fields, *settings.pictures]

    async def endpoint(
        request: gr.Request, *values: Any
    ) -> AsyncGenerator[tuple[list[Any], dict[str, Any]], None]:
        engine = studio.engine
        token = None
        try:
            given = dict(zip(names, values, strict=True))
            sent = {name: given.pop(name) for name in settings.pictures}
            wanted = Request(*await asyncio.to_thread(read_inputs, parse(mode, given), sent))
            owner = owner_of(request)
            token = await asyncio.to_thread(ask, engine, wanted, owner)
            while True:
                status = engine.status(token)
                engine.touch(token)
                if status.state in ENDED:
                    break
                yield [], report(status)
                await asyncio.sleep(REPORT_EVERY_S)
            yield await asyncio.to_thread(_result, status)
        except gr.Error:
            raise
        except Exception as error:
            raise refusal(error) from None
        finally:
            if token is not None:
                engine.cancel(token)  # of no effect on a job that has ended

    endpoint.__name__ = mode
    endpoint.__doc__ = settings.__doc__
    return signed(endpoint, parameters_of(settings), tuple[list[FileData], dict[str, Any]])


def parameters_of(settings: type[Settings]) -> dict[str, tuple[Any, Any]]:
    """An endpoint's parameters: name -> annotation and default. Tuples travel as lists."""
    fields: dict[str, tuple[Any, Any]] = {
        name: (list[item_of(field)], [])
        if is_list(field)
        else (field.annotation, field.get_default(call_default_factory=True))
        for name, field in settings.model_fields.items()
    }
    return fields | {name: (FileData | None, None) for name in settings.pictures}


def _result(status: JobStatus) -> tuple[list[Any], dict[str, Any]]:
    if status.state == "failed":
        raise gr.Error(status.error or "The job failed.", print_exception=False)
    if status.state == "stopped" and not status.outputs:
        raise gr.Error(status.error or "The job was stopped.", print_exception=False)
    folder = new_folder()
    files = [output_file(folder, output) for output in status.outputs]
    info = {"job": status.token, **status.info}
    if status.outputs and status.outputs[0].record.mode in MOVING:
        info["video"] = _moving(folder, status.outputs).model_dump()
    return [file.model_dump() for file in files], info


def _moving(folder: Path, outputs: Sequence[Output]) -> FileData:
    """The frames in one file, of the format that the settings name."""
    mode = outputs[0].record.mode
    settings = parse(mode, outputs[0].record.settings)
    assert isinstance(settings, MorphSettings | ClipSettings)
    made = encode(outputs, settings.format, settings.fps, ping_pong=settings.ping_pong)
    path = folder / f"{mode}{made.suffix}"
    path.write_bytes(made.content)
    return FileData(
        path=str(path), orig_name=path.name, mime_type=made.kind, size=len(made.content)
    )


def _options(studio: Studio) -> Callable[..., Any]:
    def options() -> dict[str, Any]:
        """Names that settings may use.

        Models, samplers with their schedules, LoRAs, embeddings, ControlNets, upscalers,
        IP-Adapters, presets.
        """
        library = studio.engine.library()
        return {
            "models": [plain(card) for card in library.models],
            "samplers": list(library.samplers),
            "schedules": {name: list(entry.schedules) for name, entry in library.samplers.items()},
            "loras": [plain(lora) for lora in library.loras],
            "controlnets": [plain(net) for net in library.controlnets],
            "embeddings": [plain(one) for one in library.embeddings],
            "vaes": [plain(vae) for vae in library.vaes],
            "upscalers": [plain(one) for one in library.upscalers],
            "ipadapters": [plain(one) for one in library.ipadapters],
            "presets": [
                {
                    "name": info.name,
                    "mode": info.mode,
                    "bundled": info.bundled,
                    "pictures": list(info.pictures),
                }
                for info in studio.presets.list()
                if not info.problem
            ],
        }

    return options


def _cancel_job(studio: Studio) -> Callable[..., Any]:
    def cancel_job(job: str) -> dict[str, Any]:
        """Stops a job by the token that its endpoint reported; says what state it is in."""
        try:
            token = _token(job)
            studio.engine.cancel(token)
            return {"job": token, "state": studio.engine.status(token).state}
        except Exception as error:
            raise refusal(error) from None

    return cancel_job


def _token(sent: Any) -> str:
    if not isinstance(sent, str):  # Gradio hands over whatever a script sent
        raise BadInput("'job' is the token that the running job reported.", "job")
    return sent


def _read_record() -> Callable[..., Any]:
    def read_record(file: FileData) -> dict[str, Any]:
        """Settings out of an uploaded PNG, ours or A1111's, and what could not be mapped."""
        try:
            found = read(read_upload(file, MAX_PICTURE_BYTES))
        except Exception as error:
            raise refusal(error) from None
        return {
            "mode": found.mode,
            "settings": found.settings,
            "notes": list(found.notes),
            "source": found.source,
        }

    return read_record


def _memory(studio: Studio) -> Callable[..., Any]:
    def memory() -> dict[str, Any]:
        """What the model cache holds and may hold, in bytes, and each part in it.

        `used_bytes` and `budget_bytes` count where models run, `ram_bytes` and
        `ram_budget_bytes` in RAM.
        """
        return asdict(studio.engine.memory())

    return memory


def _free_memory(studio: Studio) -> Callable[..., Any]:
    @needs("owner")
    def free_memory() -> dict[str, Any]:
        """Lets every model go that no job uses: {"freed_bytes", and what /memory says}."""
        return {"freed_bytes": studio.engine.free_memory(), **asdict(studio.engine.memory())}

    return free_memory


async def unknown_field(request: HttpRequest, error: Exception) -> JSONResponse:
    """Answers a script that named a field which does not exist (Gradio raises TypeError)."""
    named = re.search(r"Parameter `([^`]{1,80})` is not a valid", str(error))
    if named is None:
        return JSONResponse({"detail": sentence(error)}, 500)
    return JSONResponse({"detail": f"There is no setting '{named[1]}'; check its spelling."}, 422)
