"""The routes as a client has them: states, previews, pictures, and who may not."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette

from backend.contracts.requests import Branch, CaptionedPicture, Request, TrainLoraRequest
from backend.contracts.settings import parse
from backend.contracts.settings.train_lora import parse_training
from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.asking import ask
from backend.recipes.metadata import read
from tests.jobs import ended
from ui.jobs.routes import job_routes
from ui.server.bundle import Script

SCRIPT = Script("page-1.js", b"let it = 'be';")


class Desk:
    async def request(self, raw: dict[str, Any], branch: Branch | None = None) -> Request:
        return Request(parse("txt2img", {"steps": 4, "seed": 1} | raw), branch=branch)

    async def grid(self, raw: dict[str, Any]) -> Request:
        raise AssertionError("not asked for")


class Gradio(Starlette):
    """The application that the routes stand in, with what Gradio's knows of logins."""

    def __init__(self, engine: FakeEngine, auth: Any = None, desks: Any = None) -> None:
        super().__init__(routes=job_routes(engine, desks or {"txt2img": Desk()}, SCRIPT))
        self.auth = auth
        self.tokens = {"good": "ada"}
        self.cookie_id = "c"


@pytest.fixture
def engine() -> Iterator[FakeEngine]:
    fake = FakeEngine(step_time_s=0.005)
    yield fake
    fake.close()


def asking(
    app: Gradio, check: Callable[[httpx.AsyncClient], Awaitable[Any]], **cookies: str
) -> Any:
    async def go() -> Any:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://studio", cookies=cookies, timeout=60
        ) as client:
            return await check(client)

    return asyncio.run(go())


def body(prompt: str = "a boat", **values: Any) -> dict[str, Any]:
    return {"press": f"p-{prompt}", "mode": "txt2img", "values": {"prompt": prompt} | values}


def test_a_job_from_the_press_to_its_pictures(engine: FakeEngine) -> None:
    async def way(client: httpx.AsyncClient) -> None:
        job = (await client.post("/loom/jobs", json=body())).json()["job"]
        again = (await client.post("/loom/jobs", json=body())).json()["job"]
        assert again == job
        stream = (await client.get(f"/loom/jobs/events?jobs={job},other")).text
        told = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
        assert {state["job"] for state in told} == {job, "other"}
        (done,) = [state for state in told if state["state"] == "done"]
        url = f"/{done['results'][0]['url']}"
        png = await client.get(url)
        assert read(png.content).settings["prompt"] == "a boat"
        kept = await client.get(url, headers={"If-None-Match": png.headers["etag"]})
        assert kept.status_code == 304
        frame = await client.get(f"/loom/jobs/{job}/timeline/2?kind=x0&image=0")
        with Image.open(io.BytesIO(frame.content)) as image:
            assert image.format == "JPEG"
            shown = np.asarray(image)
        exact = engine.timeline_frame(job, 2)
        assert np.abs(shown.astype(int) - exact).mean() < 8
        film = (await client.post(f"/loom/jobs/{job}/video?image=0")).json()["job"]
        await client.get(f"/loom/jobs/events?jobs={film}")
        video = await client.get(f"/loom/jobs/{film}/file")
        assert (video.headers["content-type"], video.content[4:8]) == ("video/mp4", b"ftyp")

    asking(Gradio(engine), way)


def test_a_job_rests_and_goes_on_by_token(engine: FakeEngine) -> None:
    engine.step_time_s = 0.02

    async def act(client: httpx.AsyncClient) -> None:
        async def post(job: str, what: str) -> Any:
            return (await client.post(f"/loom/jobs/{job}/{what}")).json()

        async def reached(job: str, *states: str) -> Any:
            while engine.status(job).state not in states:
                await asyncio.sleep(0.01)
            return engine.status(job)

        job = (await client.post("/loom/jobs", json=body(steps=40))).json()["job"]
        await reached(job, "running")
        assert await post(job, "pause") == {}
        rested = (await reached(job, "paused")).timeline
        assert rested.steps < 40
        assert await post(job, "resume?steps=1") == {}
        while engine.status(job).timeline.steps == rested.steps:
            await asyncio.sleep(0.01)
        assert (await reached(job, "paused")).timeline.steps == rested.steps + 1
        assert "kept" in (await post(job, "resume?step=99"))["error"]
        assert await post(job, "resume?step=0") == {}
        assert (await reached(job, "done")).timeline.steps == 40
        assert "not paused" in (await post(job, "resume"))["error"]
        assert "no longer known" in (await post("nothing", "pause"))["error"]

    asking(Gradio(engine), act)


def test_previews_are_pulled_as_jpegs(engine: FakeEngine) -> None:
    engine.step_time_s = 0.05

    async def pull(client: httpx.AsyncClient) -> None:
        job = (await client.post("/loom/jobs", json=body(steps=20))).json()["job"]
        revisions, final = [0], "0"
        while final == "0":
            got = await client.get(f"/loom/jobs/{job}/preview?after={revisions[-1]}")
            assert got.headers["content-type"] == "image/jpeg"
            assert got.content.startswith(b"\xff\xd8\xff")
            revisions.append(int(got.headers["loom-revision"]))
            final = got.headers["loom-final"]
        assert revisions == sorted(set(revisions))
        assert got.headers["loom-step"] == got.headers["loom-total"] == "20"

    asking(Gradio(engine), pull)


def test_jobs_stop_and_move_by_token(engine: FakeEngine) -> None:
    engine.step_time_s = 30.0

    async def act(client: httpx.AsyncClient) -> list[str]:
        jobs = [(await client.post("/loom/jobs", json=body(text))).json()["job"] for text in "abc"]
        while engine.status(jobs[0]).state != "running":
            await asyncio.sleep(0.01)
        assert (await client.post(f"/loom/jobs/{jobs[2]}/promote")).json() == {}
        assert [engine.status(job).position for job in jobs] == [0, 2, 1]
        assert (await client.post(f"/loom/jobs/{jobs[1]}/cancel")).json() == {}
        assert engine.status(jobs[1]).state == "stopped"
        assert "error" in (await client.post("/loom/jobs/unknown/promote")).json()
        return jobs

    asking(Gradio(engine), act)


def test_a_picture_is_asked_for_by_its_own_number(engine: FakeEngine) -> None:
    seen = (CaptionedPicture("a.png", np.zeros((8, 8, 3), np.uint8)),)
    settings = parse_training({"name": "ink", "model": "pocket", "steps": 8})
    job = ask(engine, TrainLoraRequest(settings, seen))
    numbers = [output.index for output in ended(engine, job).outputs]
    assert numbers[0] == 2  # a training's are numbered by their step

    async def check(client: httpx.AsyncClient) -> None:
        for number in numbers:
            content = (await client.get(f"/loom/jobs/{job}/pictures/{number}")).content
            assert read(content).extra["training_step"] == number
        assert (await client.get(f"/loom/jobs/{job}/pictures/0")).status_code == 404

    asking(Gradio(engine), check)


def test_what_is_gone_is_a_404_with_its_reason(engine: FakeEngine) -> None:
    job = ask(engine, Request(parse("txt2img", {"steps": 2})))
    ended(engine, job)

    async def check(client: httpx.AsyncClient) -> None:
        for path in ("pictures/7", "pictures/0/obedience", "timeline/99"):
            answer = await client.get(f"/loom/jobs/{job}/{path}")
            assert answer.status_code == 404
            assert answer.json()["error"].endswith((".", "!"))
        assert (await client.get("/loom/jobs/none/pictures/0")).status_code == 404
        assert "error" in (await client.get("/loom/jobs/none/preview")).json()

    asking(Gradio(engine), check)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"press": 1}'])
def test_a_broken_press_is_refused_by_a_sentence(engine: FakeEngine, content: bytes) -> None:
    async def check(client: httpx.AsyncClient) -> Any:
        return (await client.post("/loom/jobs", content=content)).json()

    assert asking(Gradio(engine), check) == {
        "error": "The form did not arrive whole; reload the page."
    }


def test_without_a_login_only_the_script_is_served(engine: FakeEngine) -> None:
    job = ask(engine, Request(parse("txt2img", {"steps": 2})))
    paths = [
        "/loom/memory",
        f"/loom/jobs/events?jobs={job}",
        f"/loom/jobs/{job}/preview",
        f"/loom/jobs/{job}/pictures/0",
    ]

    async def check(client: httpx.AsyncClient) -> list[int]:
        codes = [(await client.get(path)).status_code for path in paths]
        codes.append((await client.post("/loom/jobs", json=body())).status_code)
        codes.append((await client.post(f"/loom/jobs/{job}/cancel")).status_code)
        return [*codes, (await client.get("/loom/page-1.js")).status_code]

    shut = asking(Gradio(engine, auth="somebody"), check)
    assert shut == [401] * 6 + [200]
    bad = {"access-token-c": "bad"}
    assert asking(Gradio(engine, auth="somebody"), check, **bad) == shut
    good = {"access-token-c": "good"}
    assert asking(Gradio(engine, auth="somebody"), check, **good) == [200] * 7
