"""The command line: what it reads and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from ui.server.flags import amount, flags, parser_of

DATA = Path("somewhere/data")


def test_without_flags_the_page_stays_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["app.py"])
    read = flags(DATA)
    assert (read.host, read.port, read.listen, read.share, read.auth) == (
        "127.0.0.1",
        7860,
        False,
        False,
        None,
    )
    assert read.data == DATA
    assert read.fake is None


def test_folders_with_models_add_up() -> None:
    read = parser_of(DATA).parse_args(["--models", "a", "--models", "b", "--vram-budget", "1.5"])
    assert read.models == [Path("a"), Path("b")]
    assert read.vram_budget == 1.5


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "much"])
def test_amounts_are_finite_and_not_negative(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        amount(text)
    with pytest.raises(SystemExit):
        parser_of(DATA).parse_args([f"--ram-budget={text}"])


def test_help_says_where_data_goes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser_of(DATA).parse_args(["--help"])
    assert str(DATA) in capsys.readouterr().out
