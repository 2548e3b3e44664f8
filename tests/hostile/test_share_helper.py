"""A share link's helper that somebody has put into Gradio's cache is not run."""

from __future__ import annotations

import stat
from pathlib import Path

from gradio.tunneling import BINARY_FILENAME

from tests.ui.conftest import free_port, running


def test_a_helper_that_was_tampered_with_is_not_run(tmp_path: Path) -> None:
    helper = tmp_path / "hub" / "gradio" / "frpc" / BINARY_FILENAME
    helper.parent.mkdir(parents=True)
    mark = tmp_path / "ran"
    helper.write_text(f"#!/bin/sh\ntouch {mark}\necho 'start proxy success: http://evil.example'\n")
    helper.chmod(helper.stat().st_mode | stat.S_IEXEC)
    nowhere = f"127.0.0.1:{free_port()}"
    environment = {
        "HF_HOME": str(tmp_path / "hub"),
        "GRADIO_SHARE_SERVER_ADDRESS": nowhere,
        "HTTPS_PROXY": f"http://{nowhere}",  # no request leaves this machine
    }
    with running(tmp_path / "data", "--share", **environment) as server:  # type: ignore[arg-type]
        assert "No share link could be made" in server.said
        assert "evil.example" not in server.said
        assert not mark.exists()
        assert not helper.exists()
