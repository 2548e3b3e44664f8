"""Settings of a morph."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, Self

from pydantic import (
    Field,
    StrictBool,
    model_validator,
)

from backend.contracts.fields import says
from backend.contracts.settings.base import Settings
from backend.contracts.settings.hires import STANDARD_GRID_PX
from backend.contracts.settings.kinds import (
    SCHEDULE_TITLES,
    Easing,
    EvenSpacing,
    Fraction,
    MorphFormat,
    MorphMethod,
    Name,
    Prompt,
    ResizeMode,
    Seed,
    TextPath,
)


class MorphSettings(Settings):
    """One picture turns into another, through plausible pictures in between.

    Each end is a picture, or a prompt and a seed; with more than two `keyframes` the way goes on
    to C and D. The pictures travel beside the settings: "image_a" to "image_d". `prompt` serves
    all ends that have none of their own.
    """

    mode: ClassVar[str] = "morph"
    place: ClassVar[int] = 50
    needs: ClassVar[tuple[str, ...]] = ("from_noise", "prompt")
    pictures: ClassVar[tuple[str, ...]] = ("image_a", "image_b", "image_c", "image_d")
    outlives_watcher: ClassVar[bool] = True

    prompt: Prompt = Field(
        "",
        description="What both ends show, where they say nothing else.",
        json_schema_extra=says("prompt", needs="prompt"),
    )
    prompt_a: Prompt = Field(
        "",
        title="Prompt A",
        description="What the first end shows.",
        json_schema_extra=says("prompt"),
    )
    prompt_b: Prompt = Field(
        "",
        title="Prompt B",
        description="What the last end shows.",
        json_schema_extra=says("prompt", group="advanced", needs="prompt"),
    )
    prompt_c: Prompt = Field(
        "",
        title="Prompt C",
        description="What the third keyframe shows.",
        json_schema_extra=says("prompt"),
    )
    prompt_d: Prompt = Field(
        "",
        title="Prompt D",
        description="What the fourth keyframe shows.",
        json_schema_extra=says("prompt"),
    )
    keyframes: int = Field(
        2,
        ge=2,
        le=len("abcd"),
        description="From A to B, or on to C, or to C and D.",
        json_schema_extra=says("course", step=1),
    )
    seed_a: Seed = Field(
        -1,
        title="Seed A",
        description="Noise of the first end; -1 takes the seed.",
        json_schema_extra=says("noise"),
    )
    seed_b: Seed = Field(
        -1,
        title="Seed B",
        description="Noise of the last end; -1 takes the seed plus one.",
        json_schema_extra=says("noise"),
    )
    seed_c: Seed = Field(
        -1,
        title="Seed C",
        description="Noise of keyframe C; -1 takes the seed plus two.",
        json_schema_extra=says("noise"),
    )
    seed_d: Seed = Field(
        -1,
        title="Seed D",
        description="Noise of keyframe D; -1 takes the seed plus three.",
        json_schema_extra=says("noise"),
    )
    method: MorphMethod | None = Field(
        None,
        description="Walk between prompts; or pictures: quick, or fine, which learns them.",
        json_schema_extra=says("course", choices={"walk": "latent walk"}),
    )
    frames: int = Field(
        16,
        ge=3,
        le=120,
        description="Pictures of the morph, ends included.",
        json_schema_extra=says("course", unit="frames", step=1),
    )
    fps: int = Field(
        12,
        title="Speed",
        ge=1,
        le=60,
        description="Speed of the video.",
        json_schema_extra=says("output", unit="frames/s", step=1),
    )
    format: MorphFormat = Field(
        "mp4",
        title="File for scripts",
        description="What the morph is handed over as.",
        json_schema_extra=says("output"),
    )
    ping_pong: StrictBool = Field(
        False, description="The video runs back to its start.", json_schema_extra=says("output")
    )
    easing: Easing = Field(
        "linear",
        description="Slow ends, where even spacing is off.",
        json_schema_extra=says("course", choices={"smooth": "slow ends"}),
    )
    even: EvenSpacing = Field(
        "insert",
        title="Even steps",
        description="Even steps: new frames in the widest gaps, or a second run.",
        json_schema_extra=says("course", choices={"insert": "insert frames", "rerun": "run again"}),
    )
    embeddings: TextPath = Field(
        "lerp", description="How the prompts are interpolated.", json_schema_extra=says("course")
    )
    adain: StrictBool = Field(
        True,
        title="Match colours",
        description="Colours of the frames follow both ends.",
        json_schema_extra=says("course"),
    )
    attention_lambda: Fraction = Field(
        0.6,
        title="Attention to both ends",
        description="Part of the run in which frames look at both ends.",
        json_schema_extra=says("course", unit="of the run", step=0.05),
    )
    lora_rank: int = Field(
        16,
        title="LoRA rank",
        ge=1,
        le=128,
        description="Rank of what fine learns of each end.",
        json_schema_extra=says("fit", step=1),
    )
    lora_steps: int = Field(
        200,
        title="LoRA steps",
        ge=1,
        le=5000,
        description="Steps in which fine learns each end.",
        json_schema_extra=says("fit", unit="steps", step=10),
    )
    lora_lr: float = Field(
        2e-4,
        gt=0.0,
        le=1.0,
        description="Learning rate of fine.",
        json_schema_extra=says("fit", step=1e-05),
    )
    inversion_refine: int = Field(
        2,
        title="Inversion refinements",
        ge=0,
        le=20,
        description="Refinements of the inversion's steps; 0 is plain DDIM.",
        json_schema_extra=says("inversion", step=1),
    )
    resize_mode: ResizeMode = Field(
        "crop",
        title="Fit",
        description="How the pictures are brought to size.",
        json_schema_extra=says("start"),
    )
    sampler: Name = Field(
        "ddim",
        description="The method that walks from noise to x0.",
        json_schema_extra=says("levels"),
    )
    schedule: Name = Field(
        "model",
        description="Where the noise levels of the steps lie.",
        json_schema_extra=says("levels", choices=SCHEDULE_TITLES),
    )
    steps: int = Field(
        50,
        ge=1,
        le=150,
        description="Model steps of each frame.",
        json_schema_extra=says("levels", unit="steps", step=1, a1111=("Steps",)),
    )

    def resolved(
        self,
        *,
        native_size: tuple[int, int],
        grid_px: int = STANDARD_GRID_PX,
        guidance_scale: float,
        seed: int,
        variation_seed: int,
    ) -> Self:
        """As in `Settings`; pictures are drawn without guidance, which their inversion lacks."""
        own = super().resolved(
            native_size=native_size,
            grid_px=grid_px,
            guidance_scale=guidance_scale if self.method == "walk" else 1.0,
            seed=seed,
            variation_seed=variation_seed,
        )
        return own.model_copy(
            update={
                f"seed_{letter}": own.image_seed(end)
                if self.end_seed(end) == -1
                else self.end_seed(end)
                for end, letter in enumerate("abcd")
            }
        )

    def for_pictures(self, given: Collection[str]) -> Self:
        if self.method is not None:
            return self
        method: MorphMethod = "fine" if set(self.pictures) & set(given) else "walk"
        return self.model_copy(update={"method": method})

    def end_prompt(self, end: int) -> str:
        """The prompt of keyframe `end`, counted from 0."""
        return (self.prompt_a, self.prompt_b, self.prompt_c, self.prompt_d)[end] or self.prompt

    def end_seed(self, end: int) -> int:
        """The seed of keyframe `end`; of resolved settings."""
        return (self.seed_a, self.seed_b, self.seed_c, self.seed_d)[end]

    @property
    def ends(self) -> tuple[str, ...]:
        """Names of the pictures of its keyframes, in order."""
        return self.pictures[: self.keyframes]

    def missing_picture(self, given: Collection[str]) -> str | None:
        for end, (name, letter) in enumerate(zip(self.ends, "ABCD", strict=False)):
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
            "batch_size": 1,
            "batch_count": 1,
            "variation_strength": 0.0,
            "prompt_mix": 0.0,
            "eta": 0.0,
        }
        for name, neutral in unused.items():
            if getattr(self, name) != neutral:
                raise ValueError(f"a morph has no {name}; leave it at {neutral:g}")
        if self.frames - 1 < 2 * (self.keyframes - 1):
            raise ValueError(
                f"{self.keyframes} keyframes need at least {2 * self.keyframes - 1} frames"
            )
        return self
