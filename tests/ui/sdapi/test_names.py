"""Names and lists, asked for by an unchanged public client."""

from __future__ import annotations

from typing import Any

import webuiapi

QUICK: dict[str, Any] = {"steps": 3, "seed": 7, "width": 64, "height": 64}


def test_names_and_options(api: webuiapi.WebUIApi) -> None:
    assert api.util_get_model_names() == ["pocket", "studio-xl"]
    assert "DPM++ 2M" in api.util_get_sampler_names()
    assert "karras" in api.util_get_scheduler_names()
    assert {"pocket-ink", "pocket-neon"} <= {lora["name"] for lora in api.get_loras()}
    assert api.util_get_current_model() == "pocket"
    api.util_set_model("studio")
    assert api.util_get_current_model() == "studio-xl"
    made = api.txt2img(prompt="a boat", **QUICK)
    assert made.info["sd_model_name"] == "studio-xl"
    once = api.txt2img(
        prompt="a boat", override_settings={"sd_model_checkpoint": "pocket"}, **QUICK
    )
    assert once.info["sd_model_name"] == "pocket"
    api.util_set_model("pocket")


def test_the_clients_lists_are_all_answered(api: webuiapi.WebUIApi) -> None:
    assert api.get_sd_vae() == []
    assert set(api.get_embeddings()) == {"loaded", "skipped"}
    assert api.get_hypernetworks() == api.get_face_restorers() == api.get_realesrgan_models() == []
    assert api.get_cmd_flags()["api"] is True
    assert all({"name", "prompt", "negative_prompt"} <= set(s) for s in api.get_prompt_styles())
