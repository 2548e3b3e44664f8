"""Past pictures: newest first, found by what they say, chosen, deleted and brought back."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from backend.contracts.errors import BadInput
from backend.contracts.events import Record
from backend.contracts.settings import Txt2ImgSettings
from backend.storage import history as module
from backend.storage.history import Found, History
from backend.storage.history_table import Query
from backend.storage.outputs import Storage
from backend.storage.remarks import beside, remark_of

PIXELS = np.full((16, 32, 3), 90, np.uint8)
NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000)


def record(prompt: str = "a house", seed: int = 1, model: str = "pocket", lora: str = "") -> Record:
    loras = [{"name": lora, "weight": 1.0}] if lora else []
    settings = Txt2ImgSettings.model_validate({"prompt": prompt, "seed": seed, "loras": loras})
    return Record("txt2img", settings.model_dump(mode="json"), {"name": model, "hash": "ab"})


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def storage(tmp_path: Path, clock: Clock) -> Storage:
    return Storage(tmp_path, clock)


@pytest.fixture
def history(storage: Storage) -> History:
    return History(storage)


def found(history: History, search: str = "", offset: int = 0, limit: int = 60) -> list[str]:
    """Prompts, once the folder was looked at."""
    history.scan()
    return [one.prompt for one in history.find(Query(search), offset, limit).entries]


def test_newest_first_and_after_a_restart(storage: Storage, tmp_path: Path, clock: Clock) -> None:
    for day in range(3):
        for hour in range(2):
            clock.now = NOON + timedelta(days=day, hours=hour)
            storage.save_output(PIXELS, record(f"picture {day}{hour}"))
    again = History(Storage(tmp_path))
    assert [text[-2:] for text in found(again)] == ["21", "20", "11", "10", "01", "00"]
    assert [text[-2:] for text in found(again, offset=1, limit=2)] == ["20", "11"]
    assert found(again, offset=9) == []
    one = again.find().entries[0]
    assert (one.mode, one.model, one.seed, one.width, one.height) == (
        "txt2img",
        "pocket",
        "1",
        32,
        16,
    )
    assert one.name == "2026-11-23/130000-250_0000000001_00.png"
    assert datetime.fromtimestamp(one.saved_s) == datetime(2026, 11, 23, 13), (
        "however it was copied"
    )


def test_search_looks_into_the_words_in_any_case(storage: Storage, history: History) -> None:
    for prompt in ("a Red House", "a red tree", "EIN GRÜNES HÄUSCHEN"):
        storage.save_output(PIXELS, record(prompt))
    assert len(found(history, "RED")) == 2
    assert len(found(history, "house red")) == 1
    assert len(found(history, "häuschen")) == 1
    assert len(found(history, "pocket")) == 3
    assert found(history, "100%") == found(history, "'); DROP TABLE pictures;--") == []
    assert len(found(history, "red", offset=1)) == 1
    assert history.find(Query("red")).total == 2


def test_search_by_seed_model_lora_day_and_favourite(
    storage: Storage, history: History, clock: Clock
) -> None:
    storage.save_output(PIXELS, record("a boat", seed=7))
    storage.save_output(PIXELS, record("a 7 boat", seed=2**64 - 1, lora="watercolour"))
    clock.now += timedelta(days=1)
    path = storage.save_output(PIXELS, record("a cat", seed=71, model="other"))
    history.scan()

    def prompts(**wanted: object) -> list[str]:
        return [one.prompt for one in history.find(Query(**wanted)).entries]  # type: ignore[arg-type]

    assert prompts(search="7") == ["a 7 boat", "a boat"], "71 is another seed"
    assert prompts(search=str(2**64 - 1)) == ["a 7 boat"]
    assert prompts(model="other") == ["a cat"]
    assert prompts(lora="watercolour") == prompts(search="WATERcolour") == ["a 7 boat"]
    assert prompts(lora="water") == []
    assert prompts(since="2026-11-22") == ["a cat"]
    assert prompts(until="2026-11-21", search="boat") == ["a 7 boat", "a boat"]
    name = f"{path.parent.name}/{path.name}"
    history.favour([name], True)
    assert prompts(favourites=True) == ["a cat"]
    assert history.find().entries[0].favourite
    assert history.names(Query(model="other")) == [name]
    assert history.choices() == (["other", "pocket"], ["watercolour"])
    history.favour([name], False)
    assert prompts(favourites=True) == []
    with pytest.raises(BadInput, match="no such picture"):
        history.favour(["../x.png"], True)


def test_damaged_and_foreign_files_are_passed_over(storage: Storage, history: History) -> None:
    good = storage.save_output(PIXELS, record())
    folder = good.parent
    whole = good.read_bytes()
    (folder / "cut.png").write_bytes(whole[:-40])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_bytes(b"hello")
    (folder / "notes.txt").write_bytes(whole)
    (folder / ".writing-x.png").write_bytes(whole)
    (folder / "folder.png").mkdir()
    (folder.parent / "elsewhere").mkdir()
    (folder.parent / "elsewhere" / "x.png").write_bytes(whole)
    (folder.parent / "x.png").write_bytes(whole)
    secret = folder.parent.parent / "secret.png"
    secret.write_bytes(whole)
    (folder / "link.png").symlink_to(secret)
    history.scan()
    assert [one.name for one in history.find().entries] == [f"2026-11-21/{good.name}"]


def test_it_sees_what_changed_on_disk(storage: Storage, history: History) -> None:
    path = storage.save_output(PIXELS, record("old"))
    other = storage.save_output(PIXELS, record("new, and longer"))
    assert len(found(history)) == 2
    other.replace(path)
    assert found(history) == ["new, and longer"]
    path.unlink()
    assert found(history) == []


def test_two_thousand_files_stay_fast(
    storage: Storage, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = storage.save_output(PIXELS, record())
    data = path.read_bytes()
    for n in range(1999):
        (path.parent / f"130000-{n:04d}.png").write_bytes(data)
    began = time.process_time()  # what others do meanwhile is no time of ours
    assert found(history, "nowhere") == []
    assert time.process_time() - began < 12.0, "10,000 take a minute at most"
    monkeypatch.setattr(module, "row_of", lambda *_: pytest.fail("read once more"))
    began = time.process_time()
    assert found(history, "nowhere") == []
    assert len(found(history, limit=3000)) == 2000
    assert time.process_time() - began < 2.0


def test_the_newest_are_there_while_the_rest_is_read(
    storage: Storage, history: History, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST", 2)
    for minute in range(5):
        clock.now = NOON + timedelta(minutes=minute)
        storage.save_output(PIXELS, record(f"picture {minute}"))
    seen: list[Found] = []
    put = history._table.put

    def told(*given: object) -> None:
        put(*given)  # type: ignore[arg-type]
        seen.append(history.find())

    monkeypatch.setattr(history._table, "put", told)
    history.refresh(30)
    assert [one.prompt for one in seen[0].entries] == ["picture 4", "picture 3"]
    assert (seen[0].total, seen[0].unread) == (2, 5)
    assert (history.find().total, history.find().unread) == (5, None)


def test_deleted_pictures_come_back_for_a_week(
    storage: Storage, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (storage.save_output(PIXELS, record(p)) for p in ("first", "second"))
    history.scan()
    names = [one.name for one in history.find().entries]
    history.favour(names[:1], True)
    assert history.delete([*names, "2026-11-21/none.png"]) == names
    assert (found(history), first.exists(), second.exists()) == ([], False, False)
    assert history.restore(names[:1]) == names[:1]
    assert found(history) == ["second"]
    assert history.find(Query(favourites=True)).total == 1, "it still is one"
    assert history.restore(names[:1]) == [], "it is there"
    later = time.time() + 8 * 86400
    monkeypatch.setattr(module.time, "time", lambda: later)
    history.scan()
    assert history.restore(names[1:]) == []
    assert second.read_bytes()


@pytest.mark.parametrize("name", ["../x.png", "2026-11-21/../../x.png", "/etc/x.png", "x.png"])
def test_names_from_outside_are_refused(storage: Storage, history: History, name: str) -> None:
    storage.save_output(PIXELS, record())
    assert history.delete([name]) == []
    with pytest.raises(BadInput, match="no such picture"):
        history.restore([name])


def test_nothing_is_made_where_nothing_was_saved(tmp_path: Path) -> None:
    history = History(Storage(tmp_path / "data"))
    history.scan()
    assert (history.find().total, history.names(Query()), history.choices()) == (0, [], ([], []))
    assert not (tmp_path / "data").exists()


def test_folders_of_other_tools_are_shown_and_left_alone(storage: Storage, tmp_path: Path) -> None:
    own = storage.save_output(PIXELS, record("our own boat"))
    theirs = tmp_path / "theirs" / "txt2img-images"
    theirs.mkdir(parents=True)
    text = "a foreign castle\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 77, Size: 512x512"
    info = PngInfo()
    info.add_text("parameters", text)
    Image.fromarray(PIXELS).save(theirs / "00001-77.png", pnginfo=info)
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + text.replace("77", "78").encode()
    Image.fromarray(PIXELS).save(theirs / "00002-78.JPG", exif=exif)
    Image.fromarray(PIXELS).save(theirs / "no recipe.png")
    (theirs / "notes.txt").write_text(text)
    (theirs / "link.png").symlink_to(own)
    both = Storage(storage.outputs.parent, foreign=[tmp_path / "none", tmp_path / "theirs"])
    history = History(both)
    history.scan()
    found_ = {one.name: one for one in history.find().entries}
    assert set(found_) == {
        f"2026-11-21/{own.name}",
        "@1/txt2img-images/00001-77.png",
        "@1/txt2img-images/00002-78.JPG",
    }
    castle = found_["@1/txt2img-images/00002-78.JPG"]
    assert (castle.prompt, castle.seed, castle.width) == ("a foreign castle", "78", 32)
    assert both.thumbnail(Path(castle.name), 16).startswith(b"\xff\xd8")
    history.favour([castle.name], True)
    assert history.find(Query("castle", favourites=True)).total == 1
    with pytest.raises(BadInput, match="only looked at"):
        history.delete([f"2026-11-21/{own.name}", castle.name])
    assert own.exists()
    for name in ("@0/x.png", "@9/x.png", "@1/../secret.png", "@1/txt2img-images/notes.txt"):
        with pytest.raises(BadInput, match="no such picture"):
            both.checked(Path(name))
    alone = History(Storage(tmp_path / "new", foreign=[tmp_path / "theirs"]))
    alone.scan()
    assert alone.find().total == 2
    assert not (tmp_path / "new").exists()


def test_notes_and_tags_are_found_and_go_with_the_picture(
    storage: Storage, history: History, tmp_path: Path
) -> None:
    path = storage.save_output(PIXELS, record("a boat"))
    storage.save_output(PIXELS, record("another boat", seed=2))
    name = f"{path.parent.name}/{path.name}"
    assert len(found(history, "boat")) == 2
    history.remark(name, remark_of("For the wall", ["Sea"]))
    assert history.said_of(name) == remark_of("For the wall", ["sea"])
    for search in ("#sea", "wall", "SEA boat"):
        assert [one.prompt for one in history.find(Query(search)).entries] == ["a boat"]
    history.delete([name])
    assert not beside(path).exists()
    assert found(history, "#sea") == []
    history.restore([name])
    assert found(history, "#sea") == ["a boat"]
    (tmp_path / "history.sqlite").unlink()
    assert found(History(storage), "wall") == ["a boat"]
    with pytest.raises(BadInput, match="only looked at"):
        history.remark("@0/a.png", remark_of("x", []))
    with pytest.raises(BadInput):
        history.said_of("../a.png")
