"""`python -m toyworld.cascade`: `pocket-64`, the first stage of Pocket's own cascade.

Pixels from a prompt at 64 px, in the layout of diffusers' `IFPipeline`: Pocket's text encoder, v, a
learned variance, dynamic thresholding. Its inner levels are grown from Pocket's UNet, whose 16x16
cells they see as 16x16 pixels; two outer ones are new, and its deepest is left out: it would make
the folder twice as large. `pocket-x4` enlarges what it draws.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from toyworld.captions import caption
from toyworld.checkpoint import Clock
from toyworld.dataset import Pool, render_pool, to_tensor
from toyworld.fitting import Fitting
from toyworld.folder import EXAMPLE_PROMPTS, half_precision, write_json
from toyworld.hybrid import Hybrid
from toyworld.model_card import write_model_card
from toyworld.precision import swift_precision
from toyworld.swapping import swapped_in
from toyworld.swift import hasten
from toyworld.text import LENGTH
from toyworld.world import SECOND

SIDE_PX = 64
POOL_SEED, POOL_COUNT = 71, 12_000
SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction",
    "variance_type": "learned_range",
}
THRESHOLDING = {"thresholding": True, "dynamic_thresholding_ratio": 0.95, "sample_max_value": 1.5}
UNSAID = 0.1
"""Share of the examples whose prompt is left out, for guidance (2207.12598)."""
GUIDANCE, STEPS = 4.0, 50


@dataclass(frozen=True)
class Recipe:
    """What decides a run.

    Attributes:
        batch: Pictures a step; four times as many while they are small.
        small_steps: So many steps are first learned at half the size, where a picture costs a
            quarter: what lies where is learned there, and edges after it.
        rate: Learning rate after warm-up.
        seed: Of the new weights, order, captions, noise and time steps.
        outer: Widths of the levels that are new, from the finest.
        kept: How many levels of Pocket's UNet lie below them; its deepest is left out, being most
            of its weights.
        groups: Of the norms. Pocket's 32 would leave the finest level half a channel each.
    """

    batch: int = 12
    small_steps: int = 1_500
    rate: float = 1e-3
    seed: int = 0
    outer: tuple[int, ...] = (16, 32)
    kept: int = 2
    groups: int = 4


def grown(core: UNet2DConditionModel, recipe: Recipe) -> UNet2DConditionModel:
    """A UNet on pixels whose inner levels are a latent UNet's, the weights that fit and all.

    Raises:
        ValueError: The latent UNet has fewer levels than are to be kept.
    """
    config: dict[str, Any] = dict(core.config)
    widths, ways = config["block_out_channels"], config["down_block_types"]
    if not 0 < recipe.kept <= len(widths):
        raise ValueError(f"Of {len(widths)} levels {recipe.kept} cannot be kept.")
    outside, left_out = len(recipe.outer), len(widths) - recipe.kept
    torch.manual_seed(recipe.seed)
    new = UNet2DConditionModel(
        sample_size=SIDE_PX,
        in_channels=3,
        out_channels=6,
        layers_per_block=config["layers_per_block"],
        block_out_channels=(*recipe.outer, *widths[: recipe.kept]),
        norm_num_groups=recipe.groups,
        attention_head_dim=config["attention_head_dim"],
        cross_attention_dim=config["cross_attention_dim"],
        time_embedding_dim=4 * widths[0],
        down_block_types=("DownBlock2D",) * outside + tuple(ways[: recipe.kept]),
        up_block_types=(*config["up_block_types"][left_out:], *("UpBlock2D",) * outside),
    )
    own = new.state_dict()
    taken: dict[str, Tensor] = {}
    for name, weight in core.state_dict().items():
        part, number, rest = ([*name.split(".", 2), "", ""])[:3]
        if part == "down_blocks":  # the inner ones come last, and first on the way up
            name = f"{part}.{int(number) + outside}.{rest}"
        if part == "up_blocks":
            name = f"{part}.{int(number) - left_out}.{rest}"
        if name in own and own[name].shape == weight.shape and part not in ("conv_in", "conv_out"):
            taken[name] = weight
    new.load_state_dict(taken, strict=False)
    return hasten(new).to(memory_format=torch.channels_last)


class Reader:
    """Pocket's text encoder, frozen; padding is masked, as IF's pipeline does it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        self._model = CLIPTextModel.from_pretrained(
            folder / "text_encoder", dtype=torch.float32
        ).eval()

    @torch.no_grad()
    def embed(self, texts: list[str], length: int = LENGTH) -> Tensor:
        """(B, length, width); no position sees the later ones, so the first are always the same."""
        filled = self._tokenizer(
            texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
        )
        with swift_precision():
            found = self._model(filled.input_ids, attention_mask=filled.attention_mask)
        return found.last_hidden_state.float()


class CascadeTrainer(Fitting[UNet2DConditionModel]):
    """A run; its state in `work` brings the optimiser back.

    Args:
        recipe: What decides it.
        work: Folder of its state.
        pool: Drawn scenes of 64 px.
        model: Pocket's folder, whose UNet it grows from and whose text encoder reads.
    """

    def __init__(self, recipe: Recipe, work: Path, pool: Pool, model: Path) -> None:
        core = UNet2DConditionModel.from_pretrained(
            model / "unet", use_safetensors=True, torch_dtype=torch.float32
        )
        super().__init__(grown(core, recipe), work, recipe.rate)
        self.recipe, self.pool, self.reader = recipe, pool, Reader(model)
        self._hybrid = Hybrid(SCHEDULE)

    def loss(self) -> Tensor:
        """See `Hybrid.loss`; of the scenes, captions and noise of this step."""
        rng = np.random.default_rng((self.recipe.seed, self.step))
        small = self.step < self.recipe.small_steps
        count = self.recipe.batch * (4 if small else 1)
        places = np.sort(rng.integers(len(self.pool.pixels), size=count))
        x0 = to_tensor(self.pool.pixels[places])
        if small:
            x0 = functional.avg_pool2d(x0, 2)
        x0 = x0.contiguous(memory_format=torch.channels_last)
        texts = [
            "" if rng.random() < UNSAID else caption(self.pool.scene(int(place)), rng)
            for place in places
        ]
        noise = torch.from_numpy(rng.standard_normal(x0.shape, dtype=np.float32))
        t = torch.from_numpy(rng.integers(1000, size=len(x0)))
        context = self.reader.embed(texts)
        with swift_precision():
            x = self._hybrid.noised(x0, noise, t)
            made = self.net(x, t, encoder_hidden_states=context).sample
        return self._hybrid.loss(made, x0, noise, t)


def examples(recipe: Recipe, steps: int) -> int:
    """How many pictures were looked at in so many steps; four times as many while small."""
    small = min(steps, recipe.small_steps)
    return recipe.batch * (4 * small + steps - small)


def export(trainer: CascadeTrainer, folder: Path) -> None:
    """Writes the model beside `folder`, then swaps it in."""
    with swapped_in(folder) as aside:
        half_precision(trainer.averaged()).save_pretrained(aside / "unet")
        for part in ("text_encoder", "tokenizer"):
            shutil.copytree(trainer.reader.folder / part, aside / part)
        (aside / "scheduler").mkdir()
        scheduler = {"_class_name": "DDPMScheduler", **SCHEDULE, **THRESHOLDING}
        write_json(aside / "scheduler" / "scheduler_config.json", scheduler)
        index = {
            "_class_name": "IFPipeline",
            "_diffusers_version": "0.35.0",
            "unet": ["diffusers", "UNet2DConditionModel"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "scheduler": ["diffusers", "DDPMScheduler"],
            "safety_checker": [None, None],
            "feature_extractor": [None, None],
            "watermarker": [None, None],
        }
        write_json(aside / "model_index.json", index)
        card = {
            "title": "Pocket 64",
            "guidance_scale": GUIDANCE,
            "steps": STEPS,
            "example_prompts": list(EXAMPLE_PROMPTS),
            "known_words": json.loads((trainer.reader.folder / "card.json").read_text()).get(
                "known_words", {}
            ),
        }
        write_json(aside / "card.json", card)
        write_model_card(
            aside,
            "Pocket 64",
            "The first stage of Pocket's cascade: pixels at 64 px from a prompt, in the layout of "
            "DeepFloyd's IF:\na learned variance, dynamic thresholding. Pocket's text encoder "
            "reads for it. It learned the drawn scenes\nof `toyworld/`, which this project "
            "renders itself; `pocket-x4` enlarges what it draws, to 256 and 1,024 px.\n\n"
            f"Made by `python -m toyworld.cascade`: {trainer.step} steps, "
            f"{examples(trainer.recipe, trainer.step)} examples.",
            "text-to-image",
        )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m toyworld.cascade", description=__doc__)
    add = parser.add_argument
    add("--stage", choices=("all", "train", "export"), default="all")
    add("--training-steps", type=int, default=12_000, help="budget, all runs together")
    add("--minutes", type=float, help="another budget; the sooner ends it")
    add("--work", type=Path, default=Path("runs/pocket-cascade"))
    add("--model", type=Path, default=Path("models/checkpoints/pocket"), help="it grows from")
    add("--out", type=Path, default=Path("models/checkpoints/pocket-cascade/pocket-64"))
    return parser.parse_args()


def main() -> None:
    """Runs the stages that the command line asks for."""
    args = arguments()
    torch.set_num_threads(1)
    pool = render_pool(args.work, POOL_SEED, POOL_COUNT, SIDE_PX, workers=1, world=SECOND)
    trainer = CascadeTrainer(Recipe(), args.work, pool, args.model)
    if args.stage != "export":
        clock = Clock(args.minutes, args.training_steps)
        trainer.run(clock, lambda line: print(line, flush=True))
    export(trainer, args.out)


if __name__ == "__main__":
    main()
