"""Settings that hold for every test, and the guard that keeps CI honest."""

from __future__ import annotations

import gc
import os
import shutil

# Before anything imports torch or gradio: a few threads are as fast as many on models this small,
# workers side by side share the cores (threads that wait for their turn spin: a test of 6 s took
# 88), and no test may reach the network. Workers inherit what the process that starts them has
# set, which does not know yet how many there will be, so they set it anew.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
THREADS = str(max(1, min(4, (os.cpu_count() or 1) // WORKERS)))
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    if WORKERS > 1 or variable not in os.environ:
        os.environ[variable] = THREADS
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from collections.abc import Generator, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import hypothesis  # noqa: E402
import pytest  # noqa: E402
from playwright.sync_api import Browser  # noqa: E402

from tests.browsing import Driven, no_loop  # noqa: E402
from tests.file_costs import ROOT, costs, order  # noqa: E402
from tests.left_out import pytest_configure as pytest_configure  # noqa: E402 - a hook
from ui.gradio_compat.lean_import import import_lean  # noqa: E402

import_lean()  # as the studio does: a worker imports Gradio once, in half the time

# The same examples every time, and no clock: a busy machine must not fail a test.
hypothesis.settings.register_profile("loom", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("loom")

DRIVEN = Driven()  # the worker's one browser, while files that drive it run


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Executable of the browser that browser tests drive; missing, the test fails, never skips."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("LOOM_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.fail("No browser: run `make test`, which installs one, or set LOOM_CHROMIUM.")
    return found


_FILES_WITH_BROWSER: set[Path] = set()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None]:
    """What imports and collection leave stays to the end, so the collector never walks it again.

    It is more than a million objects: each full collection, a test's own `gc.collect()` too, takes
    half a second with them, and collecting the tests a quarter of its time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_unconfigure() -> None:
    gc.unfreeze()  # else libraries complain at the end of what was never let go


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that drive a browser first, then the dearest: a worker that began one of them last
    would run on alone."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()) and not item.get_closest_marker(
            "browser"
        ):
            item.add_marker(pytest.mark.browser)
    driven = [item for item in items if item.get_closest_marker("browser")]
    _FILES_WITH_BROWSER.update(item.path for item in driven)
    files = {item.path: os.path.relpath(item.path, ROOT) for item in items}
    places = order(files.values(), {files[item.path] for item in driven}, costs())
    items.sort(key=lambda item: places[files[item.path]])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    with no_loop(unless=item.get_closest_marker("browser") is not None):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    with no_loop(unless=item.get_closest_marker("browser") is not None):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    done = yield
    if nextitem is None or nextitem.path not in _FILES_WITH_BROWSER:
        DRIVEN.close()
    return done


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Browser]:
    """The worker's browser, for a module's tests."""
    yield DRIVEN.browser(chromium_path)
    DRIVEN.tidy()


@pytest.fixture
def ghost() -> Iterator[Any]:
    """Two GPUs that are not there, see `tests.ghost`: a `tests.ghost.machine.Machine`."""
    from tests.ghost.backend import standing

    with standing() as machine:
        yield machine
