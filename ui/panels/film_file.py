"""The frames of a job as one file, for the panels of what moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from backend.contracts.errors import BadInput
from backend.contracts.settings import ClipSettings, MorphFormat, MorphSettings, parse
from backend.engine.exports.animation import encode
from backend.engine.jobs.protocol import Engine
from ui.jobs.pictures import data_uri
from ui.jobs.sentences import sentence
from ui.server.foreign import as_dict


def film_file(engine: Engine, mode: str) -> Callable[[Any], dict[str, Any]]:
    """What a panel asks for a file of a job of that mode."""

    def made_file(asked: Any) -> dict[str, Any]:
        """The frames of a job as a file: {"job", "format"}."""
        try:
            wanted = as_dict(asked)
            if wanted.get("format") not in get_args(MorphFormat):
                raise BadInput("Choose one of: " + ", ".join(get_args(MorphFormat)) + ".")
            outputs = engine.results(str(wanted.get("job"))[:200])
            if not outputs or outputs[0].record.mode != mode:
                raise BadInput(f"That {mode} is no longer kept; run it again.")
            settings = parse(mode, outputs[0].record.settings)
            assert isinstance(settings, MorphSettings | ClipSettings)
            made = encode(outputs, wanted["format"], settings.fps, ping_pong=settings.ping_pong)
        except Exception as error:
            return {"error": sentence(error)}
        return {"src": data_uri(made.content, made.kind), "name": f"{mode}{made.suffix}"}

    return made_file
