"""Nobody asks for the kind of a device but the module that says what each kind is like."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch

from backend.models.memory.devices import Device
from tests.ghost.machine import Machine

ROOT = Path(__file__).resolve().parents[2]
KNOWS = ROOT / "backend" / "models" / "memory" / "devices.py"
KINDS = {"cpu", "cuda", "mps", "xpu"}


def asks(source: str) -> list[int]:
    """Lines that compare something's `.type` with a kind of device, or reach for `torch.cuda`."""
    found: list[int] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Compare(left=ast.Attribute(attr="type"), comparators=values):
                named = {
                    c.value for v in values for c in ast.walk(v) if isinstance(c, ast.Constant)
                }
                if named & KINDS:
                    found.append(node.lineno)
            case ast.Match(subject=ast.Attribute(attr="type")):
                found.append(node.lineno)
            case ast.Attribute(value=ast.Name(id="torch"), attr="cuda" | "mps" | "xpu"):
                found.append(node.lineno)
            case ast.Attribute(attr="is_cuda" | "is_mps" | "cuda"):
                found.append(node.lineno)
            case _:
                pass
    return found


def test_the_backend_asks_properties() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / "backend").rglob("*.py")
        if path != KNOWS and (lines := asks(path.read_text("utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        'x.device.type == "cuda"',
        'x.device.type in ("cpu", "mps")',
        "torch.cuda.Stream()",
        "x.is_cuda",
        'match x.type:\n    case "cuda":\n        pass',
    ],
)
def test_who_asks_for_a_kind_is_found(source: str) -> None:
    assert asks(source)


def test_what_devices_are_like(ghost: Machine) -> None:
    for place in ("cpu", "mps"):
        own = Device(torch.device(place))
        assert [own.apart, own.pins, own.streams, own.graphs] == [False] * 4
    cuda = Device(torch.device("cuda", 1))
    assert cuda.apart
    assert cuda.pins
    assert cuda.streams
    assert cuda.graphs
    own = Device(ghost.target().device)
    assert own.apart
    assert not own.graphs


def test_a_copy_from_pinned_memory_makes_nobody_wait(ghost: Machine) -> None:
    own, x = Device(ghost.target(1).device), torch.ones(4096)
    with ghost.watched() as waits:
        there = own.upload(own.pinned(x))
    assert waits == []
    assert there.device == torch.device("ghost:1")
    with ghost.watched() as waits:
        own.upload(x)
    assert len(waits) == 1
    host = Device(torch.device("cpu"))
    assert host.pinned(x) is x
    assert host.upload(x) is x
