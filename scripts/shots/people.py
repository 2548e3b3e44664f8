"""Accounts, and a queue after a restart."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from backend.storage.accounts import Accounts
from shots.studio import PROMPT, URL, app, generate, shot, wait

SECRET = "a long secret"


def people(browser: Browser, folder: Path) -> None:
    """An account with its limits, a key and an invitation; a queue after the studio was killed."""
    accounts = Accounts(folder / "data" / "accounts.json")
    (folder / "data").mkdir()
    accounts.add("olga", SECRET, "owner")
    flags = ("--auth-file", str(folder / "data" / "accounts.json"), "--megapixel-steps", "400")
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(120_000)
    page = context.new_page()
    ready = "window.loom?.restored.txt2img === true && loom.forms.txt2img"
    with app(folder, *flags) as process:
        page.goto(URL)
        page.get_by_label("username").fill("olga")
        page.get_by_label("password").fill(SECRET)
        page.get_by_role("button", name="Login").click()
        page.wait_for_function(ready)
        generate(page, PROMPT)
        wait(page, "done")
        for name, prompt in (("Generate", PROMPT), ("Add to queue", "a yellow boat")):
            page.get_by_label("Prompt", exact=True).fill(prompt)
            page.locator("#txt2img-steps input[type=number]").fill("150")
            page.locator("#txt2img-steps input[type=number]").press("Tab")
            page.get_by_role("button", name=name).locator("visible=true").click()
            page.locator(".queue-list .words", has_text=prompt).wait_for(state="attached")
        page.get_by_role("button", name="olga", exact=True).click()
        panel = page.get_by_role("region", name="Your account")
        panel.get_by_label("What the key is for").fill("nightly pictures")
        panel.get_by_role("button", name="Make a key").click()
        panel.locator(".own-keys li").wait_for()
        panel.get_by_role("button", name="Make a link").click()
        panel.locator(".link code").wait_for()
        shot(page, "account", clip={"x": 700, "y": 0, "width": 700, "height": 700})
        page.keyboard.press("Escape")
        process.kill()
        process.wait()
    with app(folder, *flags):
        page.reload()
        page.wait_for_function(ready)
        page.locator(".queue-box .queue").click()
        page.locator(".queue-list .words").first.wait_for()
        page.get_by_text("Started again: the studio stopped while it ran.").first.wait_for()
        shot(page, "queue-restart")
    context.close()
