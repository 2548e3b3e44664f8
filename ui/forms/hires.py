"""Hires fix on the page: one control beside the size, and the rest of it in a fold."""

from __future__ import annotations

from backend.contracts.settings.hires import HiresFields
from ui.forms.tab import Fold

WORKED_OUT = ("hires_grid_px",)
"""What the model says, and nobody sets."""
SWITCH = "hires_scale"
REST = tuple(name for name in HiresFields.model_fields if name not in (SWITCH, *WORKED_OUT))
FOLD = Fold("hires", "Hires, how", REST, early=True)
