"""Who looks, by a request."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from backend.storage.makers import Viewer
from ui.server.viewers import viewer_of


def request(**state: Any) -> Any:
    return SimpleNamespace(state=SimpleNamespace(**state))


@pytest.mark.parametrize(
    ("state", "viewer"),
    [
        ({"owner": "@ada/1", "role": "member"}, Viewer("@ada/1", "ada", True, False, False)),
        ({"owner": "@gus/1", "role": "guest"}, Viewer("@gus/1", "", True, False, False)),
        ({"owner": "@olga/1", "role": "owner"}, Viewer("@olga/1", "olga", True, True, True)),
        # A name that all share: each session is on its own, and old pictures are nobody's to see.
        ({"owner": "loom/1", "role": "owner"}, Viewer("loom/1", "", True, False, True)),
        ({}, Viewer("", "", True, False, True)),
    ],
)
def test_on_a_private_studio(state: dict[str, Any], viewer: Viewer) -> None:
    assert viewer_of(request(**state), private=True) == viewer
    wrapped = SimpleNamespace(request=request(**state))  # as Gradio's events have it
    assert viewer_of(wrapped, private=True) == viewer
    shared = viewer_of(request(**state), private=False)
    assert (shared.alone, shared.sees_nobodys) == (False, True)
