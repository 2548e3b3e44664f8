"""Whose a job is: an owner's text names a login session or a script, and behind it a person."""

from __future__ import annotations

from backend.storage.makers import NOBODY, Maker

NO_LOGIN = "+"  # begins a script's name where nobody logs in


def person_of(owner: str) -> str:
    """The account behind an owner; empty where people have none of their own.

    `@ada/3f2a` is a login session of ada's, `sdapi/@ada+word`, `sdapi/@ada@10.0.0.1` and
    `key/@ada/7c01` are scripts of hers. `loom/3f2a` is one session of a name that all share; what
    has no slash was made up by a browser.
    """
    kind, slash, rest = owner.partition("/")
    if not slash:
        return ""
    named = rest if kind in ("key", "sdapi") else kind
    if not named.startswith("@"):
        return ""
    return named[1:].partition("/")[0].partition("+")[0].partition("@")[0]


def maker_of(owner: str) -> Maker:
    """Whose a picture is that a job of this owner's makes; nobody's where nobody logs in."""
    kind, slash, rest = owner.partition("/")
    if not slash or (kind == "sdapi" and rest.startswith(NO_LOGIN)):
        return NOBODY
    return Maker(owner, person_of(owner))


def account_of(owner: str) -> str:
    """What limits are counted by: the person, else the owner itself."""
    return person_of(owner) or owner
