"""What the jobs of the Lab share. Nothing here is imported before the Lab is opened.

None of their classes has a `place`: they are no tabs, presets or records.
"""

from __future__ import annotations

from pydantic import Field

from backend.contracts.fields import says
from backend.contracts.settings import Settings
from backend.contracts.settings.kinds import Name


class LabSettings(Settings):
    """One look at a model: its mode is `lab_` and the name of the module that runs it."""

    sampler: Name = Field("euler", json_schema_extra=says("levels"))
    schedule: Name = Field("model", json_schema_extra=says("levels"))

    @property
    def fewest_together(self) -> int:
        """A look takes one picture at a time."""
        return 1
