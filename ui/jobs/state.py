"""From a job's status to what the stage shows: numbers, tokens and short texts."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

from backend.contracts.events import JobStatus, Output, TimelineInfo
from backend.contracts.settings import XyzGridSettings
from backend.contracts.settings.ddim_table import DdimTableSettings
from backend.recipes.pictures import SUFFIXES
from ui.jobs.pictures import file_url

SHEETS = (XyzGridSettings.mode, DdimTableSettings.mode)  # whose own pictures show all of a run
ENDED = ("done", "stopped", "failed")
# What a mode tells of the run as a whole, beside its pictures.
TOLD = (
    "changes",
    "losses",
    "distances",
    "ppl",
    "pdv",
    "distance",
    "compatibility",
    "reconstruction",
    "notes",
    "times_s",
    "sample_forwards",
    "flicker",
    "grid",
    "footprint",
    "lab",
)


def state_of(status: JobStatus) -> dict[str, Any]:
    """A job's status as the stage's state."""
    progress = status.progress
    state: str = status.state
    if state == "running" and progress.stage == "loading":
        state = "loading"
    return {
        "job": status.token,
        "state": state,
        "position": status.position,
        "stage": progress.stage,
        "step": progress.step,
        "total": progress.total,
        "elapsed": status.info.get("elapsed_s", progress.elapsed_s),
        "eta": progress.eta_s,
        "part": status.part,
        "parts": status.parts,
        "note": progress.note,
        "message": status.error or "",
        "results": [result_of(status.token, output) for output in status.outputs],
        "timeline": _timeline(status.timeline),
        "told": _told(status),
        "keeps": status.keeps,
    }


def _timeline(kept: TimelineInfo | None) -> dict[str, Any] | None:
    """How many steps are stored, how many of each stage where there are several, which foretold."""
    if kept is None:
        return None
    stages = [len(list(steps)) for _, steps in groupby(kept.stages)]
    told: dict[str, Any] = {"steps": kept.steps, "batch": kept.batch}
    told |= {"stages": stages} if len(stages) > 1 else {}
    return told | ({"forecast": list(kept.forecast)} if kept.forecast else {})


def gone(token: str) -> dict[str, Any]:
    """The state of a job that the server does not know, or no longer."""
    return {"job": token, "state": "gone"}


def _told(status: JobStatus) -> dict[str, Any]:
    told = {key: status.info[key] for key in TOLD if key in status.info}
    settings = status.info.get("settings", {})
    return told | {key: settings[key] for key in ("fps", "ping_pong") if key in settings}


def result_of(token: str, output: Output) -> dict[str, Any]:
    """One finished picture of a job: in the outputs folder, or kept with the job if not saved."""
    height, width = output.image.shape[:2]
    seed = output.record.settings.get("seed")
    if output.path:
        url, name = file_url(Path(output.path)), Path(output.path).name
    else:
        url = f"loom/jobs/{quote(token, safe='')}/pictures/{output.index}"
        wanted = str(output.record.settings.get("save_format", "png"))
        name = f"latent-loom-{seed}{SUFFIXES.get(wanted, '.png')}"
    return {
        "url": url,
        "name": name,
        "seed": seed,
        "width": width,
        "height": height,
        "label": label_of(output),
        "sheet": _whole(output),
        "place": output.index,
        "views": list(output.views),
        "obedience": output.record.extra.get("obedience"),
        "point": output.record.extra.get("point"),
    }


def _whole(output: Output) -> bool:
    """Whether the picture is what the run was for: a table, or the last stage of a cascade."""
    return output.record.mode in SHEETS or bool(output.record.extra.get("final_stage"))


def label_of(output: Output) -> str:
    """What sets a picture apart from others: its source, its loop, its LoRAs, where it started."""
    source = str(output.record.settings.get("source_name", ""))
    loop = output.record.extra.get("loop")
    return " · ".join(filter(None, (source, f"loop {loop}" if loop else "", _apart(output))))


def _apart(output: Output) -> str:
    if compared := output.record.extra.get("compared"):
        return str(compared)
    if stage := output.record.extra.get("stage"):
        return f"stage {stage}"
    extra, strength = output.record.extra, output.record.settings.get("strength")
    if strength is None or "sigma" not in extra:
        return ""
    steps = extra["steps"]
    label = (
        f"strength {strength:g} · σ {extra['sigma']:.2f} · "
        f"{steps} {'step' if steps == 1 else 'steps'}"
    )
    if inversion := extra.get("inversion"):
        label += f" · inverted, gives the picture back at {inversion['psnr']:.1f} dB"
    return label
