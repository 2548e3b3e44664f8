"""The self-attention of a UNet with keys and values that somebody else chooses.

Morphs let its up blocks look at two ends, clips at other frames, a reference all blocks at another
picture; what they share is the patch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, TypeVar

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from backend.contracts.errors import BadInput
from backend.contracts.holdings import Holding
from backend.models.patches import Needs, PatchStack
from backend.models.tensors import named_modules

BlendT = TypeVar("BlendT")


class UpAttention(ABC, Generic[BlendT]):
    """The self-attention layers of a UNet's up blocks, under one control; a patch.

    Attributes:
        PLACES: How the names of the layers begin.
        blend: What the rows of the coming model call are; None leaves attention as it is.
    """

    PLACES: ClassVar[tuple[str, ...]] = ("up_blocks.",)

    def __init__(self, model: UNet2DConditionModel, patches: PatchStack, lacking: BadInput) -> None:
        """Looks the UNet over; changes nothing.

        Args:
            model: The UNet.
            patches: Of the checkpoint that it is a part of.
            lacking: Raised where the UNet has no self-attention there.
        """
        self.blend: BlendT | None = None
        self._model, self._patches = model, patches
        self._layers: dict[str, Attention] = {
            name: module
            for name, module in named_modules(model)
            if name.startswith(self.PLACES)
            and name.endswith(".attn1")
            and isinstance(module, Attention)
        }
        if not self._layers:
            raise lacking

    @property
    def acts(self) -> bool:
        """Whether the coming model call is changed; if not, attention is the model's own."""
        return self.blend is not None

    @contextmanager
    def paused(self) -> Generator[None]:
        """Plain attention, while another job runs in the middle of this one."""
        blend, self.blend = self.blend, None
        try:
            yield
        finally:
            self.blend = blend

    @abstractmethod
    def seen(
        self, name: str, k: torch.Tensor, v: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What the rows of a layer look at: own keys and values, (B, T, C) -> (B, n T, C)."""

    def favour(self, own: int, k: torch.Tensor) -> torch.Tensor | None:
        """What is added to the scores of the keys, broadcastable to (B, heads, T, n T).

        Args:
            own: T, keys of a row itself.
            k: (B, n T, C), those that `seen` chose.
        """
        return None

    @property
    def needs(self) -> Needs:
        """Plain calls, for the processors are not the model's own; while it acts, whole ones."""
        return Needs(whole_batch=self.acts, eager=True)

    def holdings(self) -> tuple[Holding, ...]:
        """Nothing that outlives a step."""
        return ()

    @contextmanager
    def installed(self) -> Generator[None]:
        """Puts the processors in; on leaving, the very same ones as before are back."""
        before = {name: layer.processor for name, layer in self._layers.items()}
        try:
            for name, layer in self._layers.items():
                layer.processor = _Processor(self, name, layer.processor)  # pyright: ignore
            with self._patches.under(self, self._model):
                yield
        finally:
            for name, layer in self._layers.items():
                layer.processor = before[name]


class _Processor:
    """Scaled dot-product self-attention whose keys and values a control chooses."""

    def __init__(self, control: UpAttention[Any], name: str, plain: Any) -> None:
        self._control, self._name, self._plain = control, name, plain

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        **options: Any,
    ) -> torch.Tensor:
        if not self._control.acts:
            return self._plain(
                attn, hidden_states, encoder_hidden_states, attention_mask, **options
            )
        layer: Any = attn  # its projections are optional by annotation only
        k, v = self._control.seen(self._name, layer.to_k(hidden_states), layer.to_v(hidden_states))
        favour = self._control.favour(hidden_states.shape[1], k)
        q, k, v = (_headed(part, attn.heads) for part in (layer.to_q(hidden_states), k, v))
        mixed = F.scaled_dot_product_attention(q, k, v, favour).transpose(1, 2).flatten(2)
        project, dropout = layer.to_out
        return dropout(project(mixed))


def _headed(part: torch.Tensor, heads: int) -> torch.Tensor:
    """(B, T, heads C) -> (B, heads, T, C)."""
    return part.reshape(*part.shape[:2], heads, -1).transpose(1, 2)
