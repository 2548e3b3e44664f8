"""What is written stays true: every flag, endpoint, field and sampler is documented, every block of
code runs, links lead somewhere, and the site builds strictly without asking another host."""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from gradio_client import Client
from markdown_it import MarkdownIt
from markdown_it.token import Token
from PIL import Image
from starlette.routing import Route

from backend.contracts.settings import MODES
from backend.engine.fake.engine import FakeEngine
from scripts import reference
from tests.samplers import SCHEDULES_OF
from tests.ui.conftest import Server, running
from ui.openai.links import Links
from ui.openai.routes import openai
from ui.sdapi.routes import controlnet, sdapi
from ui.server.flags import parser_of
from ui.server.studio import studio_at

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(kind: str) -> list[Any]:
    """The blocks of code of a kind in all pages, each with where it stands as its id. One that is
    indented is a terminal's."""
    found: list[Any] = []
    for page in PAGES:
        for token in _tokens(page):
            if token.type in ("fence", "code_block"):
                said = token.info.split()[0] if token.info.strip() else "sh"
                if said == kind:
                    line = (token.map or [0])[0] + 1
                    found.append(pytest.param(token.content, id=f"{page.relative_to(ROOT)}:{line}"))
    return found


def _tokens(page: Path) -> list[Token]:
    return MarkdownIt().parse(page.read_text(encoding="utf-8"))


KINDS = ("sh", "python", "json", "text")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("docs"), "--api") as started:
        yield started


def test_decisions_are_numbered_without_holes() -> None:
    files = sorted((DOCS / "adr").glob("[0-9]*.md"))
    assert [file.name[:4] for file in files] == [f"{n:04}" for n in range(1, len(files) + 1)]
    for file in files:
        assert re.match(rf"# {file.name[:4]}: \S", file.read_text(encoding="utf-8")), file.name


def test_every_decision_is_listed() -> None:
    listed = re.findall(r"\]\((\d{4}[\w-]+\.md)\)", text_of("docs/adr/index.md"))
    assert listed == sorted(file.name for file in (DOCS / "adr").glob("[0-9]*.md"))


def test_the_code_names_decisions_that_exist() -> None:
    numbers = {file.name[:4] for file in (DOCS / "adr").glob("[0-9]*.md")}
    for folder in ("backend", "ui", "tests", "toyworld", "bench"):
        for file in (ROOT / folder).rglob("*.py"):
            named = re.findall(r"(?:ADR |docs/adr/)(\d{4})", file.read_text(encoding="utf-8"))
            assert set(named) <= numbers, file


def test_the_readme_is_short() -> None:
    assert len(text_of("README.md").splitlines()) <= 150


def test_every_flag_is_documented() -> None:
    told = text_of("docs/operations.md")
    flags = [
        option
        for action in parser_of(ROOT / "data")._actions
        if action.help is not argparse.SUPPRESS and action.dest != "help"
        for option in action.option_strings
    ]
    assert len(flags) > 10
    assert [flag for flag in flags if f"| `{flag}" not in told] == []
    documented = re.findall(r"^\| `(--[a-z-]+)", told, flags=re.MULTILINE)
    assert sorted(documented) == sorted(flags), "a flag is documented that does not exist"


def test_every_field_and_sampler_is_documented() -> None:
    told = text_of("docs/settings.md")
    assert told == reference.page(), "run python -m scripts.reference"
    for mode, settings in MODES.items():
        assert f"\n## {mode}\n" in told
        assert [name for name in settings.model_fields if f"| `{name}` |" not in told] == []
        assert [name for name in settings.pictures if f"`{name}`" not in told] == []
    assert [name for name in SCHEDULES_OF if f"| `{name}` |" not in told] == []


def test_no_field_is_listed_without_its_meaning() -> None:
    rows = re.findall(r"^\| (`\w+`) \|.*\|(.*)\|$", text_of("docs/settings.md"), flags=re.MULTILINE)
    assert len(rows) > 100
    assert [name for name, meaning in rows if not meaning.strip()] == []


def test_every_endpoint_is_documented(server: Server, tmp_path: Path) -> None:
    client = Client(server.url, verbose=False, analytics_enabled=False, download_files=tmp_path)
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    client.close()
    told = text_of("docs/api.md")
    assert {"/txt2img", "/options", "/verify"} <= set(named)
    assert [name for name in named if f"`{name}`" not in told] == []


def test_every_endpoint_for_other_tools_clients_is_documented(tmp_path: Path) -> None:
    studio = studio_at(tmp_path, ROOT / "presets", lambda storage: FakeEngine(storage=storage))
    try:
        apps = {
            "/sdapi/v1": sdapi(studio),
            "/controlnet": controlnet(studio),
            "/v1": openai(studio.engine, Links(b"k" * 32)),
        }
        paths = [
            f"{mount}{route.path}"
            for mount, app in apps.items()
            for route in app.routes
            if isinstance(route, Route) and "{" not in route.path
        ]
    finally:
        studio.engine.close()
    told = text_of("docs/api.md")
    assert len(paths) > 15
    assert [path for path in paths if f"`{path}`" not in told] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_its_kind(page: Path) -> None:
    for token in _tokens(page):
        if token.type == "fence":
            assert (token.info.split() or [""])[0] in KINDS, token.content


@pytest.mark.parametrize("code", blocks("sh"))
def test_every_command_is_one(code: str) -> None:
    subprocess.run(["bash", "-n"], input=code, text=True, check=True)
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), flags=re.MULTILINE))
    for line in code.splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["make"]:
            assert words[1] in targets, line
        for flag, module in itertools.pairwise(words):
            if flag == "-m" and module not in ("venv", "pip", "pytest", "mkdocs"):
                stem = ROOT / module.replace(".", "/")
                assert stem.with_suffix(".py").is_file() or (stem / "__main__.py").is_file(), line


@pytest.mark.parametrize("code", blocks("json"))
def test_every_json_block_is_json(code: str) -> None:
    json.loads(code)


@pytest.mark.parametrize("code", blocks("python"))
def test_every_python_block_runs(code: str, server: Server, tmp_path: Path) -> None:
    """As a script of its own, against a server on the stand-in engine, beside five pictures."""
    (tmp_path / "ink").mkdir()
    for number in range(5):
        Image.new("RGB", (64, 64), (40 * number, 90, 120)).save(tmp_path / f"ink/{number}.png")
    port = server.url.rsplit(":", 1)[1]
    script = code.replace("127.0.0.1:7860", f"127.0.0.1:{port}").replace("7860", port)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"GRADIO_TEMP_DIR": str(tmp_path)},
        text=True,
        capture_output=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Of pages outside the site as well, which its own check does not see."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "#")):
            path = page.parent / unquote(target.split("#")[0])
            assert path.exists(), f"{target} in {page.name}"


def test_what_is_checked_before_a_commit_is_what_lint_checks() -> None:
    hooks = yaml.safe_load(text_of(".pre-commit-config.yaml"))["repos"][0]["hooks"]
    entries = " ".join(hook["entry"] for hook in hooks)
    linted = re.findall(
        r"\$\(PY\) (-m \w+(?: format)?|scripts/\w+)",
        text_of("Makefile").split("lint:")[1].split("\n\n")[0],
    )
    assert set(linted) == {"-m ruff", "-m ruff format", "-m pyright", "scripts/check_scripts"}
    assert [tool for tool in linted if f" {tool} " not in entries + " "] == []
    for hook in hooks:
        _, _, what = hook["entry"].partition(" ")
        if what.startswith("-m "):
            assert importlib.util.find_spec(what.split()[1]) is not None, what
        else:
            assert (ROOT / what).is_file(), what


def test_scripts_without_a_suffix_are_linted_too() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        named = set(tomllib.load(file)["tool"]["ruff"]["extend-include"])
    scripts = {
        f"scripts/{path.name}"
        for path in (ROOT / "scripts").iterdir()
        if path.is_file() and not path.suffix and "python" in path.read_text("utf-8")[:40]
    }
    assert named == scripts


def test_the_site_builds_strictly_and_asks_no_other_host(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "WARNING" not in done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 20
    loads = re.compile(
        r"<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=\"?((?:https?:)?//[^\s\">]+)"
    )
    assert [found for page in pages for found in loads.findall(page.read_text("utf-8"))] == []
    for sheet in (tmp_path / "site").rglob("*.css"):
        assert not re.search(r"url\(\"?(?:https?:)?//", sheet.read_text("utf-8")), sheet
