"""Painting a mask over the picture: Gradio's editor, bounded, and its strokes as a mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import gradio as gr
import numpy as np
from gradio.components import Component

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from ui.gradio_compat.shared_strokes import strokes_as_uploads
from ui.server.foreign import as_dict
from ui.server.uploads import MAX_PICTURE_BYTES, Uploads, read_pictures

MAX_SIDE_PX = 768  # of the picture under the brush; the mask is scaled to the upload
MAX_LAYERS = 4
BRUSH = "#ff00a8"  # its green is 0, so a stroke's opacity can be read from it


def mask_editor(elem_id: str) -> gr.ImageEditor:
    """Builds the editor; `backdrop` gives it the picture."""
    editor = gr.ImageEditor(
        label="Paint it",
        sources=(),
        transforms=(),
        format="png",
        brush=gr.Brush(default_size=24, colors=[BRUSH], default_color=BRUSH, color_mode="fixed"),
        eraser=gr.Eraser(default_size=24),
        canvas_size=(MAX_SIDE_PX, MAX_SIDE_PX),
        height=380,
        layers=gr.LayerOptions(allow_additional_layers=False, layers=["Mask"]),
        buttons=[],
        elem_id=elem_id,
        elem_classes="loom-mask",
    )
    strokes_as_uploads(editor)
    return editor


def backdrop(image: Pixels | None) -> dict[str, Any] | None:
    """The editor's value for a new picture: small, and with nothing painted yet."""
    if image is None:
        return None
    height, width = image.shape[:2]
    scale = min(1.0, MAX_SIDE_PX / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    return {"background": small, "layers": [], "composite": None}


def painted(sent: Any, uploads: Uploads | None = None) -> Pixels | None:
    """The strokes as a mask, white where something was painted; None when nothing was.

    Args:
        sent: The editor's raw value.
        uploads: Of the request, whose budget the layers share.

    Raises:
        BadInput: The strokes are no longer there, too many, or larger than the budget allows.
    """
    uploads = uploads or Uploads()
    if not isinstance(sent, dict):
        return None
    value = as_dict(sent)
    if value.get("id") is not None:  # strokes that wait elsewhere; see strokes_as_uploads
        raise BadInput("The painted mask did not arrive; paint once more over it.", "mask")
    sent_layers: Any = value.get("layers") or ()
    _check_count(sent_layers)
    layers = [uploads.read(layer, MAX_PICTURE_BYTES) for layer in sent_layers]
    mask: Pixels | None = None
    for layer in layers:
        # Transparent parts come out white, the brush without green.
        strokes = (255 - uploads.picture(layer, "mask")[:, :, 1:2]).repeat(3, axis=2)
        if mask is not None and mask.shape != strokes.shape:
            raise BadInput("The layers of the mask differ in size; paint it anew.", "mask")
        mask = strokes if mask is None else np.maximum(mask, strokes)
    return mask if mask is not None and mask.any() else None


def _check_count(layers: Sequence[Any]) -> None:
    if not isinstance(layers, (list, tuple)) or len(layers) > MAX_LAYERS:
        raise BadInput(f"A mask has at most {MAX_LAYERS} layers.", "mask")


def mask_inputs(mode: str) -> dict[str, Component]:
    """The editor, and the upload for a mask that is there already."""
    return {
        "painted": mask_editor(f"{mode}-painted"),
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


def sent_pictures(raw: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Pixels]:
    """The uploads of those names, and the strokes as the mask where none was uploaded.

    Raises:
        BadInput: An upload cannot be read.
    """
    uploads = Uploads()
    images = uploads.pictures({name: raw.get(name) for name in (*names, "mask")})
    if "mask" not in images:
        strokes = painted(raw.get("painted"), uploads)
        if strokes is not None:
            images["mask"] = strokes
    return images


def lay_under(image: gr.Image, editor: Component) -> None:
    """Puts each new picture under the brush."""

    def underlay(sent: Any) -> Any:
        try:
            return backdrop(read_pictures({"image": sent}).get("image"))
        except BadInput:
            return None  # Generate says what is wrong with it

    image.change(
        underlay,
        inputs=image,
        outputs=editor,
        show_progress="hidden",
        api_visibility="private",
        preprocess=False,
    )
