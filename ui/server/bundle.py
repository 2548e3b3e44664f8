"""The page's ES modules as one script, in the order in which they need each other.

The modules keep to a part of the language that a few lines can put together: `import { a, b } from
"./other.js";` or `import "../room/other.js";`, and `export const`, `export function` or `export
class` at the start of a line; no circles. Each becomes a function's body, so that names of one are
not seen by another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"(?:\.|\.\./\w+)/([\w-]+)\.js";\n', re.M)
_EXPORT = re.compile(r"^export (const|async function|function|class) (\w+)", re.M)
_SHARED = "globalThis.loomModules"  # what the page's script has, for one that is fetched late
_OTHER = re.compile(r"^(?:import|export)\b.*$", re.M)


@dataclass(frozen=True)
class Script:
    """A script as browsers get it.

    Attributes:
        name: Changes with the content, so that browsers may keep it for good.
        content: UTF-8.
        modules: Names of those in it.
    """

    name: str
    content: bytes
    modules: tuple[str, ...] = ()


def bundle(*folders: Path, main: str = "main", within: Script | None = None) -> Script:
    """Puts the modules of some folders together, beginning with what `main` needs.

    Args:
        folders: Hold the modules.
        main: The one that needs the others.
        within: A script that the page has run by then; what it has is taken from there, so that a
            part that is fetched late shares its state.

    Raises:
        ValueError: A module says what the bundle does not know, two have one name, or they need
            each other.
    """
    sources: dict[str, str] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.js"))):
        if path.stem in sources:
            raise ValueError(f"Two modules are named {path.name}")
        sources[path.stem] = path.read_text("utf-8")
    there = within.modules if within else ()
    names = [name for name in _order(sources, main) if name not in there]
    begins = f"const modules = Object.create({_SHARED});" if within else "const modules = {};"
    ends = "" if within else f"{_SHARED} = modules;\n"
    parts = "".join(_part(name, sources[name]) for name in names)
    content = f'"use strict";\n(() => {{\n{begins}\n{parts}{ends}}})();\n'.encode()
    named = f"{'late' if within else 'page'}-{hashlib.blake2b(content, digest_size=8).hexdigest()}"
    return Script(f"{named}.js", content, tuple(names))


def _order(sources: Mapping[str, str], main: str) -> list[str]:
    """Names of modules, each after those that it imports."""
    done: list[str] = []
    open_: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        if name in open_:
            raise ValueError(f"Modules need each other: {' -> '.join([*open_, name])}")
        if name not in sources:
            raise ValueError(f"{open_[-1]}.js imports {name}.js, which is not there")
        open_.append(name)
        for match in _IMPORT.finditer(sources[name]):
            visit(match[2])
        done.append(open_.pop())

    visit(main)
    return done


def _part(name: str, source: str) -> str:
    exported = [match[2] for match in _EXPORT.finditer(source)]
    imports = "".join(
        f"const {{{_renamed(match[1])}}} = modules[{match[2]!r}];\n"
        for match in _IMPORT.finditer(source)
        if match[1] is not None
    )
    body = _EXPORT.sub(r"\1 \2", _IMPORT.sub("", source))
    if (unknown := _OTHER.search(body)) is not None:
        raise ValueError(f"{name}.js: the bundle does not know '{unknown[0]}'")
    return (
        f"modules[{name!r}] = (() => {{\n{imports}{body}"
        f"return {{ {', '.join(exported)} }};\n}})();\n"
    )


def _renamed(names: str) -> str:
    return names.replace(" as ", ": ")
