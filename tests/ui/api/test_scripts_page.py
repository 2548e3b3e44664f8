"""The page for scripts, and that its endpoints' parameters stay there."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
from gradio_client import Client

from tests.ui.conftest import Pages, Server


def components(page: str) -> set[str]:
    """Kinds of the components that a browser is given."""
    return set(re.findall(r'"type":\s*"(\w+)"', page.split("window.gradio_config", 1)[1]))


def test_the_studio_does_not_carry_the_parameters_of_scripts(server: Server) -> None:
    assert "api" not in components(httpx.get(server.url).text)
    assert "api" in components(httpx.get(f"{server.url}/scripts").text)


def test_every_endpoint_is_listed_with_what_it_does(server: Server) -> None:
    client = Client(server.url, verbose=False, analytics_enabled=False)
    told: Any = client.view_api(return_format="dict")
    client.close()
    page = html.unescape(httpx.get(f"{server.url}/scripts").text)
    for name in told["named_endpoints"]:
        assert re.search(rf"\| `{name}` \| \w[^|]+\. \|", page), name


def test_the_foot_leads_to_it_and_it_leads_back(pages: Pages, server: Server) -> None:
    page = pages()
    link = page.get_by_role("link", name="For scripts").get_attribute("href")
    pages.leave(page)
    page.goto(f"{server.url}/{link}")
    page.get_by_text("All that the tabs do").wait_for()
    assert page.locator(".nav-holder").is_hidden()
    with page.context.expect_page() as back:
        page.get_by_role("link", name="Back to the studio").click()
    back.value.get_by_text("A picture from words").wait_for()
