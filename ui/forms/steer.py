"""Steering on the page: one fold, wherever a tab's run can be pulled at."""

from backend.contracts.settings.steer import SteerFields
from ui.forms.tab import Fold

FOLD = Fold("steer", "Steer", tuple(SteerFields.model_fields))
