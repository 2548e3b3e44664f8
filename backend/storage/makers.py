"""Who made a past picture, who may see it, and who may do something to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Maker:
    """Whose a picture is.

    Attributes:
        owner: The login session or the script that asked for it.
        person: The account behind that; empty where people have none of their own.
    """

    owner: str = ""
    person: str = ""


NOBODY = Maker()


@dataclass(frozen=True)
class Viewer:
    """Who looks at past pictures.

    Attributes:
        owner: A login session or a script.
        person: The account, all of whose pictures are theirs; empty where several people share it.
        alone: Whether they see their own pictures alone.
        sees_nobodys: Also those that nobody is noted for.
        manages: Whether they may change what others made, as far as they see it.
    """

    owner: str = ""
    person: str = ""
    alone: bool = False
    sees_nobodys: bool = True
    manages: bool = True

    def owns(self, maker: Maker) -> bool:
        """Whether a picture is theirs."""
        same_session = bool(maker.owner) and maker.owner == self.owner
        return same_session or (bool(maker.person) and maker.person == self.person)

    def sees(self, maker: Maker) -> bool:
        """Whether a picture is shown to them at all."""
        nobodys = self.sees_nobodys and maker == NOBODY
        return not self.alone or nobodys or self.owns(maker)

    def may_change(self, maker: Maker) -> bool:
        """Whether they may delete a picture, bring it back, or make it a favourite."""
        return self.sees(maker) and (self.manages or self.owns(maker))

    @property
    def where(self) -> tuple[str, list[str | float]]:
        """`sees` as a condition on the columns `m.owner` and `m.person`, and its values."""
        if not self.alone:
            return "", []
        values: list[str | float] = [self.owner, self.person]
        nobodys = " OR m.name IS NULL" if self.sees_nobodys else ""
        own = "(m.owner = ? AND m.owner != '') OR (m.person = ? AND m.person != '')"
        return f" AND ({own}{nobodys})", values


HOST = Viewer()
"""Whoever sits at a studio that asks nobody for a login."""
