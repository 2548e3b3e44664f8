"""`README.md` of a small model's folder: what it is, how it was made, how well it does."""

from __future__ import annotations

from pathlib import Path

SCORE = "## Score"
UNMEASURED = "Not measured yet."


def write_model_card(folder: Path, title: str, text: str, tag: str) -> None:
    """Writes it, without figures.

    Args:
        folder: Of the model.
        title: Its name.
        text: What it is, and how it was made.
        tag: Of its pipeline, e.g. "image-to-image".
    """
    (folder / "README.md").write_text(
        f"---\nlicense: apache-2.0\nlibrary_name: diffusers\npipeline_tag: {tag}\n---\n\n"
        f"# {title}\n\n{text}\n\n{SCORE}\n\n{UNMEASURED}\n"
    )


def write_figures(folder: Path, table: str) -> None:
    """Puts a table into the card, in place of what it said of its score; all above it stays.

    A folder without a card gets one of the figures alone.
    """
    path = folder / "README.md"
    above = path.read_text().split(SCORE)[0] if path.exists() else ""
    path.write_text(f"{above}{SCORE}\n\n{table.rstrip()}\n")
