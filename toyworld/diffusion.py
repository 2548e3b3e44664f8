"""Text encoder and UNet, trained together in latents to predict v (2202.00512)."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from toyworld.captions import caption
from toyworld.checkpoint import Clock, learning_rate, load_state, save_state, set_learning_rate
from toyworld.dataset import Pool, scene_of, to_tensor
from toyworld.precision import training_dtype
from toyworld.sampling import SCHEDULER_CONFIG
from toyworld.text import tokenize

CAPTION_DROPOUT = 0.1
EMA_DECAY = 0.998


def new_unet(
    channels: tuple[int, ...] = (64, 128, 256), context_width: int = 192, sample_size: int = 32
) -> UNet2DConditionModel:
    """An untrained UNet with attention at all levels but the finest, 4 heads each.

    At the finest level attention over 1024 cells costs as much as all the rest together, in
    training as in use.
    """
    deeper = len(channels) - 1
    return UNet2DConditionModel(
        sample_size=sample_size,
        block_out_channels=channels,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * deeper),
        up_block_types=(*("CrossAttnUpBlock2D",) * deeper, "UpBlock2D"),
        layers_per_block=1,
        attention_head_dim=4,
        cross_attention_dim=context_width,
        norm_num_groups=32,
    )


@torch.no_grad()
def encode_pool(vae: AutoencoderKL, pool: Pool, path: Path, batch: int = 32) -> np.ndarray:
    """The pool's unscaled posterior means, (count, 4, side, side) float16, kept in `path`."""
    if path.exists():
        return np.load(path)
    means: list[Tensor] = []
    for start in range(0, len(pool.pixels), batch):
        x = to_tensor(pool.pixels[start : start + batch]).to(vae.device, vae.dtype)
        with torch.autocast(x.device.type, torch.bfloat16):
            means.append(vae.encode(x).latent_dist.mode().half().cpu())
    latents = torch.cat(means).numpy()
    np.save(path, latents)
    return latents


@dataclass(frozen=True)
class Lesson:
    """Latents to learn from and how many a step."""

    seed: int
    """The seed of the pool, which gives the captions."""
    latents: np.ndarray
    """(count, 4, side, side) in the UNet's scale."""
    batch: int
    weights: np.ndarray | None = None
    """(len(latents), side, side) weight of each cell in the loss; even where None."""
    places: np.ndarray | None = None
    """Which scenes to draw from, (n,); one that is named twice comes twice as often. None: all."""
    text_learns: bool = True
    """Whether the text encoder learns with the UNet, or stays as it is."""


def draw_timesteps(rng: np.random.Generator, count: int) -> Tensor:
    """(count,) time steps in 0..999, spread evenly over their distribution's quantiles.

    A quarter is uniform, the rest logit-normal (2403.03206, section 3.1): in the middle of the
    range things take shape; at its ends there is little to learn.
    """
    quantiles = torch.from_numpy((np.arange(count) + rng.random(count)) / count)
    uniform = quantiles[::4]
    middle = torch.sigmoid(0.2 + 0.9 * torch.special.ndtri(quantiles))
    middle[::4] = uniform
    return (1000 * middle).long().clamp(0, 999)


class Master:
    """Float32 weights, their average and optimiser for a model that may compute in bfloat16."""

    def __init__(self, modules: Iterable[nn.Module], peak: float) -> None:
        self.live = [p for module in modules for p in module.parameters()]
        self.weights = [p.detach().float().clone() for p in self.live]
        self.average = [w.clone() for w in self.weights]
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=peak, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )

    def update(self, rate: float, decay: float) -> None:
        """Step from the live gradients; write the new weights to the live model."""
        for weight, live in zip(self.weights, self.live, strict=True):
            weight.grad = live.grad.float() if live.grad is not None else None
            live.grad = None
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        set_learning_rate(self.optimizer, rate)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.weights, 1.0 - decay)
        self.publish(self.weights)

    @torch.no_grad()
    def publish(self, source: list[Tensor]) -> None:
        """Copy weights into the live model, rounding to its precision."""
        for live, weight in zip(self.live, source, strict=True):
            live.copy_(weight)


class Trainer:
    """Steps that are decided by (seed, step) alone, so that a resumed run is equal."""

    def __init__(
        self, unet: UNet2DConditionModel, text: CLIPTextModel, tokenizer: CLIPTokenizer,
        state_path: Path, seed: int = 0, device: str = "cpu",
        dtype: torch.dtype | None = None, peak: float = 1e-3, compiled: bool = False,
    ) -> None:  # fmt: skip
        dtype = dtype or training_dtype(device)
        self.tokenizer = tokenizer
        self.state_path = state_path
        self.seed = seed
        self.step = 0
        self._peak = peak
        layout = {"memory_format": torch.channels_last}
        self._master = Master((unet.to(device).to(**layout), text.to(device)), peak)
        self.unet = unet.to(dtype).to(**layout).train()
        self.text = text.to(dtype).train()
        self._forward = torch.compile(self.unet) if compiled else self.unet
        self._alphas = DDIMScheduler.from_config(SCHEDULER_CONFIG).alphas_cumprod.to(device)
        state = load_state(state_path)
        if state is not None:
            self._restore(state)
        self.spent_s: dict[str, float] = {} if state is None else state["spent_s"]
        self.stage_steps: dict[str, int] = {} if state is None else state["stage_steps"]

    def _restore(self, state: dict[str, object]) -> None:
        master = self._master
        with torch.no_grad():
            torch._foreach_copy_(master.weights, state["weights"])
            torch._foreach_copy_(master.average, state["average"])
        master.optimizer.load_state_dict(state["optimizer"])
        master.publish(master.weights)
        self.step = int(state["step"])

    def save(self) -> None:
        """Write all that a resumed run needs."""
        master = self._master
        save_state(
            self.state_path, weights=master.weights, average=master.average,
            optimizer=master.optimizer.state_dict(), step=self.step,
            spent_s=self.spent_s, stage_steps=self.stage_steps,
        )  # fmt: skip

    def averaged(self) -> tuple[UNet2DConditionModel, CLIPTextModel]:
        """Float32 copies that carry the averaged weights."""
        unet, text = (
            copy.deepcopy(self.unet).float().eval(),
            copy.deepcopy(self.text).float().eval(),
        )
        copies = [p for m in (unet, text) for p in m.parameters()]
        with torch.no_grad():
            for copied, average in zip(copies, self._master.average, strict=True):
                copied.copy_(average)
        return unet, text

    def loss(self, lesson: Lesson) -> Tensor:
        """Mean squared error of v over one batch."""
        rng = np.random.default_rng((self.seed, self.step))
        chosen = rng.integers(
            len(lesson.latents) if lesson.places is None else len(lesson.places), size=lesson.batch
        )
        if lesson.places is not None:
            chosen = lesson.places[chosen]
        texts = [
            "" if rng.random() < CAPTION_DROPOUT else caption(scene_of(lesson.seed, int(i)), rng)
            for i in chosen
        ]
        device, dtype = self.unet.device, self.unet.dtype
        x0 = torch.from_numpy(lesson.latents[chosen]).float().to(device)
        noise = torch.from_numpy(rng.standard_normal(x0.shape, dtype=np.float32)).to(device)
        t = draw_timesteps(rng, lesson.batch).to(device)
        signal = self._alphas[t][:, None, None, None]
        x = signal.sqrt() * x0 + (1 - signal).sqrt() * noise
        v = signal.sqrt() * noise - (1 - signal).sqrt() * x0
        ids = torch.from_numpy(tokenize(self.tokenizer, texts)).to(device)
        with torch.set_grad_enabled(lesson.text_learns):
            context = self.text(ids).last_hidden_state
        made = self._forward(
            x.to(dtype, memory_format=torch.channels_last), t, encoder_hidden_states=context
        ).sample
        error = (made.float() - v).square()
        if lesson.weights is None:
            return error.mean()
        weights = torch.from_numpy(lesson.weights[chosen]).to(error)[:, None]
        return (weights * error).mean() / weights.mean()

    def run(
        self, stage: str, lesson: Lesson, clock: Clock, peak: float, floor: float,
        report: Callable[[str], None] = print, every: Callable[[], None] | None = None,
        every_s: float = 600.0, between: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """Train one stage until its budget is used, going on where an earlier run stopped.

        Args:
            stage: a name, under which the spent time and steps are kept.
            lesson: the data.
            clock: the budget.
            peak: learning rate after warm-up.
            floor: learning rate at the end.
            report: takes a line of progress every 20 steps.
            every: called each `every_s` seconds (contact sheets, exports).
            between: called before each step; may wait.
        """
        clock.step = self.stage_steps.get(stage, 0)
        clock.spent_s = self.spent_s.get(stage, 0.0)
        losses: list[float] = []
        saved = called = time.monotonic()
        while clock.progress() < 1.0:
            if between is not None:
                between()
            loss = self.loss(lesson)
            loss.backward()
            decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
            self._master.update(learning_rate(clock, peak, floor, 50), decay)
            losses.append(loss.item())
            self.step += 1
            clock.step += 1
            self.stage_steps[stage], self.spent_s[stage] = clock.step, clock.elapsed_s()
            if clock.step % 20 == 0:
                report(f"{stage} step {clock.step} {clock.elapsed_s():.0f} s "
                       f"loss {np.mean(losses[-20:]):.4f}")  # fmt: skip
            if time.monotonic() - saved > 180:
                self.save()
                saved = time.monotonic()
            if every is not None and time.monotonic() - called > every_s:
                every()
                called = time.monotonic()
        self.save()
