"""What a client's payload asks for beside its own fields: an infotext, styles, a size, settings
for this once. What is changed or cannot be kept is told in a sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from pydantic import ValidationError

from backend.contracts.conditions import plain_word
from backend.contracts.errors import BadInput
from backend.contracts.library import Library
from backend.recipes.a1111 import parse_parameters
from backend.recipes.a1111_names import SAMPLERS, SCHEDULES
from backend.storage.styles import Style
from ui.sdapi.payloads import Drawing, Img2Img, Txt2Img, Unit
from ui.sdapi.samplers import sampler_of
from ui.server.foreign import as_dict, as_list

SentT = TypeVar("SentT", bound=Drawing)
# Of `override_settings` and `/options`.
HONOURED = ("sd_model_checkpoint", "CLIP_stop_at_last_layers", "sd_vae", "jpeg_quality")
_OWN_VAE = ("", "none", "automatic")
_FORMAT = "samples_format"
_FORMATS = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}
_FROM_TEXT = {
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "steps": "steps",
    "guidance_scale": "cfg_scale",
    "width": "width",
    "height": "height",
}


def prepared(
    sent: SentT, options: Mapping[str, Any], library: Library, styles: Iterable[Style]
) -> tuple[SentT, tuple[str, ...]]:
    """The payload with what it names elsewhere in its own fields.

    Args:
        sent: As it came.
        options: As `/options` holds them.
        library: What there is.
        styles: Those there are.

    Returns:
        The payload to map, and a sentence for each thing that was changed or is not kept.

    Raises:
        BadInput: A style is not there.
    """
    sent, notes = _with_infotext(sent)
    _, near = sampler_of(sent)
    sent = _styled(sent, {style.name: style for style in styles})
    wanted = dict(options) | (sent.override_settings or {})
    name = model_name(wanted.get("sd_model_checkpoint", ""), [card.name for card in library.models])
    sent, sized = _on_grid(sent, name, library)
    card = library.model(name or library.default_model)
    if isinstance(sent, Img2Img) and not (card and card.can.edits):  # A1111 reads it for no other
        sent = sent.model_copy(update={"image_cfg_scale": None})
    if not (card and card.can.distilled):  # nor Forge this one
        sent = sent.model_copy(update={"distilled_cfg_scale": None})
    told = (
        *notes,
        *filter(None, [near]),
        *sized,
        *_of_hires(sent),
        *plain_word(sent.negative_prompt),
    )
    return sent, (
        *told,
        *sent.passed_over(),
        *of_units(sent),
        *not_kept(sent.override_settings or {}),
    )


def of_units(sent: Drawing) -> list[str]:
    """What is not honoured of the ControlNet units, each said once."""
    told: list[str] = []
    for name, script in (sent.alwayson_scripts or {}).items():
        for arg in as_list(as_dict(script).get("args")) if name.lower() == "controlnet" else ():
            if isinstance(arg, dict):
                with suppress(ValidationError):  # it is refused when the units are read
                    told += Unit.model_validate(arg).told()
    return list(dict.fromkeys(told))


def _of_hires(sent: Drawing) -> list[str]:
    """What the second stage does otherwise than it was asked to."""
    if not isinstance(sent, Txt2Img) or not sent.enable_hr:
        return []
    told: list[str] = []
    way = sent.hr_upscaler or "Latent"
    if way.lower().startswith("latent") and way != "Latent":
        told.append(f"'{way[:80]}' is drawn as Latent: there is one way through latent space here.")
    x, y, width, height = sent.hr_resize_x, sent.hr_resize_y, sent.width, sent.height
    if x and y and width and height and abs(x * height - y * width) > max(x, y):
        told.append(
            f"The second stage is not cut to {x}x{y}: it keeps the ratio of {width}x{height}."
        )
    return told


def not_kept(settings: Mapping[str, Any]) -> list[str]:
    """A sentence for each of A1111's settings that has no counterpart here."""
    told = [
        f"The setting '{key[:80]}' is not known here; pictures are drawn without it."
        for key in settings
        if key not in (*HONOURED, _FORMAT)
    ]
    wanted = settings.get(_FORMAT)
    if wanted is not None and str(wanted).lower() not in _FORMATS:
        told.append(f"'{str(wanted)[:40]}' is no format here; pictures are sent as PNG.")
    return told


def saved_as(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """How pictures are sent, in our settings' words; None for PNG.

    Args:
        settings: A1111's `samples_format` and `jpeg_quality` are looked at.
    """
    kind = _FORMATS.get(str(settings.get(_FORMAT)).lower(), "png")
    if kind == "png":
        return None
    quality = settings.get("jpeg_quality", 80)  # A1111's own
    usable = isinstance(quality, int) and 1 <= quality <= 100
    return {"save_format": kind, "save_quality": quality if usable else 80}


def model_name(title: Any, known: Collection[str] = ()) -> str:
    """A checkpoint's name out of its title, which may end with a hash in brackets.

    Args:
        title: As the client writes it; one that is a name as it stands is that.
        known: Names of the models.
    """
    text = str(title)
    if text in known:
        return text
    return text.split(" [", 1)[0].removesuffix(".safetensors").strip()


def vae_name(title: Any) -> str:
    """An autoencoder's name out of theirs; "" is the model's own."""
    text = str(title or "").strip()
    if text.lower() in _OWN_VAE:
        return ""
    for suffix in (".safetensors", ".ckpt", ".pt"):
        text = text.removesuffix(suffix)
    return text


def _with_infotext(sent: SentT) -> tuple[SentT, tuple[str, ...]]:
    """What the text says of fields that the payload does not give."""
    if not sent.infotext:
        return sent, ()
    found = parse_parameters(sent.infotext)
    said = {
        theirs: found.settings[ours]
        for ours, theirs in _FROM_TEXT.items()
        if found.settings.get(ours) is not None
    }
    if "prompt" in found.settings:
        loras = found.settings.get("loras", ())
        tags = "".join(f" <lora:{use['name']}:{use['weight']:g}>" for use in loras)
        said["prompt"] = found.settings["prompt"] + tags
    if "sampler" in found.settings and not {"sampler_name", "sampler_index"} & (
        sent.model_fields_set
    ):
        said["sampler_name"] = SAMPLERS[found.settings["sampler"]]
        if "scheduler" not in sent.model_fields_set:
            said["scheduler"] = SCHEDULES[found.settings["schedule"]]
    open_fields = {key: value for key, value in said.items() if key not in sent.model_fields_set}
    return sent.model_copy(update=open_fields), found.notes


def _styled(sent: SentT, known: Mapping[str, Style]) -> SentT:
    prompt, negative = sent.prompt, sent.negative_prompt
    for name in filter(None, sent.styles or ()):
        if name == "None":
            continue
        if name not in known:
            listed = ", ".join(list(known)[:8])
            raise BadInput(
                f"There is no style '{name[:80]}' here; there are: {listed or 'none'}.", "styles"
            )
        prompt = _joined(known[name].prompt, prompt)
        negative = _joined(known[name].negative_prompt, negative)
    return sent.model_copy(update={"prompt": prompt, "negative_prompt": negative})


def _joined(style: str, prompt: str) -> str:
    """A style and a prompt, as A1111 puts them together."""
    if "{prompt}" in style:
        return style.replace("{prompt}", prompt)
    return ", ".join(filter(None, (prompt.strip(), style.strip())))


def _on_grid(sent: SentT, model: str, library: Library) -> tuple[SentT, tuple[str, ...]]:
    """Sides rounded up to the model's grid."""
    card = library.model(model or library.default_model)
    if card is None:
        return sent, ()
    step, most = card.sizes.step_px, card.sizes.most_px
    update: dict[str, int] = {}
    notes: list[str] = []
    for name, side in (("width", sent.width), ("height", sent.height)):
        if side is not None and 0 < side <= most and side % step:
            update[name] = -(-side // step) * step
            notes.append(
                f"'{card.name}' draws sides in steps of {step} px: {name} {side} became "
                f"{update[name]}."
            )
    return sent.model_copy(update=update), tuple(notes)
