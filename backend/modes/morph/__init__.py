"""From one picture to another, through plausible pictures in between.

Two ends -> (inversion) -> starts and prompts interpolated, attention that sees both ends -> all
frames in one batch -> even steps, by new frames in the widest gaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from backend.contracts.errors import Cancelled
from backend.contracts.events import Output, Pixels, Progress
from backend.contracts.settings import MorphSettings
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.attention import EndAttention
from backend.models.lora.file import LoraFile
from backend.models.perceptual import distance as perceptual
from backend.models.perceptual import lpips_metric
from backend.models.perceptual.distance import EncoderMetric
from backend.models.text.clip import Conditioning
from backend.modes import limits, record
from backend.modes.context import Context
from backend.modes.leasing import Held, Needs
from backend.modes.mixing import lora_files, mix_of
from backend.modes.mode import PictureMode, Task
from backend.modes.morph import chain, compatibility, fitting, spacing
from backend.modes.morph import ends as morph_ends
from backend.modes.morph.cost import Ledger
from backend.modes.morph.ends import End
from backend.modes.morph.frames import MOST_TOGETHER, Frames
from backend.modes.morph.gallery import Gallery
from backend.modes.morph.weights import OwnWeights, RowWeights, SharedWeights
from backend.modes.run import conduct, during
from backend.modes.stage import Stage, stage_of
from backend.pictures.difference import psnr
from backend.sampling.interpolation import positions


def run(request: Task[MorphSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `MorphSettings`; pictures "image_a" to "image_d" as it needs them.
        context: The job's surroundings.

    Yields:
        One `Output` a frame, in order; the morph's own facts are the job's info.
    """
    if request.settings.keyframes == 2:
        return _between(request, context)
    return chain.run(request, context, _between)


def _between(request: Task[MorphSettings], context: Context) -> Iterator[Output]:
    """From A to B."""
    return conduct(Needs.of(request.settings), context, partial(_drawn, request, context))


@dataclass(frozen=True, eq=False)
class _Begun:
    """What is known before anything lies between the ends.

    Attributes:
        job: The morph.
        ends: Without their noise yet.
        negative: The negative prompt.
        shown: The ends as the autoencoder gives them back; none in a walk.
        distance: How far apart they look.
        own: What was learned of each end.
    """

    job: _Job
    ends: tuple[End, End]
    negative: Conditioning
    shown: tuple[Pixels, ...] = ()
    distance: float = 0.0
    own: tuple[LoraFile, LoraFile] | None = None


def _drawn(request: Task[MorphSettings], context: Context, held: Held) -> Iterator[Output]:
    stage = stage_of(request.settings, held.model, context)
    mix = mix_of(stage)
    context.report(Progress("encoding"))
    shared_key = f"{mix.hashes} {request.settings.acting_loras}"
    begun = during((mix,), partial(_begin, stage, request.images, mix.text_key, shared_key))
    job, own = begun.job, begun.own
    weights: RowWeights = SharedWeights(mix)
    keys = (shared_key, shared_key)
    if own is not None:
        # One mix at a time: this one holds the same LoRAs and the ends'.
        shared = lora_files(request.settings.acting_loras, held.model, context)
        weights = OwnWeights(job.stage, shared, own)
        keys = (keys[0] + own[0].content_hash, keys[1] + own[1].content_hash)
    facts: dict[str, object] = dict(record.input_facts(request.images))
    if request.settings.acting_loras:
        facts["lora_hashes"] = mix.hashes
    try:
        during((weights,), partial(_finish, begun, weights, keys))
    except Cancelled:
        yield from job.outputs(facts, begun.shown)
        raise
    yield from job.outputs(facts, begun.shown)


def _begin(
    stage: Stage[MorphSettings], images: Mapping[str, Pixels], text_key: str, weights_key: str
) -> _Begun:
    """The ends, and what is learned of them; the settings' LoRAs are in force."""
    settings, model, context = stage.settings, stage.model, stage.context
    ledger = Ledger()
    ends = morph_ends.gather(stage, images, ledger, text_key)
    metric = lpips_metric.installed(model.target.device) or EncoderMetric(model.codec)
    if morph_ends.identical(settings, ends):
        settings = settings.model_copy(update={"frames": 1})
        stage = replace(stage, settings=settings)
    job = _Job(stage, ledger, Gallery(model.codec, metric, context.check))
    negative = model.text.unconditional(settings.negative_prompt, settings.clip_skip, text_key)
    if settings.method == "walk":
        return _Begun(job, ends, negative)
    shown, distance = job.compare(ends)
    own = job.learned(ends, weights_key) if settings.method == "fine" else None
    return _Begun(job, ends, negative, shown, distance, own)


def _finish(begun: _Begun, weights: RowWeights, keys: tuple[str, str]) -> None:
    """The ends' noise, and the frames; the weights are in force."""
    job, ends = begun.job, begun.ends
    stage, settings, model = job.stage, job.settings, job.model
    attention = None
    if settings.method != "walk":
        ends = job.inverted(ends, keys)
        if settings.attention_lambda > 0 and settings.frames > 1:
            attention = EndAttention(model.network.model, model.patches)
    rows = min(MOST_TOGETHER, limits.rows_that_fit(settings, model.info, model.target))
    frames = Frames(stage, ends, begun.negative, weights, attention, job.ledger, rows)

    def draw() -> None:
        job.draw(frames)
        job.tell(frames, ends, begun.shown, begun.distance)

    # In place for all frames: those that come later look at what was kept of the ends.
    during(frames.looking, draw)


@dataclass(frozen=True, eq=False)
class _Job:
    """One morph under way."""

    stage: Stage[MorphSettings]
    ledger: Ledger
    gallery: Gallery

    @property
    def settings(self) -> MorphSettings:
        """Resolved."""
        return self.stage.settings

    @property
    def model(self) -> Checkpoint:
        """Leased."""
        return self.stage.model

    @property
    def context(self) -> Context:
        """The job's surroundings."""
        return self.stage.context

    def compare(self, ends: tuple[End, End]) -> tuple[tuple[Pixels, Pixels], float]:
        """The ends as the autoencoder gives them back, and how far apart they look.

        Told at once, before the work begins.
        """
        a, b = (
            self.model.codec.decode(end.latents, self.context.check)[0]
            for end in ends
            if end.latents is not None
        )
        self.context.steps.show(np.stack([a, b]))
        metric = self.gallery.metric
        distance = perceptual.distance(metric.look(a), metric.look(b))
        self.context.inform(
            {
                "compatibility": compatibility.judge(distance, None, metric)._asdict(),
                "end_distance": round(distance, 4),
            }
        )
        return (a, b), distance

    def learned(self, ends: tuple[End, End], weights_key: str) -> tuple[LoraFile, LoraFile]:
        """A LoRA for each end."""
        with self.ledger.stage("fitting"):
            return fitting.learned(self.stage, ends, self.ledger, weights_key)

    def inverted(self, ends: tuple[End, End], weights_key: tuple[str, str]) -> tuple[End, End]:
        """The ends with their noise."""
        with self.ledger.stage("inverting"):
            denoiser = self.ledger.denoiser(
                self.model.network, [morph_ends.both(ends)], self.context.check
            )
            return morph_ends.inverted(self.stage, ends, denoiser, weights_key)

    def draw(self, frames: Frames) -> None:
        """Fills the gallery."""
        wanted, how = self.settings.frames, self.settings.even
        if wanted == 1:
            self._add(frames, (0.0,), "frames")
            self.context.inform({"notes": ["Both ends are the same; there is one picture."]})
            return
        if how == "insert" and wanted > 3:
            first, rounds = spacing.plan(wanted)
            self._add(frames, positions(first), "frames")
            for count in rounds:
                if count and not (
                    len(self.gallery.frames) >= wanted and spacing.even(self.gallery.gaps)
                ):
                    new = spacing.insertions(self.gallery.at, self.gallery.gaps, count)
                    self._add(frames, tuple(new), "evening out")
            self.gallery.thin_out(wanted)
            self.context.inform(self.gallery.meter())
            return
        self._add(frames, positions(wanted, self.settings.easing), "frames")
        if how == "rerun" and wanted > 2:
            at = spacing.respaced(self.gallery.at, self.gallery.gaps, wanted)
            self.gallery.clear()
            self._add(frames, at, "evening out")

    def _add(self, frames: Frames, at: tuple[float, ...], stage: str) -> None:
        context = self.context
        with self.ledger.stage(stage):
            latents = frames.draw(at)
        context.report(Progress("decoding"))
        with self.ledger.stage("decoding"):
            self.gallery.add(at, latents)
        if len(self.gallery.frames) > 1:
            context.inform(self.gallery.meter())

    def tell(
        self, frames: Frames, ends: tuple[End, End], shown: tuple[Pixels, ...], distance: float
    ) -> None:
        """What the morph cost, and how well its ends came out.

        Args:
            shown: The ends as the autoencoder gives them back; none in a walk.
            distance: How far apart they look.
        """
        facts: dict[str, Any] = {
            "times_s": dict(self.ledger.times_s),
            "sample_forwards": dict(self.ledger.forwards),
            "attention_bytes": frames.attention.kept_bytes if frames.attention else 0,
        }
        told: list[dict[str, Any]] = []
        frame_ends = (self.gallery.frames[0], self.gallery.frames[-1])
        for end, image, frame in zip(ends, shown, frame_ends, strict=bool(shown)):
            entry = {"psnr": psnr(frame.image, image)}
            if end.picture is not None:
                entry["psnr_picture"] = psnr(frame.image, end.picture)
                entry["psnr_autoencoder"] = psnr(image, end.picture)
            told.append(entry)
        if told:
            facts["reconstruction"] = told
            worst = min(entry["psnr"] for entry in told)
            found = compatibility.judge(distance, worst, self.gallery.metric)
            facts["compatibility"] = found._asdict()
        self.context.inform(facts)

    def outputs(self, facts: Mapping[str, object], shown: tuple[Pixels, ...]) -> Iterator[Output]:
        """The finished frames with their records; the ends have what they should be as a view."""
        gallery, settings = self.gallery, self.settings
        words = record.learned_words(settings, self.model)
        for index, frame in enumerate(gallery.frames):
            extra = {**words, **facts, "frame": index, "position": round(frame.at, 5)}
            made = record.recorded(_recipe(settings), self.model, extra)
            views = {"end": shown[int(frame.at)]} if shown and frame.at in (0.0, 1.0) else {}
            yield Output(index, frame.image, made, views=views)


def _recipe(settings: MorphSettings) -> MorphSettings:
    """Settings that make the morph again; a single frame stands for identical ends."""
    return settings if settings.frames >= 3 else settings.model_copy(update={"frames": 3})


MODE = PictureMode(MorphSettings, run)
