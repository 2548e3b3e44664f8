"""The VQGAN of `pocket-codes` (2012.09841): the VQ-VAE's decoder, taught to draw sharp edges.

Encoder and codebook stay as they are, so both draw the same codes, and one prior serves both.
Beside the reconstruction it learns on features of the toy world's judge and against a critic of
patches, whose weight is the ratio of the gradients at the decoder's last layer (ibid., eq. 7).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import VQModel
from torch import Tensor, nn
from torch.nn import functional

from toyworld.autoencoder import reconstruction_loss
from toyworld.checkpoint import load_state, save_state
from toyworld.codes_vq import cells_of, codes_of, decoded, encoded
from toyworld.dataset import Pool, random_crops
from toyworld.fitting import Fitting
from toyworld.judge import Judge
from toyworld.precision import swift_precision

MOST_WEIGHT = 100.0


@dataclass(frozen=True)
class GanRecipe:
    """What decides a run.

    Attributes:
        batch: Crops a step.
        crop_px: Their side.
        critic_from: The first step at which the critic counts; it learns before.
        perceptual: Weight of the judge's features.
        adversarial: Factor of the adaptive weight.
        width: Of the critic's first layer.
        rate: Learning rate after warm-up, of both.
        seed: Of the critic and the crops.
    """

    batch: int = 8
    crop_px: int = 64
    critic_from: int = 100
    perceptual: float = 0.5
    adversarial: float = 0.3
    width: int = 24
    rate: float = 5e-4
    seed: int = 0


def new_critic(recipe: GanRecipe) -> nn.Sequential:
    """Says of each patch of (B, 3, H, W) how real it is, (B, 1, h, w) (1611.07004)."""
    torch.manual_seed(recipe.seed)
    width = recipe.width
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for _ in range(2):
        layers += [nn.Conv2d(width, 2 * width, 4, 2, 1), nn.GroupNorm(4, 2 * width)]
        layers.append(nn.LeakyReLU(0.2))
        width *= 2
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 3, 1, 1))


def perceptual_loss(judge: Judge, made: Tensor, wanted: Tensor) -> Tensor:
    """Distance of the judge's maps, each cell's brought to length 1 (1801.03924, unweighted)."""
    total = made.new_zeros(())
    with torch.no_grad():
        theirs = _maps(judge, wanted)
    for ours, other in zip(_maps(judge, made), theirs, strict=True):
        off = functional.normalize(ours, dim=1) - functional.normalize(other, dim=1)
        total = total + off.square().sum(dim=1).mean()
    return total


def _maps(judge: Judge, x: Tensor) -> list[Tensor]:
    found: list[Tensor] = []
    for layer in judge.body:
        x = layer(x)
        if isinstance(layer, nn.SiLU):
            found.append(x.float())
    return found[:3]


def adaptive_weight(kept: Tensor, fooled: Tensor, last: Tensor) -> Tensor:
    """How much the critic counts: |grad of what is kept| / |grad of what it says|, at a layer."""
    ours, theirs = (
        torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in (kept, fooled)
    )
    return (ours / (theirs + 1e-4)).clamp(0.0, MOST_WEIGHT).detach()


class GanTrainer(Fitting[nn.Module]):
    """A run; the state of the decoder and of its critic in `work` bring both back.

    Args:
        recipe: What decides it.
        work: Folder of its state.
        pool: Drawn scenes.
        model: The VQ-VAE; it is left as it is.
        judge: Whose features are compared; another one scores.
    """

    def __init__(
        self, recipe: GanRecipe, work: Path, pool: Pool, model: VQModel, judge: Judge
    ) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        learned = nn.ModuleList([self.model.post_quant_conv, self.model.decoder])
        super().__init__(learned.requires_grad_(True), work, recipe.rate)
        self.recipe, self.pool = recipe, pool
        self.judge = judge.eval().requires_grad_(False)
        self.critic = new_critic(recipe)
        self._critic_steps = torch.optim.AdamW(
            self.critic.parameters(), lr=recipe.rate, betas=(0.5, 0.9), fused=True
        )
        kept = load_state(work / "critic.pt")
        if kept is not None:
            self.critic.load_state_dict(kept["critic"])
            self._critic_steps.load_state_dict(kept["optimizer"])

    def save(self) -> None:
        """Writes both."""
        super().save()
        save_state(
            self.work / "critic.pt",
            critic=self.critic.state_dict(),
            optimizer=self._critic_steps.state_dict(),
        )

    def loss(self) -> Tensor:
        """Reconstruction, features, and what the critic says; the critic takes its own step."""
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, self.step, 2))
        x = random_crops(self.pool, rng, recipe.batch, recipe.crop_px).contiguous()
        with swift_precision():
            with torch.no_grad():
                cells = cells_of(self.model, codes_of(self.model, encoded(self.model, x)))
            made = decoded(self.model, cells)
            kept = reconstruction_loss(made.float(), x)
            kept = kept + recipe.perceptual * perceptual_loss(self.judge, made, x)
            self._teach_critic(x, made.detach())
            if self.step < recipe.critic_from:
                return kept
            self.critic.requires_grad_(False)
            fooled = -self.critic(made).float().mean()
            self.critic.requires_grad_(True)
        last = self.model.decoder.conv_out.weight
        return kept + recipe.adversarial * adaptive_weight(kept, fooled, last) * fooled

    def _teach_critic(self, real: Tensor, made: Tensor) -> None:
        """A step of the hinge loss."""
        odds = self.critic(torch.cat([real, made])).float()
        good, bad = odds.chunk(2)
        loss = 0.5 * (functional.relu(1 - good).mean() + functional.relu(1 + bad).mean())
        self._critic_steps.zero_grad()
        loss.backward()
        self._critic_steps.step()

    def finished(self) -> VQModel:
        """A copy of the model with the averaged decoder."""
        model = copy.deepcopy(self.model)
        post, decoder = self.averaged().children()
        model.post_quant_conv.load_state_dict(post.state_dict())
        model.decoder.load_state_dict(decoder.state_dict())
        return model
