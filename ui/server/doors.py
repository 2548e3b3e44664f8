"""Who may come in: accounts of a file, or the one name and password that the flags say."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from backend.storage.accounts import HASHES_AT_ONCE, Accounts, Key, Role

REMEMBERED_S = 300.0  # for scripts, which show their password with every request
MAX_REMEMBERED = 256


@dataclass(frozen=True)
class Person:
    """Who has come in.

    Attributes:
        name: Of the account.
        role: What it may do.
    """

    name: str
    role: Role


class Doors:
    """Answers whether a name and a password, or a key, are right.

    Args:
        pair: The one name and password; None without.
        accounts: A file of accounts; None without. With neither everybody may come in.
        clock: Seconds, rising.
    """

    def __init__(
        self,
        pair: tuple[str, str] | None = None,
        accounts: Accounts | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pair = pair
        self._accounts = accounts
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, float] = OrderedDict()
        # Of their own: who guesses keeps nobody waiting who looks at a job.
        self._hashers = ThreadPoolExecutor(HASHES_AT_ONCE, thread_name_prefix="passwords")

    @property
    def asks(self) -> bool:
        """Whether one has to log in."""
        return self._pair is not None or self._accounts is not None

    @property
    def accounts(self) -> Accounts | None:
        """The file of accounts, where there is one."""
        return self._accounts

    def owner(self, name: str) -> str:
        """How an account begins what is its own; a name that all share is nobody's in special."""
        return f"@{name}" if self._accounts is not None else name

    def split(self, name: str) -> tuple[str, str]:
        """The account in `NAME+WORD`, and the word, perhaps empty."""
        if self._pair is not None and (
            name == self._pair[0] or name.startswith(f"{self._pair[0]}+")
        ):
            return self._pair[0], name[len(self._pair[0]) + 1 :]
        account, _, word = name.partition("+")
        return account, word

    async def check(self, name: str, password: str) -> bool:
        """Whether the page's login lets them in."""
        return await self.person(name, password) is not None

    async def person(self, name: str, password: str) -> Person | None:
        """Whose name and password these are; a hash takes its time, in a thread."""
        if self._pair is not None and self._accounts is None:
            right = _same(name, self._pair[0]) & _same(password, self._pair[1])
            return Person(name, "owner") if right else None
        if self._accounts is None:
            return None
        seen = self._mark(name, password)
        if seen is not None and self._clock() - self._remembered.get(seen, -1e9) < REMEMBERED_S:
            role = self.role(name)
            return Person(name, role) if role is not None else None
        loop = asyncio.get_running_loop()
        account = await loop.run_in_executor(self._hashers, self._accounts.verify, name, password)
        if account is None:
            return None
        self._remember(name, password)
        return Person(account.name, account.role)

    def holder(self, secret: str) -> tuple[Person, Key] | None:
        """Whose key this is."""
        found = self._accounts.holder(secret) if self._accounts is not None else None
        return None if found is None else (Person(found[0].name, found[0].role), found[1])

    def role(self, name: str | None) -> Role | None:
        """What an account may do; None where it may not come in."""
        if self._accounts is None:
            return "owner"
        account = self._accounts.get(name) if name is not None else None
        return None if account is None else account.role

    def epoch(self, name: str) -> str | None:
        """What ends an account's sessions when it changes; None where it may not come in."""
        if self._accounts is not None:
            account = self._accounts.get(name)
            return None if account is None else account.epoch
        if self._pair is None or name != self._pair[0]:
            return None
        return hashlib.sha256("\0".join(self._pair).encode("utf-8", "surrogatepass")).hexdigest()

    def _mark(self, name: str, password: str) -> bytes | None:
        """A name and a password, for this process and as long as nothing ends its sessions."""
        epoch = self.epoch(name)
        if epoch is None:
            return None
        said = "\0".join((epoch, name, password)).encode("utf-8", "surrogatepass")
        return hmac.new(self._secret, said, hashlib.sha256).digest()

    def _remember(self, name: str, password: str) -> None:
        seen = self._mark(name, password)
        if seen is None:
            return
        self._remembered[seen] = self._clock()
        self._remembered.move_to_end(seen)
        while len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)


def _same(given: str, right: str) -> bool:
    return secrets.compare_digest(
        given.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass")
    )
