"""Invitations: a link lets one person in once, until a time; only its digest is kept."""

from __future__ import annotations

import datetime
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.contracts.errors import BadInput

if TYPE_CHECKING:
    from backend.storage.accounts import Role

PATH = "/loom/invitation/"  # answers everybody: who has the link has not logged in yet
MAX_OPEN = 200
MAX_HOURS = 24 * 30
OVER = "This invitation was used, withdrawn, or is too old; ask for another one."


@dataclass(frozen=True)
class Invitation:
    """One that is open.

    Attributes:
        number: To name it by; no secret.
        digest: SHA-256 of its secret, hex.
        role: Of the account that it makes.
        account: The account that it opens a login session of, in place of making one; else empty.
        until_s: When it ends, seconds since 1970.
    """

    number: str
    digest: str
    role: Role
    account: str
    until_s: float

    @property
    def until(self) -> str:
        """When it ends, as people write it."""
        return f"{datetime.datetime.fromtimestamp(self.until_s):%d %b %Y, %H:%M}"


def invited(role: Role, account: str, hours: float, now_s: float) -> tuple[Invitation, str]:
    """A new one, and its secret, which nobody can look up again.

    Raises:
        BadInput: The time is none.
    """
    if not 0 < hours <= MAX_HOURS:
        raise BadInput(f"An invitation lasts for up to {MAX_HOURS} hours.")
    secret = secrets.token_urlsafe(32)
    number = secrets.token_hex(6)
    return Invitation(number, digest_of(secret), role, account, now_s + hours * 3600), secret


def opened(invitations: Mapping[str, Invitation], secret: str, now_s: float) -> Invitation:
    """The one that a secret is of.

    Raises:
        BadInput: There is none, or no more.
    """
    found = invitations.get(digest_of(secret))
    if found is None or found.until_s <= now_s:
        raise BadInput(OVER)
    return found


def digest_of(secret: str) -> str:
    """What is kept of a secret: it is long and random, so one round is enough."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
