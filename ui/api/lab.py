"""Endpoints of the Lab for scripts: /encode and /noise_at. What answers is imported when asked."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from backend.contracts.events import JobStatus
from backend.engine.jobs.asking import ask
from ui.api.parts import REPORT_EVERY_S, output_file, refusal, report, signed
from ui.gradio_compat.login import owner_of
from ui.jobs.pictures import encode_png
from ui.jobs.state import ENDED
from ui.server.studio import Studio
from ui.server.temp_files import new_folder

Fields = dict[str, tuple[Any, Any]]
_ENCODE: Fields = {"image": (FileData, inspect.Parameter.empty), "model": (str, "")}
_NOISE: Fields = {
    "image": (FileData | None, None),
    "model": (str, ""),
    "level": (int, 0),
    "steps": (int, 30),
    "prompt": (str, ""),
    "seed": (int, 0),
}
_SAID = {
    "encode": """A picture through a model's autoencoder and back.

    Files: the reconstruction, the picture at the model's size, the difference, and each channel of
    the latents in grey. `info` has psnr, compression, channels, levels, and `pictures` with the
    latents themselves (float16, base64).
    """,
    "noise_at": """A picture with the noise of one level, and what one model call makes of it.

    `level` is an index into a schedule of `steps`, 0 the noisiest; without a picture it is noise
    alone. Files: the decoded x_t and x0. `info` has level, psnr, calls, levels.
    """,
}


def lab_endpoints(studio: Studio) -> tuple[Callable[..., Any], ...]:
    """Both, for the page being built."""
    return (_endpoint(studio, "encode", _ENCODE), _endpoint(studio, "noise_at", _NOISE))


def _endpoint(studio: Studio, name: str, fields: Mapping[str, tuple[Any, Any]]) -> Any:
    async def endpoint(
        request: gr.Request, *values: Any
    ) -> AsyncGenerator[tuple[list[Any], dict[str, Any]], None]:
        from ui.lab.panel import panels

        engine, token = studio.engine, None
        try:
            given = dict(zip(fields, values, strict=True))
            wanted = await asyncio.to_thread(panels()["latents"].asks[name], studio, given)
            token = await asyncio.to_thread(ask, engine, wanted, owner_of(request))
            while (status := engine.status(token)).state not in ENDED:
                engine.touch(token)
                yield [], report(status)
                await asyncio.sleep(REPORT_EVERY_S)
            yield await asyncio.to_thread(_result, studio, status)
        except gr.Error:
            raise
        except Exception as error:
            raise refusal(error) from None
        finally:
            if token is not None:
                engine.cancel(token)  # of no effect on a job that has ended

    endpoint.__name__ = name
    endpoint.__doc__ = _SAID[name]
    return signed(endpoint, dict(fields), tuple[list[FileData], dict[str, Any]])


def _result(studio: Studio, status: JobStatus) -> tuple[list[Any], dict[str, Any]]:
    if status.state != "done":
        raise gr.Error(status.error or "The job was stopped.", print_exception=False)
    from ui.lab import desk

    folder = new_folder()
    files = [output_file(folder, output) for output in status.outputs]
    for output in status.outputs:
        for name, pixels in output.views.items():
            files.append(_view(folder / f"{output.index:02d}-{name}.png", encode_png(pixels)))
    told = desk.data(studio, status.token)
    info = {"job": status.token, **told["found"], "pictures": told["pictures"]}
    return [file.model_dump() for file in files], info


def _view(path: Path, content: bytes) -> FileData:
    path.write_bytes(content)
    return FileData(path=str(path), orig_name=path.name, mime_type="image/png", size=len(content))
