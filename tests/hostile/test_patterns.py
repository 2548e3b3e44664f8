"""No pattern of the product goes back and forth over a long text."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from tests.hostile.patterns import problems

ROOT = Path(__file__).resolve().parents[2]
ANCHORED = {"match", "fullmatch"}
CALLS = {"compile", "search", "sub", "subn", "split", "findall", "finditer", *ANCHORED}
# Pattern -> why it is linear all the same.
EXCUSED = {
    r"__([^\s_]\S*?)__": "a second beginning is the end that is looked for",
}


def used(module: ast.Module, name: str) -> set[str]:
    """The methods of a module's pattern that are called."""
    return {
        node.attr
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    }


def patterns() -> list[tuple[str, str, int, bool]]:
    """Where each pattern stands, itself, its flags, and whether it is searched for anywhere."""
    found: list[tuple[str, str, int, bool]] = []
    for file in sorted([*(ROOT / "backend").rglob("*.py"), *(ROOT / "ui").rglob("*.py")]):
        text = file.read_text("utf-8")
        if not re.search(r"\bre\.(compile|search|sub|split|match|fullmatch|find)", text):
            continue
        tree = ast.parse(text)
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        module = importlib.import_module(name)
        for title, value in vars(module).items():
            if isinstance(value, re.Pattern):
                calls = used(tree, title)
                searched = not calls or bool(calls - ANCHORED)
                found.append((f"{name}.{title}", value.pattern, value.flags, searched))
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner, attr = node.func.value, node.func.attr
            if not (isinstance(owner, ast.Name) and owner.id == "re" and attr in CALLS):
                continue
            pattern = node.args[0]
            if attr != "compile" and isinstance(pattern, ast.Constant):
                flags = re.compile(pattern.value).flags
                for word in ("MULTILINE", "IGNORECASE", "DOTALL"):
                    flags |= getattr(re, word) if word in ast.unparse(node) else 0
                where = f"{name}:{node.lineno}"
                found.append((where, pattern.value, flags, attr not in ANCHORED))
    return found


def test_no_pattern_of_the_product_is_slow() -> None:
    seen = patterns()
    assert len(seen) > 15
    slow = [
        f"{where}: {pattern!r}: {'; '.join(why)}"
        for where, pattern, flags, searched in seen
        if pattern not in EXCUSED and (why := problems(pattern, flags, searched=searched))
    ]
    assert not slow, "\n".join(slow)


@pytest.mark.parametrize(
    ("pattern", "flags"),
    [
        (r"\s*\bBREAK\b\s*", 0),  # 20,000 blanks took ten seconds
        (r"^\s*name:", re.MULTILINE),
        (r"(?:a+)+b", 0),
        (r"x\d*\d+y", 0),
        (r"x\s*\s?\s*y", 0),
        (r"x(?:\s*|a)\s*y", 0),
        (r"\"[^,]*,", 0),
    ],
)
def test_slow_patterns_are_found(pattern: str, flags: int) -> None:
    assert problems(pattern, flags)


@pytest.mark.parametrize(
    ("pattern", "flags"),
    [
        (r"\bBREAK\b", 0),
        (r"^[ \t]*name:", re.MULTILINE),
        (r":\s*\d+\s*\)", 0),
        (r"\w[^,:]{0,59}", 0),
        (r"<[^<>]*>", 0),
    ],
)
def test_quick_patterns_pass(pattern: str, flags: int) -> None:
    assert problems(pattern, flags) == []
