"""The one loop over steps, and that it is the only one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from backend.contracts.events import Progress
from backend.modes.run import Counted, Inverted, Run, Sampled, Unseen, drive
from backend.modes.start import Origin
from backend.sampling.config import SchedulerConfig
from backend.sampling.noise import SeededNoise
from backend.sampling.schedule import make
from backend.sampling.types import Denoiser, Resume, State, Step
from tests.sampling.helpers import POCKET, curved

ROOT = Path(__file__).resolve().parents[2]
STARTERS = {
    "backend.sampling.samplers": "sample",
    "backend.sampling.lockstep": "lockstep",
    "backend.sampling.inversion": "invert",
}
ONLY = "backend.modes.run"


def starts(module: str, source: str) -> list[str]:
    """Where `source` takes hold of what starts a walk, or of a module that holds it."""
    if module == ONLY or module.startswith("backend.sampling"):
        return []
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            found += [f"{module}:{node.lineno}" for name in names if name in STARTERS]
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in STARTERS or alias.name == STARTERS.get(node.module or ""):
                    found.append(f"{module}:{node.lineno}: {whole}")
    return found


def test_only_the_driver_starts_a_walk() -> None:
    found: list[str] = []
    rooms = ("backend", "ui", "bench", "toyworld", "scripts")
    for file in [file for room in rooms for file in (ROOT / room).rglob("*.py")]:
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        found += starts(module, file.read_text(encoding="utf-8"))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "from backend.sampling.samplers import sample",
        "from backend.sampling.lockstep import Lane, lockstep",
        "def f():\n    from backend.sampling.inversion import invert",
        "from backend.sampling import inversion",
        "import backend.sampling.samplers",
    ],
)
def test_a_second_loop_is_found(source: str) -> None:
    assert starts("backend.modes.morph.ends", source)
    assert not starts(ONLY, source)
    assert not starts("backend.modes.x", "from backend.sampling.lockstep import Lane")


@dataclass
class Codes:
    """A walk that is no sampler: one more code a step."""

    count: int
    first: int = 0
    scale: float = 1.0
    x: torch.Tensor = field(default_factory=lambda: torch.zeros(3, 4))

    def steps(self) -> Iterator[Step]:
        x = self.x
        for index in range(self.count):
            x = x.clone()
            x[:, index] = index + 1
            yield Step(index, self.count, 0.0, x, x, State())


@dataclass
class Seen:
    """Keeps what it is told."""

    told: list[object]

    def begin(self) -> None:
        self.told.append("begin")

    def step(self, step: Step) -> None:
        self.told.append((step.index, len(step.x)))


def test_any_iterator_of_steps_can_be_driven() -> None:
    told: list[object] = []
    end = drive(
        Run(Codes(3), Seen(told), follow=told.append, keep=lambda x: told.append(float(x.sum())))
    )
    assert end[0].tolist() == [1, 2, 3, 0]
    assert told == ["begin", 0, (0, 3), 3.0, 1, (1, 3), 9.0, 2, (2, 3), 18.0, 3]


def test_rows_that_run_along_are_neither_shown_nor_the_result() -> None:
    told: list[object] = []
    end = drive(Run(Codes(2), Seen(told), rows=slice(1, 2)))
    assert end.shape == (1, 4)
    assert told == ["begin", (0, 1), (1, 1)]


def test_a_walk_without_steps_ends_where_it_begins() -> None:
    assert drive(Run(Codes(0, scale=2.0, x=torch.ones(1, 2)), Unseen())).tolist() == [[2.0, 2.0]]


def plain(name: str, denoiser: Denoiser = curved) -> tuple[Sampled, SeededNoise]:
    schedule = make(name, "model", 6, SchedulerConfig.from_dict(POCKET))  # type: ignore[arg-type]
    noise = SeededNoise([3], (4, 2, 2))
    origin = Origin(schedule, noise.draw() * schedule.init_scale)
    return Sampled(name, denoiser, origin, noise), noise  # type: ignore[arg-type]


def test_a_sampler_goes_on_from_any_stored_step() -> None:
    walk, _ = plain("dpmpp_2m_sde")
    stored: list[Step] = []

    class Kept(Seen):
        def step(self, step: Step) -> None:
            stored.append(step)

    whole = drive(Run(walk, Kept([])))
    for step in stored:
        resume = Resume(step.index, step.state)
        again = Origin(walk.origin.schedule, step.x, resume)
        told: list[object] = []
        rest = Sampled("dpmpp_2m_sde", curved, again, SeededNoise([3], (4, 2, 2)))
        assert torch.equal(drive(Run(rest, Seen(told), follow=told.append)), whole)
        assert told[:2] == ["begin", step.index + 1]


def test_an_inversion_leads_to_where_sampling_starts() -> None:
    walk, noise = plain("ddim")
    made = drive(Run(walk, Unseen()))
    up = Inverted(curved, made, walk.origin.schedule, refine=8)
    path: list[torch.Tensor] = []
    start = drive(Run(up, Unseen(), keep=path.append))
    assert torch.equal(start, path[-1])
    assert len(path) == 6
    back = drive(Run(Sampled("ddim", curved, Origin(walk.origin.schedule, start), noise), Unseen()))
    assert float((back - made).abs().max()) < 1e-2
    part = Inverted(curved, made, walk.origin.schedule, 8, count=2)
    assert torch.equal(drive(Run(part, Unseen())), path[1])


def test_a_preparation_tells_how_far_it_is() -> None:
    told: list[Progress] = []

    class Nobody:
        report = told.append

    watch = Counted(Nobody(), "inverting", 4, -2, "Checking it")  # type: ignore[arg-type]
    for index in (2, 3, 4, 5):
        watch.step(Step(index, 6, 0.0, torch.zeros(1), torch.zeros(1), State()))
    assert [(p.stage, p.step, p.total, p.note) for p in told] == [
        ("inverting", number, 4, "Checking it") for number in (1, 2, 3, 4)
    ]
