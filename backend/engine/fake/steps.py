"""Steps as the stand-in keeps them: what is needed to draw them again."""

from __future__ import annotations

from dataclasses import dataclass

from backend.contracts.requests import Request
from backend.contracts.settings.forecast import ForecastFields
from backend.contracts.settings.live import Place
from backend.engine.fake.run import images_at, place, run_steps, sigmas


@dataclass(frozen=True)
class DrawnStep:
    """One step of a run.

    Attributes:
        request: What is drawn.
        index: Which step, from 0.
    """

    request: Request
    index: int

    def place_in(self, stage: int) -> Place:
        """Stage and step of its schedule, whatever the stage was kept as."""
        return place(self.request.settings, self.index)

    @property
    def done(self) -> float:
        """How much of the run is done after it."""
        return (self.index + 1) / run_steps(self.request.settings)

    @property
    def sigma(self) -> float:
        """Noise level after it."""
        return sigmas(self.request.settings)[self.index]

    @property
    def forecast(self) -> bool:
        """Every second one after the fourth, where steps are to be foretold."""
        settings = self.request.settings
        foretold = isinstance(settings, ForecastFields) and settings.forecasts
        return foretold and self.index >= 4 and self.index % 2 == 0

    @property
    def images(self) -> range:
        """Which pictures of the run it is for."""
        return images_at(self.request.settings, self.index)

    @property
    def batch(self) -> int:
        """How many these are."""
        return len(self.images)

    @property
    def nbytes(self) -> int:
        """Its share of the pictures that all steps of the run refer to."""
        pictures = sum(image.nbytes for image in self.request.images.values())
        return pictures // run_steps(self.request.settings)

    @property
    def place(self) -> str:
        """Pictures lie in RAM."""
        return "cpu"
