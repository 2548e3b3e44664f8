"""What a job tells its observers. Plain, serialisable values; no torch, no PIL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB

Stage = Literal[
    "queued",
    "loading",
    "encoding",
    "fitting",
    "inverting",
    "enlarging",
    "sampling",
    "decoding",
    "saving",
]
State = Literal["queued", "running", "paused", "done", "stopped", "failed"]


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        stage: What it does now.
        step: Model steps done, 0..total.
        total: Model steps of the run (0 before they are known).
        elapsed_s: Since the job began to run.
        eta_s: Estimated seconds left; None while unknown.
        note: One short sentence, e.g. which model is loading.
        loss: Of the latest training step; None where nothing is trained.
    """

    stage: Stage
    step: int = 0
    total: int = 0
    elapsed_s: float = 0.0
    eta_s: float | None = None
    note: str = ""
    loss: float | None = None


@dataclass(frozen=True)
class Record:
    """The recipe of one picture: all that is needed to make it again.

    Attributes:
        mode: Name of the mode, a key of `settings.MODES`.
        settings: Resolved settings, as JSON values; batch_size 1 and this picture's own seed.
        model: {"name", "hash"} of the checkpoint.
        extra: Further facts (hashes of LoRAs and input pictures, device, dtype, versions, steps
            executed).
    """

    mode: str
    settings: dict[str, Any]
    model: dict[str, str]
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Output:
    """One finished picture of a job.

    Attributes:
        index: Place in the job, from 0.
        image: (H, W, 3) uint8 RGB.
        record: Its recipe.
        path: Where it was saved; None until then.
        views: Further pictures that explain it, (H, W, 3), by name; never saved.
    """

    index: int
    image: Pixels
    record: Record
    path: str | None = None
    views: dict[str, Pixels] = field(default_factory=dict[str, Pixels])


Event = Progress | Output


@dataclass(frozen=True)
class File:
    """What a job made that is no picture.

    Attributes:
        name: To save it under.
        kind: Its media type.
        content: Its bytes.
    """

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True)
class Preview:
    """One preview frame of a running job.

    Attributes:
        revision: Rises with every frame of a job; the last frame of a run is never dropped.
        step: Model steps done when it was taken.
        total: Model steps in all.
        jpeg: The picture, encoded; a batch is laid out as a grid.
        final: No further frame follows.
    """

    revision: int
    step: int
    total: int
    jpeg: bytes
    final: bool = False


@dataclass(frozen=True)
class TimelineInfo:
    """What is kept of a run for scrubbing and branching.

    Attributes:
        steps: Number of stored steps; step i is the state after i + 1 model steps.
        batch: Images in the run.
        sigmas: Noise level after each stored step.
        stages: Number of the stage that each stored step belongs to, from 0.
        forecast: The stored steps, from 0, that were foretold without asking the model.
    """

    steps: int
    batch: int
    sigmas: tuple[float, ...]
    stages: tuple[int, ...] = ()
    forecast: tuple[int, ...] = ()


@dataclass(frozen=True)
class JobStatus:
    """A snapshot of a job, cheap to take and safe to show to its owner.

    Attributes:
        token: Unguessable handle; whoever holds it may watch and cancel the job.
        state: queued, running, paused, done, stopped or failed.
        position: Jobs that run before it (0 = next or running).
        progress: The latest progress.
        outputs: Pictures finished so far, in order.
        error: The sentence to show when it failed, or what was kept when it was stopped.
        info: As the API returns it, complete once the job has ended; what a mode tells while it
            runs is there at once.
        timeline: Present once a step has run.
        revision: Rises with every change, so that observers can tell.
        part: Which of its runs is drawn, from 0.
        parts: How many runs follow each other; each can be passed over.
        keeps: Whether it goes on when its page is left, by choice; None where it does in any case.
    """

    token: str
    state: State
    position: int
    progress: Progress
    outputs: tuple[Output, ...] = ()
    error: str | None = None
    info: dict[str, Any] = field(default_factory=dict[str, Any])
    timeline: TimelineInfo | None = None
    revision: int = 0
    part: int = 0
    parts: int = 1
    keeps: bool | None = False


@dataclass(frozen=True)
class TokenCount:
    """How much of a text encoder's room a prompt takes.

    Attributes:
        chunks: Tokens in each chunk, at least one chunk.
        size: Tokens that a chunk holds.
    """

    chunks: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class Resident:
    """One part of a loaded model, and where its weights lie.

    Attributes:
        models: Names of the models that use it; several where their bytes are the same.
        part: unet, text encoder, vae, controlnet, ...
        ram_bytes: In RAM (of the device itself where weights have one place only).
        device_bytes: Its copy on the device; 0 without one.
        in_use: A job holds it now.
        idle_s: Since the last use; 0 while in use.
    """

    models: tuple[str, ...]
    part: str
    ram_bytes: int
    device_bytes: int
    in_use: bool
    idle_s: float
