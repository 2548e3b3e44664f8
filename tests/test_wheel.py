"""What `pip install .` brings: a wheel, unpacked somewhere else, starts and draws."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from gradio_client import Client

from tests.ui.conftest import running

ROOT = Path(__file__).resolve().parents[1]
FILES = "latent_loom_files"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, as it lies in site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("latent_loom-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    wheel.unlink()
    return folder / "site"


def tracked(folder: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


def held(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_it_holds_what_the_studio_needs_and_nothing_else(unpacked: Path) -> None:
    pictures = {name for name in tracked("models") if name.endswith(".png")}  # of the README there
    wanted = (tracked("models") | tracked("presets") | tracked("wildcards")) - pictures
    assert held(unpacked / FILES) == wanted
    code = {name for name in tracked("backend") | tracked("ui") if "__pycache__" not in name}
    assert {
        f"{house}/{name}" for house in ("backend", "ui") for name in held(unpacked / house)
    } == code
    tops = {path.name for path in unpacked.iterdir()}
    assert {name for name in tops if not name.endswith(".dist-info")} == {
        "app.py",
        "backend",
        "ui",
        FILES,
    }


def test_it_names_its_command_and_what_it_depends_on(unpacked: Path) -> None:
    (info,) = unpacked.glob("*.dist-info")
    made = PathDistribution(info)
    (command,) = made.entry_points
    assert (command.name, command.value, command.group) == (
        "latent-loom",
        "app:main",
        "console_scripts",
    )
    asked = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert len(made.requires or []) == sum(bool(line) and line[0] != "#" for line in asked)


def test_its_command_serves_the_page_and_draws(unpacked: Path, tmp_path: Path) -> None:
    """As the command does it, far from the studio's folder: presets, wildcards, model, scripts."""
    program = ("-c", "import sys; from app import main; sys.exit(main())")
    with running(
        tmp_path / "data", fake_step_s=None, program=program, cwd=tmp_path, PYTHONPATH=str(unpacked)
    ) as server:
        client = Client(
            server.url, verbose=False, analytics_enabled=False, download_files=tmp_path / "got"
        )
        options = client.predict(api_name="/options")
        bundled = {preset["name"] for preset in options["presets"] if preset["bundled"]}
        assert len(bundled) == len(tracked("presets")) - 1  # all but styles.csv
        assert [model["name"] for model in options["models"]] == [
            "pocket",
            "pocket-64",
            "pocket-pixels",
            "pocket-x4",
        ]
        files, info = client.predict(
            prompt="a __colour__ house", steps=1, seed=3, api_name="/txt2img"
        )
        client.close()
        assert len(files) == 1
        assert info["model"]["name"] == "pocket"
        assert (server.data / "models").is_dir()
    saved = list((tmp_path / "data" / "outputs").rglob("*.png"))
    assert len(saved) == 1
    assert b"a __colour__ house" in saved[0].read_bytes()  # kept as what the prompt was drawn from
