"""Textual inversions as chips under the prompt: one puts its name in, once more takes it out."""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr

from ui.forms.stage import mount_call
from ui.server.foreign import as_dict
from ui.server.studio import Studio

_TEMPLATE = """
<div class="styles words">
  <p class="none">Textual inversions (.safetensors) in models/embeddings appear here.</p>
  <div class="chips" role="group" aria-label="Embeddings"></div>
</div>
"""


def embedding_chips(studio: Studio, mode: str) -> gr.HTML:
    """Builds the chips of a tab; what they add stands in the text of its prompts."""

    def at_hand(asked: Any) -> dict[str, Any]:
        """The textual inversions; `why` says why one cannot be used with the asked model."""
        model = str(as_dict(asked).get("model", ""))
        return {
            "embeddings": [
                {
                    "name": one.name,
                    "vectors": one.vectors,
                    "why": one.problem
                    or (None if model in one.fits else "It was learned for another kind of model."),
                }
                for one in studio.engine.library(refresh=True).embeddings
            ]
        }

    async def embeddings(asked: Any) -> dict[str, Any]:
        """Looks into the folders, away from the page's own thread."""
        return await asyncio.to_thread(at_hand, asked)

    return gr.HTML(
        None,
        html_template=_TEMPLATE,
        js_on_load=mount_call("mountEmbeddings", mode, ()),
        server_functions=[embeddings],
        apply_default_css=False,
        elem_classes="loom-styles",
    )
