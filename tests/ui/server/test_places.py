"""Where the studio's files lie, in its folder and installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ui.server.places import INSTALLED, personal_folder, places


def test_in_its_folder_everything_lies_beside_the_app(tmp_path: Path) -> None:
    found = places(tmp_path)
    assert not found.installed
    assert (found.presets, found.wildcards) == (tmp_path / "presets", tmp_path / "wildcards")
    assert found.data == tmp_path / "data"
    more = tmp_path / "more"
    assert found.model_folders(found.data, [more]) == [tmp_path / "models", more]
    assert not (tmp_path / "data").exists()


def test_installed_a_persons_models_lie_with_their_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / INSTALLED).mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "mine"))
    monkeypatch.setattr("sys.platform", "linux")
    found = places(tmp_path)
    assert found.installed
    assert found.presets == tmp_path / INSTALLED / "presets"
    assert found.data == tmp_path / "mine" / "latent-loom"
    data = tmp_path / "elsewhere"
    assert found.model_folders(data, None) == [found.models, data / "models"]
    assert (data / "models").is_dir()


@pytest.mark.parametrize(
    ("name", "expected"), [("HF_HOME", "cache/hub"), ("HF_HUB_CACHE", "cache")]
)
def test_a_hubs_cache_that_the_environment_names_is_one_of_the_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, expected: str
) -> None:
    for other in ("HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(other, raising=False)
    found = places(tmp_path)
    assert found.model_folders(found.data, None) == [found.models]
    monkeypatch.setenv(name, "cache")
    assert found.model_folders(found.data, None) == [Path(expected), found.models]


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, "home/.local/share/latent-loom"),
        ("linux", {"XDG_DATA_HOME": "/d"}, "/d/latent-loom"),
        ("darwin", {"XDG_DATA_HOME": "/d"}, "home/Library/Application Support/Latent Loom"),
        ("win32", {}, "home/AppData/Local/Latent Loom"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/Latent Loom"),
    ],
)
def test_each_system_has_its_place(
    platform: str, environment: dict[str, str], expected: str
) -> None:
    assert personal_folder(platform, environment, Path("home")) == Path(expected)
