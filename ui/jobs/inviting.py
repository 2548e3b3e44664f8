"""Invitations over plain routes: owners make them, and a link lets one person in once."""

from __future__ import annotations

import asyncio
import html
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from backend.contracts.errors import BadInput
from backend.storage.accounts import ROLES, Accounts
from backend.storage.audit import Audit
from backend.storage.invitations import OVER, PATH, Invitation
from ui.gradio_compat.login import sign_in
from ui.jobs.people import needing
from ui.jobs.sentences import sentence
from ui.server.doors import Doors
from ui.server.foreign import as_dict

MAX_FORM_BYTES = 8192
_FRESH = {"Cache-Control": "no-store"}
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Latent Loom</title>
<style>body{{font:16px/1.5 sans-serif;max-width:24rem;margin:15vh auto;padding:0 1rem}}
label,button{{display:block;margin:.8rem 0}}input{{width:100%;font:inherit;padding:.4rem;
box-sizing:border-box}}button{{font:inherit;padding:.5rem 1rem}}</style></head><body>
<h1>Latent Loom</h1>{said}</body></html>"""
_FORM = """<p>{told}</p><p role="alert">{problem}</p><form method="post">{fields}
<button>Come in</button></form>"""
_FIELDS = """<label>Your name<input name="name" maxlength="64" required value="{name}"
autocomplete="username"></label><label>A password<input name="password" type="password"
minlength="8" required autocomplete="new-password"></label>"""


def invitation_routes(doors: Doors, audit: Audit) -> tuple[list[BaseRoute], list[BaseRoute]]:
    """Routes for everybody, by their whole path, and those to stand behind the login.

    Args:
        doors: Whose accounts are made.
        audit: Where it is noted who made an invitation and who came by it.
    """

    async def shown(request: Request) -> Response:
        """What is invited to; looking at it uses nothing up."""
        try:
            found = await asyncio.to_thread(_of(doors).invitation, _secret(request))
        except BadInput as error:
            return _page(f"<p>{html.escape(str(error))}</p>", 404)
        return _form(found)

    async def used(request: Request) -> Response:
        """Lets one person in."""
        body = await request.body()
        try:
            accounts, secret = _of(doors), _secret(request)
            found = await asyncio.to_thread(accounts.invitation, secret)
        except BadInput as error:
            return _page(f"<p>{html.escape(str(error))}</p>", 404)
        name, password = _filled(body)
        try:
            account = await asyncio.to_thread(accounts.accept, secret, name.strip(), password)
        except BadInput as error:
            return _form(found, str(error), name) if str(error) != OVER else _page(OVER, 404)
        audit.note(account.name, "came by an invitation", found.number)
        answer = RedirectResponse("/", 303, _FRESH)
        sign_in(request, answer, account.name)
        return answer

    async def make(request: Request) -> Response:
        """A new invitation, by {"role", "account", "hours"}: {"number", "path", "until"}."""
        try:
            sent = as_dict(await request.json())
            role, hours = sent.get("role", "member"), sent.get("hours", 72)
            if role not in ROLES or not isinstance(hours, int | float):
                raise BadInput("An invitation has a role, and hours that it lasts.")
            account = str(sent.get("account", ""))
            made, secret = await asyncio.to_thread(_of(doors).invite, role, account, hours)
        except Exception as error:
            return _json({"error": sentence(_as_bad(error))})
        audit.note(str(request.state.user or ""), "made an invitation", made.number)
        return _json({"number": made.number, "path": PATH + secret, "until": made.until})

    async def withdraw(request: Request) -> Response:
        """Ends one."""
        number = request.path_params["number"]
        try:
            await asyncio.to_thread(_of(doors).withdraw, number)
        except Exception as error:
            return _json({"error": sentence(error)})
        audit.note(str(request.state.user or ""), "withdrew an invitation", number)
        return _json({})

    return [
        Route(PATH + "{secret}", shown),
        Route(PATH + "{secret}", used, methods=["POST"]),
    ], [
        Route("/invitations", needing("owner", make), methods=["POST"]),
        Route("/invitations/{number}/withdraw", needing("owner", withdraw), methods=["POST"]),
    ]


def _of(doors: Doors) -> Accounts:
    if doors.accounts is None:
        raise BadInput("Nobody is invited here: this studio has no accounts.")
    return doors.accounts


def _secret(request: Request) -> str:
    return str(request.path_params["secret"])


def _filled(body: bytes) -> tuple[str, str]:
    """A name and a password; empty where the form has none."""
    try:
        sent = parse_qs(body[:MAX_FORM_BYTES].decode("utf-8", "replace"), max_num_fields=8)
    except ValueError:
        return "", ""
    return sent.get("name", [""])[0], sent.get("password", [""])[0]


def _form(found: Invitation, problem: str = "", name: str = "") -> Response:
    told = (
        f"You are invited as a guest, until {found.until}."
        if found.account
        else f"You are invited to an account of your own, until {found.until}."
    )
    fields = "" if found.account else _FIELDS.format(name=html.escape(name[:64], quote=True))
    said = _FORM.format(told=told, problem=html.escape(problem), fields=fields)
    return _page(said, 200 if not problem else 422)


def _page(said: str, status: int) -> Response:
    return HTMLResponse(_PAGE.format(said=said), status, _FRESH)


def _json(content: object) -> Response:
    return JSONResponse(content, headers=_FRESH)


def _as_bad(error: Exception) -> Exception:
    broken = isinstance(error, ValueError)  # of JSON and of its encoding
    return BadInput("The request is no JSON object; send one.") if broken else error
