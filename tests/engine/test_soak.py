"""The short form of `python -m bench.soak`."""

from __future__ import annotations

from pathlib import Path

from bench.soak import MODELS, soak


def test_mixed_jobs_over_more_models_than_fit_stay_equal_and_bounded(tmp_path: Path) -> None:
    report = soak(20, tmp_path, say=lambda line: None, seed=2)
    assert report.problems == []
    assert report.jobs == 20
    # Models left and came back, from RAM and from disk, and kinds of jobs were run again.
    assert report.loads > len(MODELS) + 1
    assert report.transfers > 0
    assert report.kinds < report.jobs
