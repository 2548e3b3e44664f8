"""Levers are compared at equal processor time, and those that pay are taken together."""

import json

import pytest

from toyworld.levers import changes, combined, lever_table, read_curves, slug, winners
from toyworld.plan import BASE, LEVERS


def _point(loss: float, core_s: float = 1500.0) -> dict[str, float]:
    levels = dict.fromkeys(("950", "850", "700", "500", "300"), loss)
    return {"core_s": core_s, "examples": 1000, **levels}


def test_only_clear_gains_are_taken():
    curves = {
        "base": [_point(0.9), _point(0.400)],
        "grown from today's": [_point(0.1), _point(0.380)],
        "min-SNR 5": [_point(0.398)],
        "head of subject and colour": [_point(0.39)],
    }
    assert winners(curves) == ["grown from today's", "head of subject and colour"]
    plan = combined(winners(curves), seed=4)
    assert (plan.grown, plan.auxiliary, plan.min_snr, plan.seed) == (True, 0.1, None, 4)


def test_of_several_widths_the_best_is_taken():
    curves = {"base": [_point(0.4)], "96/192/256": [_point(0.38)], "64/192/384": [_point(0.37)]}
    assert winners(curves) == ["64/192/384"]
    assert combined(["64/192/384"]).channels == (64, 192, 384)


def test_nothing_is_taken_without_a_base():
    assert winners({"min-SNR 5": [_point(0.1)]}) == []


def test_every_lever_but_the_base_changes_something():
    assert changes(BASE) == {}
    for name, plan in LEVERS.items():
        assert bool(changes(plan)) == (name != "base")
    assert len({slug(name) for name in LEVERS}) == len(LEVERS)


def test_curves_are_read_and_laid_out(tmp_path):
    for name, loss in (("base", 0.4), ("min-SNR 5", 0.3)):
        folder = tmp_path / slug(name)
        folder.mkdir()
        lines = [json.dumps(_point(loss + 0.1, 301.2)), json.dumps(_point(loss, 1500.9))]
        (folder / "painter.jsonl").write_text("\n".join(lines) + "\n")
    text = lever_table(read_curves(tmp_path)).splitlines()
    assert text[0].count("|") == text[1].count("|") == text[2].count("|")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text[2:]]
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("301", "base", "0.500"), ("301", "min-SNR 5", "0.400"),
        ("1,501", "base", "0.400"), ("1,501", "min-SNR 5", "0.300"),
    ]  # fmt: skip


def test_an_unknown_lever_is_refused():
    with pytest.raises(KeyError):
        combined(["more magic"])
