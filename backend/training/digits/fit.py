"""Training the digits' UNet: Ho et al. 2020 (2006.11239), algorithm 1, with Adam and v."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_2d import UNet2DModel

from backend.contracts.errors import Cancelled, DeadlineExceeded, NumericalProblem
from backend.contracts.settings.train_digits import TrainDigitsSettings
from backend.models.tensors import backward
from backend.training.digits.drawn import draw
from backend.training.digits.network import SCHEDULER, make, publish
from backend.training.digits.state import Done, load_state, save_state, state_path
from backend.training.recipe import Noising, mixed, taken

Check = Callable[[], None]
DRAWINGS = 4000
"""How many it learns from."""
SAVED_EVERY_S = 60.0
_AVERAGED = 0.995  # of the weights' running mean, once it has run for long enough


@dataclass(frozen=True)
class DigitStep:
    """After an optimizer step.

    Attributes:
        step: Steps done, from 1.
        total: Steps of the whole training; an estimate where its minutes say when it ends.
        loss: Of this step.
        seconds: That all steps took.
    """

    step: int
    total: int
    loss: float
    seconds: float

    @property
    def last(self) -> bool:
        """Nothing follows."""
        return self.step >= self.total


class DigitFit:
    """One training, on the processor: the network, its averaged twin that draws, its state.

    Args:
        settings: What is asked for.
        models: Folder of checkpoints: the finished model lies there, the state in `.training`.
        check: Called before each step and while digits are drawn; raises to stop.
    """

    def __init__(self, settings: TrainDigitsSettings, models: Path, check: Check) -> None:
        self._settings, self._models, self._check = settings, models, check
        self._state = state_path(models, settings.name)
        pictures, labels = draw(DRAWINGS, settings.seed, check)
        self._pictures = torch.tensor(pictures)[:, None].float() / 127.5 - 1.0
        self._labels = torch.tensor(labels)
        self._unet = make(settings.width, settings.seed).train()
        self.average: UNet2DModel = deepcopy(self._unet).eval().requires_grad_(False)
        self._optimizer = torch.optim.Adam(self._unet.parameters(), lr=settings.learning_rate)
        self._noising = Noising(SCHEDULER)
        self.done = Done()
        if settings.resume:
            self.done = load_state(self._state, self._networks, self._optimizer, settings.fixed)

    @property
    def _networks(self) -> dict[str, torch.nn.Module]:
        return {"unet": self._unet, "average": self.average}

    def steps(self) -> Generator[DigitStep, None, None]:
        """Trains; a caller who is stopped between two steps throws that into the generator.

        Raises:
            Cancelled, DeadlineExceeded: The state is kept, to go on from.
            NumericalProblem: The loss is not finite; the last state is kept.
            StorageProblem: The state, or the model, could not be written.
        """
        saved = self.done
        try:
            while not self._finished:
                self._check()
                begun = time.monotonic()
                loss = self._step(self.done.steps)
                took_s = time.monotonic() - begun
                self.done = Done(self.done.steps + 1, self.done.seconds + took_s)
                if self.done.seconds - saved.seconds >= SAVED_EVERY_S:
                    saved = self._save()
                yield DigitStep(self.done.steps, self._total, loss, self.done.seconds)
        except (Cancelled, DeadlineExceeded):
            if self.done.steps > saved.steps:
                self._save()
            raise
        publish(self.average, self._models / self._settings.name)
        self._state.unlink(missing_ok=True)

    @property
    def _finished(self) -> bool:
        if self._settings.steps is not None:
            return self.done.steps >= self._settings.steps
        return self.done.seconds >= self._settings.minutes * 60.0

    @property
    def _total(self) -> int:
        if self._settings.steps is not None:
            return self._settings.steps
        if self._finished:
            return self.done.steps
        foreseen = self.done.steps * self._settings.minutes * 60.0 / max(self.done.seconds, 1e-3)
        return max(self.done.steps + 1, round(foreseen))

    def _save(self) -> Done:
        save_state(self._state, self._networks, self._optimizer, self.done, self._settings.fixed)
        return self.done

    def _step(self, step: int) -> float:
        """One optimizer step from its number alone: what it draws has no other state."""
        settings = self._settings
        generator = torch.Generator().manual_seed(mixed(settings.seed, "digits", step))
        rows = torch.randint(0, DRAWINGS, (settings.batch_size,), generator=generator)
        clean = self._pictures[rows]
        noise = torch.randn(clean.shape, generator=generator)
        times = self._noising.drawn((len(clean),), generator)
        noisy = self._noising.add(clean, noise, times)
        untyped: Any = self._unet
        # Not around a yield: gradients are switched for this thread only.
        with torch.enable_grad():
            answer = untyped(
                noisy.to(memory_format=torch.channels_last),
                times,
                class_labels=self._labels[rows],
                return_dict=False,
            )[0]
            wanted = self._noising.target("v_prediction", clean, noise, times)
            loss = (answer - wanted).square().mean()
            self._optimizer.zero_grad(set_to_none=True)
            backward(loss)
        mean = float(loss.detach())
        if not math.isfinite(mean):
            raise NumericalProblem(
                f"The loss of step {step + 1} is not a number; lower the learning rate. The last "
                "state before it is kept."
            )
        taken(self._optimizer)
        self._averaged(step)
        return mean

    @torch.no_grad()
    def _averaged(self, step: int) -> None:
        """The mean reaches back over about a tenth of the steps, at most over 200."""
        keeps = min(_AVERAGED, (1 + step) / (10 + step))
        for mean, now in zip(self.average.parameters(), self._unet.parameters(), strict=True):
            mean.lerp_(now, 1.0 - keeps)
