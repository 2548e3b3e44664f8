"""What a record names: by name, by the file's own name, by hash, or missing, all in a sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backend.contracts.library import (
    EmbeddingEntry,
    HashedKind,
    IpAdapterEntry,
    Library,
    LoraEntry,
    ModelEntry,
    UpscalerEntry,
    VaeEntry,
)
from backend.resolve.at_hand import AtHand, at_hand

LIBRARY = Library(
    (ModelEntry("pocket"), ModelEntry("anime/Dream v2")),
    {},
    loras=(LoraEntry("ink"), LoraEntry("char/style"), LoraEntry("pose/style")),
    vaes=(VaeEntry("soft"),),
    upscalers=(UpscalerEntry("sharp"),),
    ipadapters=(IpAdapterEntry("plus"),),
    embeddings=(EmbeddingEntry("bad-hands"), EmbeddingEntry("calm")),
)
FILES = {
    ("model", "aaaa"): "pocket",
    ("lora", "bbbb"): "ink",
    ("vae", "cccc"): "soft",
    ("embedding", "dddd"): "calm",
}


def found(settings: dict[str, Any], model: dict[str, str] | None = None, **facts: Any) -> AtHand:
    def find(kind: HashedKind, wanted: str) -> str | None:
        return FILES.get((kind, wanted))

    return at_hand(settings, model or {}, facts, LIBRARY, find)


def test_what_is_here_stays_as_it_is() -> None:
    settings = {"model": "pocket", "vae": "", "loras": [{"name": "ink", "weight": 0.5}], "steps": 8}
    assert found(settings) == AtHand(settings)
    assert found({"hires_upscaler": "latent", "upscaler": "lanczos"}).missing == ()


def test_case_folders_and_kinds_of_files_do_not_count() -> None:
    made = found({"model": "Dream v2.safetensors", "loras": [{"name": "my\\INK", "weight": 1.0}]})
    assert made.settings["model"] == "anime/Dream v2"
    assert made.settings["loras"][0]["name"] == "ink"
    assert made.notes == ()


def test_a_name_that_two_files_have_is_neither() -> None:
    made = found({"loras": [{"name": "style", "weight": 1.0}]})
    assert made.notes == ("The LoRA 'style' is not here.",)


def test_another_name_is_found_by_the_hash_and_told() -> None:
    settings = {"model": "renamed", "vae": "v", "loras": [{"name": "l", "weight": 0.3}]}
    made = found(
        settings, {"hash": "aaaa"}, vae_hash="cccc", lora_hashes={"l": "bbbb", "other": "x"}
    )
    assert (made.settings["model"], made.settings["vae"]) == ("pocket", "soft")
    assert made.settings["loras"] == [{"name": "ink", "weight": 0.3}]
    assert made.missing == ()
    assert len(made.notes) == 3
    assert "The model 'renamed' is here as 'pocket'" in made.notes[0]


def test_a_record_may_hold_the_models_hash_alone() -> None:
    assert found({}, {"hash": "aaaa"}).settings == {"model": "pocket"}
    assert found({}, {"hash": "dddd"}).notes == ("The model 'dddd' is not here.",)


def test_a_record_of_ours_without_a_model_gets_none() -> None:
    settings = {"model": "", "upscaler": "sharp"}
    assert found(settings, {"name": "sharp", "hash": "aaaa"}) == AtHand(settings)


def test_all_that_is_missing_is_one_sentence() -> None:
    settings = {
        "model": "x",
        "vae": "y",
        "loras": [{"name": "l", "weight": 1.0}, {"name": "m", "weight": 1.0}],
        "hires_upscaler": "R-ESRGAN 4x+",
    }
    made = found(settings)
    assert made.settings == settings
    assert made.notes == (
        "The model 'x', the autoencoder 'y', the LoRA 'l', the LoRA 'm' and the upscaler "
        "'R-ESRGAN 4x+' are not here.",
    )
    assert made.missing == ("model", "vae", "loras", "hires_upscaler")


def test_embeddings_that_a_record_names_are_looked_for() -> None:
    settings = {"prompt": "a house, embedding:Calm", "negative_prompt": "bad-hands, embedding:ugly"}
    made = found(settings, embeddings={"bad-hands": "ab", "worst": "cd"})
    assert made.absent == {"embeddings": ("worst", "ugly")}
    assert made.notes == ("The embedding 'worst' and the embedding 'ugly' are not here.",)
    assert made.settings == settings


def test_an_embedding_under_another_name_takes_its_place_in_the_prompts() -> None:
    settings = {
        "prompt": "a house, still",
        "negative_prompt": "stillness, (STILL:1.2), a-still",
        "regions": ({"prompt": "the still sea", "weight": 1.0},),
    }
    made = found(settings, embeddings={"still": "dddd"})
    assert made.settings == {
        "prompt": "a house, calm",
        "negative_prompt": "stillness, (calm:1.2), a-still",
        "regions": [{"prompt": "the calm sea", "weight": 1.0}],
    }
    assert made.notes == ("The embedding 'still' is here as 'calm': its hash is the same.",)
    assert made.missing == ()


def test_a_name_with_folders_is_that_file() -> None:
    loras = (LoraEntry("style"), LoraEntry("pose/style"))
    library = replace(LIBRARY, loras=loras, aliases={"lora": {"char/style": "style"}})
    told = ("char\\style.safetensors", "pose/style")
    rows = [{"name": name, "weight": 1.0} for name in told]
    made = at_hand({"loras": rows}, {}, {}, library, lambda kind, wanted: None)
    assert [row["name"] for row in made.settings["loras"]] == ["style", "pose/style"]
    assert made.missing == ()


def test_an_upscalers_file_is_found_by_its_bare_name() -> None:
    made = found({"hires_upscaler": "SHARP.pth", "upscaler": "gone"})
    assert made.settings["hires_upscaler"] == "sharp"
    assert made.absent == {"upscaler": ("gone",)}


def test_an_adapter_is_looked_for_too() -> None:
    made = found({"reference_adapter": "Plus.safetensors"})
    assert (made.settings["reference_adapter"], made.missing) == ("plus", ())
    assert found({"reference_adapter": "gone"}).notes == ("The IP-Adapter 'gone' is not here.",)


def test_many_are_counted() -> None:
    rows = [{"name": f"l{n}", "weight": 1.0} for n in range(60)]
    assert "and 48 more are not here" in found({"loras": rows}).notes[0]


def test_loras_of_regions_are_looked_up_too() -> None:
    region = {"prompt": "a boat", "loras": [{"name": "my\\INK", "weight": 1.0}]}
    made = found({"regions": [{"prompt": "a tree"}, region, {"loras": [{"name": "gone"}]}]})
    assert made.settings["regions"][0] == {"prompt": "a tree"}
    assert made.settings["regions"][1]["loras"] == [{"name": "ink", "weight": 1.0}]
    assert made.absent == {"loras": ("gone",)}
