"""Easy Diffusion's chunks."""

from __future__ import annotations

from backend.recipes.readers.easy_diffusion import read

TEXTS = {"prompt": "a house", "num_inference_steps": "8", "use_stable_diffusion_model": "sd.ckpt"}


def test_fields_in_chunks() -> None:
    texts = TEXTS | {"use_lora_model": "ink", "lora_alpha": "0.5", "clip_skip": "True",
                     "sampler_name": "dpmpp_2m", "seed": "x", "use_vae_model": "None"}  # fmt: skip
    draft = read(texts)
    assert draft is not None
    parsed = draft.settled()
    assert parsed.settings == {
        "prompt": "a house", "steps": 8, "model": "sd", "clip_skip": 2, "sampler": "dpmpp_2m",
        "schedule": "model", "loras": [{"name": "ink", "weight": 0.5}],
    }  # fmt: skip
    assert parsed.notes == ("'seed: x' is not a number.",)


def test_others_are_not_its() -> None:
    assert read({"prompt": "a house"}) is None
    assert read(TEXTS | {"prompt": '{"3": {}}'}) is None
