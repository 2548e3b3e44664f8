"""The text encoder learns to read before the UNet learns to draw.

Alone, a text encoder learns in two minutes what a caption says of each subject; through the UNet's
loss the same takes most of the training. It reads captions and names their scene at the end token
and at the last place of the padding, which attention sees as well.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from toyworld.captions import caption
from toyworld.checkpoint import Clock, learning_rate, load_state, save_state, set_learning_rate
from toyworld.palette import COLOURS
from toyworld.scene import POSITIONS, SIZES, Scene, sample_scene
from toyworld.settings import SETTINGS
from toyworld.subjects import SUBJECTS
from toyworld.text import tokenize

NAMES, HUES, PLACES = tuple(SUBJECTS), tuple(COLOURS), tuple(SETTINGS)


class Reader(nn.Module):
    """Linear readings of a text embedding: which subjects, and of each colour, size and place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.names = nn.Linear(width, len(NAMES))
        self.setting = nn.Linear(width, len(PLACES))
        self.traits = nn.ModuleList(
            nn.Linear(width, len(NAMES) * len(options)) for options in (HUES, SIZES, POSITIONS)
        )

    def loss(self, embedding: Tensor, scenes: list[Scene]) -> Tensor:
        """Cross-entropies of all readings.

        Args:
            embedding: (B, width) of the captions.
            scenes: what the captions describe.
        """
        shown = torch.zeros(len(scenes), len(NAMES), device=embedding.device)
        rows: list[int] = []
        columns: list[int] = []
        wanted: list[tuple[int, int, int]] = []
        for i, scene in enumerate(scenes):
            for subject in scene.subjects:
                k = NAMES.index(subject.name)
                shown[i, k] = 1.0
                rows.append(i)
                columns.append(k)
                wanted.append((
                    HUES.index(subject.colour), SIZES.index(subject.size),
                    POSITIONS.index(subject.position),
                ))  # fmt: skip
        places = torch.tensor([PLACES.index(s.setting) for s in scenes], device=embedding.device)
        total = 4.0 * F.binary_cross_entropy_with_logits(self.names(embedding), shown)
        total = total + F.cross_entropy(self.setting(embedding), places)
        answers = torch.tensor(wanted, device=embedding.device)
        for k, trait in enumerate(self.traits):
            made = trait(embedding).unflatten(1, (len(NAMES), -1))[rows, columns]
            total = total + F.cross_entropy(made, answers[:, k])
        return total


def learn_captions(
    text: CLIPTextModel, tokenizer: CLIPTokenizer, state_path: Path, seed: int = 0,
    steps: int = 500, batch: int = 64, peak: float = 1e-3,
    report: Callable[[str], None] = print,
) -> None:  # fmt: skip
    """Train a text encoder in place, or load what an earlier call made.

    Args:
        text: the encoder, float32.
        tokenizer: its tokenizer.
        state_path: where the finished weights are kept.
        seed: of every caption.
        steps: how many.
        batch: captions a step.
        peak: learning rate after warm-up.
        report: takes a line of progress every 50 steps.
    """
    kept = load_state(state_path)
    if kept is not None:
        text.load_state_dict(kept["text"])
        return
    torch.manual_seed(seed)
    reader = Reader(text.config.hidden_size).to(text.device)
    weights = [*text.parameters(), *reader.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=peak, betas=(0.9, 0.99), weight_decay=0.01)
    clock = Clock(steps=steps)
    text.train()
    losses: list[float] = []
    while clock.step < steps:
        rng = np.random.default_rng((seed, 2, clock.step))
        scenes = [sample_scene(rng) for _ in range(batch)]
        ids = torch.from_numpy(tokenize(tokenizer, [caption(s, rng) for s in scenes]))
        set_learning_rate(optimizer, learning_rate(clock, peak, 0.05 * peak, 50))
        with torch.autocast(text.device.type, torch.bfloat16):
            made = text(ids.to(text.device))
        loss = reader.loss(made.pooler_output.float(), scenes)
        loss = loss + reader.loss(made.last_hidden_state[:, -1].float(), scenes)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        losses.append(loss.item())
        clock.step += 1
        if clock.step % 50 == 0:
            report(f"captions step {clock.step} {clock.elapsed_s():.0f} s "
                   f"loss {np.mean(losses[-50:]):.3f}")  # fmt: skip
    save_state(state_path, text=text.state_dict())
