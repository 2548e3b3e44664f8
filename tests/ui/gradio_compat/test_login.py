"""Routes beside Gradio's ask for its login; without that they would answer everybody."""

from __future__ import annotations

import httpx


def test_who_has_logged_in_passes_with_the_name(with_login: str) -> None:
    with httpx.Client(base_url=with_login) as client:
        assert client.get("/shut/who").status_code == 401
        client.post("/login", data={"username": "ada", "password": "secret"})
        assert client.get("/shut/who").text == "ada"
    forged = {name: "made-up" for name in client.cookies}
    assert forged
    assert httpx.get(f"{with_login}/shut/who", cookies=forged).status_code == 401


def test_gradio_still_leaves_other_routes_open(with_login: str) -> None:
    """Once this fails, `auth=` guards all routes: `SignedIn` can go."""
    assert httpx.get(f"{with_login}/open").status_code == 200
