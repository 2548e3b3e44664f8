"""Figures of the studio in Prometheus' text format, for whoever has their key."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Iterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from backend.engine.jobs.protocol import Engine, Figures, Memory

METRICS = "/metrics"
_KIND = "text/plain; version=0.0.4; charset=utf-8"


def metrics_route(engine: Engine, key: str) -> Route:
    """`/metrics`, asked with `Authorization: Bearer KEY`.

    Args:
        engine: Whose figures.
        key: The one key; not an account's.
    """

    async def metrics(http: Request) -> Response:
        kind, _, given = http.headers.get("authorization", "").partition(" ")
        right = secrets.compare_digest(given.strip().encode("utf-8", "replace"), key.encode())
        if kind.lower() != "bearer" or not right:
            text = "Send the key of --metrics-key as `Authorization: Bearer KEY`."
            return PlainTextResponse(text, 401, {"WWW-Authenticate": "Bearer"})
        text = await asyncio.to_thread(_all, engine)
        return PlainTextResponse(text, media_type=_KIND)

    return Route(METRICS, metrics)


def _all(engine: Engine) -> str:
    figures = engine.figures()
    return "loom_ready 0\n" if figures is None else written(figures, engine.memory())


def written(figures: Figures, memory: Memory) -> str:
    """All of them, a family after the other."""
    return "".join(f"{line}\n" for line in _lines(figures, memory))


def _lines(figures: Figures, memory: Memory) -> Iterator[str]:
    yield from _family("loom_ready", "gauge", "Whether jobs are taken.", [({}, 1)])
    yield from _family(
        "loom_jobs",
        "gauge",
        "Jobs that wait or run.",
        [({"mode": mode, "state": state}, n) for (mode, state), n in figures.now.items()],
    )
    yield from _family(
        "loom_jobs_ended_total",
        "counter",
        "Jobs that have ended since the start.",
        [({"mode": mode, "state": state}, n) for (mode, state), n in figures.ended.items()],
    )
    yield from _family(
        "loom_queue_paused", "gauge", "Whether the queue is paused.", [({}, int(figures.paused))]
    )
    yield from _head("loom_step_seconds", "summary", "Seconds of a model step in jobs that ended.")
    for model, (steps, seconds) in sorted(figures.steps.items()):
        yield _sample("loom_step_seconds_sum", {"model": model}, seconds)
        yield _sample("loom_step_seconds_count", {"model": model}, steps)
    yield from _family(
        "loom_weights_bytes",
        "gauge",
        "Weights of models; where there are several devices, of each by its name too.",
        [
            *(({"place": one.name}, one.used_bytes) for one in memory.devices),
            ({"place": "device"}, memory.used_bytes),
            ({"place": "ram"}, memory.ram_bytes),
        ],
    )
    yield from _family(
        "loom_weights_budget_bytes",
        "gauge",
        "Weights that may be there.",
        [({"place": "device"}, memory.budget_bytes), ({"place": "ram"}, memory.ram_budget_bytes)],
    )
    if memory.devices:
        yield from _family(
            "loom_device_up",
            "gauge",
            "Whether jobs may begin on a device.",
            [({"device": one.name}, int(one.takes and not one.failed)) for one in memory.devices],
        )
    yield from _family(
        "loom_kept_bytes",
        "gauge",
        "Held beside weights.",
        [({"what": one.what, "place": one.place}, one.nbytes) for one in memory.kept],
    )


def _family(
    name: str, kind: str, hint: str, samples: Iterable[tuple[dict[str, str], float]]
) -> Iterator[str]:
    yield from _head(name, kind, hint)
    summed: dict[tuple[tuple[str, str], ...], float] = {}
    for labels, value in samples:  # the same labels twice would spoil the whole answer
        place = tuple(labels.items())
        summed[place] = summed.get(place, 0) + value
    for place in sorted(summed):
        yield _sample(name, dict(place), summed[place])


def _head(name: str, kind: str, hint: str) -> Iterator[str]:
    yield f"# HELP {name} {hint}"
    yield f"# TYPE {name} {kind}"


def _sample(name: str, labels: dict[str, str], value: float) -> str:
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{told}}} {_number(value)}" if told else f"{name} {_number(value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))
