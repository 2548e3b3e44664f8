"""What stands under a tab's prompt: how many tokens it takes, earlier prompts, styles."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from itertools import chain, zip_longest
from typing import Any

import gradio as gr

from backend.contracts.conditions import plain_word, said_of
from backend.contracts.settings import MAX_PROMPT_CHARS
from backend.engine.jobs.protocol import Engine
from backend.recipes.dialects import TITLES, Dialect, guessed, named, translated
from backend.storage.styles import MAX_FILE_BYTES, StyleFiles
from ui.forms.prompt_words import words_for
from ui.forms.stage import mount_call
from ui.jobs.sentences import sentence
from ui.server.foreign import as_dict, as_list
from ui.server.roles import check, role_of
from ui.server.studio import Studio
from ui.server.uploads import read_upload

MAX_TEXTS = 12  # prompt fields of a tab
FILLED = ("prompt", "negative_prompt")
_ROW = """
<div class="prompt-row"><small class="tokens"></small>
  <button type="button" class="past-open quiet" aria-expanded="false" aria-haspopup="listbox"
    title="The prompts you generated with in this browser">Past prompts</button>
  <div class="past-list" hidden>
    <div role="listbox" aria-label="Past prompts"></div>
    <p class="none">Prompts that you generate with appear here; they stay in this browser.</p>
    <button type="button" class="past-clear quiet">Forget them</button>
  </div>
  <button type="button" class="translate quiet" hidden></button>
  <small class="said" role="status" hidden></small>
</div>
"""
_STYLES = """
<div class="styles">
  <p class="warn" role="status" hidden></p>
  <div class="chips" role="group" aria-label="Styles"></div>
  <button type="button" class="take quiet"
    title="A file in A1111's format: name, prompt, negative_prompt">Import styles.csv</button>
  <input type="file" accept=".csv,text/csv" aria-label="A styles.csv" hidden>
</div>
"""


def prompt_row(studio: Studio, mode: str) -> gr.HTML:
    """Builds the row under the prompt of a tab."""
    engine = studio.engine

    async def tokens(asked: Any) -> dict[str, Any]:
        """Tokens in each chunk of each text, and how many a chunk holds; None where unknown.

        Beside them, whose syntax the texts seem to be in, and what AND makes of them.
        """
        counts = await asyncio.to_thread(counted, engine, asked)
        return {"counts": counts, **looked_over(asked)}

    def translate(asked: Any) -> dict[str, Any]:
        """Prompt and negative prompt in this studio's syntax, and what was changed."""
        return in_our_words(asked)

    async def words(asked: Any) -> dict[str, Any]:
        """What completes a prompt of {"model"}."""
        model = str(as_dict(asked).get("model", ""))
        return words_for(await asyncio.to_thread(engine.library), model)

    return gr.HTML(
        None,
        html_template=_ROW,
        js_on_load=mount_call("mountPrompt", mode, ("fill",)),
        server_functions=[tokens, words, translate],
        apply_default_css=False,
        elem_classes="loom-prompt-row",
    )


def style_chips(studio: Studio, mode: str) -> gr.HTML:
    """Builds the styles of a tab; what they add stands in the text of its prompts."""

    def styles(asked: Any) -> dict[str, Any]:
        """Every style, and what is wrong with the person's own file."""
        return listed(studio.styles)

    def take_styles(asked: Any, request: gr.Request) -> dict[str, Any]:
        """Adds those of an uploaded file."""
        path = as_dict(asked).get("path")
        try:
            check("member", role_of(request))
            taken = studio.styles.take(read_upload(path, MAX_FILE_BYTES))
        except Exception as error:
            return {"error": sentence(error)}
        shown = listed(studio.styles)
        return {"taken": len(taken.styles), **shown, "problem": taken.problem or shown["problem"]}

    return gr.HTML(
        None,
        html_template=_STYLES,
        js_on_load=mount_call("mountStyles", mode, ()),
        server_functions=[styles, take_styles],
        apply_default_css=False,
        elem_classes="loom-styles",
    )


def listed(shelf: StyleFiles) -> dict[str, Any]:
    """The styles for the page."""
    styles, problem = shelf.list()
    return {"styles": [asdict(style) for style in styles], "problem": problem}


def read_fill(data: Any) -> tuple[str, str]:
    """The prompt and the negative prompt that the page's script puts together."""
    texts = [as_dict(data).get(key) for key in FILLED]
    prompt, negative = (text[:MAX_PROMPT_CHARS] if isinstance(text, str) else "" for text in texts)
    return prompt, negative


def looked_over(asked: Any) -> dict[str, Any]:
    """{"dialect": {"name", "title"} or None, "said": sentences} of the texts that are asked of.

    What a record said of its tool goes before a guess. `fields` names the fields of the texts.
    """
    fields = as_list(as_dict(asked).get("fields"))
    found_texts = zip_longest(as_list(as_dict(asked).get("texts"))[:MAX_TEXTS], fields[:MAX_TEXTS])
    named_texts = [
        (text[:MAX_PROMPT_CHARS], field) for text, field in found_texts if isinstance(text, str)
    ]
    texts = [text for text, _ in named_texts]
    found: Dialect | None = named(as_dict(asked).get("dialect"))
    if found is None:
        guesses: list[Dialect] = [guess for guess in map(guessed, texts) if guess is not None]
        found = guesses[0] if guesses else None
    elif all(translated(text, found).text == text for text in texts):
        found = None  # nothing in it that would change
    told = None if found is None else {"name": found, "title": TITLES[found]}
    said = [_side_by_side(text, field) for text, field in named_texts]
    return {"dialect": told, "said": list(dict.fromkeys(chain.from_iterable(said)))}


def _side_by_side(text: str, field: Any) -> tuple[str, ...]:
    return plain_word(text) if field == "negative_prompt" else said_of(text)


def in_our_words(asked: Any) -> dict[str, Any]:
    """Answers {"texts": {"prompt", "negative_prompt"}, "dialect"} with both, and {"said"}."""
    dialect = named(as_dict(asked).get("dialect"))
    texts = as_dict(as_dict(asked).get("texts"))
    if dialect is None:
        return {"texts": {}, "said": []}
    made: dict[str, str] = {}
    said: list[str] = []
    for field in FILLED:
        text = texts.get(field)
        if isinstance(text, str):
            found = translated(text[:MAX_PROMPT_CHARS], dialect)
            made[field] = found.text[:MAX_PROMPT_CHARS]
            said += found.said
    return {"texts": made, "said": list(dict.fromkeys(said))}


def counted(engine: Engine, asked: Any) -> list[dict[str, Any] | None]:
    """Answers the page's question {"model", "texts"}; whatever else it sends counts as unknown."""
    model = as_dict(asked).get("model")
    texts = as_dict(asked).get("texts")
    if not isinstance(model, str):
        return []
    found: list[dict[str, Any] | None] = []
    for text in as_list(texts)[:MAX_TEXTS]:
        usable = isinstance(text, str) and len(text) <= MAX_PROMPT_CHARS
        count = engine.count_tokens(model, text) if usable else None
        found.append(None if count is None else {"chunks": list(count.chunks), "size": count.size})
    return found
