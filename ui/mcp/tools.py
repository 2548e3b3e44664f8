"""What agents are told of the modes, and requests out of what they send: plain values, no MCP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.contracts.clip import as_pictures
from backend.contracts.errors import BadInput
from backend.contracts.fields import described
from backend.contracts.library import Library
from backend.contracts.requests import Request
from backend.contracts.settings import MODES, ClipSettings, parse
from backend.pictures.clips import read_clip
from ui.sdapi.mapping import raw
from ui.server.foreign import as_dict
from ui.server.uploads import Uploads

LISTS = "list_models"  # the one tool that draws nothing
FURTHER = "further"
# Of templates, stages and the like: what a person keeps beside, or what a page is made of.
_INTERNAL = {"templates"}
_KEPT = ("type", "enum", "minimum", "maximum", "items", "anyOf", "default", "maxItems")


def names() -> list[str]:
    """Of all tools."""
    return [LISTS, *MODES]


def about(mode: str) -> str:
    """What a tool does, in its own words."""
    if mode == LISTS:
        return "Lists the models, samplers, LoRAs and upscalers that the other tools may name."
    return " ".join((MODES[mode].__doc__ or mode).split())


def schema(mode: str) -> dict[str, Any]:
    """What a tool takes, as a JSON schema.

    The main settings stand for themselves; the others go into `further`, by name. Pictures are
    base64.
    """
    if mode == LISTS:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    settings = MODES[mode]
    whole = settings.model_json_schema()
    told = described(settings)
    main = [n for n, one in told.items() if one.group == "main" and n not in _INTERNAL]
    others = [n for n, one in told.items() if one.group != "main" and n not in _INTERNAL]
    properties = {name: _property(whole["properties"][name]) for name in main}
    for name in settings.pictures:
        what = "moving picture (mp4, GIF, zip of pictures)" if name == "clip" else "picture"
        properties[name] = {"type": "string", "description": f"A {what} as base64."}
    properties[FURTHER] = {
        "type": "object",
        "description": f"Further settings by name: {', '.join(others)}.",
        "properties": {name: {} for name in others},
        "additionalProperties": False,
    }
    found: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return found | ({"$defs": whole["$defs"]} if "$ref" in str(properties) else {})


def request(mode: str, arguments: Mapping[str, Any]) -> Request:
    """The request that a call comes to.

    Raises:
        BadInput: Names the argument at fault. Pictures are base64: paths and addresses are none.
    """
    settings_type = MODES[mode]
    given = dict(arguments)
    told: Any = given.pop(FURTHER, None) or {}
    further = as_dict(told)
    if not isinstance(told, dict) or set(further) & set(given):
        raise BadInput(f"'{FURTHER}' holds further settings by name, each once.", FURTHER)
    sent = {name: given.pop(name) for name in settings_type.pictures if given.get(name)}
    for name in settings_type.pictures:
        given.pop(name, None)
    unknown = sorted((set(given) | set(further)) - set(settings_type.model_fields))
    if unknown:
        raise BadInput(f"'{unknown[0][:80]}' is no argument of {mode}.", unknown[0][:80])
    settings = parse(mode, given | further)
    contents = {name: _bytes(value, name) for name, value in sent.items()}
    uploads = Uploads()
    if isinstance(settings, ClipSettings) and "clip" in contents:
        clip = read_clip(contents["clip"], settings.cut, uploads.budget)
        return Request(settings.of_clip(clip), as_pictures(clip), save=False)
    images = {
        name: uploads.picture(content, name, mask=name == "mask")
        for name, content in contents.items()
    }
    return Request(settings, images, save=False)


def lists(library: Library) -> dict[str, Any]:
    """What `list_models` answers."""
    return {
        "models": [
            {
                "name": one.name,
                "size": list(one.native_size),
                "steps": one.can.steps or None,
                "prompts": list(one.example_prompts[:3]),
            }
            for one in library.models
            if one.problem is None
        ],
        "samplers": list(library.samplers),
        "loras": [one.name for one in library.loras if one.problem is None],
        "upscalers": [one.name for one in library.upscalers if one.problem is None],
    }


def _property(found: Mapping[str, Any]) -> dict[str, Any]:
    return {key: found[key] for key in (*_KEPT, "$ref", "description") if key in found}


def _bytes(value: Any, name: str) -> bytes:
    if not isinstance(value, str):
        raise BadInput(f"'{name}' is a picture as base64.", name)
    return raw(value, name)
