"""What an engine says of itself, without a job."""

from __future__ import annotations

from backend.engine.jobs.asking import ask
from tests.engine.contract.conftest import MODEL, STEPS, Make, wanted
from tests.jobs import ended


def test_the_library_names_what_settings_may_use(make: Make) -> None:
    library = make().library()
    assert MODEL in [model.name for model in library.models]
    assert wanted().settings.sampler in library.samplers
    assert library.device


def test_levels_fall_to_the_end(make: Make) -> None:
    levels = make().levels(wanted().settings)
    assert len(levels) == STEPS + 1
    assert list(levels) == sorted(levels, reverse=True)


def test_tokens_are_counted_without_a_model(make: Make) -> None:
    engine = make()
    count = engine.count_tokens(MODEL, "a red house BREAK fish")
    assert count is not None
    assert (len(count.chunks), count.size) == (2, 75)
    assert engine.count_tokens("nowhere", "a") is None
    assert engine.memory().residents == ()


def test_a_used_model_is_in_memory_until_it_is_freed(make: Make) -> None:
    engine = make()
    ended(engine, ask(engine, wanted()))
    memory = engine.memory()
    assert {name for part in memory.residents for name in part.models} == {MODEL}
    assert 0 < memory.used_bytes <= memory.budget_bytes
    assert engine.free_memory() >= memory.used_bytes
    assert engine.memory().residents == ()
