"""Training of the autoencoder of factor 16: fresh crops, a budget of processor time.

The rate stays at its peak until the last part of the budget, so a budget may be raised while the
run is under way. An average of the weights is what is measured and handed on.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from toyworld.autoencoder import psnr_db, reconstruction_loss
from toyworld.checkpoint import load_state, save_state, set_learning_rate
from toyworld.dataset import to_tensor
from toyworld.fresh import fresh_crops, fresh_scenes
from toyworld.grow import FACTOR
from toyworld.pause import wait_while_paused
from toyworld.precision import swift_precision

UNSEEN = (990_001,)
"""Key of the pictures that the dB are measured on; no step of a training has it."""


@dataclass(frozen=True)
class DeepenPlan:
    """What decides a run besides its budget."""

    seed: int = 0
    scenes: int = 4
    crops: int = 2
    """Crops of each scene in a step."""
    crop_px: int = 128
    peak: float = 1e-3
    floor: float = 2e-5
    warmup_steps: int = 50
    decay_share: float = 0.3
    """Last part of the budget, over which the rate falls to `floor`."""
    average: float = 0.998
    colour_steps: int = 200
    decoder_only: bool = False
    """Leave the encoder, and so the latents, as they are."""
    styled_share: float = 0.0
    """Share of the pictures in the manner of a style."""
    save_s: float = 180.0
    measure_s: float = 300.0
    """Processor seconds between two measurements."""
    measured: int = 48


def rate_at(plan: DeepenPlan, spent: float, since_start: int) -> float:
    """The learning rate after a share of the budget, warmed up again at each start."""
    warm = min(1.0, (since_start + 1) / plan.warmup_steps)
    left = max(0.0, 1.0 - spent) / plan.decay_share
    if left >= 1.0:
        return warm * plan.peak
    return warm * (plan.floor + (plan.peak - plan.floor) * 0.5 * (1.0 - math.cos(math.pi * left)))


class Deepener:
    """A run that goes on from its state file; a step is decided by (seed, step) alone.

    Args:
        vae: The autoencoder to begin from where there is no state yet; trained in place.
        state_path: Where the state is kept; the file beside it, `.jsonl`, holds the curve.
        plan: What decides the run.
    """

    def __init__(self, vae: AutoencoderKL, state_path: Path, plan: DeepenPlan) -> None:
        self.vae, self.state_path, self.plan = vae.train(), state_path, plan
        for module in (vae.encoder, vae.quant_conv):
            module.requires_grad_(not plan.decoder_only)
        self._weights = [p for p in vae.parameters() if p.requires_grad]
        self._average = [w.detach().clone() for w in self._weights]
        self.optimizer = torch.optim.AdamW(
            self._weights, lr=plan.peak, betas=(0.9, 0.99), weight_decay=1e-4, fused=True
        )
        self.step, self.spent_s, self._measured_s = 0, 0.0, 0.0
        state = load_state(state_path)
        if state is not None:
            vae.load_state_dict(state["model"])
            for kept, weight in zip(self._average, state["average"], strict=True):
                kept.copy_(weight)
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.spent_s = int(state["step"]), float(state["spent_s"])
            self._measured_s = float(state["measured_s"])

    def save(self) -> None:
        """Write all that a resumed run needs."""
        save_state(
            self.state_path,
            model=self.vae.state_dict(),
            average=self._average,
            optimizer=self.optimizer.state_dict(),
            step=self.step,
            spent_s=self.spent_s,
            measured_s=self._measured_s,
        )

    def loss(self) -> Tensor:
        """Reconstruction of one batch of fresh crops, with a light pull on the latents."""
        plan = self.plan
        x = to_tensor(
            fresh_crops(
                (plan.seed, self.step),
                plan.scenes,
                plan.crops,
                plan.crop_px,
                styled_share=plan.styled_share,
            )
        ).contiguous(memory_format=torch.channels_last)
        torch.manual_seed(plan.seed * 1_000_003 + self.step)
        with swift_precision():
            if plan.decoder_only:
                with torch.no_grad():
                    latents = self.vae.encode(x).latent_dist.mode()
            else:
                posterior = self.vae.encode(x).latent_dist
                latents = posterior.sample()
            made = self.vae.decode(latents).sample
        loss = reconstruction_loss(made.float(), x)
        if plan.decoder_only:
            return loss
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        pull = 1.0 - self.step / plan.colour_steps
        if pull > 0:
            loss = loss + pull * F.mse_loss(mean[:, :3] / 3.0, F.avg_pool2d(x, FACTOR))
        return loss + 0.5e-5 * (mean.square() + logvar.exp() - 1 - logvar).mean()

    def averaged(self) -> AutoencoderKL:
        """A copy that carries the averaged weights."""
        vae = AutoencoderKL.from_config(dict(self.vae.config))
        vae.load_state_dict(self.vae.state_dict())
        with torch.no_grad():
            learned = [w.requires_grad for w in self.vae.parameters()]
            kept = iter(self._average)
            for weight, learns in zip(vae.parameters(), learned, strict=True):
                if learns:
                    weight.copy_(next(kept))
        return vae.to(memory_format=torch.channels_last).eval()

    def measure(self) -> float:
        """Mean dB of the average on pictures that no step has shown, 256 px, float32."""
        _, pictures = fresh_scenes(UNSEEN, self.plan.measured)
        return psnr_db(self.averaged(), pictures)

    def _note(self, **values: float) -> None:
        line = json.dumps({"step": self.step, "core_s": round(self.spent_s, 1), **values})
        with self.state_path.with_suffix(".jsonl").open("a") as file:
            file.write(line + "\n")

    def run(self, budget_s: float, work: Path, report: Callable[[str], None] = print) -> None:
        """Train until `budget_s` processor seconds are spent, earlier runs included.

        Args:
            budget_s: The whole run's processor seconds.
            work: Folder whose pause files hold the run.
            report: Takes a line of progress every 50 steps and at each measurement.
        """
        plan = self.plan
        saved, began = time.monotonic(), self.step
        losses: list[float] = []
        while self.spent_s < budget_s:
            wait_while_paused(work)
            since = time.process_time()
            loss = self.loss()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
            set_learning_rate(
                self.optimizer, rate_at(plan, self.spent_s / budget_s, self.step - began)
            )
            self.optimizer.step()
            keep = min(plan.average, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                torch._foreach_lerp_(self._average, self._weights, 1.0 - keep)
            self.step += 1
            losses.append(loss.item())
            self.spent_s += time.process_time() - since
            if self.step % 50 == 0:
                report(f"autoencoder step {self.step} {self.spent_s:.0f} core-s "
                       f"loss {np.mean(losses[-50:]):.4f}")  # fmt: skip
            if self.spent_s - self._measured_s > plan.measure_s or self.spent_s >= budget_s:
                self._measured_s = self.spent_s
                level = self.measure()
                self._note(db=round(level, 3), loss=round(float(np.mean(losses[-50:])), 5))
                report(f"autoencoder {level:.2f} dB after {self.spent_s:.0f} core-s")
            if time.monotonic() - saved > plan.save_s:
                self.save()
                saved = time.monotonic()
        self.save()
