"""Families: one module a kind of model. Only `registry` knows them all, and only the engine it."""
