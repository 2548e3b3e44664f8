"""Accounts in a file: names, roles, passwords as scrypt hashes, and keys for scripts.

`latent-loom users` changes the file while a studio runs: it is read again when it has changed. What
ends an account's sessions and keys is its epoch, which every such change draws anew.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from backend.contracts.errors import BadInput
from backend.storage.arrays import write_synced
from backend.storage.invitations import MAX_OPEN, Invitation, digest_of, invited, opened
from backend.storage.locks import locked

Role = Literal["guest", "member", "owner"]
"""guest draws; member keeps presets too; owner also has memory, queue, trainings and models."""
ROLES: tuple[Role, ...] = get_args(Role)
Scope = Literal["draw", "read"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS = 8, 1024
HASHES_AT_ONCE = 2  # each takes 32 MiB and a core for a while
KEY_BEGINS = "loom_"
RESERVED = ("sdapi", "key")  # begin the names under which scripts' jobs stand in the queue
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_COST = {"n": 2**15, "r": 8, "p": 1}
_MEMORY_BYTES = 64 * 2**20
_SCHEMA = 1


@dataclass(frozen=True)
class Account:
    """Who may log in.

    Attributes:
        name: As it is typed.
        role: What it may do.
        salt: Of its password, hex.
        password: scrypt of it, hex.
        epoch: Changes with whatever ends its sessions.
        suspended: It may not log in for now.
    """

    name: str
    role: Role
    salt: str
    password: str
    epoch: str
    suspended: bool = False


@dataclass(frozen=True)
class Key:
    """A script's way in, for one account.

    Attributes:
        number: To name it by; no secret.
        account: Whose it is.
        name: What it is for.
        scopes: What it may do.
        digest: Of its secret, hex.
        epoch: Of the account when it was made.
        made_s: When, seconds since 1970.
    """

    number: str
    account: str
    name: str
    scopes: tuple[Scope, ...]
    digest: str
    epoch: str
    made_s: float


@dataclass(frozen=True)
class _Book:
    accounts: Mapping[str, Account]
    keys: Mapping[str, Key]
    invitations: Mapping[str, Invitation]  # by digest
    removed: frozenset[str] = frozenset()  # names, casefolded, whose pictures may be there still


class Accounts:
    """The file. Safe from any thread and from several processes.

    Args:
        path: Made when the first account is added; its owner's alone (0600).
        clock: Seconds since 1970.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._hashing = threading.BoundedSemaphore(HASHES_AT_ONCE)
        self._read: tuple[tuple[int, ...], _Book] | None = None
        self._unknown = Account("", "guest", secrets.token_hex(16), "", "")

    # --- who may come in ---------------------------------------------------------------------

    def get(self, name: str) -> Account | None:
        """The account of that name, where it may log in."""
        account = self._book().accounts.get(name)
        return account if account is not None and not account.suspended else None

    def all(self) -> list[Account]:
        """Every account, by name."""
        return sorted(self._book().accounts.values(), key=lambda account: account.name)

    def verify(self, name: str, password: str) -> Account | None:
        """The account, where the password is its own; takes as long for a name that is not there.

        At most two at once: whoever tries many passwords takes no more of the machine.
        """
        account = self.get(name) if _NAME.fullmatch(name) else None
        with self._hashing:
            given = _hashed(password[:MAX_PASSWORD_CHARS], (account or self._unknown).salt)
        right = hmac.compare_digest(given, account.password if account is not None else given[::-1])
        return account if right and account is not None else None

    def holder(self, secret: str) -> tuple[Account, Key] | None:
        """Whose key this is; None where it is nobody's, or no more."""
        book = self._book()
        number, _, _ = secret.removeprefix(KEY_BEGINS).partition("_")
        key = book.keys.get(number)
        if key is None or not hmac.compare_digest(key.digest, digest_of(secret)):
            return None
        account = self.get(key.account)
        return (account, key) if account is not None and account.epoch == key.epoch else None

    # --- changes -----------------------------------------------------------------------------

    def add(self, name: str, password: str, role: Role = "member") -> None:
        """Adds an account.

        Raises:
            BadInput: The name is taken or cannot be used, or the password is too short.
        """
        made = _new(name, password, role)
        self._change(lambda book: _with(book, made))

    def set_password(self, name: str, password: str) -> None:
        """Changes a password, and ends the account's sessions and keys."""
        self._of(name, lambda account: _with_password(account, password))

    def suspend(self, name: str, on: bool = True) -> None:
        """Keeps an account out, with its sessions and keys; or lets it in again."""
        self._of(name, lambda account: replace(account, suspended=on, epoch=secrets.token_hex(8)))

    def set_role(self, name: str, role: Role) -> None:
        """Changes what an account may do."""
        self._of(name, lambda account: replace(account, role=role))

    def remove(self, name: str) -> None:
        """Removes an account with its keys.

        Its name stays taken for who comes by an invitation: what it made is still noted as its own.
        """

        def change(book: _Book) -> _Book:
            if name not in book.accounts:
                raise _nobody(name)
            return _Book(
                {other: account for other, account in book.accounts.items() if other != name},
                {number: key for number, key in book.keys.items() if key.account != name},
                {d: one for d, one in book.invitations.items() if one.account != name},
                book.removed | {name.casefold()},
            )

        self._change(change)

    # --- invitations -------------------------------------------------------------------------

    def invite(
        self, role: Role = "member", account: str = "", hours: float = 72.0
    ) -> tuple[Invitation, str]:
        """A new invitation, and its secret, which nobody can look up again.

        Args:
            role: Of the account that it makes.
            account: A guest's account that it opens a login session of, in place of making one.
            hours: For how long it may be used.

        Raises:
            BadInput: There is no such account, it is no guest's, or too many invitations are open.
        """
        made, secret = invited(role, account, hours, self._clock())

        def change(book: _Book) -> _Book:
            if account and (account not in book.accounts or book.accounts[account].suspended):
                raise _nobody(account)
            if account and book.accounts[account].role != "guest":
                raise BadInput("A login session without a password is for guests' accounts alone.")
            left = self._open(book)
            if len(left) >= MAX_OPEN:
                raise BadInput(f"{MAX_OPEN} invitations are open; withdraw one first.")
            return replace(book, invitations={**left, made.digest: made})

        self._change(change)
        return made, secret

    def invitations(self) -> list[Invitation]:
        """Those that are open, the one that ends first first."""
        return sorted(self._open(self._book()).values(), key=lambda one: one.until_s)

    def invitation(self, secret: str) -> Invitation:
        """The one that a secret is of. Raises BadInput where there is none, or no more."""
        return opened(self._book().invitations, secret, self._clock())

    def accept(self, secret: str, name: str = "", password: str = "") -> Account:
        """Uses an invitation, once: the account that it has made, or that it opens.

        Raises:
            BadInput: It was used, or the name or password cannot be; then it stays open.
        """
        found = self.invitation(secret)
        made = None
        if not found.account:
            with self._hashing:
                made = _new(name, password, found.role)
        came: list[Account] = []

        def change(book: _Book) -> _Book:
            now = opened(book.invitations, secret, self._clock())
            left = {d: one for d, one in book.invitations.items() if d != digest_of(secret)}
            book = replace(book, invitations=left)
            if made is not None:
                if made.name.casefold() in book.removed:
                    raise BadInput(f"'{made.name}' was somebody's before; choose another name.")
                came.append(made)
                return _with(book, made)
            if now.account not in book.accounts or book.accounts[now.account].suspended:
                raise _nobody(now.account)
            came.append(book.accounts[now.account])
            return book

        self._change(change)
        return came[0]

    def withdraw(self, number: str) -> None:
        """Ends an invitation. Raises BadInput where there is none of that number."""

        def change(book: _Book) -> _Book:
            left = {d: one for d, one in book.invitations.items() if one.number != number}
            if len(left) == len(book.invitations):
                raise BadInput("There is no such invitation.")
            return replace(book, invitations=left)

        self._change(change)

    def _open(self, book: _Book) -> dict[str, Invitation]:
        now_s = self._clock()
        return {d: one for d, one in book.invitations.items() if one.until_s > now_s}

    # --- keys --------------------------------------------------------------------------------

    def make_key(self, name: str, what: str, scopes: tuple[Scope, ...] = SCOPES) -> tuple[Key, str]:
        """A new key of an account, and its secret, which nobody can look up again.

        Raises:
            BadInput: There is no such account, or it has too many keys.
        """
        number = secrets.token_hex(6)
        secret = f"{KEY_BEGINS}{number}_{secrets.token_urlsafe(32)}"
        made: list[Key] = []

        def change(book: _Book) -> _Book:
            if name not in book.accounts:
                raise _nobody(name)
            if sum(key.account == name for key in book.keys.values()) >= 20:
                raise BadInput("An account has 20 keys at most; take one back first.")
            epoch = book.accounts[name].epoch
            key = Key(number, name, what[:80], scopes, digest_of(secret), epoch, self._clock())
            made.append(key)
            return replace(book, keys={**book.keys, number: key})

        self._change(change)
        return made[0], secret

    def keys(self, name: str) -> list[Key]:
        """The keys of an account, the oldest first."""
        found = [key for key in self._book().keys.values() if key.account == name]
        return sorted(found, key=lambda key: key.made_s)

    def take_back(self, name: str, number: str) -> None:
        """Ends one key of an account. Raises BadInput where it has none of that number."""

        def change(book: _Book) -> _Book:
            key = book.keys.get(number)
            if key is None or key.account != name:
                raise BadInput("There is no such key.")
            return replace(book, keys={n: k for n, k in book.keys.items() if n != number})

        self._change(change)

    # --- the file ----------------------------------------------------------------------------

    def _of(self, name: str, changed: Callable[[Account], Account]) -> None:
        def change(book: _Book) -> _Book:
            if name not in book.accounts:
                raise _nobody(name)
            return replace(book, accounts={**book.accounts, name: changed(book.accounts[name])})

        self._change(change)

    def _change(self, change: Callable[[_Book], _Book]) -> None:
        with locked(self._path):
            book = change(self._load())
            document = {
                "schema": _SCHEMA,
                "accounts": [asdict(account) for account in book.accounts.values()],
                "keys": [asdict(key) for key in book.keys.values()],
                "invitations": [asdict(one) for one in book.invitations.values()],
                "removed": sorted(book.removed),
            }
            content = json.dumps(document, indent=1).encode()
            write_synced(self._path, lambda file: file.write(content))

    def _book(self) -> _Book:
        """The file's content; read again where it has changed."""
        try:
            found = self._path.stat()
        except OSError:
            return _Book({}, {}, {})
        mark = (found.st_ino, found.st_size, found.st_mtime_ns)
        if self._read is None or self._read[0] != mark:
            self._read = (mark, self._load())
        return self._read[1]

    def _load(self) -> _Book:
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return _Book({}, {}, {})
        try:
            return _parsed(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise BadInput(f"The file of accounts, {self._path.name}, is damaged.") from None


def _parsed(document: Any) -> _Book:
    if document["schema"] != _SCHEMA:
        raise ValueError(document["schema"])
    accounts = [Account(**one) for one in document["accounts"]]
    keys: list[Key] = []
    for one in document["keys"]:
        fields: dict[str, Any] = one | {"scopes": tuple(one["scopes"])}
        keys.append(Key(**fields))
    invitations = [Invitation(**one) for one in document.get("invitations", [])]
    if not all(one.role in ROLES for one in (*accounts, *invitations)):
        raise ValueError("role")
    return _Book(
        {one.name: one for one in accounts},
        {one.number: one for one in keys},
        {one.digest: one for one in invitations},
        frozenset(document.get("removed", ())),
    )


def _new(name: str, password: str, role: Role) -> Account:
    if not _NAME.fullmatch(name) or name.casefold() in RESERVED:
        raise BadInput(
            "A name has 1 to 64 letters, digits and . _ -, and begins with a letter or digit."
        )
    return _with_password(Account(name, role, "", "", ""), password)


def _with(book: _Book, made: Account) -> _Book:
    if made.name.casefold() in {other.casefold() for other in book.accounts}:
        raise BadInput(f"There is an account '{made.name}' already.")
    return replace(book, accounts={**book.accounts, made.name: made})


def _with_password(account: Account, password: str) -> Account:
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise BadInput(f"A password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters.")
    salt = secrets.token_hex(16)
    return replace(account, salt=salt, password=_hashed(password, salt), epoch=secrets.token_hex(8))


def _hashed(password: str, salt: str) -> str:
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(
        secret, salt=bytes.fromhex(salt), maxmem=_MEMORY_BYTES, dklen=32, **_COST
    ).hex()


def _nobody(name: str) -> BadInput:
    return BadInput(f"There is no account '{name[:64]}'.")
