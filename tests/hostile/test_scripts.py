"""A script that is brought into the page stays dead, in Chromium; signing out asks for a post."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route

from tests.hostile.conftest import PASSWORD, USER, Victim, listening
from tests.ui.conftest import Server, ready, running

BROUGHT_IN = """() => {
    const script = document.createElement('script');
    script.textContent = 'window.brought = "a script"';
    document.body.append(script);
    const box = document.createElement('div');
    box.innerHTML = '<img src="nowhere" onerror="window.brought = `a handler`">' +
        '<a id="evil" href="javascript:window.brought = 1">x</a>' +
        '<iframe srcdoc="<script>parent.brought = `a frame`</' + 'script>"></iframe>';
    document.body.append(box);
    document.querySelector('#evil').click();
    const other = document.createElement('script');
    other.src = 'https://evil.example/x.js';
    document.body.append(other);
}"""


@pytest.fixture(scope="module")
def open_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("data")) as server:
        listening(server)
        yield server


def opened(chromium: Browser, url: str) -> tuple[Page, list[str]]:
    context = chromium.new_context()
    page = context.new_page()
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            said.append(message.text)

    page.on("console", note)
    page.goto(url)
    ready(page)
    return page, said


@pytest.mark.browser
def test_what_is_put_into_the_page_does_not_run(chromium: Browser, open_studio: Server) -> None:
    page, said = opened(chromium, open_studio.url)
    try:
        assert said == []  # the page itself keeps to its policy
        page.evaluate(BROUGHT_IN)
        while len(said) < 3:  # each was refused; what is not is seen by pytest's own limit
            page.wait_for_timeout(100)
        page.wait_for_timeout(500)
        assert page.evaluate("window.brought") is None
        page.get_by_label("Prompt", exact=True).fill("a house")
        page.keyboard.press("Control+Enter")
        page.wait_for_function("window.loom?.stages.txt2img?.value.state === 'done'")
    finally:
        page.context.close()


@pytest.mark.browser
@pytest.mark.slow
def test_what_stands_in_the_page_as_it_comes_does_not_run(
    chromium: Browser, open_studio: Server
) -> None:
    context = chromium.new_context()
    page = context.new_page()

    def with_a_script(route: Route) -> None:
        answer = route.fetch()
        brought = "<head><script>window.brought = 1</script>"
        route.fulfill(response=answer, body=answer.text().replace("<head>", brought, 1))

    page.route(f"{open_studio.url}/", with_a_script)
    page.goto(open_studio.url)
    try:
        ready(page)
        assert page.evaluate("window.brought") is None
        assert page.evaluate("document.querySelectorAll('head > script')[0].textContent")
    finally:
        context.close()


def test_what_people_have_sent_is_shown_in_a_box(open_studio: Server, tmp_path: Path) -> None:
    picture = tmp_path / "x.svg"
    picture.write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>')
    with httpx.Client(base_url=open_studio.url) as client:
        sent = client.post("/gradio_api/upload", files={"files": picture.read_bytes()}).json()
        answer = client.get(f"/gradio_api/file={sent[0]}")
        assert answer.status_code == 200
        assert "sandbox" in answer.headers["content-security-policy"]
        assert "sha256-" not in answer.headers["content-security-policy"]


def test_signing_out_is_a_post_and_ends_one_session(victim: Victim) -> None:
    with victim.signed_in() as one, victim.signed_in() as other:
        for address in ("/logout", "/logout/", "/logout?all_session=true"):
            assert one.get(address).status_code == 404
        assert one.get("/loom/sign-out").status_code == 405
        foreign = {"origin": "http://evil.example"}
        assert one.post("/loom/sign-out", headers=foreign).status_code == 403
        assert one.get("/loom/memory").status_code == 200
        cookies = dict(one.cookies)
        assert one.post("/loom/sign-out").status_code == 200
        assert one.get("/loom/memory").status_code == 401
        kept = httpx.get(f"{victim.server.url}/loom/memory", cookies=cookies)
        assert kept.status_code == 401  # whoever has copied the cookie is out as well
        assert other.get("/loom/memory").status_code == 200


def test_names_and_passwords_are_asked_for_at_the_door(victim: Victim) -> None:
    assert httpx.post(f"{victim.server.url}/loom/sign-out").status_code == 401
    data = {"username": USER, "password": PASSWORD}
    assert httpx.post(f"{victim.server.url}/login", data=data).status_code == 200
