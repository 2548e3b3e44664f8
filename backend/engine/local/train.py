"""`python -m backend.engine.local.train CONFIG.json`: a LoRA fitted from the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from backend.contracts.errors import LoomError
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import pick
from backend.training.config import CommandConfig, read_config
from backend.training.data import load_folder
from backend.training.lora import fit, prepare


def _command(config: CommandConfig) -> None:
    info = Catalog(config.models, FAMILIES).checkpoint(config.model)
    target = pick(config.device, config.dtype)
    pictures = load_folder(config.data, config.caption)
    model = FAMILIES.load(info, target)
    examples = prepare(model, pictures, config.resolution, lambda: None)
    print(
        f"{len(examples)} pictures, {config.total_steps(len(examples))} steps, {target.device} "
        f"{target.dtype_name}"
    )
    for step in fit(config, model, examples, lambda: None, resume=config.resume):
        if step.step % 10 == 0 or step.step == step.total:
            print(f"step {step.step}/{step.total} loss {step.loss:.4f}", flush=True)
    print(f"wrote {config.output}")


def main(arguments: Sequence[str]) -> int:
    """Runs the command line; returns the exit code."""
    if len(arguments) != 1:
        print("usage: python -m backend.engine.local.train CONFIG.json", file=sys.stderr)
        return 2
    try:
        _command(read_config(Path(arguments[0])))
    except LoomError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
