"""Fitting LoRAs to pictures."""
