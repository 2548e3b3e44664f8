"""The one loop over steps, and that it is the only one."""

from __future__ import annotations

import ast
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from backend.contracts.events import Progress
from backend.modes.run import Inverted, Run, Sampled, Steady, conduct, drive, during, using
from backend.modes.start import Origin
from backend.modes.watching import Unseen
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
        Run(
            lambda: Codes(3),
            Seen(told),
            follow=told.append,
            keep=lambda x: told.append(float(x.sum())),
        )
    )
    assert end[0].tolist() == [1, 2, 3, 0]
    assert told == ["begin", 0, (0, 3), 3.0, 1, (1, 3), 9.0, 2, (2, 3), 18.0, 3]


def test_rows_that_run_along_are_neither_shown_nor_the_result() -> None:
    told: list[object] = []
    end = drive(Run(lambda: Codes(2), Seen(told), rows=slice(1, 2)))
    assert end.shape == (1, 4)
    assert told == ["begin", (0, 1), (1, 1)]


def test_a_walk_without_steps_ends_where_it_begins() -> None:
    still = Codes(0, scale=2.0, x=torch.ones(1, 2))
    assert drive(Run(lambda: still, Unseen())).tolist() == [[2.0, 2.0]]


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

    whole = drive(Run(lambda: walk, Kept([])))
    for step in stored:
        resume = Resume(step.index, step.state)
        again = Origin(walk.origin.schedule, step.x, resume)
        told: list[object] = []
        rest = Sampled("dpmpp_2m_sde", curved, again, SeededNoise([3], (4, 2, 2)))
        run = Run(lambda rest=rest: rest, Seen(told), follow=told.append)
        assert torch.equal(drive(run), whole)
        assert told[:2] == ["begin", step.index + 1]


def test_an_inversion_leads_to_where_sampling_starts() -> None:
    walk, noise = plain("ddim")
    made = drive(Run(lambda: walk, Unseen()))
    up = Inverted(curved, made, walk.origin.schedule, refine=8)
    path: list[torch.Tensor] = []
    start = drive(Run(lambda: up, Unseen(), keep=path.append))
    assert torch.equal(start, path[-1])
    assert len(path) == 6
    down = Sampled("ddim", curved, Origin(walk.origin.schedule, start), noise)
    back = drive(Run(lambda: down, Unseen()))
    assert float((back - made).abs().max()) < 1e-2
    part = Inverted(curved, made, walk.origin.schedule, 8, count=2)
    assert torch.equal(drive(Run(lambda: part, Unseen())), path[1])


class Change:
    """Notes when it is put in and out, and what it is turned to."""

    def __init__(self, name: str, told: list[object]) -> None:
        self.name, self.told = name, told

    @contextmanager
    def installed(self) -> Generator[None]:
        self.told.append(f"{self.name} in")
        try:
            yield
        finally:
            self.told.append(f"{self.name} out")

    def at(self, step: int) -> None:
        self.told.append((self.name, step))


def test_what_a_run_is_under_is_put_in_before_its_walk_is_made_and_follows_the_steps() -> None:
    told: list[object] = []

    def walk() -> Codes:
        told.append("walk")
        return Codes(2, first=1)

    under = (Change("a", told), Steady(Change("b", told)))
    drive(Run(walk, Unseen(), under, skipped=10, follow=told.append))
    assert told == [
        *("a in", "b in", "walk"),
        *(("a", 11), 1, ("a", 11), 1, ("a", 12), 2),
        *("b out", "a out"),
    ]


def test_what_a_run_is_under_is_out_again_where_it_fails() -> None:
    told: list[object] = []

    def broken() -> Codes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        drive(Run(broken, Unseen(), (Change("a", told), Change("b", told))))
    assert told == ["a in", "b in", "b out", "a out"]
    assert during((Change("c", told),), lambda: len(told)) == 5
    assert told[4:] == ["c in", "c out"]


class Cache:
    """Notes what is leased from it."""

    def __init__(self) -> None:
        self.out: list[str] = []


@dataclass(frozen=True)
class Needed:
    name: str

    @contextmanager
    def taken(self, models: Any, interludes: Any = None) -> Generator[str]:
        assert interludes == ["of the job"]
        models.out.append(self.name)
        try:
            yield self.name.upper()
        finally:
            models.out.remove(self.name)


def test_what_a_job_needs_is_leased_until_its_last_picture() -> None:
    told: list[Progress] = []
    cache = Cache()
    context: Any = SimpleNamespace(models=cache, report=told.append, interludes=["of the job"])

    def draw(held: str) -> Iterator[Any]:
        yield held
        yield list(cache.out)

    made = conduct(Needed("tiny"), context, draw)
    assert (cache.out, told) == ([], [])  # not before somebody asks for a picture
    assert list(made) == ["TINY", ["tiny"]]
    assert cache.out == []
    assert [(p.stage, p.note) for p in told] == [("loading", "Loading tiny")]
    assert using(Needed("tiny"), context, lambda held: (held, list(cache.out))) == (
        "TINY",
        ["tiny"],
    )
    stopped = conduct(Needed("tiny"), context, draw)
    next(stopped)
    stopped.close()  # type: ignore[attr-defined]
    assert cache.out == []


ENTERS = ("lease", "taken", "installed", "applied")
MAY = {
    "backend.modes.run",
    "backend.modes.leasing",  # says what `taken` means
    "backend.modes.pausable",  # puts LoRAs in and out for its `enter` and `leave`
    "backend.modes.changes.reference",  # a change of the model, in force while it is leased
    "backend.modes.changes.regions",  # the same
    "backend.modes.adapting",  # what `leasing` puts on the model with the adapter that it leases
}
SAYS_HOW = ("enter", "installed")
"""Methods of a `Change`: what the driver calls."""


def enters(source: str) -> list[int]:
    """Lines where a model is leased, or put under something, by the name of the method."""
    tree = ast.parse(source)
    own = {
        id(node)
        for method in ast.walk(tree)
        if isinstance(method, ast.FunctionDef) and method.name in SAYS_HOW
        for node in ast.walk(method)
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ENTERS
        and ast.unparse(node.func.value) != "lpips_metric"
        and id(node) not in own
    ]


def test_no_mode_takes_models_or_puts_anything_into_them_by_itself() -> None:
    found: list[str] = []
    for file in (ROOT / "backend" / "modes").rglob("*.py"):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        if module not in MAY:
            lines = enters(file.read_text(encoding="utf-8"))
            found += [f"{module}:{line}" for line in lines]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "with context.models.lease(settings.model) as model:\n    pass",
        "model = stack.enter_context(Needs.of(settings).taken(models))",
        "with mix.installed():\n    pass",
        "entered = LoraMixer(parts, patches).applied([])",
    ],
)
def test_one_that_did_would_be_found(source: str) -> None:
    assert enters(source)
    assert not enters("metric = lpips_metric.installed(device)\nmix = mix_of(stage)")
    assert not enters("class A:\n    def enter(self):\n        self.stack.push(b.installed())")
