"""Prints the rooms of the house, their modules and lines, and the arrows between them.

    python -m scripts.rooms                what lies in the folder
    python -m scripts.rooms --at 78ccf32   what a commit held

A room is a folder of `backend/` or `ui/`; a module that lies loose in one of these is a room of its
own. An arrow leads from a room to each other room that it imports at run time (imports that only
the type checker sees bind nothing). A circle is a set of rooms that reach each other.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOUSES = ("backend", "ui")
PACKAGES = tuple(f"{house}/__init__.py" for house in HOUSES)


@dataclass(frozen=True)
class Room:
    """A folder of the house, or one loose module.

    Attributes:
        lines: Of all its modules together, blank ones included.
        arrows: Names of the other rooms that it imports.
    """

    name: str
    loose: bool
    modules: int
    lines: int
    arrows: frozenset[str]


def in_folder(root: Path) -> dict[str, str]:
    """Path and text of each module under `root`, with `/` between folders."""
    files = [root / "app.py", *(file for house in HOUSES for file in (root / house).rglob("*.py"))]
    return {
        file.relative_to(root).as_posix(): file.read_text(encoding="utf-8")
        for file in files
        if file.exists()
    }


def in_commit(root: Path, commit: str) -> dict[str, str]:
    """As `in_folder`, of what `commit` held."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *words],
            check=True,
            capture_output=True,
            text=True,
            encoding="utf-8",
        ).stdout

    names = git("ls-tree", "-r", "--name-only", commit, "--", "app.py", *HOUSES).splitlines()
    return {name: git("show", f"{commit}:{name}") for name in names if name.endswith(".py")}


def rooms_of(texts: Mapping[str, str]) -> list[Room]:
    """The rooms of a house given as path -> text, by name."""
    inside: dict[str, list[str]] = {}
    for path, text in texts.items():
        if path in PACKAGES and not _says_more_than_its_docstring(text):
            continue
        inside.setdefault(_room_of_path(path), []).append(path)
    known = set(inside)
    return [
        Room(
            name,
            loose=any(_is_loose(path) for path in paths),
            modules=sum(_counts(path, texts[path]) for path in paths),
            lines=sum(texts[path].count("\n") for path in paths),
            arrows=frozenset(
                target
                for path in paths
                for module in _imports(ast.parse(texts[path]), _package_of(path))
                if (target := _room_of_module(module, known)) is not None and target != name
            ),
        )
        for name, paths in sorted(inside.items())
    ]


def circles(rooms: list[Room]) -> list[list[str]]:
    """Sets of two or more rooms that reach each other along arrows."""
    reach = {room.name: _reached(room.name, {r.name: r.arrows for r in rooms}) for room in rooms}
    found = {
        tuple(sorted(b for b in reach if b in reach[a] and a in reach[b]) or [a]) for a in reach
    }
    return [list(names) for names in sorted(found) if len(names) > 1]


def _reached(start: str, arrows: Mapping[str, frozenset[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = list(arrows[start])
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead.extend(arrows.get(name, ()))
    return seen


def _says_more_than_its_docstring(text: str) -> bool:
    return any(not isinstance(part, ast.Expr) for part in ast.parse(text).body)


def _is_loose(path: str) -> bool:
    return path.count("/") == 1 and not path.endswith("/__init__.py")


def _counts(path: str, text: str) -> bool:
    return bool(text.strip()) or not path.endswith("__init__.py")


def _room_of_path(path: str) -> str:
    return ".".join(path.removesuffix(".py").removesuffix("/__init__").split("/")[:2])


def _package_of(path: str) -> list[str]:
    return path.split("/")[:-1]


def _room_of_module(module: str, known: set[str]) -> str | None:
    name = ".".join(module.split(".")[:2])
    return name if name in known else None


def _imports(node: ast.AST, package: list[str]) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            above = package[: len(package) + 1 - child.level] if child.level else []
            base = ".".join([*above, *([child.module] if child.module else [])])
            yield from (f"{base}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _imports(other, package)
        else:
            yield from _imports(child, package)


def report(rooms: list[Room]) -> str:
    """A Markdown table of the rooms, and a line of sums."""
    lines = ["| room | modules | lines | imports |", "|---|---:|---:|---|"]
    lines += [
        f"| {room.name} | {room.modules} | {room.lines} | {', '.join(sorted(room.arrows)) or '-'} |"
        for room in rooms
    ]
    for house in HOUSES:
        lines += ["", _sums(house, [room for room in rooms if room.name.startswith(f"{house}.")])]
    lines += ["", _sums("in all", rooms)]
    return "\n".join(lines)


def _sums(title: str, rooms: list[Room]) -> str:
    names = {room.name for room in rooms}
    circled = circles(rooms)
    loose = sum(room.loose for room in rooms)
    modules = sum(room.modules for room in rooms)
    arrows = sum(len(room.arrows & names) for room in rooms)
    return (
        f"{title}: {len(rooms)} rooms, {loose} of them loose modules; {modules} modules, "
        f"{sum(room.lines for room in rooms)} lines, {arrows} arrows between them, "
        f"{len(circled)} circles" + "".join(f" ({' + '.join(names)})" for names in circled) + "."
    )


def main() -> None:
    """Reads the flags and prints the report."""
    parser = argparse.ArgumentParser(description="Rooms, lines and arrows of the house.")
    parser.add_argument("--at", metavar="COMMIT", help="of this commit instead of the folder")
    args = parser.parse_args()
    texts = in_folder(ROOT) if args.at is None else in_commit(ROOT, args.at)
    print(report(rooms_of(texts)))


if __name__ == "__main__":
    main()
