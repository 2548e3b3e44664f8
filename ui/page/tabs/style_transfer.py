"""style transfer: a new picture on the edges of another."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import gradio as gr
from gradio.components import Component

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.contracts.library import Library, ModelEntry
from backend.contracts.settings import StyleTransferSettings
from backend.control import registry
from backend.pictures.decode import decode
from backend.pictures.fit import fit
from ui.forms import reference, region_rows, steer
from ui.forms.choices import card_of
from ui.forms.controls import SIZE
from ui.forms.stage import mount_call
from ui.forms.tab import Fold, Inputs, Layout, Tab
from ui.forms.workspace import Workspace
from ui.gradio_compat.carrying import carried, unpacked
from ui.gradio_compat.untyped import on
from ui.jobs.pictures import png_uri
from ui.jobs.sentences import sentence
from ui.panels.painting import mask_file, painting, sent_pictures
from ui.server.foreign import as_dict
from ui.server.uploads import MAX_PICTURE_BYTES, read_upload

PICTURES = ("image", "control_image")  # that edges are taken from
FOLLOWED = ("detector", "canny_low", "canny_high", "size", "resize_mode", "model", "controlnet")

_EDGES = """
<p class="edges-note" role="status" hidden></p>
<figure class="edges"><img alt="The control: what the new picture shall follow" hidden>
  <figcaption></figcaption></figure>
"""


def _pictures() -> dict[str, Component]:
    sources: list[Any] = ["upload", "clipboard", "webcam"]
    image = gr.Image(
        label="Source picture",
        type="filepath",
        sources=sources,
        height=200,
        elem_id="style_transfer-image",
        elem_classes="loom-picture",
        buttons=[],
    )
    strokes = painting("style_transfer")
    edges = gr.HTML(
        {},
        html_template=_EDGES,
        js_on_load=mount_call("mountEdges", "style_transfer", ()),
        apply_default_css=False,
        elem_id="style_transfer-edges",
        elem_classes="loom-edges",
    )
    with gr.Accordion(
        "Use a picture as the control directly",
        open=False,
        elem_id="style_transfer-direct",
        elem_classes="loom-fold",
    ):
        control = gr.Image(
            label="Control picture",
            type="filepath",
            sources=sources,
            height=200,
            elem_id="style_transfer-control_image",
            elem_classes="loom-picture",
            buttons=[],
        )
    return {"image": image, "painted": strokes, "control_image": control, "edges": edges}


def _pixels(raw: dict[str, Any]) -> dict[str, Pixels]:
    return sent_pictures(raw, (*PICTURES, "reference"))


def _mask() -> dict[str, Component]:
    return mask_file(StyleTransferSettings.mode)


@lru_cache(maxsize=8)
def _fitted(path: str, width: int, height: int, how: Any) -> Pixels:
    """An upload at the size that is drawn; a slider moves many times over the same picture."""
    picture = decode(read_upload({"path": path}, MAX_PICTURE_BYTES))
    return fit(picture, width, height, how).image


def _connect(space: Workspace) -> None:
    form, engine = space.form, space.studio.engine
    inputs = {name: space.pictures[name] for name in PICTURES}
    inputs |= {key: form.parts[key] for key in FOLLOWED}

    def follow(sent: Any) -> dict[str, Any]:
        raw, _ = unpacked(sent)
        library = engine.library()
        note = missing(library, str(raw["model"]), str(raw["detector"]))
        try:
            return shown(raw, card_of(library, str(raw["model"]))) | {"note": note}
        except Exception as error:
            return {"text": sentence(error), "note": note}

    watched: list[Any] = list(inputs.values())  # components of many kinds share the event
    changes = [part.change for part in watched if hasattr(part, "change")]
    carried(
        partial(on, [*changes, space.page.load]),
        follow,
        inputs,
        space.pictures["edges"],
        queue=False,
        trigger_mode="always_last",
    )
    reference.connect(space)


def missing(library: Library, model: str, detector: str) -> str:
    """Says where to put a ControlNet when none fits; empty when one does."""
    wanted = "" if detector == "identity" else detector
    for net in library.controlnets:
        if model in net.fits and (not wanted or wanted in net.detectors):
            return ""
    what = "edges" if detector in ("canny", "identity") else f"'{detector}'"
    return (
        f"No ControlNet for {what} that fits '{model}' is installed yet. Put its diffusers "
        f"folder into models/controlnet, for instance models/controlnet/{model}-"
        f"{wanted or 'canny'}, and start again."
    )


def shown(raw: dict[str, Any], card: ModelEntry) -> dict[str, Any]:
    """The control as a run would make it: picture and caption. Runs no model.

    Args:
        raw: Values of `PICTURES` and `FOLLOWED` as the page sends them.
        card: Of the model.

    Raises:
        LoomError: A picture or a size cannot be used.
    """
    size = SIZE.read(raw["size"])
    native = card.native_size
    width, height = size["width"] or native[0], size["height"] or native[1]
    sizes = card.sizes
    if not (sizes.holds(width) and sizes.holds(height)):
        raise BadInput(
            f"Each side of the size lies between {sizes.least_px} and {sizes.most_px} px, in steps "
            f"of {sizes.step_px} px.",
            "size",
        )
    sent = raw["control_image"] or raw["image"]
    path = as_dict(sent).get("path")
    if not path:
        return {"text": "Add a picture; what is taken from it appears here."}
    source = _fitted(str(path), width, height, raw["resize_mode"])
    if raw["control_image"]:
        return {"src": png_uri(source), "text": f"{width} × {height} px, used as it is"}
    entry = registry.entry(raw["detector"])
    if entry.downloads:
        return {"text": f"{entry.title}: found when the run starts."}
    if raw["canny_low"] > raw["canny_high"]:
        raise BadInput("Canny low must not lie above Canny high.", "canny_low")
    detector = registry.build(
        entry.name, canny_low=int(raw["canny_low"]), canny_high=int(raw["canny_high"])
    )
    control = detector(source)
    text = f"{width} × {height} px"
    if entry.name == "canny":
        text += f" · {100 * float((control[:, :, 0] > 0).mean()):.1f} % of it edges"
    return {"src": png_uri(control), "text": text}


TAB = Tab(
    mode=StyleTransferSettings.mode,
    title="style transfer",
    heading="A new picture on old edges",
    text="Add a picture, say what shall become of it, and see which of its edges were kept.",
    layout=Layout(
        beside=("canny_low", "canny_high"),
        main=(
            "control_scale",
            "start_from",
            "strength",
            "steps",
            "guidance_scale",
            "control_mode",
            "detector",
            "width",
        ),
        advanced=(
            "strengths",
            "control_start",
            "control_end",
            "controlnet",
            "resize_mode",
            "sampler",
            "schedule",
            "batch_size",
            "batch_count",
        ),
        scripted=(
            "outpaint_left",
            "outpaint_right",
            "outpaint_top",
            "outpaint_bottom",
            "start_noise",
            "source_prompt",
            "inversion_refine",
        ),
        folds=(
            Fold("several", "Several ControlNets, instead of the one", ("controls",)),
            Fold(
                "mask",
                "Mask, when starting from the picture",
                (
                    "masked_content",
                    "mask_blur",
                    "mask_invert",
                    "only_masked",
                    "only_masked_padding",
                ),
                _mask,
            ),
            reference.FOLD,
            region_rows.FOLD,
            steer.fold("style_transfer"),
        ),
    ),
    inputs=Inputs(
        components=_pictures,
        pixels=_pixels,
        receivers=(("image", ""),),
    ),
    connect=_connect,
    grid=True,
)
