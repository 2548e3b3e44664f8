"""What completes a prompt: words that the model knows, LoRAs, wildcards, embeddings."""

from __future__ import annotations

from typing import Any

from backend.contracts.library import Library

MAX_ENTRIES = 5000


def words_for(library: Library, model: str) -> dict[str, Any]:
    """What completes a prompt of a model.

    Args:
        library: Of the engine.
        model: Its name.

    Returns:
        {"known", "entries"}: the words that the model's card lists, none where it lists none; and
        {"text", "kind", "insert", "more"} of each thing that can be put in, e.g. a LoRA as its tag
        with the words that it was trained on.
    """
    card = next((one for one in library.models if one.name == model), None)
    known = list(card.known_words) if card is not None else []
    entries = [_entry(word, "word", word) for word in known]
    for lora in library.loras:
        if lora.problem or model in lora.misfits:
            continue
        trigger = ", ".join(lora.trigger_words)
        tag = f"<lora:{lora.name}:1>"
        entries.append(_entry(lora.name, "LoRA", f"{tag} {trigger}".strip(), trigger))
        entries += [_entry(word, "LoRA's word", word, lora.name) for word in lora.trigger_words]
    entries += [_entry(f"__{name}__", "wildcard", f"__{name}__") for name in library.wildcards]
    entries += [
        _entry(one.name, "embedding", one.name)
        for one in library.embeddings
        if not one.problem and model in one.fits
    ]
    return {"known": known, "entries": entries[:MAX_ENTRIES]}


def _entry(text: str, kind: str, insert: str, more: str = "") -> dict[str, str]:
    return {"text": text, "kind": kind, "insert": insert, "more": more}
