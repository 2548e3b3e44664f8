"""The Samplers panel: one seed by several samplers, and the DDIM experiment."""

from __future__ import annotations

from backend.contracts.capabilities import sentence
from backend.contracts.lab.samplers import SCHEDULE, SamplersSettings
from backend.contracts.library import ModelEntry
from backend.contracts.requests import Request
from backend.contracts.settings.ddim_table import PUBLISHED, WAYS, DdimTableSettings
from backend.contracts.settings.parsing import parsed
from backend.contracts.settings.sampler_pair import check_sampler
from ui.lab.panel import Panel, Sent, taken
from ui.server.studio import Studio


def compare(studio: Studio, sent: Sent) -> Request:
    """{"model", "prompt", "seed", "samplers", "counts"}: a table of pictures and distances."""
    values = taken(sent, "model", "prompt", "seed", "samplers", "counts", "reference_steps")
    settings = parsed(SamplersSettings, values)
    assert isinstance(settings, SamplersSettings)
    samplers = studio.engine.library().samplers
    for cell in settings.cells:
        check_sampler(cell, samplers)
    return Request(settings, save=False)


def ddim(studio: Studio, sent: Sent) -> Request:
    """{"model", "prompt", "seed", "step_counts"}: eta 0, eta 1 and sigma hat."""
    values = taken(sent, "model", "prompt", "seed", "step_counts")
    return Request(parsed(DdimTableSettings, values), save=False)


def offered(studio: Studio, sent: Sent) -> Sent:
    """{"samplers": [{"name", "title"}], "ways", "published": {steps: [FID or none]}}."""
    samplers = studio.engine.library().samplers.values()
    return {
        "samplers": [
            {"name": one.name, "title": one.title} for one in samplers if SCHEDULE in one.schedules
        ],
        "ways": [way.label for way in WAYS],
        "published": {str(steps): list(fids) for steps, fids in PUBLISHED.items()},
    }


def unfit(model: ModelEntry) -> str | None:
    """An inpainting model draws nothing from noise alone."""
    return sentence("from_noise", model.can, model.title or model.name)


PANEL = Panel(
    "samplers",
    30,
    "Samplers",
    "The same noise walked down by several samplers: how near each comes to a run of 200 "
    "steps, and for how many model calls.",
    {"compare": compare, "ddim": ddim},
    {"offered": offered},
    unfit=unfit,
)
