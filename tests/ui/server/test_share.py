"""Who gets in, and what is said at the start."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ui.server.flags import parser_of
from ui.server.share import (
    announcement,
    own_names,
    planned,
    prepare_environment,
    serving,
    share_failure,
)
from ui.server.temp_files import remove

LOCAL = {
    "host": "127.0.0.1",
    "port": 7860,
    "listen": False,
    "share": False,
    "auth": None,
    "open_browser": False,
}


def plan(**changes: object):
    return serving(**(LOCAL | changes))


def test_this_machine_needs_no_password() -> None:
    assert plan().auth is None


@pytest.mark.parametrize("change", [{"listen": True}, {"share": True}, {"host": "0.0.0.0"}])
def test_leaving_the_machine_needs_one(change: dict[str, object]) -> None:
    first, second = plan(**change), plan(**change)
    assert first.auth is not None
    assert len(first.auth[1]) >= 12
    assert first.auth != second.auth
    assert first.auth[1] in announcement(first, "http://x", None)


def test_a_given_password_is_kept_and_not_printed() -> None:
    given = plan(share=True, auth="ada:se:cret")
    assert given.auth == ("ada", "se:cret")
    assert "se:cret" not in announcement(given, "http://x", "https://y")


@pytest.mark.parametrize("auth", ["ada", "ada:", ":secret", ""])
def test_half_an_auth_is_refused(auth: str) -> None:
    with pytest.raises(ValueError, match="USER:PASS"):
        plan(auth=auth)


def test_several_people_as_a1111_writes_them_are_not_taken_for_one() -> None:
    with pytest.raises(ValueError, match="--auth-file"):
        plan(auth="ada:secret,bob:other")
    assert plan(auth="ada:a,b,c").auth == ("ada", "a,b,c")


def test_listen_binds_to_the_network() -> None:
    assert plan(listen=True).host == "0.0.0.0"
    assert plan(listen=True, host="10.1.2.3").host == "10.1.2.3"


def test_a_link_that_failed_is_told_in_both_places() -> None:
    wanted = plan(share=True)
    assert "No share link" in share_failure(wanted, None)
    assert share_failure(wanted, None) in announcement(wanted, "http://x", None)
    assert share_failure(wanted, "https://y") == share_failure(plan(), None) == ""
    assert "https://y" in announcement(wanted, "http://x", "https://y")


def test_the_local_page_has_local_names_only() -> None:
    assert set(own_names("127.0.0.1")) == {"localhost", "127.0.0.1", "::1"}


def test_the_environment_is_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "before")
    monkeypatch.setenv("GRADIO_SHARE", "True")
    folder = prepare_environment()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert "GRADIO_SHARE" not in os.environ
    remove(folder)
    assert not folder.exists()


def test_the_command_line_says_all_of_it(tmp_path: Path) -> None:
    line = ["--host", "0.0.0.0", "--port", "8123", "--auth", "ann:secret", "--api", "--open"]
    plan = planned(parser_of(tmp_path).parse_args(line))
    assert (plan.host, plan.port, plan.auth) == ("0.0.0.0", 8123, ("ann", "secret"))
    assert plan.api
    assert plan.open_browser
    assert not plan.share
    assert not plan.made_up


def test_a_key_for_the_figures_is_a_secret() -> None:
    with pytest.raises(ValueError, match="12 letters or more"):
        plan(metrics_key="short")
    assert plan(metrics_key="a long secret").metrics_key == "a long secret"
    assert plan().metrics_key == ""


def test_what_is_private_needs_people(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--private is for people who log in"):
        planned(parser_of(tmp_path).parse_args(["--private"]))
    for login in (["--auth", "ann:secret"], ["--listen"]):
        plan = planned(parser_of(tmp_path).parse_args(["--private", *login]))
        assert plan.auth is not None
