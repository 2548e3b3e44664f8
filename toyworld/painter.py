"""The picture model's long run: fresh scenes all the way, one thread, no end in mind.

A step is decided by (seed, step) and the stock alone, and the state brings the optimiser back, so a
run that is killed goes on as if nothing had happened.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from toyworld.captions import caption
from toyworld.checkpoint import load_state, save_state, set_learning_rate
from toyworld.diffusion import draw_timesteps
from toyworld.judge import HUES, NAMES
from toyworld.pause import wait_while_paused
from toyworld.plan import Plan, decay_after, loss_weights, new_cell_unet, rate_after, take_over
from toyworld.sampling import SCHEDULER_CONFIG
from toyworld.scene import Scene
from toyworld.stock import CHUNK, Batch, Stock, encode_scenes
from toyworld.swift import hasten, laid_out_like
from toyworld.text import tokenize

LEVELS = (950, 850, 700, 500, 300)
"""Time steps that a run is measured at."""
UNSEEN = (990_002,)
MEASURED = 192


class CellHead(nn.Module):
    """Says subject and colour of each cell of the middle block; only there to teach it.

    Args:
        width: Channels of the middle block.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.read = nn.Conv2d(width, len(NAMES) + 1 + len(HUES), 1)

    def loss(self, middle: Tensor, cover: Tensor, scenes: list[Scene]) -> Tensor:
        """Cross-entropy of subjects (or none) everywhere, and of colours where a subject is.

        Args:
            middle: (B, width, s, s) output of the middle block.
            cover: (B, side, side) share of each latent cell that shows a subject.
            scenes: What is shown; of two subjects the first stands in the left half.
        """
        side = middle.shape[-1]
        names = torch.full((len(scenes), side, side), len(NAMES))
        hues = torch.full((len(scenes), side, side), -100)
        shown = F.adaptive_avg_pool2d(cover[:, None], side)[:, 0] > 0.3
        whole, left, right = slice(0, side), slice(0, side // 2), slice(side // 2, side)
        for i, scene in enumerate(scenes):
            parts = (whole,) if len(scene.subjects) == 1 else (left, right)
            for subject, columns in zip(scene.subjects, parts, strict=True):
                here = shown[i, :, columns]
                names[i, :, columns][here] = NAMES.index(subject.name)
                hues[i, :, columns][here] = HUES.index(subject.colour)
        made = self.read(middle.float())
        loss = F.cross_entropy(made[:, : len(NAMES) + 1], names)
        if bool((hues >= 0).any()):
            loss = loss + F.cross_entropy(made[:, len(NAMES) + 1 :], hues, ignore_index=-100)
        return loss


class Painter:
    """A run of the picture model.

    Args:
        plan: What decides it.
        work: Folder of its state (`painter.pt`) and curve (`painter.jsonl`).
        stock: The scenes to learn from, encoded by `vae`.
        vae: The frozen autoencoder.
        text: The frozen text encoder.
        tokenizer: Its tokenizer.
        old: Today's UNet, for plans that grow from it.
        dtype: Precision of the passes; weights and sums are float32.
    """

    def __init__(
        self,
        plan: Plan,
        work: Path,
        stock: Stock,
        vae: AutoencoderKL,
        text: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        old: UNet2DConditionModel | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        work.mkdir(parents=True, exist_ok=True)
        self.plan, self.work, self.stock, self.vae = plan, work, stock, vae
        self.text, self.tokenizer = text.eval().requires_grad_(False), tokenizer
        text.set_attn_implementation("eager")
        self._dtype = dtype
        torch.manual_seed(plan.seed)
        unet = new_cell_unet(plan, int(text.config.hidden_size))
        if plan.grown:
            if old is None:
                raise ValueError("A plan that grows from a UNet needs that UNet.")
            take_over(unet, old)
        self.unet = hasten(unet).train()
        self.head = CellHead(plan.channels[-1])
        self._middle: list[Tensor] = []
        self.unet.mid_block.register_forward_hook(self._keep_middle)
        self._weights = [*self.unet.parameters(), *self.head.parameters()]
        self._average = [w.detach().clone() for w in self.unet.parameters()]
        self.optimizer = torch.optim.AdamW(
            self._weights, lr=plan.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )
        self._alphas = DDIMScheduler.from_config(SCHEDULER_CONFIG).alphas_cumprod
        self.step, self.spent_s, self._measured_s = 0, 0.0, 0.0
        self._cold = 0
        """The step at which the optimiser last began from nothing."""
        self._sheets = 0
        state = load_state(self.state_path)
        if state is not None:
            self._restore(state)

    @property
    def state_path(self) -> Path:
        return self.work / "painter.pt"

    @property
    def examples(self) -> int:
        """How many examples have been seen, repeats under other captions included."""
        return self.step * self.plan.batch

    def _keep_middle(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
        self._middle = [output]

    @torch.no_grad()
    def _restore(self, state: dict) -> None:
        self.step, self.spent_s = int(state["step"]), float(state["spent_s"])
        self._measured_s, self._sheets = float(state["measured_s"]), int(state["sheets"])
        torch._foreach_copy_(self._average, state["average"])
        if "weights" in state:
            torch._foreach_copy_(self._weights, state["weights"])
            self.optimizer.load_state_dict(state["optimizer"])
            laid_out_like(self.optimizer.state)
            self._cold = int(state["cold"])
        else:
            torch._foreach_copy_(list(self.unet.parameters()), self._average)
            self._cold = self.step

    def save(self) -> None:
        """Write all that a resumed run needs."""
        common = {"average": self._average, "step": self.step, "spent_s": self.spent_s,
                  "measured_s": self._measured_s, "sheets": self._sheets}  # fmt: skip
        save_state(
            self.state_path, **common, weights=[w.detach() for w in self._weights],
            optimizer=self.optimizer.state_dict(), cold=self._cold,
        )  # fmt: skip

    def _window(self) -> tuple[int, int]:
        """First and last chunk (behind) that a step may draw from."""
        plan = self.plan
        stop = plan.first_chunks + self.step * plan.batch // (plan.reuse * CHUNK)
        return max(0, stop - plan.stock_chunks), stop

    def batch(self, between: Callable[[], None] | None = None) -> tuple[Batch, list[str]]:
        """The examples of this step, drawn by lot from the stock, and a new caption for each."""
        start, stop = self._window()
        self.stock.fill(start, stop, between)
        rng = np.random.default_rng((self.plan.seed, self.step, 7))
        places = rng.integers(start * CHUNK, stop * CHUNK, size=self.plan.batch)
        taken = self.stock.take(places)
        texts = [
            "" if rng.random() < self.plan.caption_dropout else caption(scene, rng)
            for scene in taken.scenes
        ]
        return taken, texts

    def context(self, texts: list[str]) -> Tensor:
        """(B, 77, width) of the frozen text encoder."""
        ids = torch.from_numpy(tokenize(self.tokenizer, texts))
        with torch.no_grad(), self._precision():
            return self.text(ids).last_hidden_state

    def _precision(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self._dtype is torch.bfloat16)

    def _noised(self, x0: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        signal = self._alphas[t][:, None, None, None]
        x = signal.sqrt() * x0 + (1 - signal).sqrt() * noise
        return x, signal.sqrt() * noise - (1 - signal).sqrt() * x0

    def _forward(self, unet: nn.Module, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        with self._precision():
            return unet(x, t, encoder_hidden_states=context).sample.float()

    def loss(self, taken: Batch, texts: list[str]) -> Tensor:
        """Weighted mean squared error of v, with the head's loss where the plan asks for it."""
        plan = self.plan
        rng = np.random.default_rng((plan.seed, self.step, 8))
        x0 = torch.from_numpy(taken.latents)
        noise = torch.from_numpy(rng.standard_normal(x0.shape, dtype=np.float32))
        t = draw_timesteps(rng, len(x0))
        x, v = self._noised(x0, noise, t)
        cover = torch.from_numpy(taken.cover)
        error = (self._forward(self.unet, x, t, self.context(texts)) - v).square().mean(dim=1)
        cells = _cell_weights(plan, cover)
        each = (cells * error).mean(dim=(1, 2)) / cells.mean()
        weight = loss_weights(plan, self._alphas[t])
        loss = (weight * each).mean() / weight.mean()
        if plan.auxiliary and self.examples < plan.auxiliary_share * plan.examples:
            loss = loss + plan.auxiliary * self.head.loss(self._middle[0], cover, taken.scenes)
        return loss

    def averaged(self) -> UNet2DConditionModel:
        """A copy that carries the averaged weights."""
        unet = new_cell_unet(self.plan, int(self.text.config.hidden_size))
        with torch.no_grad():
            torch._foreach_copy_(list(unet.parameters()), self._average)
        return unet.eval()

    @torch.no_grad()
    def measure(self, between: Callable[[], None] | None = None) -> dict[str, float]:
        """The average's subject-weighted v loss on unseen scenes, at each of `LEVELS`."""
        path = self.stock.folder / "unseen.pt"
        kept = load_state(path)
        if kept is None:
            made = encode_scenes(self.vae, UNSEEN, MEASURED)
            kept = {"latents": torch.from_numpy(made.latents),
                    "cover": torch.from_numpy(made.cover),
                    "texts": [caption(s, np.random.default_rng((5, i)))
                              for i, s in enumerate(made.scenes)]}  # fmt: skip
            save_state(path, **kept)
        unet = self.averaged()
        noise = torch.randn(kept["latents"].shape, generator=torch.Generator().manual_seed(6))
        cells = _cell_weights(self.plan, kept["cover"])
        sums = dict.fromkeys(LEVELS, 0.0)
        for start in range(0, MEASURED, self.plan.batch):
            rows = slice(start, start + self.plan.batch)
            context = self.context(kept["texts"][rows])
            for level in LEVELS:
                if between is not None:
                    between()
                t = torch.full((len(context),), level)
                x, v = self._noised(kept["latents"][rows], noise[rows], t)
                error = (self._forward(unet, x, t, context) - v).square().mean(dim=1)
                sums[level] += float((cells[rows] * error).sum() / cells.sum())
        return {str(level): round(value, 4) for level, value in sums.items()}

    def _note(self, **values: object) -> None:
        line = {"step": self.step, "examples": self.examples, "core_s": round(self.spent_s, 1)}
        with (self.work / "painter.jsonl").open("a") as file:
            file.write(json.dumps(line | values) + "\n")

    def run(
        self,
        pause: Path,
        budget_s: float | None = None,
        measure_s: float = 600.0,
        save_s: float = 180.0,
        report: Callable[[str], None] = print,
        sheet: Callable[[], None] | None = None,
        sheet_examples: int = 100_000,
    ) -> None:
        """Train until all examples of the plan are seen, or a budget is spent.

        Args:
            pause: Folder whose pause files hold the run.
            budget_s: Processor seconds of the steps, earlier runs included; drawing and encoding
                scenes is not counted, since runs that are compared share them.
            measure_s: Processor seconds between two measurements.
            save_s: Seconds between two saves.
            report: Takes lines of progress.
            sheet: Called after each `sheet_examples`.
        """

        def between() -> None:
            wait_while_paused(pause)

        def over() -> bool:
            spent = budget_s is not None and self.spent_s >= budget_s
            return spent or self.examples >= self.plan.examples

        saved, losses = time.monotonic(), []
        while not over():
            between()
            taken, texts = self.batch(between)
            since = time.process_time()
            loss = self.loss(taken, texts)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
            warm = self.step - self._cold
            set_learning_rate(self.optimizer, rate_after(self.plan, self.examples, warm))
            self.optimizer.step()
            with torch.no_grad():
                torch._foreach_lerp_(
                    self._average, list(self.unet.parameters()),
                    1.0 - decay_after(self.plan, self.step),
                )  # fmt: skip
            self.step += 1
            losses.append(loss.item())
            self.spent_s += time.process_time() - since
            if self.step % 50 == 0:
                report(f"{self.work.name}: {self.examples} examples, {self.spent_s:.0f} core-s, "
                       f"loss {np.mean(losses[-50:]):.4f}")  # fmt: skip
            if self.spent_s - self._measured_s >= measure_s or over():
                self._measured_s = self.spent_s
                levels = self.measure(between)
                self._note(**levels, loss=round(float(np.mean(losses[-50:])), 4))
                report(f"{self.work.name}: unseen v loss {levels}")
            if sheet is not None and self.examples // sheet_examples > self._sheets:
                self._sheets = self.examples // sheet_examples
                sheet()
            if time.monotonic() - saved > save_s:
                self.save()
                saved = time.monotonic()
        self.save()


def _cell_weights(plan: Plan, cover: Tensor) -> Tensor:
    """(B, side, side): a subject's cells count more, or its shape is learned last."""
    return 1.0 + plan.focus * (2.0 * cover).clamp_max(1.0)
