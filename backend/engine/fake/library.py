"""What `FakeEngine` pretends to have: models, samplers, a LoRA, a ControlNet, failures."""

from __future__ import annotations

from backend.contracts.capabilities import Capabilities, Enlarging
from backend.contracts.errors import ModelProblem, NumericalProblem, OutOfMemory, StorageProblem
from backend.contracts.library import (
    ControlNetEntry,
    EmbeddingEntry,
    Library,
    LoraEntry,
    ModelEntry,
    UpscalerEntry,
)
from backend.sampling.samplers import ENTRIES

GIB = 2**30
ENLARGES = Capabilities(from_noise=False, steps=75, sampler="ddim", enlarges=Enlarging(4, 20, 350))
"""Of models whose names end in "-x4"."""

FAILURES: dict[str, Exception] = {
    "!oom": OutOfMemory("This picture does not fit into memory; 768x768 would fit."),
    "!model": ModelProblem("The model 'pocket' lacks unet/config.json; copy the folder again."),
    "!nan": NumericalProblem("The model produced no finite numbers; try dtype float32."),
    "!disk": StorageProblem("The disk is full; free some space and generate again."),
    "!crash": RuntimeError("/secret/path: an internal error that no one may read"),
}
"""A prompt that contains the key fails with the value after half of its steps."""


def native_px(model: str) -> int:
    """Side of a model's native square."""
    return 512 if model.endswith("-xl") else 256


def library(models: tuple[str, ...]) -> Library:
    """Every sampler, one LoRA, one ControlNet, and the models of these names."""
    misfit = "It was made for SDXL; this model is of another size."
    damaged = "embeddings/cut-short.safetensors is damaged; copy it again."
    return Library(
        models=tuple(_model(name) for name in models),
        samplers=ENTRIES,
        loras=tuple(
            LoraEntry(
                name,
                2**20,
                "sd",
                8,
                (name.removeprefix("pocket-"),),
                problem,
                {model: problem for model in models if problem},
                base="Pocket",
                about="Lines as of a pen." if name == "pocket-ink" else "",
                picture=not name.startswith("grand"),
                blocks=True,
            )
            for name, problem in (
                ("pocket-ink", None),
                ("pocket-neon", None),
                ("grand-oil", misfit),
            )
        ),
        controlnets=(ControlNetEntry("pocket-canny", 10 * 2**20, None, ("canny",), ("pocket",)),),
        upscalers=(
            UpscalerEntry("pocket-sharp", "Compact", 4, 2 * 2**20),
            UpscalerEntry("old-one", problem="old-one.pth is a pickle; convert it first."),
        ),
        embeddings=tuple(
            EmbeddingEntry(
                name, family, 4096, 3, problem, () if problem or family == "sdxl" else models
            )
            for name, family, problem in (
                ("bad-hands", "sd1", None),
                ("inkwash", "sd1", None),
                ("grand-calm", "sdxl", None),
                ("cut-short", "", damaged),
            )
        ),
    )


def _model(name: str) -> ModelEntry:
    return ModelEntry(
        name=name,
        title=name.replace("-", " ").title(),
        family="sd1",
        native_size=(native_px(name), native_px(name)),
        guidance_scale=4.0 if name == "pocket" else 6.5,
        bytes=GIB // 20,
        example_prompts=(
            "a red house on grass under a blue sky",
            "a yellow boat on the sea at sunset",
            "two white mushrooms in a dark forest",
        ),
        known_words=("house", "boat", "mushroom"),
        picture=True,
        hash="" if name == "pocket" else "abcd1234",
        recommends={} if name == "pocket" else {"hires_denoise": 0.3, "hires_upscaler": "lanczos"},
        can=ENLARGES if name.endswith("-x4") else Capabilities(),
    )
