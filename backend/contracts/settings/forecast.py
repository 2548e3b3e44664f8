"""Steps that are foretold from those before them, instead of asking the model."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from backend.contracts.fields import says

Forecast = Literal["off", "fit", "reuse"]
FORECAST_TITLES = {"fit": "by a curve through the last ones", "reuse": "as the last one"}


class ForecastFields(BaseModel):
    """Fields that the modes take in whose steps can be foretold."""

    forecast: Forecast = Field(
        "off",
        title="Forecast steps",
        description="Some steps are foretold from those before, and spare the model's call: "
        "faster, and not quite the same picture.",
        json_schema_extra=says("guidance", group="advanced", choices=FORECAST_TITLES, later=True),
    )
    forecast_share: float = Field(
        0.4,
        title="How many of them",
        ge=0.1,
        le=0.6,
        description="Share of the steps that are foretold; the first four and the last never are.",
        json_schema_extra=says("guidance", group="advanced", step=0.05, later=True),
    )

    @property
    def forecasts(self) -> bool:
        """Whether steps are foretold."""
        return self.forecast != "off"
