"""How much each place of a picture looks at each word: a UNet's cross-attention, read along.

It changes nothing that the network computes. The map of a word is its softmax weight, averaged over
heads and layers of all sizes, as DAAM does (2210.04885, sec. 3).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention

from backend.contracts.errors import BadInput
from backend.contracts.holdings import Holding
from backend.models.patches import Needs, PatchStack
from backend.models.tensors import named_modules


class WordAttention:
    """All cross-attention layers of a UNet, looked at; a patch.

    Args:
        model: The UNet.
        patches: Of the checkpoint that it is a part of.
        words: Positions of each word in the prompt's conditioning.

    Raises:
        BadInput: It reads no prompt by cross-attention.
    """

    def __init__(
        self, model: torch.nn.Module, patches: PatchStack, words: Sequence[Sequence[int]]
    ) -> None:
        self._model, self._patches, self._words = model, patches, words
        self._layers = [
            module
            for name, module in named_modules(model)
            if name.endswith(".attn2") and isinstance(module, Attention)
        ]
        if not self._layers:
            raise BadInput(
                "This kind of model reads its prompt together with the picture, not by "
                "cross-attention; there are no maps of words to show. Choose an SD or SDXL model."
            )
        self._looks: list[torch.Tensor] = []
        self._paused = False

    @property
    def needs(self) -> Needs:
        """Plain calls with all rows: the prompt's are the last of them."""
        return Needs(whole_batch=not self._paused, eager=True)

    def holdings(self) -> tuple[Holding, ...]:
        """Nothing worth counting."""
        return ()

    @contextmanager
    def installed(self) -> Generator[None]:
        """Puts the processors in; on leaving, the very same ones as before are back."""
        before = [layer.processor for layer in self._layers]
        try:
            for layer in self._layers:
                layer.processor = _Processor(self, layer.processor)  # pyright: ignore
            with self._patches.under(self, self._model):
                yield
        finally:
            for layer, plain in zip(self._layers, before, strict=True):
                layer.processor = plain

    @contextmanager
    def paused(self) -> Generator[None]:
        """Looks at nothing, while another job runs in the middle of this one."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def look(self, weights: torch.Tensor) -> None:
        """Takes what a layer's places look at: (heads, T, positions), 1 in all for each place."""
        if not self._paused:
            mean = weights.mean(dim=0)
            shares = [mean[:, list(places)].sum(dim=1) for places in self._words]
            self._looks.append(torch.stack(shares).float())

    def take(self, height: int, width: int) -> torch.Tensor:
        """(words, height, width): the mean of all layers since the last time, 0..1.

        Args:
            height: Of the latents.
            width: Likewise.
        """
        looks, self._looks = self._looks, []
        made = torch.zeros(len(self._words), height, width)
        for look in looks:
            rows, columns = _sides(look.shape[1], height, width)
            square = look.reshape(1, -1, rows, columns)
            sized = F.interpolate(square, (height, width), mode="bilinear", align_corners=False)
            made += sized[0].cpu()
        return made / max(1, len(looks))


class _Processor:
    """What a layer does anyway; its weights are worked out once more for whoever looks."""

    def __init__(self, control: WordAttention, plain: Any) -> None:
        self._control, self._plain = control, plain

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        **options: Any,
    ) -> torch.Tensor:
        made = self._plain(attn, hidden_states, encoder_hidden_states, attention_mask, **options)
        if encoder_hidden_states is not None and hidden_states.ndim == 3:
            layer: Any = attn  # its projections are optional by annotation only
            q = layer.to_q(hidden_states[-1]).unflatten(1, (attn.heads, -1)).transpose(0, 1)
            k = layer.to_k(encoder_hidden_states[-1]).unflatten(1, (attn.heads, -1)).transpose(0, 1)
            self._control.look((q.float() @ k.float().mT * q.shape[-1] ** -0.5).softmax(dim=-1))
        return made


def _sides(places: int, height: int, width: int) -> tuple[int, int]:
    """(h, w) of the level of the network with so many places."""
    while height * width > places:
        height, width = (height + 1) // 2, (width + 1) // 2
    if height * width != places:
        raise ValueError(f"no level of the network has {places} places")
    return height, width
