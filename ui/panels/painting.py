"""What is painted over a tab's picture on the canvas: a mask, and a sketch in colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import Component

from backend.contracts.events import Pixels
from backend.pictures.sketches import laid_over, read_sketch, where
from ui.forms.stage import mount_call
from ui.server.foreign import as_dict
from ui.server.uploads import MAX_PICTURE_BYTES, Uploads

_DOOR = """
<div class="easel-door" role="group" aria-label="Painting" hidden>
  <button class="paint quiet" type="button" aria-pressed="false"
    title="A mask, or colours to start from, over the picture on the big canvas">Paint on
    it</button>
  <span class="said">nothing painted</span>
  <button class="clear-mask chip" type="button" hidden aria-label="Clear the mask"
    title="Clear the mask; the picture stays"><span></span> ×</button>
  <button class="clear-sketch chip" type="button" hidden aria-label="Clear the sketch"
    title="Clear the sketch; the picture stays"><span></span> ×</button>
</div>
"""


@dataclass(frozen=True)
class Painted:
    """The layers of a request.

    Attributes:
        mask: (H, W, 3) uint8, white where the picture is drawn anew; None where nothing is painted.
        sketch: (H, W, 4) uint8, colours and how much they cover; None where nothing is sketched.
        only: Whether no more than what is sketched is drawn anew.
    """

    mask: Pixels | None = None
    sketch: Pixels | None = None
    only: bool = False


def painting(mode: str) -> gr.HTML:
    """The way to the canvas, below the picture; its value is what was painted there, as files."""
    return gr.HTML(
        None,
        html_template=_DOOR,
        js_on_load=mount_call("mountPainting", mode, ()),
        apply_default_css=False,
        elem_id=f"{mode}-painted",
        elem_classes="loom-painting",
    )


def mask_file(mode: str) -> dict[str, Component]:
    """The upload for a mask that is there already."""
    return {
        "mask": gr.Image(
            type="filepath",
            sources=["upload", "clipboard"],
            height=160,
            buttons=[],
            label="Or upload it: white is repainted; where it has transparency, what is painted",
            elem_id=f"{mode}-mask-file",
            elem_classes="loom-picture",
        ),
    }


def painted(sent: Any, uploads: Uploads | None = None) -> Painted:
    """The layers that a page sent.

    Args:
        sent: {"mask", "sketch", "only"}; each layer an upload, or None.
        uploads: Of the request, whose budget the layers share.

    Raises:
        BadInput: A layer is no longer there, no picture, or larger than the budget allows.
    """
    uploads, told = uploads or Uploads(), as_dict(sent)
    mask = sketch = None
    if told.get("mask") is not None:
        content = uploads.read(told["mask"], MAX_PICTURE_BYTES)
        mask = uploads.picture(content, "mask", mask=True)
    if told.get("sketch") is not None:
        content = uploads.read(told["sketch"], MAX_PICTURE_BYTES)
        sketch = read_sketch(content, "image", uploads.budget)
    return Painted(mask, sketch, told.get("only") is True)


def sent_pictures(raw: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Pixels]:
    """The uploads of those names, the picture with its sketch, and the mask.

    A mask that was uploaded goes before one that was painted.

    Raises:
        BadInput: An upload cannot be read.
    """
    uploads = Uploads()
    images = uploads.pictures({name: raw.get(name) for name in (*names, "mask")})
    if "image" not in images:
        return images
    layers = painted(raw.get("painted"), uploads)
    masks = [] if layers.mask is None else [layers.mask]
    if layers.sketch is not None:
        height, width = images["image"].shape[:2]
        images["image"] = laid_over(images["image"], layers.sketch)
        if layers.only:
            size = (width, height) if layers.mask is None else layers.mask.shape[1::-1]
            masks.append(where(layers.sketch, size))
    if masks and "mask" not in images:
        images["mask"] = np.maximum.reduce(masks)
    return images
