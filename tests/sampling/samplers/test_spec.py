"""One file adds a sampler: what every list of samplers is made from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backend.contracts.settings import parse
from backend.contracts.settings.sampler_pair import check_sampler
from backend.sampling import samplers
from backend.sampling.config import SchedulerConfig
from backend.sampling.samplers import ENTRIES, SPECS, declared, model_calls
from backend.sampling.schedule import make
from tests.sampling.helpers import POCKET, curved, noises, run

FILE = '''
"""A sampler for the test: Euler's method under another name."""

from backend.contracts.samplers import SamplerEntry
from backend.sampling.samplers.ode import euler
from backend.sampling.samplers.spec import Conventions, SamplerSpec

SPECS = (
    SamplerSpec(
        SamplerEntry("{name}", "Mine++", ("karras",), ("my own",)),
        euler,
        Conventions("ve", "linspace"),
        place=25,
        calls_per_step=2,
    ),
)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that samplers are looked for in, beside their own."""
    monkeypatch.setattr(samplers, "__path__", [*samplers.__path__, str(tmp_path)])
    for name in ("mine_for_test", "twice_for_test"):
        monkeypatch.delitem(sys.modules, f"backend.sampling.samplers.{name}", raising=False)
    return tmp_path


def test_a_file_adds_one_where_its_place_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mine_for_test.py").write_text(FILE.format(name="mine"))
    found = declared(samplers.__path__, samplers.__name__)
    names = list(found)
    assert [name for name in names if name != "mine"] == list(SPECS)
    assert names[names.index("mine") - 1 : names.index("mine") + 2] == ["euler", "mine", "euler_a"]
    monkeypatch.setattr(samplers, "SPECS", found)
    monkeypatch.setattr("backend.sampling.schedule.SPECS", found)
    schedule = make("mine", "karras", 7, SchedulerConfig.from_dict(POCKET))
    x = noises(1)[0] * schedule.init_scale
    assert len(run("mine", curved, x, schedule)) == 7
    assert model_calls("mine", 7) == 13


def test_two_of_one_name_are_refused(folder: Path) -> None:
    (folder / "twice_for_test.py").write_text(FILE.format(name="euler"))
    with pytest.raises(ValueError, match="one name"):
        declared(samplers.__path__, samplers.__name__)


def test_places_and_names_are_told_apart() -> None:
    assert len({spec.place for spec in SPECS.values()}) == len(SPECS)
    said = [
        word
        for spec in SPECS.values()
        for word in {spec.name, spec.entry.title.lower()} | {*spec.entry.aliases, *spec.entry.near}
    ]
    assert len(said) == len(set(said))
    assert all(spec.entry.automatic in spec.entry.schedules for spec in SPECS.values())


def test_what_samplers_there_are_is_told_without_torch() -> None:
    code = (
        "import sys; from backend.sampling.samplers import ENTRIES; assert len(ENTRIES) > 9\n"
        "from backend.recipes import a1111_names; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_settings_take_every_spec_and_its_schedules() -> None:
    for name, spec in SPECS.items():
        for schedule in spec.entry.schedules:
            settings = parse("txt2img", {"sampler": name, "schedule": schedule})
            check_sampler(settings, ENTRIES)
    with_eta = [name for name, spec in SPECS.items() if spec.entry.has_eta]
    inverting = [name for name, spec in SPECS.items() if spec.entry.inverts]
    assert with_eta == inverting == ["ddim"]
