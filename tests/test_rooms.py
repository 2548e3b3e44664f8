"""The count of rooms and arrows, on a small house."""

from __future__ import annotations

from scripts.rooms import ROOT, circles, in_commit, in_folder, report, rooms_of

HOUSE = {
    "app.py": "from ui.page.build import build\n",
    "backend/__init__.py": "",
    "ui/__init__.py": '"""The page."""\n',
    "backend/errors.py": "class BadInput(Exception):\n    pass\n",
    "backend/models/__init__.py": "",
    "backend/models/unet.py": "from backend import errors\nfrom . import vae\n",
    "backend/models/vae.py": "from ..errors import BadInput\n",
    "ui/page/build.py": (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from backend.models import unet\n"
        "def f():\n    import ui.panels.queue\n"
    ),
    "ui/panels/queue.py": "from ui.page import build\n",
}


def test_rooms_are_folders_and_loose_modules() -> None:
    rooms = {room.name: room for room in rooms_of(HOUSE)}
    assert set(rooms) == {"app", "backend.errors", "backend.models", "ui.page", "ui.panels"}
    assert [name for name, room in rooms.items() if room.loose] == ["backend.errors"]
    models = rooms["backend.models"]
    assert (models.modules, models.lines) == (2, 3)


def test_an_arrow_is_an_import_at_run_time() -> None:
    arrows = {room.name: set(room.arrows) for room in rooms_of(HOUSE)}
    assert arrows == {
        "app": {"ui.page"},
        "backend.errors": set(),
        "backend.models": {"backend.errors"},  # also by `from backend import errors` and by dots
        "ui.page": {"ui.panels"},  # inside a function too, but not for the type checker alone
        "ui.panels": {"ui.page"},
    }


def test_circles_are_named() -> None:
    rooms = rooms_of(HOUSE)
    assert circles(rooms) == [["ui.page", "ui.panels"]]
    assert "1 circles (ui.page + ui.panels)" in report(rooms)


def test_the_backend_is_a_house_without_loose_modules_and_circles() -> None:
    rooms = [room for room in rooms_of(in_folder(ROOT)) if room.name.startswith("backend.")]
    assert [room.name for room in rooms if room.loose] == []
    assert circles(rooms) == []


def test_what_scripts_call_knows_no_page() -> None:
    rooms = [room for room in rooms_of(in_folder(ROOT)) if room.name.startswith("ui.")]
    assert circles(rooms) == []
    lower = {room.name: room.arrows for room in rooms}
    for name in (
        "ui.api",
        "ui.sdapi",
        "ui.openai",
        "ui.mcp",
        "ui.jobs",
        "ui.server",
        "ui.gradio_compat",
    ):
        assert not {"ui.page", "ui.panels", "ui.forms"} & lower[name], name


def test_a_page_is_made_of_panels_and_both_of_forms() -> None:
    arrows = {room.name: room.arrows for room in rooms_of(in_folder(ROOT))}
    assert {"ui.panels", "ui.forms"} <= arrows["ui.page"]
    assert "ui.forms" in arrows["ui.panels"]
    assert not {"ui.page", "ui.panels"} & arrows["ui.forms"]
    assert "ui.page" not in arrows["ui.panels"]


def test_a_commit_is_read_as_a_folder_is() -> None:
    then = in_commit(ROOT, "HEAD")
    assert "app.py" in then
    assert {path.split("/")[0] for path in then} == {"app.py", "backend", "ui"}
