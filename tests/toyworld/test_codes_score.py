"""The score of codes."""

from __future__ import annotations

from pathlib import Path

from toyworld.codes_score import prompts_kept


def test_without_a_prior_nothing_is_drawn(tmp_path: Path) -> None:
    assert prompts_kept(tmp_path, tmp_path) == "No prior has learned yet."
