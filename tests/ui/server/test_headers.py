"""Every answer tells browsers what they may do with it."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from ui.server.headers import TOLD, Headers


async def answer(request: Request) -> Response:
    response = PlainTextResponse("in", headers={"Content-Security-Policy": "default-src *"})
    response.set_cookie("open", "1", httponly=True)
    response.set_cookie("none", "2", httponly=True, secure=True, samesite="none")
    return response


@pytest.fixture
def client() -> TestClient:
    return TestClient(Headers(Starlette(routes=[Route("/", answer)])))


@pytest.mark.parametrize("path", ["/", "/not-there"])
def test_each_answer_has_them_once(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    for name, value in TOLD:
        assert headers.get_list(name.decode()) == [value.decode()]
    assert "frame-ancestors 'self'" in headers["content-security-policy"]


def test_cookies_are_this_sites_alone(client: TestClient) -> None:
    cookies = client.get("/").headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert cookie.endswith("; SameSite=lax")
        assert cookie.lower().count("samesite") == 1
        assert "HttpOnly" in cookie
    assert "Secure" in cookies[1]
