"""What a model can do, and the sizes that it draws: plain values, for the page and for requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GuidanceKind = Literal["cfg", "embedded", "none"]


@dataclass(frozen=True)
class Capabilities:
    """What a model can do; most can do all but what is off by default.

    Attributes:
        prompt: It reads a prompt.
        negative_prompt: It can be steered away from a prompt.
        guidance: cfg: two calls a step, with and without the prompt; embedded: the scale is told
            to the model; none: it has no scale.
        from_noise: It draws without a picture to start from; an inpainting model does not.
        mask: It can repaint a part of a picture.
        inversion: DDIM finds the noise that leads to a picture.
        controlnet: ControlNets can steer it.
        lora: LoRAs can change it.
        attention: Its attention can be patched, as fine morphs do.
        regions: Prompts of their own for parts of the picture.
        separate_vae: Another autoencoder can take the place of its own.
        training: LoRAs can be trained on it here.
    """

    prompt: bool = True
    negative_prompt: bool = True
    guidance: GuidanceKind = "cfg"
    from_noise: bool = True
    mask: bool = True
    inversion: bool = True
    controlnet: bool = True
    lora: bool = True
    attention: bool = True
    regions: bool = False
    separate_vae: bool = True
    training: bool = True


@dataclass(frozen=True)
class SizeGrid:
    """The sizes that a model draws.

    Attributes:
        step_px: Both sides are multiples of it.
        least_px: The shortest side.
        most_px: The longest side.
    """

    step_px: int = 8
    least_px: int = 64
    most_px: int = 2048

    def holds(self, side_px: int) -> bool:
        """Whether a side of that length can be drawn."""
        return self.least_px <= side_px <= self.most_px and side_px % self.step_px == 0
