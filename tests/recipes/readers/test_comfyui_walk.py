"""ComfyUI's graph, walked back: each side of a node that has both is a way of its own."""

from __future__ import annotations

from typing import Any

from backend.recipes.readers.comfyui_walk import LATENT, back, encoders, linked, nodes_of, plain


def node(kind: str = "X", **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def words(graph: dict[str, Any], start: Any, side: str) -> list[str]:
    return [text for _, texts in encoders(nodes_of(graph), start, side) for text in texts]


def test_what_is_no_node_is_left_out() -> None:
    graph = {"1": node(), "2": {"class_type": 3, "inputs": {}}, "3": [], "4": {"class_type": "A"}}
    assert list(nodes_of(graph)) == ["1"]


def test_a_link_leads_to_its_node_whatever_its_numbers_type() -> None:
    nodes = nodes_of({"1": node("A")})
    for link in (["1", 0], [1, 0]):
        assert linked(nodes, link) is nodes["1"]
    for value in ("1", ["1"], [None, 0], ["2", 0], None):
        assert linked(nodes, value) is None


def test_circles_end() -> None:
    graph = {"1": node(samples=["2", 0], text=["1", 0]), "2": node(samples=["1", 0])}
    nodes = nodes_of(graph)
    assert [one["class_type"] for one in back(nodes, nodes["1"], LATENT)] == ["X"]
    assert plain(nodes, ["1", 0], ("text",)) is None
    assert words({"1": node(positive=["1", 0])}, ["1", 0], "positive") == []


def test_a_node_with_both_sides_leads_on_along_its_own() -> None:
    graph = {
        "c": node("ControlNetApplyAdvanced", positive=["p", 0], negative=["n", 0]),
        "p": node(text="a house"),
        "n": node(text="fog"),
    }
    assert words(graph, ["c", 0], "positive") == ["a house"]
    assert words(graph, ["c", 1], "negative") == ["fog"]


def test_a_side_may_be_a_text_itself() -> None:
    graph = {"e": node("Efficient Loader", positive="a house", negative="fog")}
    assert words(graph, ["e", 1], "positive") == ["a house"]
    assert words(graph, ["e", 2], "negative") == ["fog"]


def test_a_styler_has_a_text_for_each_side() -> None:
    graph = {
        "p": node(text=["s", 0]),
        "n": node(text=["s", 1]),
        "s": node(text_positive="a house", text_negative="fog", style="x"),
    }
    assert words(graph, ["p", 0], "positive") == ["a house"]
    assert words(graph, ["n", 0], "negative") == ["fog"]


def test_what_is_zeroed_says_nothing() -> None:
    graph = {"z": node("ConditioningZeroOut", conditioning=["p", 0]), "p": node(text="a house")}
    assert words(graph, ["z", 0], "negative") == []


def test_what_a_wildcard_became_goes_before_what_it_was_drawn_from() -> None:
    graph = {"w": node(wildcard_text="__colour__", populated_text="red")}
    assert words(graph, ["w", 0], "positive")[0] == "red"


def test_a_long_chain_of_texts_put_together_ends() -> None:
    chain = {str(n): node(string_a=[str(n + 1), 0], string_b=[str(n + 1), 0]) for n in range(300)}
    assert isinstance(plain(nodes_of(chain), ["0", 0], ("text",)), str)
