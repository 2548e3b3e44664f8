"""The parts of `scripts/screenshots`."""
