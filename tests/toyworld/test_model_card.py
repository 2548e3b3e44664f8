"""A model's card keeps what it says when its figures change."""

from __future__ import annotations

from pathlib import Path

from toyworld.model_card import write_figures, write_model_card


def test_figures_take_the_place_of_those_before(tmp_path: Path) -> None:
    write_model_card(tmp_path, "Small", "It draws.", "image-to-image")
    card = tmp_path / "README.md"
    assert card.read_text().endswith("# Small\n\nIt draws.\n\n## Score\n\nNot measured yet.\n")
    assert "pipeline_tag: image-to-image" in card.read_text()
    for table in ("| 1 |\n", "| 2 |\n\nTwo.\n"):
        write_figures(tmp_path, table)
    assert card.read_text().endswith("It draws.\n\n## Score\n\n| 2 |\n\nTwo.\n")
    assert card.read_text().count("## Score") == 1


def test_a_folder_without_a_card_gets_the_figures(tmp_path: Path) -> None:
    write_figures(tmp_path, "| 1 |")
    assert (tmp_path / "README.md").read_text() == "## Score\n\n| 1 |\n"
