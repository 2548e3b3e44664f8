"""`python -m toyworld.pocket --work DIR`: the next Pocket, trained beside other work.

One thread, at idle priority where the machine has one, held by the pause files of
`toyworld.pause`. Stages: `autoencoder` (grown, trained, then frozen with white latents), `levers`
(paired short runs), `pictures` (the long run). `finish`, `controlnet` and `styles` make a set of
weights in the folder `--set`, beside the long run. All state lies in the work folder; the same
command goes on where the last one stopped, even after `kill -9`. docs/pocket-training.md says more.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from toyworld.checkpoint import fingerprint_of
from toyworld.deepen import Deepener, DeepenPlan
from toyworld.eye_test import COUNT, eye_questions
from toyworld.folder import write_folder
from toyworld.grow import grow, whiten
from toyworld.humble import be_humble
from toyworld.levers import combined, lever_table, read_curves, slug, winners
from toyworld.painter import Painter
from toyworld.pause import training_folder, wait_while_paused
from toyworld.plan import LEVERS, Plan, shares_in
from toyworld.precision import training_dtype
from toyworld.sampling import Parts, generate
from toyworld.sets import WeightSet, begin, controlnet_stage, finishing, styles_stage
from toyworld.stock import Stock, encode_scenes
from toyworld.world import SECOND

STATISTICS = (990_003,)
"""Key of the scenes whose latents are made white."""
STATISTICS_COUNT = 512
GUIDANCE = 7.0
TURN_MINUTES = 5.0
LEVER_WARMUP_STEPS = 100
"""Of a run of some 1,600 steps."""
STAGES = ("autoencoder", "decoder", "levers", "pictures", "sheet")
SET_STAGES = ("finish", "controlnet", "styles")
STOCK_SLOTS = 4096
"""More chunks than a lever's run draws, so that all levers share what was encoded once."""


def say(line: str) -> None:
    """Print at once, also into a file."""
    print(line, flush=True)


@dataclass(frozen=True)
class Home:
    """Where everything lies."""

    work: Path
    model: Path
    """Today's model, which the autoencoder grows from and whose text encoder goes on."""

    @property
    def vae(self) -> Path:
        """The frozen autoencoder."""
        return self.work / "vae"

    @property
    def sharp(self) -> Path:
        """The same with a decoder that was trained on: latents are as they were."""
        return self.work / "vae-sharp"

    def wait(self) -> None:
        """Return once nobody measures."""
        wait_while_paused(self.work)


def autoencoder_run(home: Home, seed: int) -> Deepener:
    """The run of the autoencoder, from its state or grown from today's of factor 8."""
    torch.manual_seed(seed)
    shallow = AutoencoderKL.from_pretrained(
        home.model / "vae", torch_dtype=torch.float32, use_safetensors=True
    )
    return Deepener(grow(shallow), home.work / "autoencoder.pt", DeepenPlan(seed))


def autoencoder_stage(home: Home, seed: int, core_hours: float) -> None:
    """Train the autoencoder until its budget is spent, then freeze it."""
    run = autoencoder_run(home, seed)
    run.run(3600 * core_hours, home.work, say)
    freeze(run, home)


def freeze(run: Deepener, home: Home) -> None:
    """Write the averaged autoencoder with latents of mean 0 and deviation 1 in every channel."""
    vae = run.averaged()
    starts = range(0, STATISTICS_COUNT, 8)
    latents = np.concatenate([encode_scenes(vae, (*STATISTICS, s), 8).latents for s in starts])
    numbers = torch.from_numpy(latents).transpose(0, 1).flatten(1)
    white = whiten(vae, numbers.mean(1), numbers.std(1))
    aside = home.vae.with_name("vae.part")
    white.to(memory_format=torch.contiguous_format).save_pretrained(aside)
    aside.rename(home.vae)
    say(f"froze the autoencoder after {run.spent_s:.0f} core-s in {home.vae}")


def _opened(folder: Path) -> AutoencoderKL:
    vae = AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float32, use_safetensors=True)
    return vae.to(memory_format=torch.channels_last).eval()


def decoder_stage(home: Home, seed: int, core_hours: float) -> None:
    """Train the frozen autoencoder's decoder on; what the picture model learned stays valid.

    Half of what it sees is in the manner of a style: a decoder that has seen the plain manner alone
    smooths pixel art away, whatever the latents say. What is written lies halfway between the
    decoder before and after: of the 0.67 dB that plain pictures lost with the first set it gives
    back 0.50, and of the 1.6 to 3.7 dB that the styles won it keeps 0.9 to 2.0.
    """
    plan = replace(DeepenPlan(seed + 1), peak=5e-4, decoder_only=True, styled_share=0.5)
    run = Deepener(_opened(home.vae), home.work / "decoder.pt", plan)
    run.run(3600 * core_hours, home.work, say)
    halfway(_opened(home.vae), run.averaged()).save_pretrained(home.sharp)
    say(f"wrote {home.sharp}")


@torch.no_grad()
def halfway(one: AutoencoderKL, other: AutoencoderKL) -> AutoencoderKL:
    """The mean of two autoencoders' weights; one is changed."""
    for weight, end in zip(one.parameters(), other.parameters(), strict=True):
        weight.lerp_(end, 0.5)
    return cast("Any", one).to(memory_format=torch.contiguous_format)


def painter(home: Home, plan: Plan, folder: Path) -> Painter:
    """A run of the picture model on the frozen autoencoder and today's text encoder."""
    vae = _opened(home.vae)
    text = CLIPTextModel.from_pretrained(home.model / "text_encoder", dtype=torch.float32)
    old = None
    if plan.grown:
        old = UNet2DConditionModel.from_pretrained(
            home.model / "unet", torch_dtype=torch.float32, use_safetensors=True
        )
    # A stock belongs to one autoencoder and one seed; levers and the long run share it.
    name = f"stock-{fingerprint_of(home.vae)}-{plan.seed}"
    stock = Stock(home.work / name, vae, plan.seed, STOCK_SLOTS, shares_of=partial(shares_in, plan))
    tokenizer = CLIPTokenizer.from_pretrained(home.model / "tokenizer")
    return Painter(plan, folder, stock, vae, text, tokenizer, old, training_dtype())


def levers_stage(home: Home, names: list[str], core_minutes: float, seed: int) -> None:
    """Run the named levers side by side: each in its turn to the next five core-minutes.

    So they can be compared at equal processor time wherever the stage is stopped.
    """
    folder = home.work / "levers"
    turns = max(1, round(core_minutes / TURN_MINUTES))
    for turn in range(1, turns + 1):
        budget_s = 60.0 * core_minutes * turn / turns
        for name in names:
            plan = replace(LEVERS[name], seed=seed, warmup_steps=LEVER_WARMUP_STEPS)
            run = painter(home, plan, folder / slug(name))
            if run.spent_s < budget_s:
                run.run(home.work, budget_s, measure_s=math.inf, report=say)
                (home.work / "levers.md").write_text(lever_table(read_curves(folder)))


def long_plan(home: Home, seed: int) -> Plan:
    """The plan of the long run: plan.json in the work folder, or the levers that paid.

    Fields of the plan under "settings" there stand above what the levers say.
    """
    path = home.work / "plan.json"
    if not path.exists():
        path.write_text(json.dumps({"levers": winners(read_curves(home.work / "levers"))}) + "\n")
    kept = json.loads(path.read_text())
    settings = {key: tuple(v) if isinstance(v, list) else v
                for key, v in kept.get("settings", {}).items()}  # fmt: skip
    return replace(combined(kept["levers"], seed), **settings)


def export(home: Home, run: Painter, out: Path | None = None) -> Parts:
    """Write the averaged model as a folder that the studio reads: `out`, or the home's own."""
    unet = run.averaged()
    vae = _opened(home.sharp) if home.sharp.exists() else run.vae
    out = out or home.work / "model"
    write_folder(out, run.tokenizer, run.text, unet, vae, GUIDANCE, world=SECOND)
    return Parts(run.tokenizer, run.text, unet, vae)


def sheet(home: Home, run: Painter, steps: int = 20, columns: int = 8) -> None:
    """Export, and lay out the first set's pictures, with their seeds, as they stand."""
    parts = export(home, run)
    prompts = [q.prompt for q in eye_questions("first")]
    made = [
        generate(parts, prompts[i : i + columns], GUIDANCE, steps=steps, seed=i, between=home.wait)
        for i in range(0, COUNT, columns)
    ]
    rows = [np.concatenate(list(row), axis=1) for row in made]
    path = home.work / f"sheet-{run.examples:08d}.png"
    cv2.imwrite(str(path), np.concatenate(rows)[:, :, ::-1])
    say(f"wrote {path}")


def pictures_stage(home: Home, seed: int) -> None:
    """The long run, with a sheet and an export at each 100,000 examples and at the end."""
    run = painter(home, long_plan(home, seed), home.work / "pictures")
    say(f"long run: {run.plan}")
    run.run(home.work, report=say, sheet=partial(sheet, home, run))
    sheet(home, run)


def finish_stage(home: Home, weights: WeightSet, seed: int, examples: int) -> None:
    """Let the rate of a copy of the long run fall over so many examples, and write the model."""
    begin(home.work, weights)
    own = Home(weights.folder, home.model)
    plan = finishing(long_plan(own, seed), weights, examples)
    run = painter(own, plan, own.work / "pictures")
    say(f"finish: {plan}")
    run.run(own.work, report=say)
    export(own, run, weights.model)
    say(f"wrote {weights.model}")


def set_stage(home: Home, args: argparse.Namespace) -> None:
    """One stage of a set of weights."""
    weights = WeightSet(home.work / args.set)
    match args.stage:
        case "finish":
            finish_stage(home, weights, args.seed, args.examples)
        case "controlnet":
            controlnet_stage(weights, args.steps, args.scenes, args.batch, say, start=args.start)
        case _:
            styles_stage(weights.model, weights.loras, report=say)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file while the block lasts.

    Raises:
        SystemExit: Somebody else holds it.
    """
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"A training runs in {path.parent} already.") from None
        yield


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m toyworld.pocket", description=__doc__)
    parser.add_argument("stage", nargs="?", choices=("all", *STAGES, *SET_STAGES), default="all")
    parser.add_argument("--work", type=Path, default=training_folder(), help="holds all state")
    parser.add_argument("--model", type=Path, default=Path("models/checkpoints/pocket"),
                        help="today's model, to grow from")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--core-hours",
        type=float,
        default=0.75,
        help="budget of the autoencoder, or of its decoder",
    )
    parser.add_argument("--levers", nargs="*", choices=tuple(LEVERS), default=list(LEVERS),
                        metavar="LEVER", help=f"of: {', '.join(LEVERS)}")  # fmt: skip
    parser.add_argument("--core-minutes", type=float, default=25.0, help="budget of each lever")
    parser.add_argument("--set", default="set", help="name of the set's folder, in --work")
    parser.add_argument("--examples", type=int, default=30_000, help="of finish: how many more")
    parser.add_argument("--steps", type=int, default=1500, help="of the ControlNet, in all")
    parser.add_argument("--batch", type=int, default=16, help="of the ControlNet")
    parser.add_argument("--start", type=Path, help="ControlNet to go on from where the set has no "
                        "state of one, e.g. the bundled one")  # fmt: skip
    parser.add_argument("--scenes", type=int, default=3000, help="that the ControlNet learns from")
    return parser.parse_args()


def main() -> None:
    """Run the stages that the command line asks for."""
    args = arguments()
    home = Home(args.work, args.model)
    home.work.mkdir(parents=True, exist_ok=True)
    if args.stage in SET_STAGES:
        (home.work / args.set).mkdir(exist_ok=True)
        with locked(home.work / args.set / f"lock-{args.stage}"):
            be_humble()
            set_stage(home, args)
        return
    with locked(home.work / "lock"):  # refused at once, however busy the machine is
        be_humble()
        if args.stage in ("all", "autoencoder") and not home.vae.exists():
            autoencoder_stage(home, args.seed, args.core_hours)
        if args.stage == "decoder":
            decoder_stage(home, args.seed, args.core_hours)
        if args.stage in ("all", "levers"):
            levers_stage(home, args.levers, args.core_minutes, args.seed)
        if args.stage in ("all", "pictures"):
            pictures_stage(home, args.seed)
        if args.stage == "sheet":
            sheet(home, painter(home, long_plan(home, args.seed), home.work / "pictures"))


if __name__ == "__main__":
    main()
