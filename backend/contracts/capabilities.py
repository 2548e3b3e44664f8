"""What a model can do, and the sizes that it draws: plain values, for the page and for requests."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

GuidanceKind = Literal["cfg", "embedded", "none"]


@dataclass(frozen=True)
class Enlarging:
    """What a model that is shown a small picture beside the noise makes of it.

    Attributes:
        factor: The result's sides over the small picture's.
        noise_level: Noise that the small picture is given before the model sees it, a training
            timestep of the schedule for that; what the model recommends.
        most_noise: The highest; 0 where the picture is shown as it is.
        faithful: Whether the result is given the small picture's colours back.
    """

    factor: int = 4
    noise_level: int = 0
    most_noise: int = 0
    faithful: bool = False

    def shown_px(
        self,
        source_px: tuple[int, int],
        wanted_px: tuple[int, int],
        sizes: SizeGrid,
        most_px: int,
    ) -> tuple[int, int]:
        """The size that the small picture is brought to before the model sees it.

        Its own, where that can be: it is enlarged first where the model alone does not reach the
        size that is wanted, and reduced where the result would pass `most_px`.

        Args:
            source_px: (width, height) of the picture.
            wanted_px: That are asked for.
            sizes: What the model draws.
            most_px: The longest side that it may draw here.
        """
        unit = sizes.step_px // math.gcd(sizes.step_px, self.factor)
        most = max(unit, most_px // self.factor // unit * unit)
        sides = (
            max(source, math.ceil(wanted / self.factor))
            for source, wanted in zip(source_px, wanted_px, strict=True)
        )
        width, height = (min(most, max(unit, round(side / unit) * unit)) for side in sides)
        return width, height


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
        attention: Its attention can be patched, as fine morphs and references do.
        regions: Prompts of their own for parts of the picture.
        separate_vae: Another autoencoder can take the place of its own.
        training: LoRAs can be trained on it here.
        classes: How many classes it can be told; 0 where it is told none.
        usual_steps: How many steps are of use to it; settings take more.
        steps: How many it recommends; 0 says nothing.
        sampler: Likewise; "" says nothing.
        enlarges: It draws a small picture again, larger, and nothing without one; None for others.
        edits: It is shown the picture that it starts from, and told what to change.
        distilled: It is told a guidance scale, beside the guidance by a second call.
        codes: Entries of its codebook, where it draws codes cell by cell; 0 for others.
        priors: What draws the codes; () where pictures only go through them.
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
    classes: int = 0
    usual_steps: int = 150
    steps: int = 0
    sampler: str = ""
    enlarges: Enlarging | None = None
    edits: bool = False
    distilled: bool = False
    codes: int = 0
    priors: tuple[str, ...] = ()


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


# What each capability is called where it is lacking; {model} stands for the model's name.
_SENTENCES: dict[str, str] = {
    "prompt": "'{model}' reads no prompt; leave it empty, or choose another model.",
    "negative_prompt": "'{model}' takes no negative prompt; leave it empty.",
    "guidance": "'{model}' has no guidance; leave the scale at 1.",
    "from_noise": "'{model}' only changes a picture; take it to img2img, or choose another model.",
    "mask": "'{model}' cannot repaint a part of a picture; take the mask away.",
    "inversion": "'{model}' finds no noise for a picture; start from fresh noise.",
    "controlnet": "'{model}' cannot be steered by a ControlNet; choose another model here.",
    "lora": "'{model}' takes no LoRAs; choose another model, or leave them out.",
    "attention": "'{model}' has no attention to change; take another method, or no reference.",
    "regions": "'{model}' knows no regions; leave them out.",
    "separate_vae": "'{model}' has no autoencoder that another could replace.",
    "classes": "'{model}' knows no classes; leave the class at 0.",
    "edits": "'{model}' edits no picture that it is shown; leave the image guidance at 1.5.",
    "distilled": "'{model}' is told no guidance scale; leave the distilled guidance at 3.5.",
    "codes": "'{model}' has no codebook; choose a VQModel folder here.",
    "training": "'{model}' is of a kind that cannot be trained here; choose another.",
}
CODES_MODE = "codes"
ENLARGING_MODES = frozenset({"upscale"})
"""Modes that show a model a small picture."""


def no_enlarger(mode: str, can: Capabilities, model: str) -> str | None:
    """Why a mode has no use for a model that needs a small picture; None where it has."""
    if can.enlarges is None or mode in ENLARGING_MODES:
        return None
    return f"'{model}' enlarges a small picture; take one to Upscale, or choose another model here."


def no_denoiser(mode: str, can: Capabilities, model: str) -> str | None:
    """Why a mode has no use for a model that draws codes; None where it has."""
    if not can.codes or mode == CODES_MODE:
        return None
    return f"'{model}' draws codes, cell by cell; open it in Codes, or choose another model here."


def sentence(capability: str, can: Capabilities, model: str) -> str | None:
    """Why a model cannot do that; None if it can."""
    able = can.guidance != "none" if capability == "guidance" else getattr(can, capability)
    return None if able else _SENTENCES[capability].format(model=model)
