"""Settings of a clip drawn anew."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, StrictBool, model_validator

from backend.contracts.clip import MOST_FRAMES, Clip, Cut, frame_names
from backend.contracts.fields import says
from backend.contracts.keyframes import EXAMPLE, MOST_CHARS, tracks_of
from backend.contracts.settings.base import Settings
from backend.contracts.settings.kinds import (
    Attend,
    DetectorName,
    Fraction,
    FrameNoise,
    MorphFormat,
    Prompt,
    ResizeMode,
    StartNoise,
)

STANDARD_FPS = 12  # of frames that came without a speed
KEY_PICTURE = "key_picture"
_RANGES = {"guidance_scale": (0.0, 50.0), "control_scale": (0.0, 2.0)}  # of moving sliders


class ClipSettings(Settings):
    """A clip from a clip: each frame is drawn anew, and the frames look at each other.

    The clip travels beside the settings: "clip", a film (mp4, webm, ...), an animation (GIF,
    WebP) or a zip of pictures; and "key_picture", which all frames look at as the first.
    """

    mode: ClassVar[str] = "clip"
    place: ClassVar[int] = 60
    needs: ClassVar[tuple[str, ...]] = ("from_noise",)
    pictures: ClassVar[tuple[str, ...]] = ("clip", KEY_PICTURE)
    outlives_watcher: ClassVar[bool] = True
    one_work: ClassVar[bool] = True

    first_frame: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="The first frame of the clip that is taken, counted from 0.",
        json_schema_extra=says("start", step=1, axis=False),
    )
    last_frame: int = Field(
        -1,
        ge=-1,
        le=10_000_000,
        description="The last one; -1 goes on to the end.",
        json_schema_extra=says("start", step=1, axis=False),
    )
    every: int = Field(
        1,
        title="Take every",
        ge=1,
        le=1000,
        description="Every so-many-th frame, for long clips and fast ones.",
        json_schema_extra=says("start", unit="frames", step=1, axis=False),
    )
    frames: int = Field(
        1,
        ge=1,
        le=MOST_FRAMES,
        description="How many frames that makes; counted when the clip is read.",
        json_schema_extra=says("output", unit="frames", step=1, axis=False),
    )
    strength: Fraction = Field(
        0.5,
        description="How far from the clip to go; it runs strength x steps.",
        json_schema_extra=says("start", step=0.01),
    )
    attend: Attend = Field(
        "first_previous",
        title="Frames look at",
        description="Which frames each one's attention sees instead of itself.",
        json_schema_extra=says(
            "course",
            choices={
                "off": "themselves",
                "first": "the first",
                "previous": "the previous",
                "first_previous": "first + previous",
                "bank": "the last few",
            },
        ),
    )
    key_frame: int = Field(
        0,
        ge=0,
        le=MOST_FRAMES - 1,
        description="Which of the taken frames the others look at as the first, from 0.",
        json_schema_extra=says("course", step=1, later=True),
    )
    bank_frames: int = Field(
        4,
        title="The last few are",
        ge=1,
        le=16,
        description="How many frames before it a frame sees beside itself, under 'the last few'.",
        json_schema_extra=says("course", unit="frames", step=1, later=True),
    )
    attend_own: StrictBool = Field(
        False,
        title="And at themselves",
        description="Frames see themselves beside the others.",
        json_schema_extra=says("course"),
    )
    frame_noise: FrameNoise = Field(
        "same",
        title="Noise",
        description="The same noise for all frames, or each frame its own.",
        json_schema_extra=says("noise", choices={"own": "each its own"}),
    )
    start_noise: StartNoise = Field(
        "fresh",
        title="Start from",
        description="Fresh noise, or that which leads back to each frame by DDIM.",
        json_schema_extra=says(
            "start",
            choices={"fresh": "fresh noise", "inverted": "each frame's own (inverted)"},
            later=True,
        ),
    )
    source_prompt: Prompt = Field(
        "",
        title="What it shows now",
        description="What the clip shows now, for finding its noise.",
        json_schema_extra=says("inversion", needs="prompt", later=True),
    )
    inversion_refine: int = Field(
        2,
        title="Inversion refinements",
        ge=0,
        le=20,
        description="Refinements of the inversion's steps; 0 is plain DDIM.",
        json_schema_extra=says("inversion", step=1, later=True),
    )
    prompt_over: Literal["steps", "frames"] = Field(
        "steps",
        title="Prompt changes over",
        description="What [a:b:0.5] counts: the steps of the run, or the frames of the clip.",
        json_schema_extra=says(
            "prompt",
            choices={"steps": "the steps", "frames": "the frames"},
            later=True,
        ),
    )
    keyframes: str = Field(
        "",
        max_length=MOST_CHARS,
        description=(
            f"Sliders that move along the clip, e.g. {EXAMPLE}; a LoRA by its name, places 0 to 1."
        ),
        json_schema_extra=says("course", axis=False, later=True),
    )
    control: StrictBool = Field(
        True,
        title="Keep the edges",
        description="A ControlNet keeps each frame's edges (Canny).",
        json_schema_extra=says("control"),
    )
    canny_low: int = Field(
        100,
        title="Canny low",
        ge=0,
        le=255,
        description="Weak edges above this are kept where they touch strong.",
        json_schema_extra=says("control", step=1),
    )
    canny_high: int = Field(
        200,
        ge=0,
        le=255,
        description="Edges above this are always kept; lower finds more.",
        json_schema_extra=says("control", step=1),
    )
    control_scale: float = Field(
        0.5,
        ge=0.0,
        le=2.0,
        description="How closely the edges are followed; 0 ignores them.",
        json_schema_extra=says("control", step=0.05),
    )
    controlnet: str | None = Field(
        None,
        title="ControlNet",
        min_length=1,
        max_length=300,
        description="The ControlNet; none given, the one for Canny that fits the model.",
        json_schema_extra=says("control"),
    )
    resize_mode: ResizeMode = Field(
        "crop",
        title="Fit",
        description="How the frames are brought to the size.",
        json_schema_extra=says("start"),
    )
    fps: int = Field(
        0,
        title="Speed",
        ge=0,
        le=60,
        description="Speed of the video; 0 keeps the clip's own.",
        json_schema_extra=says("output", unit="frames/s", step=1),
    )
    audio: StrictBool = Field(
        False,
        title="Keep the sound",
        description="The mp4 has the clip's sound, at the speed of its frames.",
        json_schema_extra=says("output", later=True),
    )
    format: MorphFormat = Field(
        "mp4",
        title="File for scripts",
        description="What the clip is handed over as.",
        json_schema_extra=says("output"),
    )
    ping_pong: StrictBool = Field(
        False, description="The video runs back to its start.", json_schema_extra=says("output")
    )

    @property
    def cut(self) -> Cut:
        """Which frames are taken."""
        return Cut(self.first_frame, None if self.last_frame < 0 else self.last_frame, self.every)

    @property
    def detector(self) -> DetectorName:
        """What the ControlNet is shown."""
        return "canny"

    @property
    def model_steps(self) -> int:
        """Steps that run: int(steps * strength), rounded as diffusers rounds it."""
        return int(self.steps * self.strength)

    @property
    def picture_count(self) -> int:
        return self.frames

    @property
    def fewest_together(self) -> int:
        return 1  # the others follow in chunks that fit

    def of_clip(self, clip: Clip) -> Self:
        """The settings with the speed of the clip, where none is asked for."""
        if self.fps:
            return self
        return self.model_copy(update={"fps": max(1, min(60, round(clip.fps)))})

    def for_pictures(self, given: Collection[str]) -> Self:
        count = max(1, len(frame_names(given)))
        return self.model_copy(update={"frames": count, "fps": self.fps or STANDARD_FPS})

    def missing_picture(self, given: Collection[str]) -> str | None:
        count = len(frame_names(given))
        keyed = self.attend in ("first", "first_previous")
        if not count:
            return "There is no clip yet; add a film, an animation or a zip of pictures."
        if keyed and self.key_frame >= count:
            return (
                f"The clip has {count} frames, counted from 0, and key_frame is {self.key_frame}; "
                "choose one of them."
            )
        if KEY_PICTURE in given and not keyed:
            return (
                "A key picture is looked at as the first frame; set attend to 'first' or "
                "'first_previous', or take the picture away."
            )
        return None

    @model_validator(mode="after")
    def _keyframes_in_range(self) -> Self:
        for track in tracks_of(self.keyframes):
            least, most = _RANGES.get(track.name, (-10.0, 10.0))
            for _, value in track.points:
                if not least <= value <= most:
                    raise ValueError(
                        f"'{track.name[:80]}' goes from {least:g} to {most:g}, and a keyframe "
                        f"says {value:g}"
                    )
        return self

    @model_validator(mode="after")
    def _only_what_a_clip_has(self) -> Self:
        unused: dict[str, Any] = {"batch_size": 1, "batch_count": 1, "variation_strength": 0.0}
        for name, neutral in unused.items():
            if getattr(self, name) != neutral:
                raise ValueError(f"a clip has no {name}; leave it at {neutral:g}")
        if self.canny_low > self.canny_high:
            raise ValueError("canny_low must not lie above canny_high")
        if 0 <= self.last_frame < self.first_frame:
            raise ValueError("last_frame must not lie before first_frame")
        if self.model_steps < 1:
            raise ValueError(
                f"strength {self.strength:g} of {self.steps} steps runs no step at all; use more "
                "of either"
            )
        return self
