"""LPIPS itself, where both its package and the weights of its network are on this machine.

The package `lpips` brings the weights of the comparison; those of AlexNet below it are
torchvision's file, looked for where `torch.hub` keeps downloads. Nothing is downloaded here.
"""

from __future__ import annotations

import pickle
import warnings
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from backend.contracts.events import Pixels
from backend.models.perceptual.distance import Look
from backend.models.tensors import in_torch

ALEXNET = "alexnet-owt-7be5be79.pth"
_EPSILON = 1e-10


class LpipsMetric:
    """LPIPS 0.1 on AlexNet (1801.03924): the sum over five levels, with its learned weights.

    `perceptual.distance` takes the mean of the levels of what `look` gives, so the square roots of
    weight and of the number of levels are multiplied into the features. They are kept in half
    precision on the CPU.

    Args:
        weights: torchvision's AlexNet for ImageNet.
        device: Where pictures are looked at.

    Raises:
        RuntimeError: The file is no AlexNet.
        OSError: It cannot be read.
    """

    name = "LPIPS 0.1 (AlexNet)"
    # Common experience with this metric; the studio's authors had no weights to measure it with.
    far, very_far = 0.55, 0.75

    def __init__(self, weights: Path, device: torch.device) -> None:
        lpips: Any = import_module("lpips")  # an extra that may be absent

        with warnings.catch_warnings():
            # It asks torchvision for an empty network in words of long ago.
            warnings.simplefilter("ignore", UserWarning)
            whole = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
        state: dict[str, Any] = torch.load(weights, map_location="cpu", weights_only=True)
        layers = {
            key.removeprefix("features."): value
            for key, value in state.items()
            if key.startswith("features.")
        }
        trunk = whole.net
        wanted = {key: layers[key.split(".", 1)[1]] for key in trunk.state_dict()}
        trunk.load_state_dict(wanted)
        self._whole: Any = whole.requires_grad_(False).to(device)
        self._device = device

    @torch.no_grad()
    def look(self, image: Pixels) -> Look:
        """Features of (H, W, 3) uint8."""
        picture = in_torch(image).to(self._device).permute(2, 0, 1)[None] / 127.5 - 1
        levels = self._whole.net(self._whole.scaling_layer(picture))
        return tuple(
            (
                level[0]
                / (level[0].norm(dim=0) + _EPSILON)
                * (linear.model[-1].weight[0] * len(levels)).clamp(min=0).sqrt()
            )
            .half()
            .cpu()
            for level, linear in zip(levels, self._whole.lins, strict=True)
        )


def installed(device: torch.device) -> LpipsMetric | None:
    """LPIPS, or None where something of it is missing."""
    weights = Path(torch.hub.get_dir()) / "checkpoints" / ALEXNET
    if find_spec("lpips") is None or not weights.is_file():
        return None
    return _loaded(weights, device)


@lru_cache(maxsize=16)  # one for each device
def _loaded(weights: Path, device: torch.device) -> LpipsMetric | None:
    try:
        return LpipsMetric(weights, device)
    except (OSError, RuntimeError, KeyError, pickle.UnpicklingError):
        return None  # a damaged file is no reason to refuse a morph
