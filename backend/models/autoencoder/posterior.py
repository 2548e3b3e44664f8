"""A cache of what the autoencoder makes of pictures, so that each is encoded once."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from backend.contracts.events import Pixels
from backend.contracts.holdings import Holding

if TYPE_CHECKING:
    from backend.models.checkpoint import Checkpoint


class PosteriorCache:
    """Posteriors (mean and deviation, never a sample) by picture and model, the last used kept.

    The sample depends on the seed; strength, mask, guidance and prompt change neither.

    Args:
        keep: How many; one of 512x512 px takes 128 KiB.
    """

    def __init__(self, keep: int = 32) -> None:
        self._keep = keep
        self._held: OrderedDict[str, tuple[torch.Tensor, torch.Tensor]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def holdings(self) -> tuple[Holding, ...]:
        """Bytes of the posteriors; they lie in RAM."""
        with self._lock:
            held = sum(mean.nbytes + std.nbytes for mean, std in self._held.values())
        return (Holding("encoded pictures", "cpu", held),) if held else ()

    def release(self) -> int:
        """Forgets them all; they are encoded again when they are needed."""
        freed = sum(holding.nbytes for holding in self.holdings())
        with self._lock:
            self._held.clear()
        return freed

    def encode(
        self,
        model: Checkpoint,
        image: Pixels,
        check: Callable[[], None] | None = None,
        hidden: NDArray[np.bool_] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and deviation of the latents of a picture, see `Vae.encode`.

        Args:
            model: Whose autoencoder.
            image: (H, W, 3) uint8.
            check: Called before the model runs, raises to stop.
            hidden: (H, W), what the encoder shall not see.

        Returns:
            Two tensors (1, C, h, w) float32 on the device of the model.
        """
        key = _key(model, image, hidden)
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
        if found is None:
            mean, std = model.codec.encode(
                image[None], check, None if hidden is None else hidden[None]
            )
            found = mean.cpu(), std.cpu()
            with self._lock:
                self._held[key] = found
                while len(self._held) > self._keep:
                    self._held.popitem(last=False)
        device = model.target.device
        return found[0].to(device), found[1].to(device)


def _key(model: Checkpoint, image: Pixels, hidden: NDArray[np.bool_] | None) -> str:
    digest = hashlib.sha256(np.ascontiguousarray(image).data)
    if hidden is not None:
        digest.update(np.packbits(hidden).data)
    parts = (
        model.info.path,
        model.hash,
        model.vae_hash,
        model.target.dtype_name,
        image.shape,
        digest.hexdigest(),
    )
    return "|".join(map(str, parts))
