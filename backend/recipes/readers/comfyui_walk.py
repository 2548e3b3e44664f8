"""ComfyUI's graph, walked back along its links: nodes by name, each with a class and inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from backend.recipes.readers.common import list_of, object_of

MAX_NODES = 5000
MAX_DEPTH = 200
MAX_ENCODERS = 200  # behind one prompt
Node = Mapping[str, Any]
Nodes = Mapping[str, Node]
NUMBERS = ("value", "int", "float", "number", "seed", "noise_seed")
PIPES = ("pipe", "basic_pipe", "context", "base_ctx", "ctx")
# How nodes name what leads on.
MODEL = (
    *("model", "model1", "guider", "lora_stack", "optional_lora_stack", "optional_lora_chain"),
    *PIPES,
)
LATENT = ("samples", "latent_image", "latent", "pixels", "image", "images", *PIPES)
_CONDITIONING = (
    *("conditioning", "conditioning_1", "conditioning_2", "conditioning_to", "cond1", "guider"),
    *("base", *PIPES),
)
_ZEROED = "ConditioningZeroOut"
_TEXT = (
    *("populated_text", "text", "text_g", "text_l", "t5xxl", "clip_l", "clip_g", "string"),
    *("value", "prompt", "wildcard_text"),
)
_HALVES = (("string_a", "string_b"), ("text_a", "text_b"), ("text1", "text2"))


def nodes_of(graph: Mapping[str, Any]) -> Nodes:
    """The nodes of a graph; what is none is left out."""
    return {
        str(name): node
        for name, node in ((key, object_of(one)) for key, one in list(graph.items())[:MAX_NODES])
        if node is not None
        and isinstance(node.get("class_type"), str)
        and isinstance(node.get("inputs"), dict)
    }


def linked(nodes: Nodes, value: Any) -> Node | None:
    """The node that a link [name, output] leads to."""
    link = list_of(value)
    if len(link) == 2 and isinstance(link[0], str | int):
        return nodes.get(str(link[0]))
    return None


def back(nodes: Nodes, node: Node, names: tuple[str, ...]) -> Iterator[Node]:
    """The nodes behind one, along inputs of these names, each once."""
    return behind(nodes, [node], names)


def behind(nodes: Nodes, starts: Iterable[Node], names: tuple[str, ...]) -> Iterator[Node]:
    """The nodes behind any of several, each once and none of them."""
    waiting = list(starts)
    seen = set(map(id, waiting))
    while waiting and len(seen) < MAX_NODES:
        current = waiting.pop()
        for name in names:
            found = linked(nodes, current["inputs"].get(name))
            if found is not None and id(found) not in seen:
                seen.add(id(found))
                waiting.append(found)
                yield found


def plain(nodes: Nodes, value: Any, names: tuple[str, ...], depth: int = 0) -> Any:
    """A value, followed through nodes that only hand it on."""
    while (node := linked(nodes, value)) is not None:
        depth += 1
        if depth > MAX_DEPTH:
            return None
        if (joined := _joined(nodes, node, names, depth)) is not None:
            return joined
        value = next((node["inputs"][n] for n in names if n in node["inputs"]), None)
    return value


def _joined(nodes: Nodes, node: Node, names: tuple[str, ...], depth: int) -> str | None:
    """The words of a node that puts texts together; None for any other."""
    inputs = node["inputs"]
    keys = next((pair for pair in _HALVES if set(pair) <= set(inputs)), None)
    if keys is None:
        return None
    # Each half at half of what is left: chains of such nodes branch.
    depth += (MAX_DEPTH - depth) // 2 + 1
    halves = [plain(nodes, inputs[key], names, depth) for key in keys]
    between = inputs.get("delimiter", inputs.get("separator", ""))
    words = [half for half in halves if isinstance(half, str)]
    return (between if isinstance(between, str) else "").join(words)


def encoders(nodes: Nodes, value: Any, side: str) -> Iterator[tuple[Node, list[str]]]:
    """The nodes that lead to a conditioning, each with the texts that it reads itself.

    A node that has both sides leads on along its own one alone, so that a negative prompt is never
    taken for the positive one; one that is zeroed says nothing.

    Args:
        nodes: Of the graph.
        value: A link to the first of them; where it is a text, that is all.
        side: "positive" or "negative".
    """
    sided = (side, f"text_{side}", f"{side}_prompt", f"prompt_{side}")
    names = (*sided, *_TEXT)
    waiting, seen = [value], set[int]()
    while waiting and len(seen) < MAX_ENCODERS:
        value = waiting.pop()
        if isinstance(value, str):
            yield {"class_type": "", "inputs": {}}, [value]
            continue
        node = linked(nodes, value)
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        inputs = node["inputs"]
        if node["class_type"] == _ZEROED:
            yield node, []
            continue
        if side in inputs:
            waiting.append(inputs[side])
            yield node, []
            continue
        both = {"text_positive", "text_negative"} <= set(inputs)
        here = [n for n in (sided if both else names) if n in inputs]
        found = [plain(nodes, inputs[name], names) for name in here]
        words = list(dict.fromkeys(text for text in found if isinstance(text, str)))
        waiting += [inputs[name] for name in reversed(_CONDITIONING) if name in inputs]
        yield node, words
