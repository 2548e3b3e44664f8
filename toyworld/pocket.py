"""`python -m toyworld.pocket --work DIR`: the next Pocket, trained beside other work.

One thread, at idle priority where the machine has one, held by the pause files of `toyworld.pause`.
All state lies in the work folder; the same command goes on where the last one stopped, even after
`kill -9`. docs/pocket-training.md says what the stages are and how far the run is.
"""

from __future__ import annotations

import argparse
import fcntl
from pathlib import Path

import torch
from diffusers import AutoencoderKL

from toyworld.deepen import Deepener, DeepenPlan
from toyworld.grow import grow
from toyworld.humble import be_humble
from toyworld.pause import training_folder


def say(line: str) -> None:
    """Print at once, also into a file."""
    print(line, flush=True)


def autoencoder_run(work: Path, model: Path, seed: int) -> Deepener:
    """The run of the autoencoder, from its state or grown from the model's of factor 8."""
    torch.manual_seed(seed)
    shallow = AutoencoderKL.from_pretrained(
        model / "vae", torch_dtype=torch.float32, use_safetensors=True
    )
    return Deepener(grow(shallow), work / "autoencoder.pt", DeepenPlan(seed))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m toyworld.pocket", description=__doc__)
    parser.add_argument("stage", choices=("autoencoder",))
    parser.add_argument("--work", type=Path, default=training_folder(), help="holds all state")
    parser.add_argument("--model", type=Path, default=Path("models/checkpoints/pocket"),
                        help="the model to grow from")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--core-hours", type=float, default=1.5, help="budget of the autoencoder")
    return parser.parse_args()


def main() -> None:
    """Run the stage that the command line asks for."""
    args = arguments()
    be_humble()
    args.work.mkdir(parents=True, exist_ok=True)
    with (args.work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"A training runs in {args.work} already.") from None
        autoencoder_run(args.work, args.model, args.seed).run(
            3600 * args.core_hours, args.work, say
        )


if __name__ == "__main__":
    main()
