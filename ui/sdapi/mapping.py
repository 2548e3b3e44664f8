"""From the payloads of `/sdapi/v1` to our requests."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from typing import Any

from pydantic import ValidationError

from backend.contracts.errors import BadInput
from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import DetectorName, parse
from backend.contracts.settings.hires import LATENT
from backend.contracts.settings.upscale import LANCZOS
from backend.control.registry import ENTRIES, build
from backend.pictures.budget import Budget
from backend.pictures.decode import decode, decode_mask
from backend.pictures.fit import fit
from backend.pictures.opening import MAX_PIXELS
from backend.sampling.samplers import ENTRIES as SAMPLERS
from ui.sdapi.payloads import Detect, Drawing, Img2Img, SingleImage, Txt2Img, Unit
from ui.sdapi.preparing import model_name, vae_name
from ui.sdapi.samplers import sampler_of
from ui.server.foreign import as_dict, as_list

RESIZE = {
    0: "stretch",
    1: "crop",
    2: "pad",
    "just resize": "stretch",
    "crop and resize": "crop",
    "scale to fit (inner fit)": "crop",
    "resize and fill": "pad",
}
MAX_UNITS = 4
SIDE_STEP_PX = 64  # that every model draws
FILL = {0: "fill", 1: "original", 2: "latent_noise"}
CONTROL_MODES = {
    0: "balanced",
    1: "prompt",
    2: "control",
    "balanced": "balanced",
    "my prompt is more important": "prompt",
    "controlnet is more important": "control",
}
MODULES = {
    "none": "identity",
    "": "identity",
    "openpose_full": "openpose",
    "depth": "depth_midas",
    "normal_bae": "normal_bae",
    "lineart_realistic": "lineart",
    "lineart_standard (from white bg & black line)": "lineart_standard",
}


def txt2img(
    sent: Txt2Img,
    options: dict[str, Any],
    upscalers: Collection[str] = (),
    models: Collection[str] = (),
    budget: Budget | None = None,
) -> Request:
    """A picture from a prompt; with a ControlNet unit, style transfer from pure noise.

    Args:
        sent: The payload.
        options: As `/options` holds them.
        upscalers: Names of the one-pass upscalers.
        models: Names of those there are, which go before what a title is cut down to.
        budget: Of the whole call; its pictures are taken from it.

    Raises:
        BadInput: Names the field at fault.
    """
    values = shared(sent, options, models)
    units = _units(sent)
    if units:
        if sent.enable_hr:
            raise BadInput(
                "Hires fix and ControlNet do not go together here; leave one out.", "enable_hr"
            )
        if not all(map(_picture_of, units)):
            raise BadInput("The ControlNet unit has no image; send one.", "alwayson_scripts")
        control, images = _control(units, values, None, budget or Budget())
        return Request(
            parse("style_transfer", values | control | {"start_from": "noise"}),
            images,
            save=sent.save_images,
        )
    if sent.enable_hr:
        values |= {
            "hires_scale": _hires_scale(sent),
            "hires_steps": sent.hr_second_pass_steps,
            "hires_upscaler": _upscaler(
                sent.hr_upscaler or "Latent", "hr_upscaler", "Latent or Lanczos", upscalers
            ),
        }
        if sent.denoising_strength is not None:
            values["hires_denoise"] = sent.denoising_strength
    return Request(parse("txt2img", values), save=sent.save_images)


def _hires_scale(sent: Txt2Img) -> float:
    """By how much; a size that is given goes before the factor, its longer way before the other."""
    if not (sent.hr_resize_x or sent.hr_resize_y):
        return sent.hr_scale
    if not (sent.width and sent.height):
        raise BadInput(
            "'hr_resize_x' and 'hr_resize_y' go together with 'width' and 'height'.", "hr_resize_x"
        )
    return round(max(sent.hr_resize_x / sent.width, sent.hr_resize_y / sent.height), 4)


def detected(sent: Detect) -> list[Pixels]:
    """What a ControlNet unit would make of pictures.

    Raises:
        BadInput: There is no such preprocessor, or a picture is none.
    """
    detector = _detector(sent.controlnet_module)
    low, high = _thresholds(sent.controlnet_threshold_a, sent.controlnet_threshold_b)
    found, budget = build(detector, canny_low=low, canny_high=high), Budget()
    return [found(picture(one, "controlnet_images", budget)) for one in sent.controlnet_images]


def img2img(
    sent: Img2Img,
    options: dict[str, Any],
    models: Collection[str] = (),
    budget: Budget | None = None,
) -> Request:
    """A picture from a picture, with mask; with a ControlNet unit, style transfer from it.

    Args:
        sent, options, models, budget: See `txt2img`.

    Raises:
        BadInput: Names the field at fault.
    """
    if not sent.init_images:
        raise BadInput("'init_images' is empty; send one picture as base64.", "init_images")
    if len(sent.init_images) > 1:  # the routes make a request of each
        raise BadInput("A request starts from one picture of 'init_images'.", "init_images")
    values = shared(sent, options, models)
    strength = sent.denoising_strength
    values["strength"] = 0.75 if strength is None else strength
    values["resize_mode"] = _named(RESIZE, sent.resize_mode, "resize_mode")
    if sent.image_cfg_scale is not None:
        values["image_guidance"] = sent.image_cfg_scale
    budget = budget or Budget()
    images = {"image": picture(sent.init_images[0], "init_images", budget)}
    if sent.mask is not None:
        images["mask"] = decode_mask(raw(sent.mask, "mask"), "mask", budget)
        blur = sent.mask_blur if sent.mask_blur is not None else sent.mask_blur_x
        values |= {
            "mask_blur": 4 if blur is None else blur,
            "masked_content": _named(FILL, sent.inpainting_fill, "inpainting_fill"),
            "only_masked": bool(sent.inpaint_full_res),
            "only_masked_padding": sent.inpaint_full_res_padding,
            "mask_invert": bool(sent.inpainting_mask_invert),
        }
    units = _units(sent)
    if not units:
        return Request(parse("img2img", values), images, save=sent.save_images)
    control, pictures = _control(units, values, images["image"], budget)
    return Request(
        parse("style_transfer", values | control | {"start_from": "picture"}),
        pictures | images,
        save=sent.save_images,
    )


def single_image(sent: SingleImage, upscalers: Collection[str]) -> Request:
    """A picture made larger, by a factor or to a size.

    Args:
        sent: The payload.
        upscalers: Names of all that enlarges, diffusion models too; these draw without a prompt,
            by what they recommend.

    Raises:
        BadInput: Names the field at fault.
    """
    sent.check()
    image = picture(sent.image, "image", Budget())
    known = "Lanczos"
    name = sent.upscaler_1 if sent.upscaler_1 not in ("", "None") else known
    values: dict[str, Any] = {"upscaler": _upscaler(name, "upscaler_1", known, upscalers)}
    if sent.resize_mode == 0:
        values["factor"] = sent.upscaling_resize
    elif sent.resize_mode == 1:
        height, width = image.shape[:2]
        size = sent.upscaling_resize_w, sent.upscaling_resize_h
        if not sent.upscaling_crop:  # all of the picture, as large as covers the size
            most = max(size[0] / width, size[1] / height)
            size = round(width * most), round(height * most)
        values |= {"width": size[0], "height": size[1]}
    else:
        raise BadInput("'resize_mode' is 0, by a factor, or 1, to a size.", "resize_mode")
    return Request(parse("upscale", values), {"image": image}, save=False)


def _upscaler(name: str, field: str, own: str, upscalers: Collection[str]) -> str:
    """Our name of an upscaler as clients call it; `own` are those that need no file."""
    if name.lower().startswith("lanczos") or name == "None":
        return LANCZOS
    if "Latent" in own and name.lower().startswith("latent"):
        return LATENT
    found = next((one for one in upscalers if one.lower() == name.lower()), None)
    if found is None:
        there = f", or {', '.join(sorted(upscalers))}" if upscalers else ""
        raise BadInput(f"There is no upscaler '{name[:80]}' here; use {own}{there}.", field)
    return found


def shared(sent: Drawing, options: dict[str, Any], models: Collection[str] = ()) -> dict[str, Any]:
    """Our values of the fields that both modes have; those left out keep our defaults."""
    sent.check()
    options = options | (sent.override_settings or {})
    pair, _ = sampler_of(sent)
    values: dict[str, Any] = {
        "prompt": sent.prompt,
        "negative_prompt": sent.negative_prompt,
        "seed": sent.seed,
        "variation_seed": sent.subseed,
        "variation_strength": max(0.0, sent.subseed_strength),
        "batch_size": sent.batch_size,
        "model": model_name(options["sd_model_checkpoint"], models),
        "vae": vae_name(options.get("sd_vae")),
        "clip_skip": options.get("CLIP_stop_at_last_layers", 1),
        **pair,
    }
    optional = {
        "steps": sent.steps,
        "guidance_scale": sent.cfg_scale,
        "distilled_guidance": sent.distilled_cfg_scale,
        "width": sent.width,
        "height": sent.height,
    }
    values |= {key: value for key, value in optional.items() if value is not None}
    if sent.tiling:
        values["tiling"] = "both"
    if SAMPLERS[pair["sampler"]].has_eta and sent.eta is not None:
        values["eta"] = sent.eta
    return values


def picture(sent: str, field: str, budget: Budget) -> Pixels:
    """A picture out of base64, with or without the head of a data URI.

    Raises:
        BadInput: It is none.
    """
    return decode(raw(sent, field), field, budget)


def raw(sent: str, field: str) -> bytes:
    """The bytes of a picture that was sent as base64."""
    text = sent.split(",", 1)[1] if sent.startswith("data:") and "," in sent else sent
    try:
        return base64.b64decode("".join(text.split()), validate=True)  # many wrap it in lines
    except (binascii.Error, ValueError):
        raise BadInput(
            f"'{field}' is not base64; send a picture as base64 (addresses are not fetched).", field
        ) from None


def _units(sent: Drawing) -> list[Unit]:
    """The ControlNet units that are switched on."""
    units: list[Unit] = []
    for name, script in (sent.alwayson_scripts or {}).items():
        args = as_list(as_dict(script).get("args"))
        if name.lower() == "controlnet":
            try:
                units += [Unit.model_validate(arg) for arg in args if isinstance(arg, dict)]
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                raise BadInput(
                    f"The ControlNet unit's '{first['loc'][0]}' cannot be used: "
                    f"{first['msg'].lower()}.",
                    "alwayson_scripts",
                ) from None
        elif not _is_off(args):
            raise BadInput(
                f"The script '{name[:80]}' is not available here; leave it out.", "alwayson_scripts"
            )
    units = [unit for unit in units if unit.enabled]
    if len(units) > MAX_UNITS:
        raise BadInput(f"{MAX_UNITS} ControlNet units are the most at once.", "alwayson_scripts")
    return units


def _is_off(args: list[Any]) -> bool:
    """Whether a script's arguments say that it does nothing."""
    if not args or args[0] is False:
        return True
    rows = [as_dict(arg) for arg in args if isinstance(arg, dict)]
    return bool(rows) and all(
        row.get("enabled") is False or row.get("ad_model", "") in (None, "None") for row in rows
    )


def _control(
    units: list[Unit], values: dict[str, Any], source: Pixels | None, budget: Budget
) -> tuple[dict[str, Any], dict[str, Pixels]]:
    """Style transfer's settings and pictures for units; without an image one reads the source."""
    if len(units) > 1:
        return _several(units, values, source, budget)
    unit = units[0]
    detector = _detector(unit.module)
    low, high = _thresholds(unit.threshold_a, unit.threshold_b)
    settings: dict[str, Any] = {
        "detector": detector,
        "control_scale": unit.weight,
        "control_start": unit.guidance_start,
        "control_end": unit.guidance_end,
        "control_mode": _named(CONTROL_MODES, unit.control_mode, "control_mode"),
        "controlnet": None if unit.model in ("None", "") else model_name(unit.model),
    }
    if detector == "canny":
        settings |= {"canny_low": low, "canny_high": high}
    sent = _picture_of(unit)
    if not sent:
        return settings, {}
    own = picture(sent, "alwayson_scripts", budget)
    if detector == "identity":
        return settings, {"control_image": own}
    if source is None:
        how = _named(RESIZE, unit.resize_mode, "resize_mode")
        return settings | {"resize_mode": how}, {"image": own}
    width, height = values.get("width"), values.get("height")
    if width is None or height is None:
        height, width = own.shape[:2]
    found = build(detector, canny_low=low, canny_high=high)(_fitted(own, width, height, budget))
    return settings, {"control_image": found}


def _several(
    units: list[Unit], values: dict[str, Any], source: Pixels | None, budget: Budget
) -> tuple[dict[str, Any], dict[str, Pixels]]:
    """Several units: each with a picture that its preprocessor has been over already."""
    images: dict[str, Pixels] = {}
    controls: list[dict[str, Any]] = []
    size: tuple[int, int] | None = None  # of the first picture, where none is given
    for number, unit in enumerate(units, 1):
        if unit.model in ("None", ""):
            raise BadInput(
                f"ControlNet unit {number} names no model; of several units each must.",
                "alwayson_scripts",
            )
        sent = _picture_of(unit)
        own = source if not sent else picture(sent, "alwayson_scripts", budget)
        assert own is not None
        height, width = (-(-side // SIDE_STEP_PX) * SIDE_STEP_PX for side in own.shape[:2])
        size = size or (values.get("width") or width, values.get("height") or height)
        low, high = _thresholds(unit.threshold_a, unit.threshold_b)
        detector = build(_detector(unit.module), canny_low=low, canny_high=high)
        images[f"control_{number}"] = detector(_fitted(own, *size, budget))
        controls.append(
            {
                "name": model_name(unit.model),
                "image": f"control_{number}",
                "weight": unit.weight,
                "start": unit.guidance_start,
                "end": unit.guidance_end,
            }
        )
    mode = _named(CONTROL_MODES, units[0].control_mode, "control_mode")
    assert size is not None
    drawn = {"width": size[0], "height": size[1]}
    return {"controls": controls, "control_mode": mode, **drawn}, images


def _fitted(image: Pixels, width: int, height: int, budget: Budget) -> Pixels:
    """Of a size that settings may have, which are read only after it is made."""
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise BadInput(f"A picture of {width} x {height} px is too large, or none.", "width")
    budget.take(3 * width * height, "width")
    return fit(image, width, height).image


def _detector(module: str) -> DetectorName:
    wanted = MODULES.get(module.lower(), module.lower())
    found: DetectorName | None = next((e.name for e in ENTRIES if e.name == wanted), None)
    if found is None:
        raise BadInput(
            f"There is no preprocessor '{module[:80]}' here; ask "
            "/controlnet/module_list for the names.",
            "alwayson_scripts",
        )
    return found


def _thresholds(low: float, high: float) -> tuple[int, int]:
    """Canny's, where they are given."""
    return int(low) if low >= 0 else 100, int(high) if high >= 0 else 200


def _picture_of(unit: Unit) -> str:
    sent = unit.image or unit.input_image or ""
    return str(sent.get("image", "")) if isinstance(sent, dict) else sent


def _named(known: dict[Any, str], value: Any, field: str) -> str:
    key = value.lower() if isinstance(value, str) else value
    if key not in known:
        raise BadInput(f"'{field}' has no value {value!r} here.", field)
    return known[key]
