"""The Words panel: how the model reads a prompt, and where a run looks at each of its words."""

from __future__ import annotations

from backend.contracts.capabilities import sentence
from backend.contracts.lab.words import AttentionSettings, WordsSettings
from backend.contracts.library import ModelEntry
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.contracts.settings.parsing import parsed
from ui.lab.panel import Panel, Sent, recommended, taken
from ui.server.studio import Studio


def read(studio: Studio, sent: Sent) -> Request:
    """{"model", "prompt"}: its tokens."""
    return Request(parsed(WordsSettings, taken(sent, "model", "prompt")), save=False)


def attention(studio: Studio, sent: Sent) -> Request:
    """{"model", "prompt", "seed"}: a run that is looked at."""
    values = taken(sent, "model", "prompt", "seed", "steps")
    return Request(parsed(AttentionSettings, values), save=False)


def mix(studio: Studio, sent: Sent) -> Request:
    """{"model", "prompt", "prompt_b", "prompt_mix", "seed"}: the picture between two prompts."""
    values = taken(sent, "model", "prompt", "prompt_b", "prompt_mix", "seed", "steps")
    return Request(parsed(Txt2ImgSettings, recommended(studio, sent) | values), save=False)


def unfit(model: ModelEntry) -> str | None:
    """Models that read no prompt have no words."""
    return sentence("prompt", model.can, model.title or model.name)


PANEL = Panel(
    "words",
    20,
    "Words",
    "How the model reads a prompt: its tokens, how alike they are to it, where a run looks at each "
    "word, and what lies between two prompts.",
    {"read": read, "attention": attention, "mix": mix},
    unfit=unfit,
)
