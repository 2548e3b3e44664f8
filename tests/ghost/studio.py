"""The studio's engine on a device that is not there, and on the CPU beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.contracts.events import JobStatus, Output
from backend.contracts.requests import AnyRequest, ModeRequest
from backend.engine.jobs.asking import ask
from backend.engine.local.cache import Budgets, library_cache
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.autoencoder.preview import PreviewKind
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import Target, pick
from backend.modes import run_mode
from backend.modes.context import Context
from tests import jobs, lora_files
from tests.ghost.machine import Machine, Wait
from tests.tiny import tiny_checkpoint
from tests.tiny_control import tiny_controlnet


def library(root: Path) -> Path:
    """A models folder: a checkpoint, one more, a ControlNet, two LoRAs for UNet and text."""
    tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_checkpoint(root / "checkpoints" / "other", seed=1)
    tiny_controlnet(root / "checkpoints" / "tiny", root / "controlnet" / "tiny-canny")
    (root / "loras").mkdir()
    parts = FAMILIES.load(
        Catalog([root], FAMILIES).checkpoint("tiny"), pick("cpu", "float32")
    ).lora_parts
    for seed, name in enumerate(("ink", "neon")):
        factors = lora_files.random_factors(
            parts, (*lora_files.ATTENTION, *lora_files.TEXT), seed=seed, size=0.3
        )
        lora_files.write(root / "loras" / f"{name}.safetensors", lora_files.peft_keys(factors))
    return root


@dataclass
class Drawn:
    """What came of a job.

    Attributes:
        status: Its end.
        waits: Once for each that the host waited for the device, from the job's start to its end.
        in_steps: Those between the first and the last step of each of its runs.
        steps: How many there were.
    """

    status: JobStatus
    waits: list[Wait]
    in_steps: list[Wait]
    steps: int

    @property
    def pictures(self) -> list[np.ndarray]:
        """(H, W, 3) uint8 each."""
        return [output.image for output in self.status.outputs]


@dataclass
class _Watched:
    """A `StepSink` that notes the waits from one step to the next."""

    sink: Any
    machine: Machine
    found: list[Wait] = field(default_factory=list[Wait])
    steps: int = 0
    _since: int | None = None

    def step(self, step: Any) -> None:
        self.sink.step(step)
        self.steps += 1
        if self._since is not None:
            self.found += self.machine.waits[self._since :]
        self._since = len(self.machine.waits)

    def __getattr__(self, name: str) -> Any:
        self._since = None  # a run begins, or a stage
        return getattr(self.sink, name)


class Studio:
    """An engine.

    Args:
        root: Models folder.
        target: Device and dtype.
        machine: The devices, where it is one of them.
        device_bytes: Weights that it may hold; None is what fits.
        preview: How previews are decoded.
    """

    def __init__(
        self,
        root: Path,
        target: Target,
        machine: Machine | None = None,
        device_bytes: int | None = None,
        preview: PreviewKind = "fast",
    ) -> None:
        self._machine = machine
        self._watched: list[_Watched] = []
        catalog = Catalog([root], FAMILIES)
        budgets = Budgets(device_bytes, 2**40, math.inf)
        self.models = library_cache(catalog, target, budgets)
        self.engine = LocalEngine(
            catalog, self.models, target, None, preview=preview, run=self._run
        )

    def _run(self, request: ModeRequest, context: Context) -> Iterator[Output]:
        if self._machine is None:
            return run_mode(request, context)
        watched = _Watched(context.steps, self._machine)
        self._watched.append(watched)
        return run_mode(request, replace(context, steps=watched))

    def draw(self, request: AnyRequest, *, background: bool = False) -> Drawn:
        """Runs a job to its end; fails where it does not end well."""
        self._watched.clear()
        before = len(self._machine.waits) if self._machine else 0
        token = ask(self.engine, request, background=background)
        status = jobs.ended(self.engine, token, timeout_s=240)
        assert status.state == "done", status.error
        waits = self._machine.waits[before:] if self._machine else []
        found = [wait for watched in self._watched for wait in watched.found]
        return Drawn(status, waits, found, sum(watched.steps for watched in self._watched))


SHARE_IN_TURNS = 0.4  # of the model's weights: some blocks stay, others come and go


@dataclass
class Rig:
    """Engines over one models folder: the CPU's, and one on each device.

    Attributes:
        machine: The devices.
        cpu: What is drawn is compared with its pictures.
        ghosts: By how they hold a model: "whole" and "in turns".
    """

    machine: Machine
    cpu: Studio
    ghosts: dict[str, Studio]

    @classmethod
    @contextmanager
    def over(cls, root: Path, machine: Machine) -> Iterator[Rig]:
        """Engines that are closed at the end."""
        size = int(SHARE_IN_TURNS * weights_bytes(root))
        cpu = Studio(root, pick("cpu", "float32"))
        ghosts = {
            "whole": Studio(root, machine.target(0), machine),
            "in turns": Studio(root, machine.target(1), machine, size),
        }
        try:
            yield cls(machine, cpu, ghosts)
        finally:
            for studio in (cpu, *ghosts.values()):
                studio.engine.close()


def farthest(ours: list[np.ndarray], theirs: list[np.ndarray]) -> int:
    """The largest difference of a value, of 255."""
    assert len(ours) == len(theirs) > 0
    pairs = zip(ours, theirs, strict=True)
    return max(int(np.abs(a.astype(int) - b.astype(int)).max()) for a, b in pairs)


def weights_bytes(root: Path, dtype: torch.dtype = torch.float32) -> int:
    """Of the tiny checkpoint."""
    target = replace(pick("cpu", "float32"), dtype=dtype)
    return FAMILIES.load(Catalog([root], FAMILIES).checkpoint("tiny"), target).nbytes
