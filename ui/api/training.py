"""The endpoints /train_lora and /train_digits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from backend.contracts.events import JobStatus
from backend.contracts.requests import TrainDigitsRequest, Training, TrainLoraRequest
from backend.contracts.settings.train_digits import TrainDigitsSettings, parse_digits
from backend.contracts.settings.train_lora import TrainLoraSettings, parse_training
from backend.engine.jobs.asking import ask
from backend.engine.jobs.protocol import Engine
from ui.api.parts import REPORT_EVERY_S, output_file, refusal, report, signed
from ui.gradio_compat.login import owner_of
from ui.jobs.state import ENDED
from ui.server.roles import needs
from ui.server.studio import Studio
from ui.server.temp_files import new_folder
from ui.server.training_files import read_training_files


def train_lora_endpoint(studio: Studio) -> Callable[..., Any]:
    """Makes the endpoint: the fields of `TrainLoraSettings`, then pictures and captions.

    It yields ([], {"job": token, "loss": ..., ...}) while it trains, at last (validation pictures,
    info); `info["training"]["lora"]` is the name to use. A client that cancels stops the training,
    and `resume` goes on with it.
    """
    names = list(TrainLoraSettings.model_fields)

    @needs("owner")
    async def train_lora(
        request: gr.Request, *values: Any
    ) -> AsyncGenerator[tuple[list[Any], dict[str, Any]], None]:
        """Learns a LoRA from 1 to 100 pictures; all other endpoints can use it at once."""
        try:
            given = dict(zip([*names, "pictures", "captions"], values, strict=True))
            files, captions = given.pop("pictures"), given.pop("captions")
            settings = parse_training(given)
            pictures = await asyncio.to_thread(read_training_files, files, captions)
            wanted = TrainLoraRequest(settings, pictures)
        except Exception as error:
            raise refusal(error) from None
        async for told in _followed(studio.engine, wanted, owner_of(request)):
            yield told

    fields: dict[str, tuple[Any, Any]] = {
        name: (field.annotation, "" if field.is_required() else field.get_default())
        for name, field in TrainLoraSettings.model_fields.items()
    }
    fields |= {"pictures": (list[FileData], []), "captions": (list[str], [])}
    return signed(train_lora, fields, tuple[list[FileData], dict[str, Any]])


def train_digits_endpoint(studio: Studio) -> Callable[..., Any]:
    """Makes the endpoint: the fields of `TrainDigitsSettings`.

    It yields as `/train_lora` does; `info["training"]["model"]` is the model to draw with.
    """
    names = list(TrainDigitsSettings.model_fields)

    @needs("owner")
    async def train_digits(
        request: gr.Request, *values: Any
    ) -> AsyncGenerator[tuple[list[Any], dict[str, Any]], None]:
        """Trains a small model of drawn digits from nothing; txt2img can use it at once."""
        try:
            wanted = TrainDigitsRequest(parse_digits(dict(zip(names, values, strict=True))))
        except Exception as error:
            raise refusal(error) from None
        async for told in _followed(studio.engine, wanted, owner_of(request)):
            yield told

    fields: dict[str, tuple[Any, Any]] = {
        name: (field.annotation, "" if field.is_required() else field.get_default())
        for name, field in TrainDigitsSettings.model_fields.items()
    }
    return signed(train_digits, fields, tuple[list[FileData], dict[str, Any]])


async def _followed(
    engine: Engine, wanted: Training, owner: str
) -> AsyncGenerator[tuple[list[Any], dict[str, Any]], None]:
    """A training from its beginning to its end; it is stopped with whoever follows."""
    token = None
    try:
        token = await asyncio.to_thread(ask, engine, wanted, owner, background=True)
        while (status := engine.status(token)).state not in ENDED:
            engine.touch(token)
            yield [], report(status) | {"loss": status.progress.loss}
            await asyncio.sleep(REPORT_EVERY_S)
        yield await asyncio.to_thread(_result, status)
    except gr.Error:
        raise
    except Exception as error:
        raise refusal(error) from None
    finally:
        if token is not None:
            engine.cancel(token)  # of no effect on a job that has ended


def _result(status: JobStatus) -> tuple[list[Any], dict[str, Any]]:
    if status.state != "done":
        raise gr.Error(status.error or "The training was stopped.", print_exception=False)
    folder = new_folder()
    files = [output_file(folder, output) for output in status.outputs]
    info = json.loads(json.dumps({"job": status.token, **status.info}))
    return [file.model_dump() for file in files], info
