"""Imports Gradio without the half of its work that only editors need, and without MCP.

With each import, Gradio (6.31) reads the source of every component and of the type stub beside it,
to bring the stub up to date in the installed package. That takes as long as all the rest of the
import, and its packages bring finished stubs. Where the package `mcp` is installed it is imported
too, for a server that this page does not start: a second more.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_MODULE, _WRITER = "gradio.component_meta", "create_or_modify_pyi"
_GRADIO, _MCP = "gradio", "mcp"


class _Quiet(Loader):
    """Loads the module and puts nothing in the place of what writes stubs."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        if hasattr(module, _WRITER):
            setattr(module, _WRITER, lambda *args, **kwargs: None)


class _Finder(MetaPathFinder):
    """Finds that one module, once."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Quiet(spec.loader)
        return spec


class _NoMcp(MetaPathFinder):
    """Says that there is no such package, once, to Gradio while it is imported itself."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _MCP:
            return None
        sys.meta_path.remove(self)
        spec = getattr(sys.modules.get(_GRADIO), "__spec__", None)
        if getattr(spec, "_initializing", False):
            raise ModuleNotFoundError(f"No module named {_MCP!r}", name=_MCP)
        return None


def import_lean() -> None:
    """Call before the first import of Gradio; later it has no effect."""
    if _GRADIO not in sys.modules and not any(isinstance(f, _Finder) for f in sys.meta_path):
        sys.meta_path[:0] = [_Finder(), _NoMcp()]
