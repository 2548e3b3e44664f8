"""Ends a process before its n-th step on the way to a file, for every n that there is.

`python -m tests.hostile.writes FOLDER` prints how many steps each writer takes. It forks a child
for each step: the child is killed (SIGKILL) before its n-th step, and what it has left is looked
at, as the next process to start would see it. Run by itself, it has no thread to lose.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from backend.contracts.events import Record
from backend.contracts.settings import Settings, parse
from backend.engine.jobs.results import Results
from backend.recipes.metadata import read
from backend.storage import backup, keys, remarks
from backend.storage.accounts import Accounts
from backend.storage.asked_rows import AskedRows
from backend.storage.atomic_files import clear_leftovers
from backend.storage.audit import Audit
from backend.storage.job_rows import JobRow, JobRows
from backend.storage.makers import Maker
from backend.storage.outputs import Storage
from backend.storage.presets import PresetStore
from backend.storage.sessions import Sessions
from backend.storage.styles import StyleFiles
from backend.training import adapter
from tests.ui.conftest import ROOT

PASSWORD = "a long secret"
PIXELS = np.full((16, 16, 3), 200, np.uint8)
STYLES = b"name,prompt,negative_prompt\nSea,waves,\n"
_STEPS = ("open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.chmod", "sqlite3.connect")


@dataclass(frozen=True)
class Writer:
    """One way to a file.

    Attributes:
        prepare: What was there before.
        write: What is cut off.
        check: Fails where what is there now is neither the old nor the new, whole.
    """

    prepare: Callable[[Path], object]
    write: Callable[[Path], object]
    check: Callable[[Path], object]


def settings(seed: int) -> Settings:
    return parse("txt2img", {"seed": seed})


def record(seed: int) -> Record:
    return Record("txt2img", settings(seed).model_dump(mode="json"), {"name": "pocket"})


def presets(folder: Path) -> PresetStore:
    return PresetStore(ROOT / "presets", folder)


def preset_is_whole(folder: Path) -> None:
    assert presets(folder).load("Sea").settings.seed in (1, 2)  # type: ignore[union-attr]
    assert not [info for info in presets(folder).list() if info.problem]


def shelf(folder: Path) -> StyleFiles:
    return StyleFiles(ROOT / "presets" / "styles.csv", folder / "styles.csv")


def styles_are_whole(folder: Path) -> None:
    styles, problem = shelf(folder).list()
    assert problem is None
    assert "Sea" in {style.name for style in styles}


def pictures_are_whole(folder: Path) -> None:
    for path in (folder / "outputs").rglob("*.*"):
        if not path.name.startswith("."):
            assert read(path.read_bytes()).settings["seed"] in (1, 2)
    Storage(folder).save_output(PIXELS, record(2), Maker("@ada/1", "ada"))


def accounts(folder: Path) -> Accounts:
    return Accounts(folder / "accounts.json")


def accounts_are_whole(folder: Path) -> None:
    book = accounts(folder)
    assert book.get("ada") is not None
    assert {one.name for one in book.all()} <= {"ada", "bob"}
    assert (folder / "accounts.json").stat().st_mode & 0o077 == 0


def sessions(folder: Path) -> Sessions:
    return Sessions(folder / "keys" / "sessions.json", lambda name: "1")


def sessions_are_whole(folder: Path) -> None:
    assert sessions(folder).find("first") == "ada"
    assert sessions(folder).find("second") in ("bob", None)


def log_is_whole(folder: Path) -> None:
    lines = Audit(folder / "audit.log").lines()
    assert [line["did"] for line in lines] in (["first"], ["first", "second"])


def remark_is_whole(folder: Path) -> None:
    assert remarks.read(folder / "a.png").note in ("before", "after")


def key_is_whole(folder: Path) -> None:
    made = keys.secret_key(folder / "key")
    assert len(made) == keys.KEY_BYTES
    assert keys.secret_key(folder / "key") == made


def backup_is_whole(folder: Path) -> None:
    target = folder / "kept.zip"
    if target.exists():
        assert backup.restore(folder / "again", target) == 1


def queue_written(folder: Path) -> None:
    rows = JobRows(folder / "jobs.sqlite")
    AskedRows(rows).note("ada", 1.0)
    rows.put(JobRow("second", "ada", False, "queued", 2.0, "{}")).result()
    rows.update("first", state="running", starts=1).result()
    rows.close()


def queue_before(folder: Path) -> None:
    rows = JobRows(folder / "jobs.sqlite")
    rows.put(JobRow("first", "ada", False, "queued", 1.0, "{}")).result()
    rows.close()


def queue_is_whole(folder: Path) -> None:
    rows = JobRows(folder / "jobs.sqlite")
    found = {row.key: row.state for row in rows.all()}
    assert found["first"] in ("queued", "running")
    assert found.get("second", "queued") == "queued"
    assert len(AskedRows(rows).lately()) <= 1
    rows.close()


def results_are_whole(folder: Path) -> None:
    assert Results(folder).steps("k") in (b"", b"steps" * 5000)
    Results(folder).clear({"k"})
    assert not list(folder.rglob(".writing-*"))


def tensors(value: float) -> dict[str, torch.Tensor]:
    return {"a": torch.tensor([value])}


def lora_is_whole(folder: Path) -> None:
    assert load_file(folder / "loras" / "a.safetensors")["a"].item() in (1.0, 2.0)


WRITERS: Mapping[str, Writer] = {
    "a preset": Writer(
        lambda at: presets(at).save("Sea", settings(1)),
        lambda at: presets(at).save("Sea", settings(2), overwrite=True),
        preset_is_whole,
    ),
    "styles": Writer(
        lambda at: shelf(at).take(STYLES),
        lambda at: shelf(at).take(STYLES + b"Sky,clouds,\n"),
        styles_are_whole,
    ),
    "a picture": Writer(
        lambda at: Storage(at).save_output(PIXELS, record(1), Maker("@ada/1", "ada")),
        lambda at: Storage(at).save_output(PIXELS, record(2), Maker("@ada/1", "ada")),
        pictures_are_whole,
    ),
    "an account": Writer(
        lambda at: accounts(at).add("ada", PASSWORD, "owner"),
        lambda at: accounts(at).add("bob", PASSWORD),
        accounts_are_whole,
    ),
    "a login": Writer(
        lambda at: sessions(at).open("first", "ada"),
        lambda at: sessions(at).open("second", "bob"),
        sessions_are_whole,
    ),
    "a line of the audit log": Writer(
        lambda at: Audit(at / "audit.log").note("ada", "first"),
        lambda at: Audit(at / "audit.log").note("ada", "second"),
        log_is_whole,
    ),
    "a note": Writer(
        lambda at: remarks.write(at / "a.png", remarks.remark_of("before", ["x"])),
        lambda at: remarks.write(at / "a.png", remarks.remark_of("after", ["x"])),
        remark_is_whole,
    ),
    "a key": Writer(lambda at: None, lambda at: keys.secret_key(at / "key"), key_is_whole),
    "a backup": Writer(
        lambda at: (at / "styles.csv").write_bytes(STYLES),
        lambda at: backup.back_up(at, at / "kept.zip"),
        backup_is_whole,
    ),
    "a trained LoRA": Writer(
        lambda at: adapter._write(at / "loras" / "a.safetensors", tensors(1.0), {}),
        lambda at: adapter._write(at / "loras" / "a.safetensors", tensors(2.0), {}),
        lora_is_whole,
    ),
    "the queue": Writer(queue_before, queue_written, queue_is_whole),
    "a result": Writer(
        lambda at: None,
        lambda at: Results(at).put_steps("k", b"steps" * 5000),
        results_are_whole,
    ),
}


def killed_at(moment: int, folder: Path, write: Callable[[Path], object]) -> bool:
    """Whether a child was killed before its `moment`-th step; else it came to its end."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return True
        assert os.waitstatus_to_exitcode(status) == 0, "the writer failed by itself"
        return False
    left = moment

    def step() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        writes = event != "open" or (len(args) > 2 and args[2] and args[2] & 0o3)
        if event in _STEPS and writes:
            step()

    sync = os.fsync

    def synced(handle: int) -> None:
        step()
        sync(handle)
        step()

    code = 1
    try:
        os.fsync = synced
        sys.addaudithook(hook)
        write(folder)
        code = 0
    finally:
        os._exit(code)


def steps_of(writer: Writer, at: Path) -> int:
    """How many steps a writer takes, once what each leaves was looked at."""
    before = at / "before"
    before.mkdir(parents=True)
    writer.prepare(before)
    for moment in range(1, 200):
        folder = at / f"{moment}"
        shutil.copytree(before, folder)
        cut = killed_at(moment, folder, writer.write)
        writer.check(folder)
        clear_leftovers(folder, *folder.glob("*/"), *folder.glob("outputs/*"))
        writer.check(folder)
        left = [path.name for path in folder.rglob(".writing-*")]
        assert not left, left
        if not cut:
            return moment - 1
    raise AssertionError("it never came to its end")


def main() -> None:
    """Prints for each writer how many steps it takes, or what was wrong with what one has left."""
    told: dict[str, int | str] = {}
    for number, (name, writer) in enumerate(WRITERS.items()):
        try:
            told[name] = steps_of(writer, Path(sys.argv[1]) / f"{number}")
        except Exception:
            told[name] = traceback.format_exc()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
