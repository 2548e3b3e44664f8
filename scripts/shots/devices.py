"""Two workers on the CPU in the panel of the memory, one of them drained."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser

from shots.studio import PROMPT, app, generate, opened, shot, wait


def devices(browser: Browser, folder: Path) -> None:
    """What each device does and holds, after an owner has drained one and kept the other."""
    with app(folder, "--device", "cpu,cpu"):
        page = opened(browser, 1400, 900)
        generate(page, PROMPT)
        wait(page, "done")
        page.get_by_role("button", name=re.compile("^Memory: ")).click()
        panel = page.get_by_role("region", name="Models in memory")
        panel.get_by_role("button", name=re.compile("^Keep for")).first.click()
        panel.get_by_role("button", name="Take all models").wait_for()
        panel.get_by_role("button", name="Drain").last.click()
        panel.get_by_role("button", name="Enable").wait_for()
        shot(page, "devices", clip={"x": 700, "y": 0, "width": 700, "height": 620})
        page.context.close()
