"""Commands beside the studio itself: `latent-loom users ...`, `backup`, `restore`."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from backend.contracts.errors import LoomError
from backend.storage.accounts import ROLES, SCOPES, Accounts, Scope
from backend.storage.audit import FILE, Audit
from backend.storage.backup import back_up, restore
from backend.storage.invitations import PATH as INVITATIONS
from backend.storage.locks import InUse

COMMANDS = ("users", "backup", "restore")
ACCOUNTS = "accounts.json"


def run(arguments: Sequence[str], data: Path) -> str | None:
    """Does what a command says, where it is one.

    Args:
        arguments: Of the command line.
        data: The data folder where no flag names one.

    Returns:
        What to print; None where this is no command.

    Raises:
        SystemExit: It cannot be done; with a sentence.
    """
    if arguments[:1] not in [[name] for name in COMMANDS]:
        return None
    asked = _parser(data).parse_args(arguments)
    try:
        match asked.command:
            case "users":
                return _users(asked)
            case "backup":
                files = back_up(asked.data, asked.file)
                return f"{files} files were written to {asked.file}."
            case _:
                files = restore(asked.data, asked.file)
                return f"{files} files were put into {asked.data}."
    except (LoomError, InUse) as error:
        raise SystemExit(str(error)) from None
    except OSError as error:
        raise SystemExit(f"That could not be done: {error}.") from None


def _users(asked: argparse.Namespace) -> str:
    accounts = Accounts(asked.auth_file or asked.data / ACCOUNTS)
    name: str = getattr(asked, "name", "")
    match asked.act:
        case "list":
            rows = [
                f"{one.name}  {one.role}{'  suspended' if one.suspended else ''}"
                f"  {len(accounts.keys(one.name))} keys"
                for one in accounts.all()
            ]
            return "\n".join(rows) or "There is no account yet; add one: latent-loom users add NAME"
        case "add":
            accounts.add(name, _password(), asked.role)
            done = f"{name} may log in, as {asked.role}."
        case "remove":
            accounts.remove(name)
            done = f"{name} is removed, with its sessions and keys."
        case "suspend":
            accounts.suspend(name)
            done = f"{name} may not log in any more; `users resume` lets it."
        case "resume":
            accounts.suspend(name, False)
            done = f"{name} may log in again."
        case "password":
            accounts.set_password(name, _password())
            done = f"{name} has a new password; its sessions and keys have ended."
        case "role":
            accounts.set_role(name, asked.role)
            done = f"{name} is {asked.role} now."
        case "key":
            scopes: tuple[Scope, ...] = tuple(asked.scope or SCOPES)
            key, secret = accounts.make_key(name, asked.purpose, scopes)
            done = f"Key {key.number}, shown this once: {secret}"
        case "invite":
            made, secret = accounts.invite(asked.role, asked.guest, asked.hours)
            name = made.number
            done = (
                f"Invitation {made.number}, for one person and {asked.hours:g} hours, shown this "
                f"once: {asked.address.rstrip('/')}{INVITATIONS}{secret}"
            )
        case "invitations":
            rows = [
                f"{one.number}  {one.account or one.role}  until {one.until}"
                for one in accounts.invitations()
            ]
            return "\n".join(rows) or "No invitation is open."
        case "withdraw":
            accounts.withdraw(asked.number)
            done = f"Invitation {asked.number} is withdrawn."
        case "keys":
            rows = [
                f"{key.number}  {_plain(key.name)}  {', '.join(key.scopes)}"
                for key in accounts.keys(name)
            ]
            return "\n".join(rows) or f"{name} has no key."
        case _:
            accounts.take_back(name, asked.number)
            done = f"Key {asked.number} is taken back."
    Audit(asked.data / FILE).note("the command line", f"users {asked.act}", name)
    return done


def _plain(text: str) -> str:
    """What somebody has named a key, without what would steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _password() -> str:
    """Asked for twice at a terminal; else a line of what comes in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise SystemExit("These were two different passwords; nothing was changed.")
    return first


def _parser(data: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="latent-loom")
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data", type=Path, default=data, help=f"the data folder ({data})")
    users = commands.add_parser("users", help="who may log in with --auth-file")
    acts = users.add_subparsers(dest="act", required=True)
    of_users = argparse.ArgumentParser(add_help=False, parents=[common])
    of_users.add_argument(
        "--auth-file", type=Path, help="the file of accounts (accounts.json in the data folder)"
    )
    acts.add_parser("list", parents=[of_users], help="every account")
    invite = acts.add_parser("invite", parents=[of_users], help="a link that lets one person in")
    invite.add_argument("--role", choices=ROLES, default="member", help="of the account it makes")
    invite.add_argument("--guest", default="", metavar="NAME", help="or: in as this guest account")
    invite.add_argument("--hours", type=float, default=72.0, help="how long it may be used (72)")
    invite.add_argument(
        "--address", default="http://127.0.0.1:7860", help="of the studio, to begin the link with"
    )
    acts.add_parser("invitations", parents=[of_users], help="those that are open")
    withdraw = acts.add_parser("withdraw", parents=[of_users], help="ends an invitation")
    withdraw.add_argument("number")
    for act, told in (
        ("add", "a new account; its password is asked for"),
        ("remove", "ends an account, its sessions and keys"),
        ("suspend", "keeps an account out for now"),
        ("resume", "lets it in again"),
        ("password", "a new password; ends sessions and keys"),
        ("role", "what an account may do"),
        ("key", "a key for scripts, shown once"),
        ("keys", "the keys of an account"),
        ("take-back", "ends one key"),
    ):
        one = acts.add_parser(act, parents=[of_users], help=told)
        one.add_argument("name")
        if act in ("add", "role"):
            one.add_argument("--role", choices=ROLES, default="member", required=act == "role")
        if act == "key":
            one.add_argument("--for", dest="purpose", default="", help="what it is for")
            one.add_argument("--scope", choices=SCOPES, action="append", help="what it may do")
        if act == "take-back":
            one.add_argument("number")
    for name, told in (("backup", "the data folder as one file"), ("restore", "out of a backup")):
        one = commands.add_parser(name, parents=[common], help=told)
        one.add_argument("file", type=Path)
    return parser
