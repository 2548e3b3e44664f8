"""What clients of `/sdapi/v1` send. Fields that this studio has no part for are passed over while
they stand at what switches them off, and refused otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.contracts.errors import BadInput
from ui.server.foreign import as_dict

# Field -> values that ask for nothing.
_OFF: dict[str, tuple[Any, ...]] = {
    "restore_faces": (None, False),
    "s_churn": (None, 0),
    "s_tmin": (None, 0),
    "s_noise": (None, 1),
    "refiner_checkpoint": (None, ""),
    "hr_checkpoint_name": (None, "", "Use same checkpoint"),
    "hr_sampler_name": (None, "", "Use same sampler"),
    "hr_prompt": (None, ""),
    "hr_scheduler": (None, "", "Use same scheduler", "Automatic", "automatic"),
    "hr_negative_prompt": (None, ""),
    "seed_resize_from_w": (None, 0, -1),
    "seed_resize_from_h": (None, 0, -1),
    "firstphase_width": (None, 0),
    "firstphase_height": (None, 0),
}


MAX_TASK_CHARS = 200
PLOT = "x/y/z plot"  # the one script that has a counterpart here
# Of no consequence for the picture: what A1111 saves, shows, or does afterwards.
_SILENT = {
    "comments",
    "disable_extra_networks",
    "do_not_save_grid",
    "do_not_save_samples",
    "force_task_id",
    "include_init_images",
    "override_settings_restore_afterwards",
    "s_tmax",  # acts together with s_churn alone
    "mask_blur_y",
    "mask_round",
}
# Field -> what A1111 takes where it is left out; anything else is told.
_STANDARD: dict[str, tuple[Any, ...]] = {
    "initial_noise_multiplier": (None, 1),
    "s_min_uncond": (None, 0),
    "refiner_switch_at": (None, 0, 1),
    "hr_cfg": (None, 0, 1),
    "hr_distilled_cfg": (None, 3.5),
    "hr_additional_modules": (None, ["Use same choices"]),
    "firstpass_image": (None,),
    "latent_mask": (None,),
}


# Of a ControlNet unit: kept to what its extension takes where they are left out.
_UNIT_STANDARD: dict[str, tuple[Any, ...]] = {
    "processor_res": (-1, 512),
    "hr_option": ("Both", "HiResFixOption.BOTH", 0),
    "guessmode": (False,),
    "guidance": (1,),
    "loopback": (False,),
    "use_preview_as_input": (False,),
    "animatediff_batch": (False,),
    "union_control_type": ("Unknown",),
}
_UNIT_SILENT = {
    *("low_vram", "lowvram", "save_detected_map", "is_ui", "input_mode", "output_dir"),
    "pixel_perfect",  # preprocessors work at the picture's own size here
    "inpaint_crop_input_image",
}


class _Payload(BaseModel):
    """What stands in no field of a payload is told, unless it asks for nothing.

    Attributes:
        silent: Keys of no consequence for the picture.
        standard: Key -> values that ask for nothing.
    """

    model_config = ConfigDict(extra="allow", protected_namespaces=())
    silent: ClassVar[Iterable[str]] = ()
    standard: ClassVar[Mapping[str, tuple[Any, ...]]] = {}

    def passed_over(self) -> list[str]:
        """A sentence for each key that is not known here and therefore does nothing."""
        return [
            f"The key '{name[:80]}' is not known here; pictures are drawn without it."
            for name, value in (self.model_extra or {}).items()
            if name not in self.silent
            and value not in self.standard.get(name, ())
            and value not in ("", [], {})
        ]

    @model_validator(mode="before")
    @classmethod
    def _null_is_the_default(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {key: value for key, value in as_dict(values).items() if value is not None}


class Drawing(_Payload):
    """What txt2img and img2img share."""

    silent: ClassVar[Iterable[str]] = _SILENT
    standard: ClassVar[Mapping[str, tuple[Any, ...]]] = _OFF | _STANDARD

    prompt: str = ""
    negative_prompt: str = ""
    styles: list[str] | None = None
    infotext: str = ""
    seed: int = -1
    subseed: int = -1
    subseed_strength: float = 0.0
    sampler_name: str | None = None
    sampler_index: str | None = None
    scheduler: str | None = None
    batch_size: int = 1
    n_iter: int = Field(1, ge=1, le=64)
    steps: int | None = None
    cfg_scale: float | None = None
    width: int | None = None
    height: int | None = None
    eta: float | None = None
    distilled_cfg_scale: float | None = None
    tiling: bool = False
    denoising_strength: float | None = None
    override_settings: dict[str, Any] | None = None
    alwayson_scripts: dict[str, Any] | None = None
    script_name: str | None = None
    script_args: list[Any] | None = None
    send_images: bool = True
    save_images: bool = False

    @property
    def task(self) -> str:
        """The client's own name for what it asks; empty without one."""
        named = (self.model_extra or {}).get("force_task_id")
        return named if isinstance(named, str) and len(named) <= MAX_TASK_CHARS else ""

    def check(self) -> None:
        """Refuses what would otherwise be left out in silence.

        Raises:
            BadInput: Names the field.
        """
        for name, value in (self.model_extra or {}).items():
            if name in _OFF and value not in _OFF[name]:
                raise BadInput(f"'{name}' is not available here; leave it out.", name)
        script = (self.script_name or "").strip()
        if script.lower() not in ("", "none", PLOT):
            raise BadInput(
                f"The script '{script[:80]}' is not available here; leave it out.", "script_name"
            )


class Txt2Img(Drawing):
    """POST /txt2img."""

    enable_hr: bool = False
    hr_scale: float = 2.0
    hr_second_pass_steps: int = 0
    hr_upscaler: str | None = None
    hr_resize_x: int = 0
    hr_resize_y: int = 0


class Img2Img(Drawing):
    """POST /img2img."""

    init_images: list[str] | None = None
    mask: str | None = None
    mask_blur: int | None = None
    mask_blur_x: int | None = None
    inpainting_fill: int = 0
    inpaint_full_res: bool | int = False
    inpaint_full_res_padding: int = 0
    inpainting_mask_invert: int = 0
    resize_mode: int = 0
    image_cfg_scale: float | None = None


class Unit(_Payload):
    """One ControlNet unit."""

    silent: ClassVar[Iterable[str]] = _UNIT_SILENT
    standard: ClassVar[Mapping[str, tuple[Any, ...]]] = _UNIT_STANDARD

    enabled: bool = True
    image: str | dict[str, Any] | None = None
    input_image: str | None = None
    mask: str | None = None
    module: str = "none"
    model: str = "None"
    weight: float = 1.0
    guidance_start: float = 0.0
    guidance_end: float = 1.0
    control_mode: int | str = 0
    resize_mode: int | str = 1
    threshold_a: float = -1
    threshold_b: float = -1

    def told(self) -> list[str]:
        """What is not honoured of it, a sentence each."""
        masked = (
            ["A ControlNet unit's mask is not used here."] if self.enabled and self.mask else []
        )
        return masked + (self.passed_over() if self.enabled else [])


class SingleImage(_Payload):
    """POST /extra-single-image."""

    silent: ClassVar[Iterable[str]] = ("show_extras_results", "codeformer_weight", "upscale_first")

    image: str
    resize_mode: int = 0
    upscaling_resize: float = 2.0
    upscaling_resize_w: int = 512
    upscaling_resize_h: int = 512
    upscaling_crop: bool = True
    upscaler_1: str = "None"
    upscaler_2: str = "None"
    extras_upscaler_2_visibility: float = 0.0
    gfpgan_visibility: float = 0.0
    codeformer_visibility: float = 0.0

    def check(self) -> None:
        """Refuses what would otherwise be left out in silence.

        Raises:
            BadInput: Names the field.
        """
        second = self.extras_upscaler_2_visibility if self.upscaler_2 not in ("", "None") else 0.0
        for name, value in (
            ("extras_upscaler_2_visibility", second),
            ("gfpgan_visibility", self.gfpgan_visibility),
            ("codeformer_visibility", self.codeformer_visibility),
        ):
            if value:
                raise BadInput(f"'{name}' is not available here; leave it at 0.", name)


class NamedImage(_Payload):
    """One of several pictures."""

    data: str
    name: str = ""


class BatchImages(SingleImage):
    """POST /extra-batch-images."""

    image: str = ""
    imageList: list[NamedImage] = []  # noqa: N815 (theirs)

    def each(self) -> list[SingleImage]:
        """A payload for each picture."""
        shared = self.model_dump(exclude={"imageList", "image"})
        return [SingleImage.model_validate({**shared, "image": one.data}) for one in self.imageList]


class Detect(_Payload):
    """POST /controlnet/detect."""

    silent: ClassVar[Iterable[str]] = ("low_vram",)
    standard: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "controlnet_processor_res": (-1, 512),
        "controlnet_masks": (None,),
    }

    controlnet_module: str = "none"
    controlnet_images: list[str] = []
    controlnet_threshold_a: float = -1
    controlnet_threshold_b: float = -1


class PngInfo(_Payload):
    """POST /png-info."""

    image: str
