"""What a picture's record tells of the run that made it."""

from __future__ import annotations

from backend.contracts.events import Record
from backend.contracts.requests import Branch, Request
from backend.contracts.settings import LoraUse, MorphSettings, Settings, Txt2ImgSettings
from backend.contracts.settings.lora_tools import FootprintSettings
from backend.engine.jobs.facts import with_run


def extra(run: Settings, record: Settings, branch: Branch | None = None) -> dict[str, object]:
    made = Record(record.mode, record.model_dump(mode="json"), {}, {"device": "cpu"})
    return with_run(made, Request(run, branch=branch)).extra


def test_a_picture_alone_says_nothing_more() -> None:
    assert extra(Txt2ImgSettings(), Txt2ImgSettings()) == {"device": "cpu"}


def test_one_of_a_batch_says_of_how_many() -> None:
    run = Txt2ImgSettings(batch_size=3)
    assert extra(run, Txt2ImgSettings())["drawn_together"] == 3


def test_a_frame_is_made_again_with_its_morph() -> None:
    morph = MorphSettings(frames=5)
    assert extra(morph, morph) == {"device": "cpu"}


def test_a_branch_says_where_it_left() -> None:
    found = extra(Txt2ImgSettings(), Txt2ImgSettings(), Branch("a run", 4))
    assert found["branched_at"] == 5


def test_maps_that_are_no_pictures_of_a_mode_pass() -> None:
    run = FootprintSettings(loras=(LoraUse(name="a"), LoraUse(name="b")))
    assert extra(run, run) == {"device": "cpu"}
