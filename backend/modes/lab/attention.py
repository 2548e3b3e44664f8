"""A run that is looked at: where its network looks at each word of the prompt, step by step."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
import torch

from backend.contracts.conditions import conditions_of
from backend.contracts.errors import BadInput
from backend.contracts.events import Output, Pixels, Progress
from backend.contracts.lab.words import MOST_WORDS, Attended, AttentionSettings
from backend.models.denoiser.word_attention import WordAttention
from backend.models.tensors import numbers
from backend.models.text.prompt_schedule import at_steps
from backend.models.text.tokens import tokens_of, words_of
from backend.modes.context import Context
from backend.modes.guide import make_denoiser
from backend.modes.lab.words import reader_of
from backend.modes.leasing import Held, Needs
from backend.modes.mode import PictureMode, Task
from backend.modes.record import outputs
from backend.modes.run import Run, Sampled, conduct, drive
from backend.modes.stage import stage_of
from backend.modes.start import fresh, make_noise
from backend.modes.watching import Shown


def run(request: Task[AttentionSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `AttentionSettings`.
        context: The job's surroundings.

    Yields:
        The picture, the very one of a run that nobody looks at; its view "word-N" holds the maps of
        a word at all steps, side by side.
    """
    needs = Needs.of(request.settings)
    yield from conduct(needs, context, partial(_drawn, request, context))


@dataclass(frozen=True, eq=False)
class Looking:
    """A `Change` of a run: the network is looked at, but while another job runs.

    Attributes:
        control: Of its layers.
        context: The job's surroundings.
    """

    control: WordAttention
    context: Context

    @contextmanager
    def installed(self) -> Generator[None]:
        """While the block lasts."""
        interludes = self.context.interludes
        with self.control.installed():
            interludes.append(self.control.paused)
            try:
                yield
            finally:
                interludes.remove(self.control.paused)

    def at(self, step: int) -> None:
        """Every step is looked at."""


def _drawn(request: Task[AttentionSettings], context: Context, held: Held) -> Iterator[Output]:
    settings, model = request.settings, held.model
    check_prompt(settings)
    words = words_of(tokens_of(reader_of(model), settings.prompt))[:MOST_WORDS]
    if not words:
        raise BadInput("There is no word to look for; write a prompt.", "prompt")
    control = WordAttention(model.network.model, model.patches, [one.positions for one in words])
    stage = stage_of(settings, model, context)
    noise = make_noise(settings, model)
    begin = fresh(stage, noise)
    height, width = begin.x.shape[2:]
    maps: list[torch.Tensor] = []

    def walk() -> Sampled:
        return Sampled.of(settings, make_denoiser(stage, begin.span), begin, noise)

    def keep(x: torch.Tensor) -> None:
        maps.append(control.take(height, width))

    looking = Looking(control, context)
    latents = drive(Run(walk, Shown(stage), (looking,), keep=keep))
    seen = torch.stack(maps)
    shares = [numbers(row) for row in seen.mean(dim=(2, 3)).T]
    found = Attended(
        tuple(one.text for one in words),
        tuple(tuple(round(share, 5) for share in row) for row in shares),
        len(maps),
        (width, height),
    )
    context.inform({"lab": asdict(found)})
    context.report(Progress("decoding"))
    views = {f"word-{number}": strip(seen[:, number]) for number in range(len(words))}
    for output in outputs(stage, latents, {}):
        yield replace(output, views=views)


def check_prompt(settings: AttentionSettings) -> None:
    """Refuses prompts of which no word has one place all along.

    Raises:
        BadInput: Says what to take out.
    """
    said = set(at_steps(settings.prompt, settings.steps))
    if len(said) > 1 or len(conditions_of(settings.prompt)) > 1:
        raise BadInput(
            "Maps are of one prompt from the first step to the last; take AND and changes on the "
            "way, like [a:b:0.5], out of it.",
            "prompt",
        )


def strip(maps: Sequence[torch.Tensor] | torch.Tensor) -> Pixels:
    """(steps, h, w) -> (h, steps w, 3): side by side, from the least of all to the most."""
    side_by_side = torch.cat(list(maps), dim=1)
    least, most = float(side_by_side.min()), float(side_by_side.max())
    share = (side_by_side - least) / (most - least) if most > least else side_by_side * 0
    grey = (share * 255).round().to(torch.uint8).numpy()
    return np.ascontiguousarray(grey[..., None].repeat(3, axis=-1))


MODE = PictureMode(AttentionSettings, run)
