"""A page action is answered while every place of Gradio's queue is taken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ui.conftest import free_port

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import asyncio, json, threading, time, urllib.request
import gradio as gr
from ui.gradio_compat.at_once import answer_at_once
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
if {ours}:
    answer_at_once(blocks)
url = "http://127.0.0.1:{port}/gradio_api"
blocks.launch(server_port={port}, prevent_thread_lock=True, quiet=True, max_threads=2)

def post(path, body):
    asked = urllib.request.Request(url + path, json.dumps(body).encode(),
                                   {{"Content-Type": "application/json"}})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        return json.load(answer)

def stream(who):
    urllib.request.urlopen(url + "/queue/data?session_hash=" + who, timeout=60).read()

for who in ("one", "two"):
    post("/queue/join", {{"data": [], "fn_index": 0, "session_hash": who}})
    threading.Thread(target=stream, args=(who,), daemon=True).start()
time.sleep(1)
queued = bool(blocks.fns[1].queue)
told = None if queued else post("/run/predict", {{"data": ["now"], "fn_index": 1,
                                                 "session_hash": "three"}})["data"]
config = [fn["queue"] for fn in blocks.get_config_file()["dependencies"]]
busy = sum(job is not None for job in blocks._queue.active_jobs)
print(json.dumps([queued, told, config, busy]), flush=True)
go.set()
time.sleep(0.2)
import os
os._exit(0)
"""


@pytest.mark.parametrize("ours", [True, False])
def test_an_action_waits_for_no_run(ours: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT.format(ours=ours, port=free_port())],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    queued, told, config, busy = json.loads(done.stdout.splitlines()[-1])
    assert busy == 2  # every place is taken
    assert queued is not ours  # once Gradio queues no private event by itself, this can go
    assert told == (["now!"] if ours else None)
    assert bool(config[1]) is not ours
