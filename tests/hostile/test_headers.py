"""A page of another site can neither show the studio in a frame nor use a visitor's login."""

from __future__ import annotations

import httpx

from tests.hostile.conftest import PASSWORD, USER, Victim


def test_answers_of_all_kinds_say_so(victim: Victim, browser: httpx.Client) -> None:
    for path in ("/", "/config", "/assets/x", "/loom/memory", "/sdapi/v1/options", "/nothing"):
        headers = browser.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'self'" in headers["content-security-policy"], path
    refused = httpx.get(victim.server.url, headers={"host": "evil.example"})
    assert refused.headers["x-content-type-options"] == "nosniff"


def test_the_logins_cookies_are_this_sites_and_no_scripts(victim: Victim) -> None:
    answer = httpx.post(f"{victim.server.url}/login", data={"username": USER, "password": PASSWORD})
    cookies = answer.headers.get_list("set-cookie")
    assert cookies
    for cookie in cookies:
        assert "httponly" in cookie.lower()
        assert "samesite=lax" in cookie.lower()


def test_other_names_and_other_sites_are_refused_at_every_door(
    victim: Victim, browser: httpx.Client
) -> None:
    """DNS rebinding, and another site's page that posts with a visitor's login."""
    doors = ["/", "/config", "/loom/memory", "/loom/jobs", "/sdapi/v1/options"]
    doors += ["/gradio_api/upload"]
    port = victim.server.url.rsplit(":", 1)[1]
    for path in [*doors, "/gradio_api/queue/join", "/login", "/loom/sign-out"]:
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "[", ""):
            answer = browser.post(path, headers={"host": host}, json={})
            assert answer.status_code in (400, 421), (path, host, answer.status_code)
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "["):
            answer = browser.post(path, headers={"origin": origin}, json={})
            assert answer.status_code == 403, (path, origin, answer.status_code)
        cross = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
        assert browser.post(path, headers=cross, json={}).status_code == 403, path
    assert browser.get("/loom/memory").status_code == 200, "and nobody was signed out"
