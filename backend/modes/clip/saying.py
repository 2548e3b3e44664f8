"""What each frame of a clip is told: the same words, or words that change along the clip."""

from __future__ import annotations

from collections.abc import Sequence

from backend.contracts.errors import BadInput
from backend.contracts.settings import ClipSettings
from backend.models.text.conditioning import Conditioning
from backend.modes.clip.keyframes import Keyframes
from backend.modes.conditioned import Conditioned, conditioned
from backend.modes.guide import BaseDenoiser, guided, make_denoiser
from backend.modes.prompt_timeline import words_at
from backend.modes.stage import Stage
from backend.modes.start import Span
from backend.sampling.types import Denoiser


def denoiser_of(
    stage: Stage[ClipSettings],
    span: Span,
    text_key: str,
    frames: Sequence[int],
    count: int,
    base: BaseDenoiser | None,
    keys: Keyframes,
) -> Denoiser:
    """The model under guidance for some frames, one a row.

    Args:
        stage: Whose prompts.
        span: What parts of the run are counted over.
        text_key: Names what LoRAs do to the text encoder.
        frames: Their numbers; below 0 for a picture that is none, which is told the first words.
        count: Frames of the clip.
        base: The network with what is under it; None for the plain one.
        keys: What moves along the clip.
    """
    scale = keys.rows("guidance_scale", frames, stage)
    if stage.settings.prompt_over == "steps":
        return make_denoiser(stage, span, text_key, base=base, scale=scale)
    said = words_at(stage.settings, count)
    own = [said[max(0, frame)] for frame in frames]
    settings, reader = stage.settings, stage.model.text
    skip = settings.clip_skip

    def encode(prompt: str) -> Conditioning:
        return reader.encode([prompt], skip, text_key)

    told = [conditioned(words, settings.prompt_mix, encode) for words in own]
    shares = {tuple(one.share for one in parts) for parts in told}
    if len(shares) > 1:
        raise BadInput(
            "Along a clip AND joins as many parts, with the same weights, in every frame.", "prompt"
        )
    return guided(
        stage,
        span,
        [
            Conditioned(Conditioning.cat([one.conditioning for one in parts]), parts[0].share)
            for parts in zip(*told, strict=True)
        ],
        Conditioning.cat([reader.unconditional(words.negative, skip, text_key) for words in own]),
        base or stage.model.network.denoiser,
        scale,
    )
