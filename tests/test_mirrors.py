"""Every module has a test module in the place that mirrors its own.

`backend/pictures/fit.py` is mirrored by `tests/pictures/test_fit.py`, `ui/forms/form.py` by
`tests/ui/forms/test_form.py`; a second test module may add words (`test_form_page.py`). A package's
own module is mirrored by `test_<package>.py` inside or beside the package's folder.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"


def acts(source: str) -> bool:
    """Whether a module has functions that do something; what only declares has nothing to run."""
    return any(
        isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and _does_something(part)
        for part in ast.walk(ast.parse(source))
    )


def _does_something(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Protocols' methods hold a docstring, `...` or nothing."""
    return not all(
        isinstance(line, ast.Pass)
        or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        for line in function.body
    )


def mirrors(module: Path) -> list[Path]:
    """The test modules in the place that mirrors a module, given by its path under the root."""
    parts = module.with_suffix("").parts
    parts = parts[1:] if parts[0] == "backend" else parts
    folder, name = TESTS.joinpath(*parts[:-1]), parts[-1]
    if name != "__init__":
        return [*folder.glob(f"test_{name}.py"), *folder.glob(f"test_{name}_*.py")]
    package = folder.name
    return [
        *folder.glob(f"test_{package}.py"),
        *folder.parent.glob(f"test_{package}.py"),
        *folder.parent.glob(f"test_{package}_*.py"),
    ]


def modules() -> list[Path]:
    """All modules of the product that act, by their path under the root."""
    files = [file for house in ("backend", "ui") for file in sorted((ROOT / house).rglob("*.py"))]
    return [file.relative_to(ROOT) for file in files if acts(file.read_text(encoding="utf-8"))]


def test_every_module_is_mirrored() -> None:
    missing = [module.as_posix() for module in modules() if not mirrors(module)]
    assert missing == [], "write tests/.../test_<name>.py for these"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", False),
        ("from a import b\n\n__all__ = ['b']\nSTEP = 1.1\n", False),
        ("class A:\n    x: int = 1\n", False),
        (
            'class P(Protocol):\n    def f(self) -> int:\n        """Says it."""\n        ...\n',
            False,
        ),
        ("def f():\n    return 1\n", True),
        ("class A:\n    def f(self):\n        return 1\n", True),
    ],
)
def test_modules_that_only_declare_need_no_mirror(source: str, expected: bool) -> None:
    assert acts(source) is expected


def test_a_mirror_lies_in_the_same_place() -> None:
    assert TESTS / "pictures/test_fit.py" in mirrors(Path("backend/pictures/fit.py"))
    assert TESTS / "ui/forms/test_form_page.py" in mirrors(Path("ui/forms/form.py"))
    assert mirrors(Path("backend/pictures/no_such_module.py")) == []
    assert mirrors(Path("backend/no_room/fit.py")) == []
