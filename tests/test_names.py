"""No literal in the product names the built-in model: whatever has a card can take its place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAME = "pocket"
STAND_IN = "backend/engine/fake/"  # its data pretend to be that model


def literals(source: str) -> Iterator[str]:
    """Every text in the code, its docstrings apart."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    said = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def product_files() -> list[Path]:
    files = [ROOT / "app.py", *(ROOT / "backend").rglob("*.py"), *(ROOT / "ui").rglob("*.py")]
    return [file for file in files if not str(file.relative_to(ROOT)).startswith(STAND_IN)]


def test_no_literal_names_the_built_in_model() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {text!r}"
        for file in product_files()
        for text in literals(file.read_text("utf-8"))
        if NAME in text.casefold()
    ]
    assert not found, "\n".join(found)


def test_no_script_of_the_page_names_it() -> None:
    scripts = [file for file in (ROOT / "ui").rglob("*") if file.suffix in (".js", ".css", ".html")]
    assert scripts
    assert [f for f in scripts if NAME in f.read_text("utf-8").casefold()] == []


@pytest.mark.parametrize(
    "source",
    ['x = "pocket"', 'f(model="Pocket")', 'f"{a} pocket {b}"', 'def f(x="pocket"): ...'],
)
def test_each_way_to_name_it_is_seen(source: str) -> None:
    assert any(NAME in text.casefold() for text in literals(source))


def test_docstrings_may_name_it() -> None:
    assert list(literals('"""Pocket."""\ndef f():\n    """Pocket."""')) == []
