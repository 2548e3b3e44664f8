"""Settings: one frozen pydantic model per mode.

This is the single schema of presets, PNG records, the API and the page's forms. A value that is
out of range or unknown is refused with its field's name, never corrected. `None` means "what the
model recommends" and is replaced by `resolved`.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from backend.errors import BadInput

SamplerName = Literal[
    "ddim", "ddpm", "euler", "euler_a", "heun", "lms", "dpmpp_2m", "dpmpp_2m_sde", "unipc", "lcm"
]
ScheduleName = Literal["model", "karras", "exponential", "trailing", "ays"]

MAX_SEED = 2**32 - 1
MAX_PROMPT_CHARS = 20_000

# Which schedules each sampler accepts: what the diffusers class of the same name offers.
SCHEDULES_OF: dict[SamplerName, tuple[ScheduleName, ...]] = {
    "ddim": ("model",),
    "ddpm": ("model", "trailing", "ays"),
    "euler": ("model", "karras", "exponential", "trailing", "ays"),
    "euler_a": ("model", "trailing"),
    "heun": ("model", "karras", "exponential", "trailing", "ays"),
    "lms": ("model", "karras", "exponential", "trailing"),
    "dpmpp_2m": ("model", "karras", "exponential", "trailing", "ays"),
    "dpmpp_2m_sde": ("model", "karras", "exponential", "trailing", "ays"),
    "unipc": ("model", "karras", "exponential", "trailing"),
    "lcm": ("model",),
}

MaskedContent = Literal["original", "latent_noise", "fill"]
ResizeMode = Literal["crop", "pad", "stretch"]
ControlMode = Literal["balanced", "prompt", "control"]
StartFrom = Literal["noise", "picture"]
MorphMethod = Literal["walk", "quick", "fine"]
EvenSpacing = Literal["insert", "rerun", "off"]
Easing = Literal["linear", "smooth"]
TextPath = Literal["lerp", "slerp"]
MorphFormat = Literal["mp4", "gif", "webp", "zip", "sheet"]
DetectorName = Literal[
    "canny", "identity", "lineart_standard", "shuffle",
    "softedge_hed", "softedge_pidinet", "lineart", "lineart_anime",
    "depth_midas", "normal_bae", "mlsd", "openpose",
]

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
# Strict, because the check against text for numbers does not reach into a list.
FractionItem = Annotated[float, Field(ge=0.0, le=1.0, strict=True)]
Margin = Annotated[int, Field(ge=0, le=1024, multiple_of=8)]
Size = Annotated[int, Field(ge=64, le=2048, multiple_of=8)]
Seed = Annotated[int, Field(ge=-1, le=MAX_SEED)]
Prompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARS)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_text_for_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[info.field_name or ""].annotation
        numeric = {int, float} & {annotation, *get_args(annotation)}
        if numeric and isinstance(value, (str, bool)):
            raise ValueError("must be a number, not text or a truth value")
        return value


class LoraUse(_Frozen):
    """One LoRA in a mix.

    Attributes:
        name: File stem in the LoRA folder.
        weight: Scale s in W0 + s B A.
        start: Fraction of the run at which it begins to act.
        end: Fraction of the run at which it stops.
    """

    name: str = Field(min_length=1, max_length=200)
    weight: float = Field(1.0, ge=-10.0, le=10.0)
    start: Fraction = 0.0
    end: Fraction = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start > self.end:
            raise ValueError("start must not lie after end")
        return self


class ControlUse(_Frozen):
    """One ControlNet among several.

    Attributes:
        name: Of the ControlNet.
        image: Which of the request's pictures is its control, used as it is.
        weight: Conditioning scale.
        start: Fraction of the run at which it begins to act.
        end: Fraction of the run at which it stops.
    """

    name: str = Field(min_length=1, max_length=300)
    image: str = Field("control_image", min_length=1, max_length=40)
    weight: float = Field(1.0, ge=0.0, le=2.0)
    start: Fraction = 0.0
    end: Fraction = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start > self.end:
            raise ValueError("start must not lie after end")
        return self


class Settings(_Frozen):
    """What every mode that makes pictures shares.

    A field's `description` is its one-sentence hint on the page; `json_schema_extra` may hold
    `unit` and `step`.
    """

    mode: ClassVar[str] = ""
    pictures: ClassVar[tuple[str, ...]] = ()  # names of those that may travel beside
    outlives_watcher: ClassVar[bool] = False  # goes on when the page that asked is gone

    prompt: Prompt = Field("", description="What the picture shows; (word:1.2) weighs a word more.")
    negative_prompt: Prompt = Field("", description="What to steer away from.")
    model: str = Field(
        "pocket", min_length=1, max_length=300, description="The checkpoint that draws."
    )
    sampler: SamplerName = Field("dpmpp_2m", description="The method that walks from noise to x0.")
    schedule: ScheduleName = Field("karras", description="Where the noise levels of the steps lie.")
    steps: int = Field(
        20, ge=1, le=150, description="Model steps; more is slower and finer.",
        json_schema_extra={"step": 1, "unit": "steps"},
    )
    guidance_scale: float | None = Field(
        None, ge=0.0, le=30.0, description="How hard the prompt pulls; 1 turns guidance off.",
        json_schema_extra={"step": 0.1},
    )
    width: Size | None = Field(None, description="Width of the picture.",
                               json_schema_extra={"step": 8, "unit": "px"})
    height: Size | None = Field(None, description="Height of the picture.",
                                json_schema_extra={"step": 8, "unit": "px"})
    seed: Seed = Field(-1, description="Start of the noise; -1 draws one, the same seed repeats.")
    batch_size: int = Field(
        1, ge=1, le=16, description="Pictures made together, with seeds that count up.",
        json_schema_extra={"step": 1, "unit": "pictures"},
    )
    loras: tuple[LoraUse, ...] = Field((), max_length=32, description="LoRAs and their weights.")
    eta: Fraction = Field(0.0, description="Fresh noise per DDIM step; 0 is deterministic.",
                          json_schema_extra={"step": 0.05})
    guidance_rescale: Fraction = Field(
        0.0, description="Pulls over-saturated guidance back (Lin et al. 2023).",
        json_schema_extra={"step": 0.05},
    )
    guidance_start: Fraction = Field(0.0, description="Where in the run guidance begins.",
                                     json_schema_extra={"step": 0.05, "unit": "of the run"})
    guidance_end: Fraction = Field(1.0, description="Where in the run guidance ends.",
                                   json_schema_extra={"step": 0.05, "unit": "of the run"})
    threshold_ratio: Fraction = Field(
        0.0, description="Dynamic thresholding percentile (Imagen); 0 is off, .995 is usual.",
        json_schema_extra={"step": 0.005},
    )
    variation_seed: Seed = Field(-1, description="Second seed to lean towards; -1 draws one.")
    variation_strength: Fraction = Field(0.0, description="How far to lean to the second seed.",
                                         json_schema_extra={"step": 0.05})
    clip_skip: int = Field(1, ge=1, le=12, description="Text layers to skip from the end, plus 1.",
                           json_schema_extra={"step": 1})
    prompt_b: Prompt = Field("", description="A second prompt to blend with the first.")
    prompt_mix: Fraction = Field(0.0, description="Weight of the second prompt in the blend.",
                                 json_schema_extra={"step": 0.05})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.schedule not in SCHEDULES_OF[self.sampler]:
            known = ", ".join(SCHEDULES_OF[self.sampler])
            raise ValueError(
                f"schedule '{self.schedule}' does not exist for sampler '{self.sampler}'; "
                f"choose one of: {known}"
            )
        if self.eta > 0 and self.sampler != "ddim":
            raise ValueError(
                f"only the sampler 'ddim' has an eta; set it to 0 for '{self.sampler}'"
            )
        if self.guidance_start > self.guidance_end:
            raise ValueError("guidance_start must not lie after guidance_end")
        return self

    def resolved(
        self, *, native_size: tuple[int, int], guidance_scale: float, seed: int, variation_seed: int
    ) -> Self:
        """Replaces None and -1 by the model's recommendations and the given draws.

        Args:
            native_size: (width, height) of the model, px.
            guidance_scale: The card's recommendation, or 7.0.
            seed: Used where seed is -1.
            variation_seed: Used where variation_seed is -1.
        """
        return self.model_copy(update={
            "width": native_size[0] if self.width is None else self.width,
            "height": native_size[1] if self.height is None else self.height,
            "guidance_scale": guidance_scale if self.guidance_scale is None
            else self.guidance_scale,
            "seed": seed if self.seed == -1 else self.seed,
            "variation_seed": variation_seed if self.variation_seed == -1 else self.variation_seed,
        })

    def image_seed(self, index: int) -> int:
        """Seed of image `index` of this request: seed + index, wrapping at 2**32."""
        return (self.seed + index) % (MAX_SEED + 1)

    @property
    def picture_count(self) -> int:
        """How many pictures the request makes."""
        return self.batch_size

    @property
    def fewest_together(self) -> int:
        """How many pictures must at least fit into one model call."""
        return self.picture_count

    def for_pictures(self, given: Collection[str]) -> Self:
        """The settings with what depends on the pictures `given`, by name, filled in."""
        return self

    @property
    def drawn_size(self) -> tuple[int, int]:
        """(width, height) that the model draws, px; of resolved settings."""
        assert self.width is not None
        assert self.height is not None
        return self.width, self.height

    def missing_picture(self, given: Collection[str]) -> str | None:
        """What to say when the mode needs a picture that is not among those `given` by name."""
        return None


class Txt2ImgSettings(Settings):
    """A picture from a prompt."""

    mode: ClassVar[str] = "txt2img"


class LoraMixSettings(Txt2ImgSettings):
    """A picture from a prompt under a mix of LoRAs; or the LoRAs side by side.

    With `compare` the pictures are: without any LoRA, with each alone, with all together, each for
    all seeds of the batch.
    """

    mode: ClassVar[str] = "lora_mix"

    compare: StrictBool = Field(
        False, description="Draw the same seed with no LoRA, with each alone, and with all of them."
    )

    @property
    def variants(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """What is drawn: label, and places in `loras`."""
        everything = tuple(range(len(self.loras)))
        if not self.compare:
            return (("", everything),)
        alone = [(f"{use.name} {use.weight:g}", (i,)) for i, use in enumerate(self.loras)]
        together = [("all together", everything)] if len(everything) > 1 else []
        return (("no LoRA", ()), *alone, *together)

    @property
    def picture_count(self) -> int:
        return self.batch_size * len(self.variants)

    def alone(self, variant: int) -> Self:
        """The settings that draw one of the variants by itself."""
        chosen = tuple(self.loras[i] for i in self.variants[variant][1])
        return self.model_copy(update={"loras": chosen, "compare": False})


class Img2ImgSettings(Settings):
    """A picture from a picture (SDEdit, Meng et al. 2021), painted in part where there is a mask.

    The pictures travel beside the settings: "image", and "mask", in which white is repainted.
    """

    mode: ClassVar[str] = "img2img"
    pictures: ClassVar[tuple[str, ...]] = ("image", "mask")

    strength: Fraction = Field(
        0.75, description="How far from the picture to go; it runs strength x steps.",
        json_schema_extra={"step": 0.01},
    )
    strengths: tuple[FractionItem, ...] = Field(
        (), max_length=6,
        description="Up to six strengths side by side from the same noise, instead of the one.",
    )
    mask_invert: StrictBool = Field(False, description="Repaint what the mask leaves black.")
    mask_blur: int = Field(
        4, ge=0, le=64, description="Softness of the mask's edge; 0 is hard.",
        json_schema_extra={"step": 1, "unit": "px"},
    )
    masked_content: MaskedContent = Field(
        "original", description="What the masked part starts from."
    )
    only_masked: StrictBool = Field(
        False, description="Draw only the masked part, at full size, and paste it back."
    )
    only_masked_padding: int = Field(
        32, ge=0, le=256, description="How much around the mask the model sees with it.",
        json_schema_extra={"step": 4, "unit": "px"},
    )
    resize_mode: ResizeMode = Field("crop", description="How the picture is brought to the size.")
    outpaint_left: Margin = Field(0, description="Extend the picture on the left.",
                                  json_schema_extra={"step": 8, "unit": "px"})
    outpaint_right: Margin = Field(0, description="Extend the picture on the right.",
                                   json_schema_extra={"step": 8, "unit": "px"})
    outpaint_top: Margin = Field(0, description="Extend the picture at the top.",
                                 json_schema_extra={"step": 8, "unit": "px"})
    outpaint_bottom: Margin = Field(0, description="Extend the picture at the bottom.",
                                    json_schema_extra={"step": 8, "unit": "px"})

    @property
    def picture_count(self) -> int:
        return self.batch_size * len(self.ladder)

    @property
    def drawn_size(self) -> tuple[int, int]:
        width, height = super().drawn_size
        if self.only_masked:
            return width, height
        return (width + self.outpaint_left + self.outpaint_right,
                height + self.outpaint_top + self.outpaint_bottom)

    @property
    def outpaints(self) -> bool:
        """Whether the picture grows on some side."""
        return any((self.outpaint_left, self.outpaint_right, self.outpaint_top,
                    self.outpaint_bottom))

    def missing_picture(self, given: Collection[str]) -> str | None:
        if "image" in given:
            return None
        return "There is no picture to start from; upload one, or send a result here."

    @property
    def ladder(self) -> tuple[float, ...]:
        """The strengths to run: `strengths` where given, else the one `strength`."""
        return self.strengths or (self.strength,)

    def model_steps(self, strength: float) -> int:
        """Steps that run at `strength`: int(steps * strength), rounded as diffusers rounds it."""
        return int(self.steps * strength)

    @property
    def starts_from_picture(self) -> bool:
        """Whether `strength` counts at all."""
        return True

    @model_validator(mode="after")
    def _some_step_runs(self) -> Self:
        for strength in self.ladder if self.starts_from_picture else ():
            if self.model_steps(strength) < 1:
                # Rounded up, so that the number in the sentence does run a step.
                enough = math.ceil(1000 / self.steps) / 1000
                raise ValueError(
                    f"strength {strength:g} of {self.steps} steps runs no step at all; use a "
                    f"strength of at least {enough:g}, or more steps"
                )
        return self


class StyleTransferSettings(Img2ImgSettings):
    """A new picture on the edges of another (ControlNet, Zhang et al. 2023).

    The pictures travel beside the settings: "image", the source, and "control_image", which is
    used as the control directly, without the detector.
    """

    mode: ClassVar[str] = "style_transfer"
    pictures: ClassVar[tuple[str, ...]] = ("image", "control_image")

    detector: DetectorName = Field("canny", description="What is taken from the source picture.")
    canny_low: int = Field(
        100, ge=0, le=255, description="Weak edges above this are kept where they touch strong.",
        json_schema_extra={"step": 1},
    )
    canny_high: int = Field(
        200, ge=0, le=255, description="Edges above this are always kept; lower finds more.",
        json_schema_extra={"step": 1},
    )
    control_scale: float = Field(
        1.0, ge=0.0, le=2.0, description="How closely the edges are followed; 0 ignores them.",
        json_schema_extra={"step": 0.05},
    )
    control_start: Fraction = Field(0.0, description="Where in the run the control begins.",
                                    json_schema_extra={"step": 0.05, "unit": "of the run"})
    control_end: Fraction = Field(1.0, description="Where in the run the control ends.",
                                  json_schema_extra={"step": 0.05, "unit": "of the run"})
    control_mode: ControlMode = Field(
        "balanced", description="Which of prompt and control counts for more."
    )
    start_from: StartFrom = Field(
        "noise", description="Start from pure noise, or from the source at the strength above."
    )
    controlnet: str | None = Field(
        None, min_length=1, max_length=300,
        description="The ControlNet; none given, the one that fits model and detector.",
    )
    controls: tuple[ControlUse, ...] = Field(
        (), max_length=4, description="Several ControlNets with pictures of their own, instead."
    )

    @property
    def starts_from_picture(self) -> bool:
        return self.start_from == "picture"

    def missing_picture(self, given: Collection[str]) -> str | None:
        for use in self.controls:
            if use.image not in given:
                return f"The control picture '{use.image}' is missing; send it along."
        if self.starts_from_picture and "image" not in given:
            return "Starting from the picture needs a source picture; add one."
        if not self.controls and not {"image", "control_image"} & set(given):
            return "There is no source picture yet; add one whose edges the new one shall keep."
        return None

    @model_validator(mode="after")
    def _control_in_order(self) -> Self:
        if self.canny_low > self.canny_high:
            raise ValueError("canny_low must not lie above canny_high")
        if self.control_start > self.control_end:
            raise ValueError("control_start must not lie after control_end")
        return self


class MorphSettings(Settings):
    """One picture turns into another, through plausible pictures in between.

    Each end is a picture, or a prompt and a seed. The pictures travel beside the settings:
    "image_a" and "image_b". `prompt` serves both ends where they have none of their own.
    """

    mode: ClassVar[str] = "morph"
    pictures: ClassVar[tuple[str, ...]] = ("image_a", "image_b")
    outlives_watcher: ClassVar[bool] = True

    prompt: Prompt = Field("", description="What both ends show, where they say nothing else.")
    prompt_a: Prompt = Field("", description="What the first end shows.")
    prompt_b: Prompt = Field("", description="What the last end shows.")
    seed_a: Seed = Field(-1, description="Noise of the first end; -1 takes the seed.")
    seed_b: Seed = Field(-1, description="Noise of the last end; -1 takes the seed plus one.")
    method: MorphMethod | None = Field(
        None, description="Walk between prompts; or pictures: quick, or fine, which learns them."
    )
    frames: int = Field(16, ge=3, le=120, description="Pictures of the morph, ends included.",
                        json_schema_extra={"step": 1, "unit": "frames"})
    fps: int = Field(12, ge=1, le=60, description="Speed of the video.",
                     json_schema_extra={"step": 1, "unit": "frames/s"})
    format: MorphFormat = Field("mp4", description="What the morph is handed over as.")
    ping_pong: StrictBool = Field(False, description="The video runs back to its start.")
    easing: Easing = Field("linear", description="Slow ends, where even spacing is off.")
    even: EvenSpacing = Field(
        "insert", description="Even steps: new frames in the widest gaps, or a second run."
    )
    embeddings: TextPath = Field("lerp", description="How the prompts are interpolated.")
    adain: StrictBool = Field(True, description="Colours of the frames follow both ends.")
    attention_lambda: Fraction = Field(
        0.6, description="Part of the run in which frames look at both ends.",
        json_schema_extra={"step": 0.05, "unit": "of the run"},
    )
    lora_rank: int = Field(16, ge=1, le=128, description="Rank of what fine learns of each end.",
                           json_schema_extra={"step": 1})
    lora_steps: int = Field(200, ge=1, le=5000, description="Steps in which fine learns each end.",
                            json_schema_extra={"step": 10, "unit": "steps"})
    lora_lr: float = Field(2e-4, gt=0.0, le=1.0, description="Learning rate of fine.",
                           json_schema_extra={"step": 1e-5})
    inversion_refine: int = Field(
        2, ge=0, le=20, description="Refinements of each inversion step; 0 is plain DDIM.",
        json_schema_extra={"step": 1},
    )
    resize_mode: ResizeMode = Field("crop", description="How the pictures are brought to size.")
    sampler: SamplerName = Field("ddim", description="The method that walks from noise to x0.")
    schedule: ScheduleName = Field("model", description="Where the noise levels of the steps lie.")
    steps: int = Field(50, ge=1, le=150, description="Model steps of each frame.",
                       json_schema_extra={"step": 1, "unit": "steps"})

    def resolved(
        self, *, native_size: tuple[int, int], guidance_scale: float, seed: int, variation_seed: int
    ) -> Self:
        """As in `Settings`; pictures are drawn without guidance, which their inversion lacks."""
        own = super().resolved(
            native_size=native_size,
            guidance_scale=guidance_scale if self.method == "walk" else 1.0,
            seed=seed, variation_seed=variation_seed,
        )
        return own.model_copy(update={
            "seed_a": own.seed if self.seed_a == -1 else self.seed_a,
            "seed_b": own.image_seed(1) if self.seed_b == -1 else self.seed_b,
        })

    def for_pictures(self, given: Collection[str]) -> Self:
        if self.method is not None:
            return self
        method: MorphMethod = "fine" if set(self.pictures) & set(given) else "walk"
        return self.model_copy(update={"method": method})

    def end_prompt(self, end: int) -> str:
        """The prompt of end 0 or 1."""
        return (self.prompt_a, self.prompt_b)[end] or self.prompt

    def end_seed(self, end: int) -> int:
        """The seed of end 0 or 1; of resolved settings."""
        return (self.seed_a, self.seed_b)[end]

    def missing_picture(self, given: Collection[str]) -> str | None:
        for end, (name, letter) in enumerate(zip(self.pictures, "AB", strict=True)):
            if name not in given and not self.end_prompt(end):
                return f"End {letter} is missing; give it a picture or a prompt."
        if self.method == "walk" and set(self.pictures) & set(given):
            return "The latent walk goes between prompts; choose 'quick' or 'fine' for pictures."
        return None

    @property
    def picture_count(self) -> int:
        return self.frames

    @property
    def fewest_together(self) -> int:
        return 2  # the ends; the other frames follow in chunks that fit

    @model_validator(mode="after")
    def _only_what_a_morph_has(self) -> Self:
        unused: dict[str, float] = {
            "batch_size": 1, "variation_strength": 0.0, "prompt_mix": 0.0, "eta": 0.0,
        }
        for name, neutral in unused.items():
            if getattr(self, name) != neutral:
                raise ValueError(f"a morph has no {name}; leave it at {neutral:g}")
        return self


MODES: dict[str, type[Settings]] = {
    cls.mode: cls
    for cls in (
        Txt2ImgSettings, Img2ImgSettings, StyleTransferSettings, LoraMixSettings, MorphSettings,
    )
}


def parse(mode: str, values: dict[str, Any]) -> Settings:
    """Validates `values` as the settings of `mode`.

    Raises:
        BadInput: Names the first field at fault and says what it accepts.
    """
    cls = MODES.get(mode)
    if cls is None:
        raise BadInput(f"There is no mode '{mode}'; choose one of: {', '.join(MODES)}.", "mode")
    try:
        return cls.model_validate(values)
    except ValidationError as error:
        raise _sentence(error, cls) from None


def _sentence(error: ValidationError, cls: type[Settings]) -> BadInput:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return BadInput(
            f"There is no setting '{field[:80]}' in {cls.mode}; check its spelling.", field
        )
    reason = str(first["msg"]).removeprefix("Value error, ")
    where = f"'{field}': " if field else ""
    return BadInput(f"{where}{reason[0].lower() + reason[1:]}.", field or None)
