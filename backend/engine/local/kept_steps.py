"""Steps as the local engine keeps them: tensors by reference, with whoever draws them small."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from backend.contracts.settings.live import Place
from backend.contracts.stored import StoredStep
from backend.engine.jobs.protocol import FrameKind
from backend.engine.jobs.timeline import TimelineStore
from backend.models.autoencoder.preview import Previewer
from backend.models.memory.devices import place_of
from backend.sampling.types import Step


@dataclass(frozen=True)
class TensorStep:
    """One step, by reference: samplers never write into what they yielded.

    Attributes:
        step: What the sampler yielded.
        previewer: The fast one of its model; it holds no weights of it.
        nbytes: Bytes of the step's tensors.
    """

    step: Step
    previewer: Previewer
    nbytes: int

    @classmethod
    def of(cls, step: Step, previewer: Previewer) -> TensorStep:
        """Counts the bytes of a step."""
        return cls(step, previewer, step_bytes(step))

    def latents(self, kind: FrameKind, image: int) -> torch.Tensor:
        """(1, C, h, w) of one picture, to decode: x0, or x_t at the model's scale."""
        step = self.step
        latents = step.x0 if kind == "x0" else step.x / (1 + step.sigma**2) ** 0.5
        return latents[image : image + 1]

    def place_in(self, stage: int) -> Place:
        """Its stage, and the step of that stage's schedule."""
        return stage, self.step.index

    @property
    def sigma(self) -> float:
        """Noise level after the step."""
        return self.step.sigma

    @property
    def forecast(self) -> bool:
        """Whether its x0 was foretold."""
        return self.step.forecast

    @property
    def batch(self) -> int:
        """Pictures of the run."""
        return len(self.step.x)

    @property
    def place(self) -> str:
        """The device of its tensors."""
        return place_of(self.step.x.device)


def step_bytes(step: Step) -> int:
    """Bytes that keeping a step costs; x0 and history often share memory, counted once."""
    tensors: list[torch.Tensor] = [step.x, step.x0, *step.state.history.values()]
    sizes = {each.data_ptr(): each.numel() * each.element_size() for each in tensors}
    return sum(sizes.values())


def moved(step: Step, device: torch.device) -> Step:
    """The step on a device, bit for bit; itself where it lies there."""
    if step.x.device == device:
        return step
    history = {name: held.to(device) for name, held in step.state.history.items()}
    state = replace(step.state, history=history)
    return replace(step, x=step.x.to(device), x0=step.x0.to(device), state=state)


Timelines = TimelineStore[TensorStep]


@dataclass(frozen=True)
class Branches:
    """Stored steps as modes ask for them; see `backend.modes.context.BranchSource`.

    Attributes:
        timelines: Hold them.
        device: Where they are asked for; another one may have drawn them.
    """

    timelines: Timelines
    device: torch.device

    def load(self, token: str, step: int) -> StoredStep[Step]:
        """The step; raises UnknownName when it is gone."""
        stored = self.timelines.load(token, step)
        return StoredStep(stored.stage, stored.settings, moved(stored.step.step, self.device))
