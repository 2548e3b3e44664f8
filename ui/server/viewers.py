"""Who looks at past pictures, by the request that they send."""

from __future__ import annotations

from typing import Any

from backend.engine.jobs.owners import person_of
from backend.storage.makers import Viewer
from ui.server.roles import role_of


def viewer_of(request: Any, private: bool) -> Viewer:
    """What a request's person may see and change.

    Guests may share an account: what is theirs is their login session's. Where nobody has an
    account of their own, pictures that nobody is noted for are on a private studio nobody's to see.

    Args:
        request: Starlette's or Gradio's, behind the login.
        private: Whether people see their own pictures alone.
    """
    asked = getattr(request, "request", None) or request
    owner, role = str(getattr(getattr(asked, "state", None), "owner", "") or ""), role_of(asked)
    account = person_of(owner)
    return Viewer(
        owner,
        "" if role == "guest" else account,
        alone=private,
        sees_nobodys=not private or (bool(account) and role == "owner"),
        manages=role == "owner",
    )
