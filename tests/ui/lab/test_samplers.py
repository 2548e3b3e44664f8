"""The Samplers panel in a browser, on the stand-in."""

from __future__ import annotations

from playwright.sync_api import expect

from backend.contracts.capabilities import Capabilities
from backend.contracts.library import ModelEntry
from tests.ui.conftest import Pages, open_tab
from ui.lab.samplers import unfit


def test_a_table_of_samplers_and_the_ddim_experiment(pages: Pages) -> None:
    page = pages()
    open_tab(page, "Lab")
    page.get_by_role("tab", name="Samplers").click()
    panel = page.locator(".lab-samplers")
    expect(panel.locator(".lab-box").first).to_be_visible()
    panel.get_by_label("Steps of the columns").fill("2, 4")
    panel.get_by_role("button", name="Draw the table").click()
    expect(panel.locator("[data-cells='8']")).to_be_visible()
    expect(panel.locator(".lab-pictures.small figure")).to_have_count(9)
    panel.get_by_label("Step counts of DDIM").fill("2, 20")
    panel.get_by_role("button", name="Run the experiment").click()
    table = panel.locator("[data-ways='3']")
    expect(table.locator("tr")).to_have_count(4)
    expect(table).to_contain_text("FID 213.16 published")


def test_a_model_that_draws_nothing_from_noise_has_no_table() -> None:
    assert unfit(ModelEntry("m", can=Capabilities(from_noise=False)))
    assert unfit(ModelEntry("m")) is None
