"""More than two keyframes: a morph from each to the next, told as one.

A keyframe's inversion and LoRA are found once and serve the ways on both of its sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from backend.contracts.events import Output, Progress
from backend.contracts.settings import MorphSettings
from backend.modes.context import Context, Interlude, Running
from backend.modes.mode import Task
from backend.modes.morph import spacing
from backend.modes.record import input_facts

Run = Callable[[Task[MorphSettings], Context], Iterator[Output]]
LIGHTS = ("red", "amber", "green")


def run(request: Task[MorphSettings], context: Context, between: Run) -> Iterator[Output]:
    """Runs the ways one after the other.

    Args:
        request: With resolved `MorphSettings` of more than two keyframes.
        context: The job's surroundings.
        between: Runs one way.

    Yields:
        One `Output` a frame; a keyframe between two ways comes once.
    """
    settings = request.settings
    told: list[dict[str, Any]] = []
    index = 0
    ways = parts_of(settings)
    for number, way in enumerate(ways):
        facts: dict[str, Any] = {}
        told.append(facts)

        def inform(more: dict[str, Any], facts: dict[str, Any] = facts) -> None:
            facts.update(more)
            context.inform(together(told, len(ways)))

        images = {
            f"image_{letter}": request.images[name]
            for letter, name in zip("ab", settings.ends[number : number + 2], strict=True)
            if name in request.images
        }
        part = replace(request, settings=way, images=images)
        for output in between(part, replace(context, job=_OneWay(context.job, inform))):
            if number > 0 and output.index == 0:
                continue  # the last frame of the way before
            at = output.record.extra["position"]
            # A way calls its two pictures A and B, whatever they are to the whole.
            own = input_facts(part.images)
            extra = {key: value for key, value in output.record.extra.items() if key not in own}
            extra |= input_facts(request.images) | {
                "frame": index,
                "position": round((number + at) / len(ways), 5),
            }
            record = replace(output.record, settings=settings.model_dump(mode="json"), extra=extra)
            yield replace(output, index=index, record=record)
            index += 1


@dataclass(frozen=True, eq=False)
class _OneWay:
    """The job as one of its ways sees it; what that tells of itself is told of the whole."""

    job: Running
    inform: Callable[[dict[str, Any]], None]

    @property
    def interludes(self) -> list[Interlude]:
        """The whole job's."""
        return self.job.interludes

    def check(self) -> None:
        """The whole job's."""
        self.job.check()

    def report(self, progress: Progress) -> None:
        """The whole job's."""
        self.job.report(progress)


def parts_of(settings: MorphSettings) -> list[MorphSettings]:
    """The ways as morphs of two keyframes; they share the gaps as evenly as these divide."""
    count = settings.keyframes - 1
    gaps = settings.frames - 1
    ways: list[MorphSettings] = []
    for number in range(count):
        own = gaps // count + (number < gaps % count)
        ways.append(
            settings.model_copy(
                update={
                    "keyframes": 2,
                    "frames": own + 1,
                    "prompt_a": settings.end_prompt(number),
                    "prompt_b": settings.end_prompt(number + 1),
                    "seed_a": settings.end_seed(number),
                    "seed_b": settings.end_seed(number + 1),
                    "prompt_c": "",
                    "prompt_d": "",
                }
            )
        )
    return ways


def together(told: list[dict[str, Any]], ways: int) -> dict[str, Any]:
    """What the first of so many ways measured, as of one morph."""
    measured = [facts for facts in told if "distances" in facts]
    whole: dict[str, Any] = {}
    if measured:
        gaps = [gap for facts in measured for gap in facts["distances"]]
        positions = [
            (number + at) / ways
            for number, facts in enumerate(measured)
            for at in facts["positions"][number > 0 :]
        ]
        whole |= {
            "positions": [round(at, 4) for at in positions],
            "distances": gaps,
            "ppl": round(spacing.path_length(gaps), 6),
            "pdv": round(spacing.spread(gaps), 9),
            "distance": measured[0]["distance"],
        }
    for key in ("times_s", "sample_forwards"):
        sums: dict[str, float] = {}
        for stage, amount in ((s, a) for facts in told for s, a in facts.get(key, {}).items()):
            sums[stage] = round(sums.get(stage, 0) + amount, 3)
        if sums:
            whole[key] = sums
    if ends := [facts["reconstruction"] for facts in told if "reconstruction" in facts]:
        # A keyframe in the middle is the end of one way and the start of the next.
        whole["reconstruction"] = [*ends[0], *(pair[1] for pair in ends[1:])]
    if notes := [note for facts in told for note in facts.get("notes", ())]:
        whole["notes"] = notes
    if lights := [facts["compatibility"] for facts in told if "compatibility" in facts]:
        whole["compatibility"] = min(lights, key=lambda found: LIGHTS.index(found["light"]))
    if sizes := [facts["attention_bytes"] for facts in told if "attention_bytes" in facts]:
        whole["attention_bytes"] = max(sizes)
    if far := [facts["end_distance"] for facts in told if "end_distance" in facts]:
        whole["end_distance"] = max(far)
    return whole
