"""`python -m toyworld.codes`: `pocket-codes`, pictures as 16x16 codes and priors that draw them.

Stages, each on one thread and resumable, in this order: `vqvae` (see `codes_vq`), `transformer`
and `pixelcnn` (priors on the caption, see `codes_priors`), `vqgan` (a sharper decoder of the same
codes, see `codes_gan`), `export` (a folder of diffusers' `VQModel`), `score` (see `codes_score`).
A stage that has not begun is left out of the folder. A file `PAUSE` in a stage's own folder, e.g.
`runs/pocket-codes/vqvae/PAUSE`, holds it.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL, VQModel

from backend.models.codes.priors import PRIORS, Prior
from toyworld.checkpoint import Clock, fingerprint_of
from toyworld.codes_gan import GanRecipe, GanTrainer
from toyworld.codes_priors import Coded, PriorRecipe, PriorTrainer
from toyworld.codes_vq import SIDE_PX, CodesTrainer, Recipe, all_codes, psnr_db, used_share
from toyworld.dataset import Pool, render_pool
from toyworld.folder import EXAMPLE_PROMPTS, half_precision, write_json
from toyworld.judge import trained_judge
from toyworld.model_card import write_model_card
from toyworld.swapping import swapped_in
from toyworld.world import SECOND

POOL_SEED, POOL_COUNT = 81, 16_000
STEPS = {"vqvae": 6_000, "transformer": 12_000, "pixelcnn": 12_000, "vqgan": 3_000}
"""Budget of each stage, all its runs together."""
LEARNED = 200  # pictures of the pool that a finished stage is measured on


def first_stage(args: argparse.Namespace, pool: Pool) -> VQModel:
    """The VQ-VAE: trained until its budget is used, then kept, by average where that is better."""
    done = args.work / "vqvae" / "model"
    if not done.exists():
        deep = AutoencoderKL.from_pretrained(
            args.model / "vae", torch_dtype=torch.float32, use_safetensors=True
        )
        trainer = CodesTrainer(Recipe(), args.work / "vqvae", pool, deep)
        trainer.run(clock_of(args, "vqvae"), say)
        some = pool.pixels[:LEARNED]
        model = max((trainer.net.eval(), trainer.averaged()), key=lambda net: psnr_db(net, some))
        used = used_share(all_codes(model, some))
        say(f"VQ-VAE {trainer.step} steps, {psnr_db(model, some):.2f} dB, {used:.0%} of the codes")
        model.save_pretrained(done)
        note(args.work, "vqvae", trainer.step, trainer.spent_s)
    return VQModel.from_pretrained(done, torch_dtype=torch.float32).eval()


def coded(args: argparse.Namespace, pool: Pool, model: VQModel) -> Coded:
    """The first scenes of the pool as codes, made once for the model at hand."""
    kept = args.work / f"codes-{fingerprint_of(args.work / 'vqvae' / 'model')}-{args.scenes}.npy"
    if not kept.exists():
        some = pool.pixels[: args.scenes]
        both = np.stack([all_codes(model, some), all_codes(model, some[:, :, ::-1])])
        np.save(kept, both)
    plain, turned = np.load(kept)
    return Coded(pool, plain, turned)


def prior_trainer(args: argparse.Namespace, name: str, pool: Pool, model: VQModel) -> PriorTrainer:
    """The run of a prior, where it stands."""
    recipe = PriorRecipe(name=name)
    return PriorTrainer(recipe, args.work / name, coded(args, pool, model), args.model)


def gan_trainer(args: argparse.Namespace, pool: Pool, model: VQModel) -> GanTrainer:
    """The run of the VQGAN, where it stands."""
    judge = trained_judge(args.work, workers=1, report=say, world=SECOND)
    return GanTrainer(GanRecipe(), args.work / "vqgan", pool, model, judge)


def export(
    folder: Path, model: VQModel, priors: dict[str, Prior], sharper: VQModel | None,
    reader: Path, told: str,
) -> None:  # fmt: skip
    """Writes the model beside `folder`, then swaps it in.

    Args:
        folder: Of the studio's models.
        model: The VQ-VAE.
        priors: Those that have learned.
        sharper: The VQGAN, where there is one.
        reader: Pocket's folder, whose text encoder reads for the priors.
        told: How it was made, for its card.
    """
    with swapped_in(folder) as aside:
        half_precision(model).save_pretrained(aside)
        if sharper is not None:
            half_precision(sharper).save_pretrained(aside / "vqgan")
        for name, prior in priors.items():
            half_precision(prior).save_pretrained(aside / name)
        for part in ("text_encoder", "tokenizer") if priors else ():
            shutil.copytree(reader / part, aside / part)
        for config in aside.rglob("config.json"):
            values = json.loads(config.read_text())
            values.pop("_name_or_path", None)
            write_json(config, values)
        words = json.loads((reader / "card.json").read_text()).get("known_words", {})
        card = {"title": "Pocket codes", "native_size": SIDE_PX, "known_words": words}
        if priors:
            card["example_prompts"] = list(EXAMPLE_PROMPTS)
        write_json(aside / "card.json", card)
        write_model_card(
            aside,
            "Pocket codes",
            "Pictures of 128 px as 16x16 cells, each one of 512 codes: a VQ-VAE, and what draws "
            "its codes from a prompt.\nIt learned the drawn scenes of `toyworld/`, which this "
            f"project renders itself.\n\n{told}",
            "text-to-image",
        )


def note(work: Path, stage: str, steps: int, spent_s: float) -> None:
    """Keeps how long a stage was trained, for the card."""
    path = work / "notes.json"
    notes = json.loads(path.read_text()) if path.exists() else {}
    write_json(path, notes | {stage: [steps, round(spent_s)]})


def told(work: Path) -> str:
    """The notes, in words."""
    path = work / "notes.json"
    notes = json.loads(path.read_text()) if path.exists() else {}
    lines = [f"- {stage}: {steps} steps" for stage, (steps, _) in notes.items()]
    return "Made by `python -m toyworld.codes`:\n\n" + "\n".join(lines)


def clock_of(args: argparse.Namespace, stage: str) -> Clock:
    """The budget of a stage."""
    return Clock(args.minutes, args.training_steps or STEPS[stage])


def say(line: str) -> None:
    """A line of progress."""
    print(line, flush=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m toyworld.codes", description=__doc__)
    add = parser.add_argument
    add("--stage", choices=("all", *STEPS, "export", "score"), default="all")
    add("--training-steps", type=int, help="budget of the stage, all runs together")
    add("--minutes", type=float, help="another budget; the sooner ends it")
    add("--scenes", type=int, default=6_000, help="that the priors learn, each mirrored too")
    add("--work", type=Path, default=Path("runs/pocket-codes"))
    add("--model", type=Path, default=Path("models/checkpoints/pocket"), help="it grows from")
    add("--out", type=Path, default=Path("models/checkpoints/pocket-codes"))
    return parser.parse_args()


def train(args: argparse.Namespace, stage: str, pool: Pool, model: VQModel) -> None:
    """One stage after the first, until its budget is used."""
    trainer = (
        gan_trainer(args, pool, model)
        if stage == "vqgan"
        else prior_trainer(args, stage, pool, model)
    )
    trainer.run(clock_of(args, stage), say)
    note(args.work, stage, trainer.step, trainer.spent_s)


def write_out(args: argparse.Namespace, pool: Pool, model: VQModel) -> None:
    """The folder, of all stages that have begun."""
    begun = [name for name in STEPS if (args.work / name / "state.pt").exists()]
    priors = {
        name: prior_trainer(args, name, pool, model).averaged() for name in PRIORS if name in begun
    }
    sharper = gan_trainer(args, pool, model).finished() if "vqgan" in begun else None
    export(args.out, model, priors, sharper, args.model, told(args.work))


def main() -> None:
    """Runs the stages that the command line asks for."""
    args = arguments()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if args.stage != "score":
        pool = render_pool(args.work, POOL_SEED, POOL_COUNT, SIDE_PX, workers=1, world=SECOND)
        model = first_stage(args, pool)
        for stage in list(STEPS)[1:]:
            if args.stage in ("all", stage):
                train(args, stage, pool, model)
        if args.stage in ("all", "export"):
            write_out(args, pool, model)
    if args.stage in ("all", "score"):
        from toyworld.codes_score import write_score

        say(write_score(args.out, args.work))


if __name__ == "__main__":
    main()
