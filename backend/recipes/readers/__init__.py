"""Records of other tools, one reader a tool.

A reader looks at the texts of a picture and answers with a draft, or None where they are not its
tool's. Nothing of a record that was not understood ever becomes a prompt.
"""

from __future__ import annotations

from collections.abc import Callable

from backend.recipes.draft import Draft
from backend.recipes.readers import (
    comfyui,
    easy_diffusion,
    flat_texts,
    further_json,
    old_invokeai,
    plain_json,
)
from backend.recipes.readers.common import Texts

Reader = Callable[[Texts], Draft | None]

READERS: tuple[Reader, ...] = (
    plain_json.swarmui,
    further_json.ruined_fooocus,
    further_json.civitai,
    plain_json.fooocus,
    plain_json.invokeai,
    plain_json.draw_things,
    old_invokeai.read,
    plain_json.novelai,
    plain_json.tensor_art,
    easy_diffusion.read,
    flat_texts.kohya,
    flat_texts.midjourney,
    comfyui.under_parameters,
    plain_json.unknown,
    comfyui.read,
)
"""In this order: what is told by a key of its own before what is told by its shape."""
