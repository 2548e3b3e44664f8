"""The workflow of ComfyUI's page as the graph that it would run."""

from __future__ import annotations

from typing import Any

from backend.recipes.readers.comfyui_workflow import graph_of


def node(number: int, kind: str, *values: Any, **links: int) -> dict[str, Any]:
    inputs = [{"name": name, "link": link} for name, link in links.items()]
    return {"id": number, "type": kind, "widgets_values": list(values), "inputs": inputs}


def test_widgets_are_named_by_their_class_and_links_by_their_numbers() -> None:
    made = graph_of({
        "nodes": [
            node(3, "KSampler", 42, "fixed", 8, 7.0, "euler", "karras", 1.0, model=1),
            node(4, "CheckpointLoaderSimple", "a.safetensors"),
        ],
        "links": [[1, 4, 0, 3, 0, "MODEL"]],
    })  # fmt: skip
    assert made["3"] == {
        "class_type": "KSampler",
        "inputs": {"seed": 42, "steps": 8, "cfg": 7.0, "sampler_name": "euler",
                   "scheduler": "karras", "denoise": 1.0, "model": ["4", 0]},
    }  # fmt: skip
    assert made["4"]["inputs"] == {"ckpt_name": "a.safetensors"}


def test_newer_files_name_their_widgets() -> None:
    inputs = [
        {"name": "seed", "widget": {"name": "seed"}, "link": None},
        {"name": "model", "link": 1},
        {"name": "strength", "widget": {"name": "strength"}, "link": None},
    ]
    one = {"id": 1, "type": "Own", "inputs": inputs, "widgets_values": [5, "increment", 0.5]}
    links = [{"id": 1, "origin_id": 2, "origin_slot": 0}]
    made = graph_of({"nodes": [one], "links": links})
    assert made["1"]["inputs"] == {"seed": 5, "strength": 0.5, "model": ["2", 0]}
    named = graph_of({"nodes": [{"id": 1, "type": "Own", "widgets_values": {"a": 1}}]})
    assert named["1"]["inputs"] == {"a": 1}


def test_a_link_goes_before_the_widget_that_it_stands_for() -> None:
    made = graph_of({
        "nodes": [node(1, "CLIPTextEncode", "old", text=1), node(2, "PrimitiveNode", "new")],
        "links": [[1, 2, 0, 1, 0, "STRING"]],
    })  # fmt: skip
    assert made["1"]["inputs"] == {"text": ["2", 0]}
    assert made["2"]["inputs"] == {"value": "new"}


def test_what_only_hands_on_is_passed_and_circles_end() -> None:
    rows = [node(1, "KSampler", model=1), node(2, "Reroute", x=2), node(3, "Reroute", x=3)]
    links = [[1, 2, 0, 1, 0], [2, 4, 1, 2, 0], [3, 3, 0, 3, 0]]
    made = graph_of({"nodes": [*rows, node(5, "KSampler", model=3)], "links": links})
    assert made["1"]["inputs"]["model"] == ["4", 1]
    assert made["5"]["inputs"]["model"] == ["3", 0]


def test_muted_nodes_are_gone_and_bypassed_ones_hand_on() -> None:
    rows = [node(1, "LoraLoader", "ink", 1.0, 1.0, model=1), node(2, "LoraLoader", "oil", model=1)]
    rows[0]["mode"], rows[1]["mode"] = 4, 2
    made = graph_of({"nodes": rows, "links": [[1, 9, 0, 1, 0]]})
    assert made == {"1": {"class_type": "LoraLoader", "inputs": {"model": ["9", 0]}}}


def test_what_is_no_workflow_is_empty() -> None:
    for value in ({}, {"nodes": 3}, {"nodes": [1, None], "links": [1, [2]]}):
        assert graph_of(value) == {}
