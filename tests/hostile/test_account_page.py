"""One's own account on the page: limits, a key that is shown once, signing out, deleting."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.hostile.test_people import SECRET, peopled
from tests.ui.conftest import ready


@pytest.mark.browser
@pytest.mark.slow
def test_a_person_sees_limits_makes_a_key_and_signs_out(chromium: Browser, tmp_path: Path) -> None:
    with peopled(tmp_path / "data") as server:
        context = chromium.new_context()
        page = context.new_page()
        try:
            page.goto(server.url)
            page.get_by_label("username").fill("max")
            page.get_by_label("password").fill(SECRET)
            page.get_by_role("button", name="Login").click()
            ready(page)
            page.get_by_role("button", name="max", exact=True).click()
            panel = page.get_by_role("region", name="Your account")
            expect(panel).to_contain_text("max, member")
            expect(panel).to_contain_text("of 32 jobs")
            panel.get_by_label("What the key is for").fill("nightly")
            panel.get_by_role("button", name="Make a key").click()
            expect(panel.locator(".own-keys li")).to_contain_text("nightly")
            key = panel.locator(".made code").inner_text()
            api = f"{server.url}/sdapi/v1/options"
            bearer = {"authorization": f"Bearer {key}"}
            assert httpx.get(api, headers=bearer).status_code == 200
            panel.get_by_role("button", name="Take back").click()
            expect(panel.locator(".own-keys li")).to_have_count(0)
            assert httpx.get(api, headers=bearer).status_code == 401
            panel.get_by_role("button", name="Sign out").click()
            expect(page.get_by_label("password")).to_be_visible()
        finally:
            context.close()
