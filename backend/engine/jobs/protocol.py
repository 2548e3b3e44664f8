"""The Engine's interface: all that the page, the API and scripts may use.

The local engine is its first implementation; `backend.engine.fake.engine.FakeEngine` is the
second, for tests; a cluster engine must be able to stand in unchanged. Every value that crosses it
is plain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from backend.contracts.events import (
    File,
    JobStatus,
    Output,
    Pixels,
    Preview,
    Resident,
    TimelineInfo,
    TokenCount,
)
from backend.contracts.holdings import Holding
from backend.contracts.library import HashedKind, Library
from backend.contracts.requests import Runnable
from backend.contracts.settings import Settings
from backend.storage.makers import Viewer

FrameKind = Literal["x0", "xt"]
PortraitKind = Literal["model", "lora"]
PORTRAIT_PX = 256


@dataclass(frozen=True)
class DeviceMemory:
    """One device of several, and what its cache holds; see `Memory`.

    Attributes:
        name: E.g. "cuda:1".
        hardware: What it is, e.g. "NVIDIA H200".
        takes: Whether an owner lets jobs begin there.
        failed: Why it was taken out; "" while it was not.
        pinned: The one model whose jobs run there; "" takes all.
        busy: Whether a job runs there.
    """

    name: str
    hardware: str
    used_bytes: int
    budget_bytes: int
    ram_bytes: int
    ram_budget_bytes: int
    residents: tuple[Resident, ...] = ()
    takes: bool = True
    failed: str = ""
    pinned: str = ""
    busy: bool = False


@dataclass(frozen=True)
class Memory:
    """What the model cache holds, and may hold, in bytes.

    Attributes:
        used_bytes: Weights where models run: on the device.
        budget_bytes: Weights that may be there.
        ram_bytes: Weights kept in RAM, from where they come back fast; where models run in RAM,
            the same as `used_bytes`.
        ram_budget_bytes: Weights that RAM may keep.
        residents: Every part, that of the last used model first.
        kept: What is held beside weights: stored steps, results, on whichever device.
        loading: The model that is loaded before anybody asks for it; empty once it is there.
        devices: Each by itself, where there are several; the rest is of all together.
    """

    used_bytes: int
    budget_bytes: int
    ram_bytes: int = 0
    ram_budget_bytes: int = 0
    residents: tuple[Resident, ...] = ()
    kept: tuple[Holding, ...] = ()
    loading: str = ""
    devices: tuple[DeviceMemory, ...] = ()


@dataclass(frozen=True)
class Figures:
    """Jobs in numbers, for whoever watches over a studio.

    Attributes:
        now: How many wait and run, by (mode, state).
        ended: How many have ended since the start, by (mode, state).
        steps: Model steps of those that were done, and the seconds that they took, by model.
        paused: Whether the queue is.
    """

    now: Mapping[tuple[str, str], int]
    ended: Mapping[tuple[str, str], int]
    steps: Mapping[str, tuple[int, float]]
    paused: bool = False


@dataclass(frozen=True)
class Quota:
    """What somebody has, of what they may have.

    Attributes:
        waiting: Jobs of this person's that wait.
        waiting_limit: That may.
        waiting_in_all: Jobs of all.
        waiting_in_all_limit: That may wait.
        megapixel_steps: Asked for in the last hour.
        megapixel_steps_limit: That may be; 0 is no limit.
        results_limit: Ended jobs of all that are kept.
        done_s: About how long until this person's jobs have ended, those that rest aside; 0
            without any, None where it cannot be foreseen.
    """

    waiting: int
    waiting_limit: int
    waiting_in_all: int
    waiting_in_all_limit: int
    megapixel_steps: float
    megapixel_steps_limit: float
    results_limit: int
    done_s: float | None = 0.0


class Engine(Protocol):
    """Accepts jobs and lets their owners watch them. All methods are safe from any thread."""

    def submit(
        self,
        request: Runnable,
        owner: str = "",
        *,
        background: bool = False,
        lasting: bool = False,
        token: str = "",
    ) -> str:
        """Queues a job and returns its token; a training is always in the background.

        Args:
            request: As `backend.resolve` settled it by this engine's library.
            owner: Whose turn it takes.
            background: Lets jobs that somebody waits for go first.
            lasting: Survives a restart, where the engine keeps a queue: it is on the disk when
                this returns.
            token: Of the job, where whoever asks can name the same job again, as after a restart:
                one that is known is not queued once more.

        Raises:
            OutOfMemory: It is too large for this device; says what would fit.
            BadInput: What it branches from is no longer kept, or is of another kind.
            QueueFull: The owner has too many jobs waiting.
        """
        ...

    def cancel(self, token: str) -> None:
        """Stops the job within one model call; what it has finished is kept.

        Idempotent, and without effect on a job that has ended or is not known.
        """
        ...

    def skip(self, token: str, part: int) -> None:
        """Passes over run `part` of a job of several, and goes on with its next one.

        Nothing of it is saved but what was finished. Without effect where that run is over, or is
        the only one. Raises UnknownName for an unknown token.
        """
        ...

    def cancel_all(self) -> int:
        """Stops everybody's jobs, those that rest too, and says how many there were."""
        ...

    def change(self, token: str, values: Mapping[str, Any]) -> None:
        """Goes on with other values from the job's next step on, in all model calls of that step.

        What acts is noted in the pictures' records as (stage, step, field, value), so that they
        are made again bit for bit.

        Args:
            token: Of a job that waits or runs.
            values: Fields of `contracts.settings.live.LIVE`, and what they shall be; settled as
                `backend.resolve` settles a request.

        Raises:
            BadInput: The job has ended, is of a kind that is not changed, or cannot run so.
            OutOfMemory: It is too large then.
            UnknownName: It is not known.
        """
        ...

    def pause_job(self, token: str) -> None:
        """Lets a job rest before its next step; within one it holds no device.

        What it has drawn stays, and so do its stored steps. Idempotent.

        Raises:
            BadInput: It has ended, is of a kind that does not rest, or too many rest already.
            UnknownName: It is not known.
        """
        ...

    def resume_job(self, token: str, *, step: int | None = None, steps: int | None = None) -> None:
        """Lets a resting job go on, bit for bit as if it had not rested.

        Args:
            token: Of the job.
            step: Index of the stored step to go on from; None is where it rests. What was changed
                later is changed again from there on.
            steps: After how many it rests again; None goes on to the end.

        Raises:
            BadInput: It does not rest.
            UnknownName: It is not known, or has no such step.
            QueueFull: Its owner has too many jobs waiting.
        """
        ...

    def promote(self, token: str) -> None:
        """Lets a waiting job change places with its owner's job in front of it, if there is one.

        The jobs of others are not overtaken. Raises UnknownName for an unknown token.
        """
        ...

    def quota(self, owner: str) -> Quota:
        """What somebody has, of what they may have."""
        ...

    def figures(self) -> Figures | None:
        """Jobs in numbers; None while the engine is still starting."""
        ...

    def forget(self, viewer: Viewer) -> None:
        """Stops and forgets all jobs of somebody; what they saved lies among the outputs."""
        ...

    @property
    def paused(self) -> bool:
        """Whether the queue is paused."""
        ...

    def pause(self, on: bool) -> None:
        """Lets no further job begin, or again lets them; what runs goes on."""
        ...

    def keep(self, token: str, on: bool) -> None:
        """Lets a job go on when its page is left, or not: the choice of whoever asked for it.

        Without effect on jobs that go on in any case. Raises UnknownName for an unknown token.
        """
        ...

    def retry(self, token: str) -> str:
        """Queues an ended job once more, as it was asked for, and returns the new one's token.

        Raises:
            BadInput: It has not ended, or what it was given is not kept.
            UnknownName: It is not known.
            QueueFull: As `submit`.
        """
        ...

    def status(self, token: str) -> JobStatus:
        """Snapshot of a job. Raises UnknownName when the token is not (or no longer) known.

        While it waits, `progress.eta_s` is the estimated wait before it begins.
        """
        ...

    def wait(self, token: str, revision: int, timeout_s: float) -> JobStatus:
        """Like `status`, but returns as soon as its revision exceeds `revision`, or in time."""
        ...

    async def next_preview(
        self, token: str, revision: int, timeout_s: float = 10.0
    ) -> Preview | None:
        """The newest frame above `revision`, waiting up to `timeout_s`; None when none came."""
        ...

    def touch(self, token: str) -> None:
        """Says that somebody watches the job: a grace period that runs is over.

        A job that nobody touches for its deadline, in seconds of its own running, stops.
        """
        ...

    def detach(self, token: str) -> None:
        """Says that its watcher went away: without a touch within the grace period it stops."""
        ...

    def timeline(self, token: str) -> TimelineInfo | None:
        """What is stored of the run, None when nothing is."""
        ...

    def timeline_frame(
        self, token: str, step: int, kind: FrameKind = "x0", image: int = 0
    ) -> Pixels:
        """The picture of a stored step, (H, W, 3), at once.

        In full size where that needs neither a wait for the device nor a model to be loaded, else
        as small as the preview. A `VideoRequest` makes them all in full size, as a job.
        """
        ...

    def levels(self, settings: Settings) -> tuple[float, ...]:
        """Noise levels (sigma) of a run: one before each step of its schedule, and the end.

        Raises:
            BadInput: The model is unknown, or has no such schedule.
        """
        ...

    def seconds(self, settings: Settings) -> float | None:
        """About how long a job with these settings takes; None before the model was ever run.

        Args:
            settings: As `backend.resolve` made them.
        """
        ...

    def count_tokens(self, model: str, text: str) -> TokenCount | None:
        """How many tokens of that model's text encoder a prompt takes; loads no model.

        Answers at once: None where it cannot be told now (an engine that is still starting, an
        unknown model, no tokenizer at hand).
        """
        ...

    def library(self, *, refresh: bool = False) -> Library:
        """Models, samplers and LoRAs at hand."""
        ...

    def find(self, kind: HashedKind, wanted: str) -> str | None:
        """Name of the model, LoRA, autoencoder or embedding whose file has that hash, else None.

        Args:
            kind: What it is.
            wanted: AutoV1, AutoV2 or any other beginning of a SHA-256, hex digits.
        """
        ...

    def portrait(self, kind: PortraitKind, name: str) -> bytes | None:
        """The picture that lies beside a model or LoRA, a small JPEG; None where there is none.

        Raises UnknownName where nothing has that name.
        """
        ...

    def memory(self) -> Memory:
        """What the cache holds."""
        ...

    def set_device(
        self, name: str, *, takes: bool | None = None, pinned: str | None = None
    ) -> None:
        """Drains or enables a device, or keeps it for one model; what runs there goes on.

        Args:
            name: Of one of several devices, see `Memory.devices`.
            takes: Whether jobs may begin there; one that was taken out gets another try. None
                leaves it so.
            pinned: The model whose jobs alone run there; "" takes all, None leaves it so.

        Raises:
            UnknownName: There is no such device, or model.
            BadInput: There is one device alone.
        """
        ...

    def free_memory(self) -> int:
        """Lets go of every model that no job uses, of stored steps of runs that have ended, and
        of results but each owner's last; returns the bytes given back."""
        ...

    def results(self, token: str) -> tuple[Output, ...]:
        """Finished pictures of a job, in order."""
        ...

    def file(self, token: str) -> File | None:
        """What a job made that is no picture, e.g. a video; None until it has."""
        ...

    def close(self) -> None:
        """Stops every job and the workers; returns once they have ended."""
        ...
