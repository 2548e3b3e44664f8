"""What a person may do with their own account: keys, limits, and an end to all that is theirs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from backend.contracts.errors import BadInput, LoomError
from backend.engine.jobs.protocol import Engine
from backend.storage.accounts import SCOPES, Accounts, Role, Scope
from backend.storage.audit import Audit
from backend.storage.history import History
from backend.storage.sessions import Sessions
from ui.gradio_compat.login import sign_out
from ui.jobs.sentences import sentence
from ui.server.doors import Doors
from ui.server.foreign import as_dict, as_list
from ui.server.roles import check, role_of
from ui.server.viewers import viewer_of

Answer = Callable[[Request], Awaitable[Response]]
_FRESH = {"Cache-Control": "no-store"}


def people_routes(
    engine: Engine, history: History, doors: Doors, sessions: Sessions, audit: Audit
) -> list[BaseRoute]:
    """The routes, to stand beside those of jobs and behind the same login."""

    async def me(request: Request) -> Response:
        """Who asks: name, role, keys without their secrets, and what is left of each limit."""
        user, owner = str(request.state.user or ""), str(request.state.owner or "")
        quota = await asyncio.to_thread(engine.quota, owner)
        uploaded, may_upload = getattr(request.state, "uploads", (0, 0))
        keys = doors.accounts.keys(user) if doors.accounts is not None and user else []
        return _json(
            {
                "name": user,
                "role": role_of(request),
                "accounts": doors.accounts is not None,
                "quota": asdict(quota)
                | {"upload_bytes": uploaded, "upload_bytes_limit": may_upload},
                "keys": [
                    {"number": key.number, "name": key.name, "scopes": list(key.scopes)}
                    for key in keys
                ],
            }
        )

    async def make_key(request: Request) -> Response:
        """A new key: {"number", "key"}; its secret is shown this once."""
        try:
            accounts, user = _of(request, doors)
            sent = as_dict(await _sent(request))
            scopes = [one for one in as_list(sent.get("scopes")) if one in SCOPES] or [*SCOPES]
            key, secret = await asyncio.to_thread(
                accounts.make_key,
                user,
                str(sent.get("name", "")),
                cast("tuple[Scope, ...]", tuple(scopes)),
            )
        except Exception as error:
            return _json({"error": sentence(error)})
        audit.note(user, "made a key", key.number)
        return _json({"number": key.number, "key": secret})

    async def take_back(request: Request) -> Response:
        """Ends one key."""
        try:
            accounts, user = _of(request, doors)
            number = request.path_params["number"]
            await asyncio.to_thread(accounts.take_back, user, number)
        except Exception as error:
            return _json({"error": sentence(error)})
        audit.note(user, "took a key back", number)
        return _json({})

    async def forget(request: Request) -> Response:
        """Removes all that is this person's: jobs, pictures, uploads, sessions, keys.

        Of guests, who may share an account, what is their login session's.
        """
        user, viewer = str(request.state.user or ""), viewer_of(request, private=True)
        try:
            accounts, _ = _of(request, doors)
            await asyncio.to_thread(engine.forget, viewer)
            pictures = await asyncio.to_thread(history.forget, viewer)
            for key in accounts.keys(user) if viewer.person else ():
                await asyncio.to_thread(accounts.take_back, user, key.number)
        except Exception as error:
            return _json({"error": sentence(error)})
        audit.note(user, "had their data deleted", f"{pictures} pictures")
        answer = await sign_out(request)
        if viewer.person:
            await asyncio.to_thread(sessions.close_all, user)
        said = _json({"pictures": pictures})
        said.raw_headers += [pair for pair in answer.raw_headers if pair[0] == b"set-cookie"]
        return said

    return [
        Route("/me", me),
        Route("/me/keys", make_key, methods=["POST"]),
        Route("/me/keys/{number}/take-back", take_back, methods=["POST"]),
        Route("/me/forget", forget, methods=["POST"]),
    ]


def needing(role: Role, answer: Answer, audit: Audit | None = None, did: str = "") -> Answer:
    """An answer for those alone who have a role; what they do is noted."""

    async def asked(request: Request) -> Response:
        try:
            check(role, role_of(request))
        except LoomError as error:
            return _json({"error": str(error)}, 403)
        if audit is not None:
            audit.note(str(getattr(request.state, "user", None) or "this machine"), did)
        return await answer(request)

    return asked


def _of(request: Request, doors: Doors) -> tuple[Accounts, str]:
    user = str(request.state.user or "")
    if doors.accounts is None or not user:
        raise BadInput("Nobody has an account of their own here; start with --auth-file.")
    return doors.accounts, user


async def _sent(request: Request) -> Any:
    try:
        return await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise BadInput("The request is no JSON object; send one.") from None


def _json(content: Any, status: int = 200) -> Response:
    return JSONResponse(content, status, headers=_FRESH)
