"""How `pocket-codes` does on unseen scenes: reconstruction, use of the codebook, edges, prompts.

The strict judge scores what the priors draw; no stage was trained against it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import VQModel
from transformers import CLIPTextModel, CLIPTokenizer

from backend.models.codes.priors import PRIORS
from toyworld.captions import caption
from toyworld.codes_priors import POSITIONS, sampled
from toyworld.codes_vq import SIDE_PX, all_codes, perplexity, pictures_of, used_share
from toyworld.model_card import write_figures
from toyworld.strict_judge import judge_pictures, strict_judge, strict_marks
from toyworld.text import LENGTH
from toyworld.x4_score import edge_f1, psnr_db, rendered, scenes

SEED, COUNT, PROMPTS, BATCH = 83, 200, 100, 20


def decoders(folder: Path) -> dict[str, VQModel]:
    """The models of a folder that decode, by what they are called."""
    places = {"VQ-VAE": folder, "VQGAN": folder / "vqgan"}
    return {
        name: VQModel.from_pretrained(place, torch_dtype=torch.float32).eval()
        for name, place in places.items()
        if (place / "config.json").exists()
    }


def reconstructions(folder: Path, count: int = COUNT) -> str:
    """A table of PSNR, F1 of edges and use of the codebook."""
    truth = rendered(scenes(SEED, count), SIDE_PX)
    models = decoders(folder)
    codes = all_codes(models["VQ-VAE"], truth)
    total = models["VQ-VAE"].config["num_vq_embeddings"]
    lines = [
        f"{count} unseen scenes of {SIDE_PX} px: {used_share(codes, total):.0%} of {total} codes "
        f"in use, perplexity {perplexity(codes, total):.0f}.",
        "",
        "| decoder | PSNR, dB | F1 of edges |",
        "| --- | --- | --- |",
    ]
    for name, model in models.items():
        made = pictures_of(model, codes)
        lines.append(f"| {name} | {psnr_db(made, truth):.2f} | {edge_f1(made, truth):.3f} |")
    return "\n".join(lines)


def embedded(folder: Path, texts: list[str]) -> torch.Tensor:
    """(B, positions, D) as the studio reads them."""
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    encoder = CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32).eval()
    filled = tokenizer(
        texts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt"
    )
    with torch.no_grad():
        made = encoder(filled.input_ids, attention_mask=filled.attention_mask)
    return made.last_hidden_state[:, :POSITIONS]


def drawn(folder: Path, name: str, texts: list[str]) -> np.ndarray:
    """(N, 128, 128, 3): one picture for each prompt, of seeds that count up from 0."""
    prior = PRIORS[name].from_pretrained(folder / name, torch_dtype=torch.float32).eval()
    best = list(decoders(folder).values())[-1]
    made = []
    for start in range(0, len(texts), BATCH):
        some = texts[start : start + BATCH]
        seeds = list(range(start, start + len(some)))
        made.append(pictures_of(best, sampled(prior, embedded(folder, some), seeds)))
    return np.concatenate(made)


def prompts_kept(folder: Path, work: Path, count: int = PROMPTS) -> str:
    """A table of what the strict judge sees in pictures of unseen scenes' captions."""
    there = [name for name in PRIORS if (folder / name).is_dir()]
    if not there:
        return "No prior has learned yet."
    wanted = scenes(SEED + 1, count)
    rng = np.random.default_rng(SEED)
    texts = [caption(scene, rng) for scene in wanted]
    judge = strict_judge(work)
    lines = ["| prior | subject | colour | setting |", "| --- | --- | --- | --- |"]
    for name in there:
        marks = strict_marks(judge_pictures(judge, drawn(folder, name, texts)), wanted)
        shares = (marks.subject.mean(), marks.colour.mean(), marks.setting.mean())
        lines.append(f"| {name} | " + " | ".join(f"{share:.0%}" for share in shares) + " |")
    return "\n".join(lines)


def write_score(folder: Path, work: Path) -> str:
    """Measures the folder and puts the figures into its card.

    Args:
        folder: Of the model.
        work: Where the judge is kept, or trained first.
    """
    table = f"{reconstructions(folder)}\n\n{prompts_kept(folder, work)}"
    write_figures(folder, table)
    return table
