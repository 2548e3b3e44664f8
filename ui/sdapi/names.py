"""What can be named: models, samplers, LoRAs, styles, and the lists that clients ask for."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import FastAPI

from backend.contracts.errors import BadInput
from ui.sdapi import answers
from ui.sdapi.payloads import PLOT
from ui.server.studio import Studio

# A1111's; all are drawn as the first, and the answer says so.
LATENT_MODES = (
    *("Latent", "Latent (antialiased)", "Latent (bicubic)", "Latent (bicubic antialiased)"),
    *("Latent (nearest)", "Latent (nearest-exact)"),
)


def names(app: FastAPI, studio: Studio) -> None:
    """Adds the routes of names.

    Args:
        app: The application that is mounted at `/sdapi/v1`.
        studio: What it talks to.
    """
    engine = studio.engine

    @app.get("/sd-models")
    def sd_models() -> list[dict[str, Any]]:
        return answers.models(engine.library(refresh=True))

    @app.post("/refresh-checkpoints")
    @app.post("/refresh-loras")
    def refresh() -> None:
        engine.library(refresh=True)

    @app.get("/samplers")
    def samplers() -> list[dict[str, Any]]:
        return answers.samplers(engine.library())

    @app.get("/schedulers")
    def schedulers() -> list[dict[str, Any]]:
        return answers.schedulers(engine.library())

    @app.get("/loras")
    def loras() -> list[dict[str, Any]]:
        return answers.loras(engine.library(refresh=True))

    @app.get("/scripts")
    def scripts() -> dict[str, list[str]]:
        # The first is the name by which clients tell that ControlNet is there.
        return {mode: ["controlnet m2m", PLOT] for mode in ("txt2img", "img2img")}

    @app.get("/script-info")
    def script_info() -> list[dict[str, Any]]:
        return [answers.plot_info(img2img) for img2img in (False, True)]

    @app.get("/memory")
    def memory() -> dict[str, Any]:
        return answers.memory(engine.memory(), engine.library().device)

    @app.get("/upscalers")
    def upscalers() -> list[dict[str, Any]]:
        return answers.upscalers(engine.library(refresh=True))

    @app.get("/sd-vae")
    def sd_vae() -> list[dict[str, Any]]:
        vaes = engine.library(refresh=True).vaes
        return [{"model_name": v.name, "filename": v.name} for v in vaes if not v.problem]

    @app.get("/embeddings")
    def embeddings() -> dict[str, Any]:
        return answers.embeddings(engine.library(refresh=True))

    @app.get("/prompt-styles")
    def prompt_styles() -> list[dict[str, Any]]:
        styles, _ = studio.styles.list()
        return [asdict(style) for style in styles]

    @app.get("/artists")
    @app.get("/artist-categories")
    @app.get("/hypernetworks")
    @app.get("/face-restorers")
    @app.get("/realesrgan-models")
    def none_here() -> list[dict[str, Any]]:
        return []

    @app.get("/cmd-flags")
    def cmd_flags() -> dict[str, Any]:
        return {"api": True}

    @app.post("/interrogate")
    def interrogate() -> None:
        raise BadInput("There is no captioner here that could describe a picture.", "image")

    @app.get("/latent-upscale-modes")
    def latent_upscale_modes() -> list[dict[str, Any]]:
        return [{"name": name} for name in LATENT_MODES]
