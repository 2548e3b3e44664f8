"""The design's import direction, checked over the syntax tree of every module.

`app -> ui -> engine -> modes -> training -> families -> models -> storage -> recipes -> resolve ->
pictures -> contracts`, with `sampling` and `control` beside `pictures`: an import may point further
down the line or stay in its room, never up. `models` may import `sampling`, never the reverse.
Imports under TYPE_CHECKING bind nothing at run time and are let through, so that protocols can name
types of the layer above.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From the top floor down: an import may not lead to a higher floor.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("app",),
    ("ui",),
    ("backend.engine",),
    ("backend.modes",),
    ("backend.training",),
    ("backend.families",),
    ("backend.models",),
    ("backend.storage",),
    ("backend.recipes",),
    ("backend.resolve",),
    ("backend.pictures", "backend.sampling", "backend.control"),
    ("backend.contracts",),
)
RANKS = {part: -floor for floor, parts in enumerate(FLOORS) for part in parts}
# Rooms within a room that know no torch, not even through what they import, nor these others.
TORCH_FREE = ("backend.engine.jobs", "backend.engine.fake")
ROOMS_APART = {
    "backend.engine.jobs": (
        "backend.engine.local",
        "backend.engine.fake",
        "backend.engine.cluster",
    ),
    "backend.engine.fake": ("backend.engine.local", "backend.engine.cluster"),
    "backend.engine.local": ("backend.engine.fake", "backend.engine.cluster"),
}
# Rooms that know no neighbour on their floor.
ALONE = {"backend.sampling"}
LIBRARIES = ("backend.models", "backend.families", "backend.training")
ONLY_IN = {
    "diffusers": LIBRARIES,
    "transformers": LIBRARIES,
    "peft": LIBRARIES,
    "gradio": ("app", "ui"),
}
NEVER_IN = {
    "ui": {"torch", "diffusers", "transformers", "peft", "safetensors"},
    "backend.sampling": {"diffusers", "transformers", "PIL", "gradio"},
}


class Import(NamedTuple):
    target: str
    line: int
    in_function: bool


def imports_of(source: str, module: str = "backend.x") -> Iterator[Import]:
    """Modules that `source` imports at run time, with `from a import b` given as `a.b`."""
    yield from _walk(ast.parse(source), module, in_function=False)


def _walk(node: ast.AST, module: str, in_function: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, in_function)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                above = module.split(".")[: -child.level]
                base = ".".join([*above, *filter(None, [child.module])])
            for alias in child.names:
                yield Import(f"{base}.{alias.name}", child.lineno, in_function)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _walk(other, module, in_function)
        else:
            inner = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _walk(child, module, inner)


def part_of(module: str) -> str | None:
    """The entry of RANKS that `module` belongs to, None for foreign modules and bare packages."""
    names = module.split(".")
    return next((part for part in (".".join(names[:2]), names[0]) if part in RANKS), None)


def problems(module: str, source: str) -> list[str]:
    """What `source`, as the text of `module`, imports against the rules."""
    found: list[str] = []
    own = part_of(module)
    if own is None:
        return [f"{module}: give it a place in RANKS"]
    for item in imports_of(source, module):
        where = f"{module}:{item.line}: {item.target}"
        top = item.target.split(".")[0]
        part = part_of(item.target)
        if top in ("toyworld", "tests", "bench", "scripts"):
            found.append(f"{where}: the product imports nothing from {top}")
        elif top == "backend" and part is None:
            found.append(f"{where}: it has no place in RANKS")
        elif part is not None and RANKS[part] > RANKS[own]:
            found.append(f"{where}: points upwards")
        elif part is not None and part != own and RANKS[part] == RANKS[own] and {part, own} & ALONE:
            found.append(f"{where}: {own} and {part} do not know each other")
        if item.target.startswith("backend.families.registry") and own not in (
            "backend.engine",
            "backend.families",
        ):
            found.append(f"{where}: only the engine knows the registry; the others are handed it")
        if top in ONLY_IN and own not in ONLY_IN[top]:
            found.append(f"{where}: only {' and '.join(ONLY_IN[top])} may import it")
        if top in NEVER_IN.get(own, ()):
            found.append(f"{where}: {own} never imports it")
        found += [
            f"{where}: {room} does not know {other}"
            for room, others in ROOMS_APART.items()
            for other in others
            if _within(module, room) and _within(item.target, other)
        ]
        if top == "controlnet_aux" and not (own == "backend.control" and item.in_function):
            found.append(f"{where}: only inside functions of backend.control, it is slow to import")
    return found


def _within(module: str, room: str) -> bool:
    return f"{module}.".startswith(f"{room}.")


def product_modules() -> dict[str, Path]:
    files = [*(ROOT / "backend").rglob("*.py"), *(ROOT / "ui").rglob("*.py"), ROOT / "app.py"]
    named = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in files}
    return {
        name: file for name, file in named.items() if file.exists() and name != "backend.__init__"
    }


def test_every_module_imports_downwards() -> None:
    found = [
        line
        for module, file in product_modules().items()
        for line in problems(module, file.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("room", TORCH_FREE)
def test_a_room_without_torch_needs_none(room: str) -> None:
    """A real import of all its modules: what they import may not bring it either."""
    modules = [module for module in product_modules() if _within(module, room)]
    heavy = {"torch", "diffusers", "transformers", "peft", "gradio"}
    code = (
        f"import importlib, sys; [importlib.import_module(m) for m in {modules!r}];"
        f"print(*sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert len(modules) > 5
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_the_backend_package_itself_imports_nothing() -> None:
    assert not list(imports_of((ROOT / "backend/__init__.py").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("backend.contracts.settings", "from backend.engine.jobs import protocol"),
        ("backend.modes.txt2img", "from backend.engine.jobs.protocol import Engine"),
        ("backend.sampling.samplers", "import backend.models.denoiser.unet"),
        ("backend.sampling.samplers", "from ..models import unet"),
        ("backend.sampling.samplers", "from backend.pictures import fit"),
        ("backend.pictures.fit", "from backend.sampling import types"),
        ("backend.models.lora.mix", "from backend.training import fit"),
        ("backend.models.catalog.catalog", "from backend.families import sd"),
        ("backend.modes.txt2img", "from backend.families.registry import REGISTRY"),
        ("backend.recipes.metadata", "from backend.storage import presets"),
        ("backend.storage.outputs", "def f():\n    from backend.modes import txt2img"),
        ("backend.contracts.errors", "from backend.settings2 import x"),
        ("backend.contracts.events", "from backend.pictures import fit"),
        ("backend.settings2", "import os"),
        ("ui.forms.form", "import torch"),
        ("ui.forms.form", "def f():\n    import diffusers.loaders"),
        ("ui.forms.form", "from toyworld import scenes"),
        ("backend.engine.local.engine", "from toyworld.scenes import draw"),
        ("backend.sampling.schedule", "from diffusers import DDIMScheduler"),
        ("backend.modes.txt2img", "import transformers"),
        ("backend.storage.outputs", "import gradio as gr"),
        ("backend.control.depth", "from controlnet_aux import MidasDetector"),
        ("backend.modes.txt2img", "def f():\n    import controlnet_aux"),
        ("backend.engine.jobs.board", "from backend.engine.local.worker import Worker"),
        ("backend.engine.jobs", "def f():\n    import backend.engine.fake.engine"),
        ("backend.engine.fake.engine", "from backend.engine.local import engine"),
        ("backend.sampling.types", "try:\n    import PIL.Image\nexcept ImportError:\n    pass"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str) -> None:
    assert problems(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("backend.engine.local.engine", "from backend.modes.txt2img import run\nimport torch"),
        ("backend.engine.local.engine", "from backend.families.registry import REGISTRY"),
        ("backend.engine.local.engine", "from backend.engine.jobs.job import Job"),
        ("backend.training.lora", "import peft\nfrom backend.models import manager"),
        (
            "backend.modes.context",
            "if TYPE_CHECKING:\n    from backend.engine.jobs.protocol import Engine",
        ),
        (
            "backend.sampling.x",
            "import typing\nif typing.TYPE_CHECKING:\n    import backend.models",
        ),
        ("backend.models.denoiser.unet", "from backend.sampling.types import Level"),
        ("backend.families.sd", "import diffusers\nfrom backend.models.text import clip"),
        ("backend.control.depth", "def f():\n    from controlnet_aux import MidasDetector"),
        ("ui.forms.form", "from backend.contracts.settings import Settings\nimport gradio"),
        (
            "backend.modes.img2img",
            "from .context import Context\nfrom backend.sampling import types",
        ),
        (
            "app",
            "from backend.engine.local.engine import LocalEngine\nfrom ui.page.build import build",
        ),
    ],
)
def test_a_right_import_passes(module: str, source: str) -> None:
    assert problems(module, source) == []
