"""The browser that a test worker drives: one for all its files, since its start, and the first page
of each profile in it, take as long as many a test.

`LOOM_SLOW=6` gives every page a sixth of the processor, `LOOM_SLOW=6,300` lets each of its answers
come 300 ms later besides: a test that waits for less than the state it needs fails there.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Generator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, Playwright, sync_playwright

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
REST = "/loom-between-tests"  # where a tab waits for the next test; no server is asked for it


class Driven:
    """A browser that starts when a test first wants it, and stays for the tests after it."""

    def __init__(self) -> None:
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None

    def browser(self, path: str) -> Browser:
        """The browser; one that has ended is started anew.

        Args:
            path: Its executable.
        """
        if self._browser is None or not self._browser.is_connected():
            self.close()
            self._playwright = sync_playwright().start()
            self._browser = self._playwright.chromium.launch(executable_path=path, args=ARGS)
        return self._browser

    def tidy(self) -> None:
        """Closes what is no tab at rest: what a file's tests have left open."""
        if self._browser is None or not self._browser.is_connected():
            return
        for context in self._browser.contexts:
            if [page.url.endswith(REST) for page in context.pages] != [True]:
                context.close()

    def close(self) -> None:
        """Ends it, if it was started."""
        browser, playwright = self._browser, self._playwright
        self._browser = self._playwright = None
        if browser is not None and browser.is_connected():
            browser.close()
        if playwright is not None:
            playwright.stop()


def slowed(page: Page, how: str | None = None) -> Page:
    """The page, as slow as `LOOM_SLOW` says; a tab stays so.

    Args:
        how: Said instead: times slower, and after a comma ms that each answer comes later.
    """
    how = os.environ.get("LOOM_SLOW", "") if how is None else how
    if how:
        times, _, later_ms = how.partition(",")
        session = page.context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": float(times)})
        if later_ms:
            slow = {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
            session.send("Network.enable")
            session.send("Network.emulateNetworkConditions", slow | {"latency": float(later_ms)})
    return page


@contextmanager
def no_loop(*, unless: bool = False) -> Generator[None]:
    """Hides the event loop in which an open browser waits, so that tests may run loops of their
    own; it stands still meanwhile.

    Args:
        unless: Leave it in place.
    """
    loop = None if unless else asyncio._get_running_loop()
    if loop is not None:
        asyncio._set_running_loop(None)
    try:
        yield
    finally:
        if loop is not None:
            asyncio._set_running_loop(loop)
