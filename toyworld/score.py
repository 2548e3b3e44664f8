"""`python -m toyworld.score`: the truth about the built-in model, as a table.

500 pictures at the studio's default settings (DPM++ 2M karras, 20 steps, the card's guidance,
native size) over a fixed list of prompts are judged by a classifier of renders. `--gate` asks the
judges that new weights must pass instead (`toyworld.gate`), of several models side by side.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from backend.models.memory.devices import pick
from toyworld.autoencoder import psnr_db
from toyworld.checkpoint import load_state
from toyworld.dataset import render_pool
from toyworld.folder import world_of
from toyworld.frechet import frechet_distance
from toyworld.humble import be_humble
from toyworld.judge import NAMES, Judge, Verdict, judge_path, judge_pictures, mark, trained_judge
from toyworld.pause import wait_while_paused
from toyworld.prompts import SEEDS_A_PROMPT, Question, questions
from toyworld.report import Row, fresh_renders, table, write_sheet
from toyworld.sampling import Parts, generate, load_parts
from toyworld.world import World


def _share(values: NDArray[np.bool_]) -> str:
    return f"{100 * values.mean():.1f} %"


def spread(verdict: Verdict, asked: list[Question]) -> tuple[float, float]:
    """How far the pictures of one prompt differ: mean deviations of place and of size.

    Args:
        verdict: of pictures in the order of `asked`.
        asked: one-subject questions, `SEEDS_A_PROMPT` of each prompt in a row.

    Returns:
        Root mean square deviations of the centre (share of the width) and of the extent.
    """
    kinds = torch.tensor([NAMES.index(q.scene.subjects[0].name) for q in asked])
    rows = torch.arange(len(asked))
    centres = verdict.centre[rows, kinds].unflatten(0, (-1, SEEDS_A_PROMPT))
    extents = verdict.extent[rows, kinds].unflatten(0, (-1, SEEDS_A_PROMPT))
    place = centres.var(dim=1).sum(dim=-1).mean().sqrt()
    return float(place), float(extents.var(dim=1).mean().sqrt())


def score_rows(
    made: NDArray[np.uint8], asked: list[Question], judge: Judge, psnr: float, world: World
) -> list[Row]:
    """Judge the pictures, which are in the order of the questions, beside renders of a world."""
    verdict = judge_pictures(judge, made)
    marks = mark(verdict, [q.scene for q in asked])
    group = np.array([q.group for q in asked])
    one, held_out, two = group == "one", group == "held_out", group == "two"
    first = [q for q in asked if q.group == "one"]
    count = len(first)
    seen = spread(judge_pictures(judge, made[:count]), first)
    drawn = spread(judge_pictures(judge, fresh_renders(first, 3, world=world)), first)
    real = judge_pictures(judge, fresh_renders(asked, 1, world=world)).features.numpy()
    other = judge_pictures(judge, fresh_renders(asked, 2, world=world)).features.numpy()
    far = frechet_distance(verdict.features.numpy(), real)
    near = frechet_distance(other, real)
    return [
        Row(f"one subject ({one.sum()}): subject", _share(marks.subject[one]), "90 %", "75 %"),
        Row("one subject: colour", _share(marks.colour[one]), "95 %", "85 %"),
        Row("one subject: setting", _share(marks.setting[one]), "95 %", "90 %"),
        Row(f"held-out ({held_out.sum()}): subject", _share(marks.subject[held_out]), "80 %", ""),
        Row("held-out: colour", _share(marks.colour[held_out]), "85 %", ""),
        Row("held-out: setting", _share(marks.setting[held_out]), "90 %", ""),
        Row(f"two subjects ({two.sum()}): both, with their colours",
            _share(marks.subject[two] & marks.colour[two]), "60 %", "40 %"),
        Row("two subjects: setting", _share(marks.setting[two]), "", ""),
        Row("autoencoder PSNR, fresh 256-px renders", f"{psnr:.2f} dB", "30 dB", "28 dB"),
        Row("four seeds of a prompt: spread of place, against renders",
            f"{seen[0]:.3f} / {drawn[0]:.3f}", "", ""),
        Row("four seeds of a prompt: spread of size, against renders",
            f"{seen[1]:.3f} / {drawn[1]:.3f}", "", ""),
        Row("Frechet distance to renders, render to render", f"{far:.2f} / {near:.2f}", "", ""),
    ]  # fmt: skip


def generate_all(
    parts: Parts,
    asked: list[Question],
    guidance: float,
    size_px: int,
    batch: int,
    report: Callable[[str], None],
) -> NDArray[np.uint8]:
    """The pictures of all questions; the noise of picture i does not depend on the model."""
    made: list[NDArray[np.uint8]] = []
    began = time.monotonic()
    for start in range(0, len(asked), batch):
        prompts = [q.prompt for q in asked[start : start + batch]]
        made.append(generate(parts, prompts, guidance, size_px, seed=start, batch=batch))
        report(f"{start + len(prompts)}/{len(asked)} pictures, {time.monotonic() - began:.0f} s")
    return np.concatenate(made)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m toyworld.score", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/checkpoints/pocket"))
    parser.add_argument("--work", type=Path, default=Path("runs/pocket"), help="judge and renders")
    parser.add_argument(
        "--count", type=int, default=None, help="pictures (500; sampler table 2000)"
    )
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--guidance", type=float, default=None, help="instead of the card's")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--judge-steps", type=int, default=2000)
    parser.add_argument("--sampler-table", action="store_true", help="the DDIM experiment instead")
    parser.add_argument("--controlnet", action="store_true", help="score the edges instead")
    parser.add_argument(
        "--controlnet-model", type=Path, default=Path("models/controlnet/pocket-canny")
    )
    parser.add_argument(
        "--edges-alone", action="store_true", help="of the ControlNet's score: ask no judge"
    )
    parser.add_argument("--styles", action="store_true", help="score the style LoRAs instead")
    parser.add_argument("--loras", type=Path, default=Path("models/loras"))
    parser.add_argument(
        "--gate", action="store_true", help="the judges that new weights must pass instead"
    )
    parser.add_argument(
        "--beside", type=Path, nargs="*", default=[], help="more models for the gate's table"
    )
    parser.add_argument("--gate-questions", type=int, default=500)
    parser.add_argument(
        "--humble", action="store_true", help="one thread, idle priority, held by pause files"
    )
    parser.add_argument("--write-card", action="store_true", help="put the table in the README")
    return parser.parse_args()


def main() -> None:
    """Print the table that the command line asks for."""
    args = arguments()
    cv2.setNumThreads(1)

    def say(line: str) -> None:
        print(line, flush=True)

    if args.humble:
        be_humble()
    if args.gate:
        from toyworld.gate import main_gate
        from toyworld.strict_judge import strict_judge

        between = partial(wait_while_paused, args.work) if args.humble else None
        main_gate(
            [args.model, *args.beside], strict_judge(args.work, between=between, report=say),
            args.work, args.count or 2000, args.gate_questions, between, say,
        )  # fmt: skip
        return
    alone = args.controlnet and args.edges_alone
    world = world_of(args.model)
    judge = None
    if not alone:
        judge = trained_judge(
            args.work, args.judge_steps, device=args.device, report=say, world=world
        )
    parts = load_parts(args.model, args.device, pick(args.device).dtype)
    if judge is not None and args.sampler_table:
        from toyworld.sampler_table import sampler_table

        say(sampler_table(parts, judge, args.count or 2000, args.size, args.batch, say))
        return
    card = json.loads((args.model / "card.json").read_text())
    guidance = card["guidance_scale"] if args.guidance is None else args.guidance
    if args.controlnet:
        from toyworld.score_controlnet import score_controlnet

        text = score_controlnet(
            parts, judge, args.controlnet_model, guidance, args.count or 100, args.size,
            args.batch, args.work, say, world,
        )  # fmt: skip
        if args.write_card:
            from toyworld.controlnet import readme as control_readme

            (args.controlnet_model / "README.md").write_text(control_readme(text, world))
        return
    assert judge is not None
    if args.styles:
        from toyworld.score_styles import main_styles

        main_styles(
            args.model, args.loras, judge, guidance, args.count or 40, args.size, args.batch,
            args.work, args.device, say,
        )  # fmt: skip
        return
    asked = questions(args.count or 500)
    made = generate_all(parts, asked, guidance, args.size, args.batch, say)
    write_sheet(args.work / "score.png", made[::5])
    psnr = psnr_db(parts.vae.float(), render_pool(args.work, 99, 64, 256, world=world).pixels)
    note = (f"{len(asked)} pictures, {args.size}x{args.size}, DPM++ 2M karras, 20 steps, "
            f"guidance {guidance:g}, {parts.unet.dtype} on {args.device}.")  # fmt: skip
    accuracy = (load_state(judge_path(args.work, world)) or {}).get("accuracy", [])
    note += f" The judge on unseen renders, all pairs and held-out pairs: {accuracy}."
    text = table(score_rows(made, asked, judge, psnr, world), note)
    say(text)
    (args.work / "score.md").write_text(text)
    if args.write_card:
        from toyworld.folder import readme

        (args.model / "README.md").write_text(readme(text, world))


if __name__ == "__main__":
    main()
