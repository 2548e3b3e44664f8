"""The route for changes of a running job: for whoever holds its token, of live fields alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from backend.contracts.requests import Request
from backend.contracts.settings import parse
from backend.contracts.settings.live import live_values
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from tests.jobs import ended
from tests.ui.jobs.test_routes import Desk, Gradio, asking


class Live(Desk):
    def live(self, raw: dict[str, Any]) -> dict[str, Any]:
        return live_values(parse("txt2img", raw))

    def place(self, field: str) -> None:
        return None


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    fake = FakeEngine()
    yield fake
    fake.close()


def test_a_job_goes_on_with_what_the_form_says_now(engine: FakeEngine) -> None:
    engine.pause(True)
    job = ask(engine, Request(parse("txt2img", {"prompt": "a boat", "steps": 2, "seed": 1})))
    app = Gradio(engine, desks={"txt2img": Live()})

    async def act(client: httpx.AsyncClient) -> list[dict[str, Any]]:
        async def change(token: str, body: Any) -> dict[str, Any]:
            return (await client.post(f"/loom/jobs/{token}/change", json=body)).json()

        values = {"prompt": "a house", "steps": 9}
        return [
            await change(job, {"mode": "txt2img", "values": values}),
            await change("nothing", {"mode": "txt2img", "values": values}),
            await change(job, {"mode": "nothing", "values": values}),
            await change(job, {"mode": "txt2img", "values": {"prompt": 3}}),
            await change(job, []),
        ]

    changed, unknown, no_tab, wrong, odd = asking(app, act)
    assert changed == {}
    assert "no longer known" in unknown["error"]
    assert "reload the page" in no_tab["error"]
    assert "prompt" in wrong["error"]
    assert "error" in odd
    engine.pause(False)
    record = ended(engine, job).outputs[0].record.settings
    assert (record["prompt"], record["steps"]) == ("a boat", 2)
    assert record["changes"] == [{"step": 0, "field": "prompt", "value": "a house"}]
