"""Folders of flow transformers, driven by the engine and by diffusers' pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from backend.contracts.requests import Request
from backend.contracts.settings import (
    Img2ImgSettings,
    LoraUse,
    Settings,
    Txt2ImgSettings,
)
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
from tests import jobs

Pixels = NDArray[np.uint8]
PROMPT, NEGATIVE = "a red house under a blue sky", "a fish"
STEPS = 20
SIZES = ((64, 64), (96, 64))


def scene(width: int, height: int) -> Pixels:
    """Smooth colours with an edge."""
    y, x = np.mgrid[:height, :width]
    picture = np.stack([255 * x / width, 255 * y / height, 90 + 60 * np.sin(x / 9)], axis=-1)
    picture[height // 4 : height // 2, width // 3 : width // 2] = (230, 40, 30)
    return picture.astype(np.uint8)


def box_mask(width: int, height: int) -> Pixels:
    """White in the middle, on borders of 8 px."""
    mask = np.zeros((height, width, 3), np.uint8)
    mask[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = 255
    return mask


class FlowSide:
    """An engine over a folder of models."""

    def __init__(self, root: Path, data: Path) -> None:
        self.root = root
        self.engine = LocalEngine.create(
            [root], Storage(data), device="cpu", dtype="float32", preview="off", warm_up=None
        )

    def pipeline(self, cls: Any, name: str, **parts: Any) -> Any:
        """diffusers' pipeline over the same folder."""
        pipe = cls.from_pretrained(self.root / "checkpoints" / name, **parts)
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def drawn(self, settings: Settings, **images: Pixels) -> Pixels:
        """(B, H, W, 3) by the engine."""
        status = jobs.ended(self.engine, ask(self.engine, Request(settings, images, save=False)))
        assert status.state == "done", status.error
        return np.stack([output.image for output in status.outputs])

    def check_drawn(self, cls: Any, settings: Settings, **told: Any) -> None:
        """txt2img is the pipeline's, and hears the prompt."""
        pipe = self.pipeline(cls, settings.model)
        theirs = pipe(**asked(settings, **told)).images
        assert close(self.drawn(settings), theirs) >= 0.999
        if settings.batch_size == 1:
            other = settings.model_copy(update={"prompt": "a fish in the sea at night"})
            assert close(self.drawn(other), theirs) < 0.99

    def check_changed(self, cls: Any, settings: Img2ImgSettings, **told: Any) -> None:
        """img2img is the pipeline's, and sees the picture."""
        pipe, picture = self.pipeline(cls, settings.model), scene(*SIZES[1])
        said = asked(settings, strength=settings.strength, **told)
        theirs = pipe(**said, **pictures(settings.batch_size, image=picture)).images
        assert close(self.drawn(settings, image=picture), theirs) >= 0.999
        if settings.batch_size == 1:
            assert close(self.drawn(settings, image=255 - picture), theirs) < 0.99

    def check_inpainted(self, cls: Any, settings: Img2ImgSettings, **told: Any) -> None:
        """Inside a mask the picture is the pipeline's, and sees what it was.

        `cls` may be a pipeline that is there already.
        """
        pipe = self.pipeline(cls, settings.model) if isinstance(cls, type) else cls
        picture, mask = scene(*SIZES[1]), box_mask(*SIZES[1])
        said = asked(settings, strength=settings.strength, **told)
        theirs = pipe(**said, **pictures(1, image=picture, mask_image=mask)).images
        inside = mask[..., 0] > 0
        ours = self.drawn(settings, image=picture, mask=mask)
        assert close(ours[:, inside][None], theirs[:, inside][None]) >= 0.999
        other = self.drawn(settings, image=255 - picture, mask=mask)
        assert close(other[:, inside][None], theirs[:, inside][None]) < 0.99

    def check_lora(self, pipe: Any, settings: Settings, told: dict[str, Any]) -> None:
        """A LoRA of the transformer draws what it draws in the pipeline."""
        path = self.root / "loras" / f"{settings.model}-lora.safetensors"
        path.parent.mkdir(exist_ok=True)
        save_file(lora_of(attentions(pipe.transformer), "transformer"), path)
        self.engine.library(refresh=True)
        plain = self.drawn(settings)
        pipe.load_lora_weights(str(path))
        theirs = pipe(**told).images
        with_lora = settings.model_copy(update={"loras": (LoraUse(name=path.stem, weight=1.0),)})
        assert close(self.drawn(with_lora), theirs) >= 0.999
        assert close(plain, theirs) < 0.99
        assert np.array_equal(self.drawn(settings), plain)

    def close(self) -> None:
        self.engine.close()


def wanted(model: str, size: tuple[int, int] = SIZES[0], **values: Any) -> Txt2ImgSettings:
    """Settings of txt2img."""
    return Txt2ImgSettings.model_validate(_common(model, size) | values)


def changed(model: str, size: tuple[int, int] = SIZES[1], **values: Any) -> Img2ImgSettings:
    """Settings of img2img."""
    return Img2ImgSettings.model_validate(_common(model, size) | {"mask_blur": 0} | values)


def _common(model: str, size: tuple[int, int]) -> dict[str, Any]:
    return {
        "prompt": PROMPT,
        "negative_prompt": NEGATIVE,
        "model": model,
        "sampler": "euler",
        "schedule": "model",
        "steps": STEPS,
        "guidance_scale": 1.0,
        "width": size[0],
        "height": size[1],
        "seed": 5,
    }


def asked(settings: Settings, **values: Any) -> dict[str, Any]:
    """The same, as arguments of a pipeline; None leaves one out."""
    batch = settings.batch_size
    told = {
        "prompt": [settings.prompt] * batch,
        "negative_prompt": [settings.negative_prompt] * batch,
        "width": settings.width,
        "height": settings.height,
        "num_inference_steps": settings.steps,
        "generator": [torch.Generator().manual_seed(settings.image_seed(i)) for i in range(batch)],
        "output_type": "np",
        **values,
    }
    return {name: value for name, value in told.items() if value is not None}


def pictures(batch: int, **images: Pixels) -> dict[str, Any]:
    """Pictures as arguments of a pipeline."""
    return {
        name: [Image.fromarray(value).convert("L" if name == "mask_image" else "RGB")] * batch
        for name, value in images.items()
    }


def lora_of(layers: Mapping[str, nn.Module], prefix: str, scale: float = 0.5) -> dict[str, Any]:
    """Random factors of rank 2 for some linear layers, under PEFT's names."""
    generator = torch.Generator().manual_seed(3)
    made: dict[str, torch.Tensor] = {}
    for name, layer in layers.items():
        assert isinstance(layer, nn.Linear)
        for role, shape in (("A", (2, layer.in_features)), ("B", (layer.out_features, 2))):
            values = scale * torch.randn(shape, generator=generator)
            made[f"{prefix}.{name}.lora_{role}.weight"] = values
    return made


def attentions(model: nn.Module) -> dict[str, nn.Module]:
    """Its projections of queries and its feed-forward layers."""
    ends = ("to_q", "to_out.0", "net.2", "w2", "proj_mlp")
    return {name: layer for name, layer in model.named_modules() if name.endswith(ends)}


def close(ours: Pixels, theirs: NDArray[np.floating[Any]]) -> float:
    """The share of pixels within 2/255; theirs in [0, 1]."""
    other = np.rint(theirs * 255)
    assert ours.shape == other.shape
    assert ours.std() > 5  # a plain grey agrees with anything
    return float((np.abs(ours.astype(int) - other.astype(int)).max(axis=-1) <= 2).mean())
