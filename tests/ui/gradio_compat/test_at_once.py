"""A page action is answered while every place of Gradio's queue is taken."""

from __future__ import annotations

from pathlib import Path

from tests.ui.conftest import free_port, told_by

SCRIPT = """
import asyncio, json, threading, time, urllib.request
import gradio as gr
from ui.gradio_compat.at_once import answer_at_once

def tried(ours, port):
    go = threading.Event()

    async def run():
        while not go.is_set():
            yield "running"
            await asyncio.sleep(0.02)
        yield "done"

    with gr.Blocks(analytics_enabled=False) as blocks:
        blocks.queue(api_open=False, default_concurrency_limit=None)
        box, button = gr.Textbox(), gr.Button()
        gr.api(run, api_name="run")
        button.click(lambda text: text + "!", box, box, api_visibility="private")
    if ours:
        answer_at_once(blocks)
    url = f"http://127.0.0.1:{port}/gradio_api"
    blocks.launch(server_port=port, prevent_thread_lock=True, quiet=True, max_threads=2)

    def post(path, body):
        asked = urllib.request.Request(url + path, json.dumps(body).encode(),
                                       {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)

    def stream(who):
        urllib.request.urlopen(url + "/queue/data?session_hash=" + who, timeout=60).read()

    def busy():
        return sum(job is not None for job in blocks._queue.active_jobs)

    for who in ("one", "two"):
        post("/queue/join", {"data": [], "fn_index": 0, "session_hash": who})
        threading.Thread(target=stream, args=(who,), daemon=True).start()
    until = time.monotonic() + 60
    while busy() < 2 and time.monotonic() < until:
        time.sleep(0.02)
    queued = bool(blocks.fns[1].queue)
    told = None if queued else post("/run/predict", {"data": ["now"], "fn_index": 1,
                                                     "session_hash": "three"})["data"]
    config = [fn["queue"] for fn in blocks.get_config_file()["dependencies"]]
    found = [queued, told, config, busy()]
    go.set()
    return found

told = [tried(True, PORTS[0]), tried(False, PORTS[1])]
"""


def test_an_action_waits_for_no_run(tmp_path: Path) -> None:
    both = told_by(f"PORTS = {[free_port(), free_port()]}\n{SCRIPT}", tmp_path)
    for ours, (queued, told, config, busy) in zip((True, False), both, strict=True):
        assert busy == 2  # every place is taken
        assert queued is not ours  # once Gradio queues no private event by itself, this can go
        assert told == (["now!"] if ours else None)
        assert bool(config[1]) is not ours
