"""What a role may do: asked where something is done, by one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from backend.contracts.errors import BadInput
from backend.storage.accounts import ROLES, Role

FnT = TypeVar("FnT", bound=Callable[..., Any])
_NEEDED = "needed_role"
_MAY = {
    "guest": "draw pictures",
    "member": "keep presets and styles",
    "owner": "change what concerns everybody: memory, queue, trainings",
}


def needs(role: Role) -> Callable[[FnT], FnT]:
    """Marks an event's function: whoever has a lesser role is refused before it is called."""

    def marked(function: FnT) -> FnT:
        setattr(function, _NEEDED, role)
        return function

    return marked


def check(needed: Role, has: Role) -> None:
    """Whether a role is enough.

    Raises:
        BadInput: It is not; says who may.
    """
    if ROLES.index(has) < ROLES.index(needed):
        raise BadInput(f"As {has} you may {_MAY[has]}; this is for {needed}s. Ask one of them.")


def check_call(function: Any, request: Any) -> str | None:
    """Whether who asks by an event of Gradio's may have its function called; raises as `check`.

    Returns:
        Who it is where this is for owners alone, so that it can be noted.
    """
    needed = getattr(function, _NEEDED, None)
    if needed is None:
        return None
    asked = getattr(request, "request", None)
    check(needed, role_of(asked))
    who = getattr(getattr(asked, "state", None), "user", None)
    return str(who or "this machine") if needed == "owner" else None


def role_of(request: Any) -> Role:
    """The role of who sends a request; what it is where nobody logs in."""
    return getattr(getattr(request, "state", None), "role", "owner")
