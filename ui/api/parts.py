"""What the endpoints share: progress, files, refusals."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from backend.contracts.events import JobStatus, Output
from backend.recipes.pictures import KINDS, Encoded, encoded
from ui.jobs.sentences import sentence

REPORT_EVERY_S = 0.25


def report(status: JobStatus) -> dict[str, Any]:
    """What a client is told while its job waits or runs."""
    progress = status.progress
    return {
        "job": status.token,
        "state": status.state,
        "position": status.position,
        "stage": progress.stage,
        "step": progress.step,
        "total": progress.total,
        "eta_s": progress.eta_s,
    }


def output_file(folder: Path, output: Output) -> FileData:
    """A copy with its record in Gradio's folder, from where the client fetches it."""
    saved = Path(output.path) if output.path else None
    if saved is not None and saved.suffix in KINDS:
        file = Encoded(saved.read_bytes(), saved.suffix)
    else:
        file = encoded(output.image, output.record)
    seed = output.record.settings.get("seed")
    path = folder / f"{output.index:02d}-{seed}{file.suffix}"
    path.write_bytes(file.content)
    return FileData(
        path=str(path), orig_name=path.name, mime_type=file.kind, size=len(file.content)
    )


def refusal(error: Exception) -> gr.Error:
    """The error as its sentence, without a traceback."""
    return gr.Error(sentence(error), print_exception=False)


def signed(
    function: Callable[..., Any], fields: dict[str, tuple[Any, Any]], returns: Any
) -> Callable[..., Any]:
    """Gives an endpoint the parameters that clients see: Gradio reads its signature.

    Args:
        function: Takes the request and then values by place; changed.
        fields: Name -> (annotation, default) in that order; `inspect.Parameter.empty` has none.
        returns: Annotation of what it returns.
    """
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    hints = {"request": gr.Request} | {name: hint for name, (hint, _) in fields.items()}
    parameters = [inspect.Parameter("request", kind, annotation=gr.Request)]
    parameters += [
        inspect.Parameter(name, kind, default=default, annotation=hint)
        for name, (hint, default) in fields.items()
    ]
    function.__annotations__ = {**hints, "return": returns}
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        parameters, return_annotation=returns
    )
    return function
