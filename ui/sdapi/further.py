"""Routes of A1111, Forge and ControlNet that other clients than the tested one ask for first.

They find out by them whether somebody is there and what there is: plugins for painting programs,
chat front ends and bots.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.requests import Request

from backend.control.registry import ENTRIES
from backend.engine.jobs.protocol import Engine
from backend.storage.audit import Audit
from ui.server.roles import check, role_of


def further(app: FastAPI, engine: Engine, audit: Audit | None = None) -> None:
    """Adds them below `/sdapi/v1`; what owners do by them is noted."""

    @app.post("/refresh-vae")
    @app.post("/refresh-embeddings")
    def refresh() -> None:
        engine.library(refresh=True)

    @app.post("/unload-checkpoint")
    def unload(http: Request) -> dict[str, Any]:
        """Concerns everybody, as the page's button does."""
        check("owner", role_of(http))
        engine.free_memory()
        if audit is not None:
            audit.note(http.state.caller.person, "freed memory")
        return {}

    @app.post("/reload-checkpoint")
    def reload() -> dict[str, Any]:
        """A model is loaded by the first picture that needs it."""
        return {}

    @app.get("/extensions")
    def extensions() -> list[dict[str, Any]]:
        return []

    @app.get("/sd-modules")
    def modules() -> list[dict[str, Any]]:
        """Forge's list; text encoders are not on it, they are found by what they hold."""
        vaes = engine.library(refresh=True).vaes
        return [{"model_name": v.name, "filename": v.name} for v in vaes if not v.problem]


def units(app: FastAPI, engine: Engine) -> None:
    """Adds ControlNet's below `/controlnet`."""

    @app.get("/settings")
    def settings() -> dict[str, Any]:
        return {"control_net_unit_count": 4}

    @app.get("/control_types")
    def control_types() -> dict[str, Any]:
        """All preprocessors and models under one type."""
        nets = [net.name for net in engine.library(refresh=True).controlnets if not net.problem]
        names = ["none", *(entry.name for entry in ENTRIES if entry.name != "identity")]
        return {
            "control_types": {
                "All": {
                    "module_list": names,
                    "model_list": ["None", *nets],
                    "default_option": "none",
                    "default_model": "None",
                }
            }
        }
