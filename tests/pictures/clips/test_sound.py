"""The sound of a film: of the part whose frames are taken, and a sentence where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.contracts.clip import Cut
from backend.contracts.errors import BadInput
from backend.pictures.clips.sound import read_sound
from tests.pictures.clips.films import animation, film, frames, heard, seconds_of, tone


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.mkv"])
def test_it_is_that_of_the_taken_frames(tmp_path: Path, name: str) -> None:
    whole = tone(tmp_path, 20, name=name, fps=10)
    everything = read_sound(whole, Cut(), 20)
    assert everything.seconds == pytest.approx(2.0)
    assert seconds_of(tmp_path, everything.content) == pytest.approx(2.0, abs=0.1)
    part = read_sound(whole, Cut(5, 14, 2), 5)
    assert part.seconds == pytest.approx(1.0)
    assert seconds_of(tmp_path, part.content) == pytest.approx(1.0, abs=0.1)
    # The first half is silent, the second one is not.
    assert heard(tmp_path, read_sound(whole, Cut(0, 9), 10).content) < 0.01
    assert heard(tmp_path, read_sound(whole, Cut(10, 19), 10).content) > 0.05


def test_without_one_it_is_said_and_the_way_out_offered(tmp_path: Path) -> None:
    for data in (film(tmp_path, 4), animation(frames(3)), b"PK\x03\x04"):
        with pytest.raises(BadInput, match="no sound to keep; take 'audio' off") as refused:
            read_sound(data, Cut(), 3)
        assert refused.value.fix is not None
        assert refused.value.fix.changes == {"audio": False}
