"""Files of text that tools write beside a picture: A1111's `.txt`, and JSON of several tools."""

from __future__ import annotations

import json
import re
from typing import Any

from backend.contracts.errors import BadInput
from backend.recipes.readers.common import json_object, list_of, object_of

OWN_KEY = "latent-loom"
MAX_BYTES = 4 * 2**20
_LOOKED_AT = 4096
_LINE = re.compile(r"^Steps: ?\d+, ", re.MULTILINE)
# Keys of a JSON object -> the text that it stands for in a picture.
_MARKS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"schema", "settings"}), OWN_KEY),
    (frozenset({"nodes", "links"}), "workflow"),
    (frozenset({"positive_prompt"}), "invokeai_metadata"),
    (frozenset({"sui_image_params"}), "parameters"),
    (frozenset({"base_model", "metadata_scheme"}), "parameters"),
    (frozenset({"Prompt", "software"}), "parameters"),
    (frozenset({"extraMetadata"}), "parameters"),
    (frozenset({"c", "scale", "sampler"}), "parameters"),
)
_EASY = {"num_inference_steps", "use_stable_diffusion_model"}


def texts_in(data: bytes) -> dict[str, str] | None:
    """The texts of such a file, by PNG's names for them; None where it is none.

    Raises:
        BadInput: It is JSON, and holds no settings.
    """
    if len(data) > MAX_BYTES or b"\0" in data[:_LOOKED_AT]:
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    record = json_object(text)
    if record is None:
        return {"parameters": text} if _LINE.search(text) else None
    found = _in_json(text, record)
    if not found:
        raise BadInput("This file holds no settings that can be read.")
    return found


def _in_json(text: str, record: dict[str, Any]) -> dict[str, str]:
    inner = object_of(record.get("prompt"))
    graph = record if inner is None else inner
    nodes = (object_of(one) or {} for one in list(graph.values())[:100])
    if any("class_type" in node for node in nodes):
        workflow = object_of(record.get("workflow"))
        beside = {} if workflow is None else {"workflow": json.dumps(workflow)}
        return {"prompt": json.dumps(graph)} | beside
    if set(record) >= _EASY:
        plain = {key: value for key, value in record.items() if not isinstance(value, dict)}
        return {key: _plain(value) for key, value in plain.items()}
    name = next((name for marks, name in _MARKS if set(record) >= marks), None)
    return {} if name is None else {name: text}


def _plain(value: object) -> str:
    return json.dumps(list_of(value)) if isinstance(value, list) else str(value)
