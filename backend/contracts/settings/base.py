"""What all modes share."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from backend.contracts.fields import says, unsaid
from backend.contracts.file_names import MAX_PATTERN_CHARS, check_pattern
from backend.contracts.settings.hires import STANDARD_GRID_PX
from backend.contracts.settings.kinds import (
    FORMAT_TITLES,
    MAX_STEPS,
    SCHEDULE_TITLES,
    VARIANCE_TITLES,
    FileFormat,
    Fraction,
    Name,
    Prompt,
    Seed,
    Size,
    Variance,
    seed_after,
)
from backend.contracts.settings.regions import loras_of_regions
from backend.contracts.settings.rows import Frozen, LoraUse, Template


class Settings(Frozen):
    """What every mode that makes pictures shares.

    A field's `description` is its one-sentence hint on the page; `says` tells the rest of it.
    """

    mode: ClassVar[str] = ""
    place: ClassVar[int] = 0  # of the mode in lists and of its tab, whoever declares one has both
    needs: ClassVar[tuple[str, ...]] = ()  # capabilities without which it makes no sense
    pictures: ClassVar[tuple[str, ...]] = ()  # names of those that may travel beside
    outlives_watcher: ClassVar[bool] = False  # goes on when the page that asked is gone
    one_work: ClassVar[bool] = False  # its pictures are parts of one, and go on together

    prompt: Prompt = Field(
        "",
        description="What the picture shows; (word:1.2) weighs a word more.",
        json_schema_extra=says("prompt", needs="prompt"),
    )
    negative_prompt: Prompt = Field(
        "",
        description="What to steer away from.",
        json_schema_extra=says("prompt", needs="negative_prompt"),
    )
    model: str = Field(
        "",
        max_length=300,
        description="The checkpoint that draws; empty is the default one.",
        json_schema_extra=says("network", "text", a1111=("Model",)),
    )
    vae: str = Field(
        "",
        title="VAE",
        max_length=300,
        description="The autoencoder; empty is the checkpoint's own.",
        json_schema_extra=says(
            "start", "decoding", group="advanced", a1111=("VAE",), needs="separate_vae"
        ),
    )
    sampler: Name = Field(
        "dpmpp_2m",
        description="The method that walks from noise to x0.",
        json_schema_extra=says("levels"),
    )
    schedule: Name = Field(
        "karras",
        description="Where the noise levels of the steps lie.",
        json_schema_extra=says("levels", choices=SCHEDULE_TITLES),
    )
    steps: int = Field(
        20,
        ge=1,
        le=MAX_STEPS,
        description="Model steps; more is slower and finer.",
        json_schema_extra=says("levels", unit="steps", step=1, a1111=("Steps",)),
    )
    guidance_scale: float | None = Field(
        None,
        title="Guidance",
        ge=0.0,
        le=30.0,
        description="How hard the prompt pulls; 1 turns guidance off.",
        json_schema_extra=says("guidance", step=0.1, a1111=("CFG scale",)),
    )
    width: Size | None = Field(
        None,
        description="Width of the picture.",
        json_schema_extra=says("start", unit="px", step=8),
    )
    height: Size | None = Field(
        None,
        description="Height of the picture.",
        json_schema_extra=says("start", unit="px", step=8),
    )
    seed: Seed = Field(
        -1,
        description="Start of the noise; -1 draws one, the same seed repeats.",
        json_schema_extra=says("noise", a1111=("Seed",)),
    )
    batch_size: int = Field(
        1,
        title="Batch",
        ge=1,
        le=16,
        description="Pictures made together, with seeds that count up.",
        json_schema_extra=says("output", unit="pictures", step=1, axis=False),
    )
    batch_count: int = Field(
        1,
        title="Batches",
        ge=1,
        le=100,
        description="How many such batches, one after the other.",
        json_schema_extra=says("output", unit="batches", step=1, axis=False),
    )
    loras: tuple[LoraUse, ...] = Field(
        (),
        title="LoRAs",
        max_length=32,
        description="LoRAs and their weights.",
        json_schema_extra=says("network", "text", axis=False, needs="lora"),
    )
    eta: Fraction = Field(
        0.0,
        description="Fresh noise per DDIM step; 0 is deterministic.",
        json_schema_extra=says("noise", group="advanced", step=0.05, a1111=("Eta", "Eta DDIM")),
    )
    variance: Variance = Field(
        "eta",
        description="What a DDIM step adds: noise by eta, or the larger variance of DDPM "
        "(sigma hat), which many steps bear and few do not.",
        json_schema_extra=says("noise", group="advanced", choices=VARIANCE_TITLES, later=True),
    )
    class_label: int = Field(
        0,
        title="Class",
        ge=0,
        le=99_999,
        description="Which of the model's classes is drawn, where it knows some.",
        json_schema_extra=says("prompt", group="advanced", step=1, later=True, needs="classes"),
    )
    guidance_rescale: Fraction = Field(
        0.0,
        title="Rescale",
        description="Pulls over-saturated guidance back (Lin et al. 2023).",
        json_schema_extra=says("guidance", group="advanced", step=0.05, needs="guidance"),
    )
    guidance_start: Fraction = Field(
        0.0,
        description="Where in the run guidance begins.",
        json_schema_extra=says("guidance", group="advanced", unit="of the run", step=0.05),
    )
    guidance_end: Fraction = Field(
        1.0,
        description="Where in the run guidance ends.",
        json_schema_extra=says("guidance", group="advanced", unit="of the run", step=0.05),
    )
    threshold_ratio: Fraction = Field(
        0.0,
        title="Thresholding",
        description="Dynamic thresholding percentile (Imagen); 0 is off, .995 is usual.",
        json_schema_extra=says("guidance", group="advanced", step=0.005, needs="guidance"),
    )
    distilled_guidance: float = Field(
        3.5,
        ge=0.0,
        le=100.0,
        description="The scale that Flux.1 dev is told; others are told none.",
        json_schema_extra=says(
            "guidance",
            group="advanced",
            step=0.1,
            a1111=("Distilled CFG Scale",),
            later=True,
            needs="distilled",
        ),
    )
    variation_seed: Seed = Field(
        -1,
        description="Second seed to lean towards; -1 draws one.",
        json_schema_extra=says("noise", group="advanced", a1111=("Variation seed",)),
    )
    variation_strength: Fraction = Field(
        0.0,
        description="How far to lean to the second seed.",
        json_schema_extra=says(
            "noise", group="advanced", step=0.05, a1111=("Variation seed strength",)
        ),
    )
    clip_skip: int = Field(
        1,
        title="CLIP skip",
        ge=1,
        le=12,
        description="Text layers to skip from the end, plus 1.",
        json_schema_extra=says("text", group="advanced", step=1, a1111=("Clip skip",)),
    )
    prompt_b: Prompt = Field(
        "",
        title="Prompt B",
        description="A second prompt to blend with the first.",
        json_schema_extra=says("prompt", group="advanced", needs="prompt"),
    )
    prompt_mix: Fraction = Field(
        0.0,
        title="Mix in prompt B",
        description="Weight of the second prompt in the blend.",
        json_schema_extra=says("prompt", group="advanced", step=0.05),
    )
    tiling: Literal["off", "both", "x", "y"] = Field(
        "off",
        title="Seamless",
        description="Edges that meet those of a copy beside it, for patterns and textures.",
        json_schema_extra=says(
            "network",
            "start",
            "decoding",
            group="advanced",
            choices={"both": "both ways", "x": "sideways", "y": "up and down"},
            a1111=("Tiling",),
            a1111_words={"both": "True", "off": "False"},
            later=True,
        ),
    )
    save: bool = Field(
        True,
        title="Save pictures",
        description="Whether results are kept in the outputs folder.",
        json_schema_extra=says("output", group="saving", axis=False, later=True),
    )
    save_format: FileFormat = Field(
        "png",
        title="Format",
        description="What files results are saved as; only PNG can be verified bit for bit.",
        json_schema_extra=says(
            "output", group="saving", choices=FORMAT_TITLES, axis=False, later=True
        ),
    )
    save_quality: int = Field(
        90,
        title="Quality",
        ge=1,
        le=100,
        description="Of JPEG and WebP; at 100 WebP loses nothing.",
        json_schema_extra=says("output", group="saving", step=1, axis=False, later=True),
    )
    save_name: Annotated[str, AfterValidator(check_pattern)] = Field(
        "",
        title="File name",
        max_length=MAX_PATTERN_CHARS,
        description="Words in brackets, as [date]_[prompt]_[seed]; empty is [time]_[seed]_[index].",
        json_schema_extra=says("output", group="saving", axis=False, later=True),
    )
    source_name: str = Field(
        "",
        max_length=100,
        description="File of a batch that it was made from; kept for the record alone.",
        json_schema_extra=says("output", group="saving", axis=False, later=True),
    )
    templates: tuple[Template, ...] = Field(
        (),
        max_length=16,
        description="What prompts were drawn from; kept for the record, it changes nothing.",
        json_schema_extra=says("output", later=True),
    )

    @model_serializer(mode="wrap")
    def _standard_unsaid(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values, left_out = written(self), unsaid(self)
        return {key: value for key, value in values.items() if key not in left_out}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.guidance_start > self.guidance_end:
            raise ValueError("guidance_start must not lie after guidance_end")
        return self

    def resolved(
        self,
        *,
        native_size: tuple[int, int],
        grid_px: int = STANDARD_GRID_PX,
        guidance_scale: float,
        seed: int,
        variation_seed: int,
    ) -> Self:
        """Replaces None and -1 by the model's recommendations and the given draws.

        Args:
            native_size: (width, height) of the model, px.
            grid_px: What sides of the model's pictures are multiples of, for what enlarges them.
            guidance_scale: The card's recommendation, or 7.0.
            seed: Used where seed is -1.
            variation_seed: Used where variation_seed is -1.
        """
        return self.model_copy(
            update={
                "width": native_size[0] if self.width is None else self.width,
                "height": native_size[1] if self.height is None else self.height,
                "guidance_scale": guidance_scale
                if self.guidance_scale is None
                else self.guidance_scale,
                "seed": seed if self.seed == -1 else self.seed,
                "variation_seed": variation_seed
                if self.variation_seed == -1
                else self.variation_seed,
            }
        )

    def image_seed(self, index: int) -> int:
        """Seed of image `index` of this request: seed + index; see `seed_after`."""
        return seed_after(self.seed, index)

    def batch(self, index: int) -> Self:
        """Batch `index` of `batch_count` as settings of its own, seeds counted on; resolved."""
        ahead = index * self.batch_size
        varied = self.variation_strength > 0  # then all pictures share the seed
        return self.model_copy(
            update={
                "batch_count": 1,
                "seed": self.seed if varied else self.image_seed(ahead),
                "variation_seed": seed_after(self.variation_seed, ahead)
                if varied
                else self.variation_seed,
            }
        )

    @property
    def prompts(self) -> tuple[str, ...]:
        """Every text that a text encoder may be given."""
        values = (getattr(self, name) for name in type(self).model_fields if "prompt" in name)
        regions = (region.prompt for region in getattr(self, "regions", ()))
        return (*(value for value in values if isinstance(value, str)), *regions)

    @property
    def acting_loras(self) -> tuple[LoraUse, ...]:
        """The rows that are on; they act in all of the picture."""
        return tuple(use for use in self.loras if use.on)

    @property
    def lora_uses(self) -> tuple[LoraUse, ...]:
        """The same, and then those of regions."""
        return (*self.acting_loras, *loras_of_regions(self))

    @property
    def picture_count(self) -> int:
        """How many pictures are made together: those of one batch."""
        return self.batch_size

    @property
    def fewest_together(self) -> int:
        """How many pictures must at least fit into one model call."""
        return self.picture_count

    @property
    def needs_model(self) -> bool:
        """Whether a checkpoint is at work."""
        return True

    @property
    def own_time_steps(self) -> tuple[int, ...]:
        """Training timesteps that are walked instead of the schedule's; () for those."""
        return ()

    def for_pictures(self, given: Collection[str]) -> Self:
        """The settings with what depends on the pictures `given`, by name, filled in."""
        return self

    @property
    def drawn_size(self) -> tuple[int, int]:
        """(width, height) that the model draws, px; of resolved settings."""
        assert self.width is not None
        assert self.height is not None
        return self.width, self.height

    def part_like(self, past: Settings) -> Settings:
        """The stage of this run that goes on from steps made with the settings `past`.

        Raises:
            BadInput: It has no such stage.
        """
        return self

    def missing_picture(self, given: Collection[str]) -> str | None:
        """What to say when the mode needs a picture that is not among those `given` by name."""
        return None
