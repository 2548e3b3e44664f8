"""The samplers as tests go through them."""

from backend.sampling.samplers import ENTRIES

SCHEDULES_OF = {name: entry.schedules for name, entry in ENTRIES.items()}
