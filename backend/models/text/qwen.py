"""Prompts read by a language model: Qwen3, as Z-Image's are, and Qwen2.5-VL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from backend.contracts.errors import BadInput
from backend.contracts.holdings import Holding
from backend.models.memory.block_offload import device_of
from backend.models.patches import PatchStack
from backend.models.text.conditioning import Conditioning
from backend.models.text.embeddings import EmbeddingFiles
from backend.models.text.kept import KeptTensors
from backend.models.text.t5 import unweighted


@dataclass(frozen=True)
class QwenReading:
    """How a model was trained to have its prompts read.

    Attributes:
        layers: Whose states stand side by side; -1 is the last.
        asked: What the words are put into, at `{}`; "" is the tokenizer's own chat template.
        thinks: Whether that template lets it think.
        skipped: Tokens at the beginning whose states are left out.
        positions: The most tokens that are read, without those.
        filled: Prompts are filled up to them before they are read.
        shows_filling: The network is shown what fills them up, too.
    """

    layers: tuple[int, ...] = (-2,)
    asked: str = ""
    thinks: bool = True
    skipped: int = 0
    positions: int = 512
    filled: bool = True
    shows_filling: bool = False


Z_IMAGE = QwenReading()
"""Of `ZImagePipeline.encode_prompt`."""

KLEIN_READING = QwenReading(layers=(9, 18, 27), thinks=False, shows_filling=True)
"""Of `Flux2KleinPipeline.encode_prompt`."""
QWEN_READING = QwenReading(
    layers=(-1,),
    asked="<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, "
    "quantity, text, spatial relationships of the objects and background:<|im_end|>\n"
    "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n",
    skipped=34,
    filled=False,
)
"""Of `QwenImagePipeline.encode_prompt`: the template's first tokens are left out."""


class QwenText:
    """States of a language model for a prompt in a template.

    A prompt gives the very tensor of the diffusers pipeline whose reading it is.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        patches: PatchStack | None = None,
        reading: QwenReading = Z_IMAGE,
    ) -> None:
        """Wraps a model in evaluation mode.

        Args:
            model: `Qwen3Model`, `Qwen3ForCausalLM` or `Qwen2_5_VLForConditionalGeneration`.
            tokenizer: Its tokenizer, with a chat template where the reading has none.
            patches: Of the checkpoint that it is a part of; None where it stands alone.
            reading: How prompts are put to it.
        """
        self.model = model
        self._tokenizer, self._patches = tokenizer, patches or PatchStack()
        self._reading = reading
        self._kept = KeptTensors()

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The language model."""
        return {"text_encoder": self.model}

    def encode(
        self, prompts: Sequence[str], clip_skip: int = 1, weights_key: str = ""
    ) -> Conditioning:
        """context: (B, longest, D), with each row's own length; see `Text.encode`.

        Where what fills a prompt up is shown, all are of one length.

        Raises:
            BadInput: A prompt is too long, or a layer other than the model's is asked for.
        """
        if clip_skip != 1:
            raise BadInput(
                "CLIP skip chooses a layer of CLIP; this model reads by Qwen, so set it to 1.",
                "clip_skip",
            )
        rows = [self._encoded(prompt, weights_key) for prompt in prompts]
        padding = torch.zeros_like(rows[0][:, :1])
        if self._reading.shows_filling:
            return Conditioning(torch.cat(rows), padding)
        return Conditioning.cat(
            [Conditioning(row, padding, lengths=(row.shape[1],)) for row in rows]
        )

    def unconditional(self, prompt: str, clip_skip: int = 1, weights_key: str = "") -> Conditioning:
        """The negative prompt, one row."""
        return self.encode([prompt], clip_skip, weights_key)

    def count_tokens(self, text: str) -> tuple[int, int]:
        """(tokens with the template's own, 1)."""
        return len(self._tokenizer(self._asked(text)).input_ids) - self._reading.skipped, 1

    def learned(self, texts: Sequence[str]) -> dict[str, str]:
        """No textual inversion is made for it."""
        return {}

    def teach(self, files: EmbeddingFiles) -> None:
        """No textual inversion is made for it."""

    def holdings(self) -> tuple[Holding, ...]:
        """Bytes of the prompts that are kept encoded."""
        return self._kept.holdings()

    def release(self) -> int:
        """Forgets them; they are encoded again when they are needed."""
        return self._kept.release()

    def _asked(self, prompt: str) -> str:
        words = unweighted(prompt)
        if self._reading.asked:
            return self._reading.asked.format(words)
        told: str = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": words}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=self._reading.thinks,
        )
        return told

    @torch.no_grad()
    def _encoded(self, prompt: str, weights_key: str) -> torch.Tensor:
        """(1, length, D)."""
        asked = self._asked(prompt)
        return self._kept.get((asked, weights_key), lambda: self._made(asked))

    def _made(self, asked: str) -> torch.Tensor:
        reading = self._reading
        tokens = len(self._tokenizer(asked).input_ids) - reading.skipped
        if tokens > reading.positions:
            raise BadInput(
                f"The prompt has {tokens} tokens, and this model reads {reading.positions}; "
                "shorten it.",
                "prompt",
            )
        filling = {"padding": "max_length", "max_length": reading.positions}
        filled = self._tokenizer(asked, return_tensors="pt", **(filling if reading.filled else {}))
        device = device_of(self._patches, self.model)
        seen = filled.attention_mask.to(device)
        states = self.model(
            input_ids=filled.input_ids.to(device), attention_mask=seen, output_hidden_states=True
        ).hidden_states
        made = torch.cat([states[layer] for layer in reading.layers], dim=-1)
        if not reading.shows_filling:
            made = made[:, seen[0].bool()]
        return made[:, reading.skipped :]
