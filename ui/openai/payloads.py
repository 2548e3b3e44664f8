"""What clients of `/v1/images` send. What has no counterpart here is refused, never passed over."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from backend.contracts.errors import BadInput
from backend.contracts.settings import MAX_PROMPT_CHARS
from backend.contracts.settings.kinds import Seed

MOST = 10  # pictures of one request, as there
MOST_PARTIAL = 3
Format = Literal["png", "jpeg", "webp"]


def _open(value: Any) -> Any:
    """An empty field of a form asks for nothing."""
    return None if value == "" else value


_Sides = Annotated[str, Field(pattern=r"^(auto|\d{2,5}x\d{2,5})$")]
Size = Annotated[_Sides | None, BeforeValidator(_open)]


class Asked(BaseModel):
    """What all requests for pictures share.

    `negative_prompt`, `seed`, `steps` and `guidance_scale` are the studio's own, for clients that
    can send further fields (`extra_body`).
    """

    model_config = ConfigDict(extra="forbid", protected_namespaces=())
    event: ClassVar[str] = "image_generation"  # what begins the names of streamed events

    model: str | None = None
    n: int = Field(1, ge=1, le=MOST)
    size: Size = None
    response_format: Literal["b64_json", "url"] = "b64_json"
    output_format: Format = "png"
    output_compression: int | None = Field(None, ge=0, le=100)
    user: str | None = None
    negative_prompt: str = Field("", max_length=MAX_PROMPT_CHARS)
    seed: Seed = -1
    steps: int | None = Field(None, ge=1, le=150)
    guidance_scale: float | None = Field(None, ge=0, le=30)

    def check(self) -> None:
        """Refuses what the types let through and nothing here honours.

        Raises:
            BadInput: Names the field.
        """
        if self.output_compression is not None and self.output_format == "png":
            raise BadInput(
                "'output_compression' is for jpeg and webp; a png is kept whole.",
                "output_compression",
            )

    @property
    def pixels(self) -> tuple[int, int] | None:
        """(width, height) that are asked for; None leaves it to the model or the picture."""
        if self.size in (None, "auto"):
            return None
        width, _, height = str(self.size).partition("x")
        return int(width), int(height)


class Prompted(Asked):
    """What is asked for in words, and may come as a stream."""

    prompt: str = Field(min_length=1, max_length=MAX_PROMPT_CHARS)
    quality: Literal["auto", "low", "medium", "high", "standard", "hd"] | None = None
    background: Literal["auto", "opaque", "transparent"] | None = None
    moderation: Literal["auto", "low"] | None = None  # nothing is judged here
    stream: bool = False
    partial_images: int = Field(0, ge=0, le=MOST_PARTIAL)

    def check(self) -> None:
        """See `Asked.check`."""
        super().check()
        if self.background == "transparent":
            raise BadInput(
                "Pictures have no transparent ground here; take 'auto' or 'opaque'.", "background"
            )
        if self.partial_images and not self.stream:
            raise BadInput(
                "'partial_images' come with a stream; set 'stream' to true.", "partial_images"
            )


class Generation(Prompted):
    """POST /v1/images/generations."""

    style: Literal["vivid", "natural"] | None = None

    def check(self) -> None:
        """See `Asked.check`."""
        super().check()
        if self.style is not None:
            raise BadInput("'style' has no counterpart here; say it in the prompt.", "style")


class Edit(Prompted):
    """POST /v1/images/edits; its pictures come beside it."""

    event: ClassVar[str] = "image_edit"
    strength: float | None = Field(None, gt=0, le=1)
    input_fidelity: Literal["high", "low"] | None = None

    def check(self) -> None:
        """See `Asked.check`."""
        super().check()
        if self.input_fidelity == "high":
            raise BadInput(
                "'input_fidelity' has no counterpart here; a lower 'strength' keeps more.",
                "input_fidelity",
            )


class Variation(Asked):
    """POST /v1/images/variations; its picture comes beside it."""

    strength: float | None = Field(None, gt=0, le=1)
