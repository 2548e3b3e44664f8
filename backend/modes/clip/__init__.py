"""A clip from a clip: image-to-image over all frames in lockstep, which look at each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch

from backend.contracts.clip import Clip, frame_names
from backend.contracts.events import Output, Pixels, Progress
from backend.contracts.settings import ClipSettings
from backend.contracts.settings.clip import KEY_PICTURE
from backend.contracts.sound import SOUND
from backend.control.canny import Canny
from backend.control.flicker import Meter
from backend.models.checkpoint import Checkpoint
from backend.models.denoiser.cross_frame import CrossFrameAttention, Look
from backend.models.memory.devices import Device
from backend.modes import limits, record
from backend.modes.attending import Attending
from backend.modes.clip.edges import Edges
from backend.modes.clip.frames import MOST_TOGETHER, Frames, Key
from backend.modes.clip.inverting import inverted
from backend.modes.clip.keyframes import Keyframes, frame_mix_of
from backend.modes.context import Context
from backend.modes.img2img import START_DRAW
from backend.modes.leasing import Held, Needs
from backend.modes.mode import PictureMode, Task
from backend.modes.run import Change, Run, Sampled, conduct, drive
from backend.modes.stage import Stage, stage_of
from backend.modes.start import Origin, branched
from backend.modes.watching import Shown
from backend.pictures.fit import fit
from backend.sampling.noise import SeededNoise


def run(request: Task[ClipSettings], context: Context) -> Iterator[Output]:
    """Runs one request.

    Args:
        request: With resolved `ClipSettings` and the frames of the clip as pictures; `branch` goes
            on from a stored step, e.g. where the run was stopped.
        context: The job's surroundings.

    Yields:
        One `Output` a frame, in order, with the view "source".
    """
    settings = request.settings
    sources = fitted(request)
    nets: list[str] = []
    if settings.control and settings.control_scale > 0:
        assert settings.controlnet is not None, "`resolve` has named it"
        nets.append(settings.controlnet)
    needs = Needs.of(settings, *nets)
    yield from conduct(needs, context, partial(_drawn, request, context, sources))


def _drawn(
    request: Task[ClipSettings], context: Context, sources: tuple[Pixels, ...], held: Held
) -> Iterator[Output]:
    settings, model = request.settings, held.model
    context.report(Progress("encoding"))
    stage = stage_of(settings, model, context)
    noise = _noise(settings, model)
    keys = Keyframes.of(settings)
    mix = frame_mix_of(stage, keys)
    rows = min(MOST_TOGETHER, limits.rows_that_fit(settings, model.info, model.target))
    begin = _origin(request, stage, noise, sources, partial(inverted, mix=mix, together=rows))
    under: list[Change] = [mix]
    attention, key = None, _key(request, stage)
    if settings.attend != "off" and (len(sources) > 1 or key is not None):
        look = Look(settings.attend, settings.attend_own, settings.bank_frames)
        attention = CrossFrameAttention(model.network.model, model.patches, look)
        under.append(Attending(attention, context))
    edges = None
    for net in held.controlnets:
        canny = Canny(settings.canny_low, settings.canny_high)
        edges = Edges.of(net, [canny(frame) for frame in sources])
    frames = Frames(stage, len(sources), mix, keys, attention, edges, rows, key)

    def walk() -> Sampled:
        return Sampled(settings.sampler, frames.denoiser(begin.span), begin, noise, settings.eta)

    watch = Shown(stage, begin.counted, begin.before)
    latents = drive(Run(walk, watch, under, begin.skipped))
    facts: dict[str, object] = {"clip_sha256": Clip(sources, 1).sha256}
    if key is not None:
        facts |= record.input_facts({KEY_PICTURE: request.images[KEY_PICTURE]})
    if edges is not None:
        facts["controlnets"] = {edges.net.name: edges.net.hash}
    if settings.acting_loras:
        facts["lora_hashes"] = mix.hashes
    context.report(Progress("decoding"))
    yield from _outputs(stage, latents, sources, facts, request.images.get(SOUND))


def fitted(request: Task[ClipSettings]) -> tuple[Pixels, ...]:
    """The frames of a request at the exact size that is drawn."""
    settings = request.settings
    return tuple(
        fit(request.images[name], *settings.drawn_size, settings.resize_mode).image
        for name in frame_names(request.images)
    )


def _key(request: Task[ClipSettings], stage: Stage[ClipSettings]) -> Key | None:
    """The picture that is looked at as the first frame, where one was sent."""
    if KEY_PICTURE not in request.images:
        return None
    settings, model, context = stage.settings, stage.model, stage.context
    size = settings.drawn_size
    picture = fit(request.images[KEY_PICTURE], *size, settings.resize_mode).image
    known, _ = context.posteriors.encode(model, picture, context.check)
    noise = _noise(settings.model_copy(update={"frames": 1}), model)
    noise.skip_to(START_DRAW)  # that of the frames
    return Key(known, noise.draw())


def _noise(settings: ClipSettings, model: Checkpoint) -> SeededNoise:
    """One generator a frame; all with the same seed, or seeds that count up."""
    width, height = settings.drawn_size
    shape = (model.latent_channels, height // model.vae_factor, width // model.vae_factor)
    own = settings.frame_noise == "own"
    seeds = [settings.image_seed(index if own else 0) for index in range(settings.frames)]
    device = model.target.device
    return SeededNoise(seeds, shape, device, pinned=Device(device).pins)


def _origin(
    request: Task[ClipSettings],
    stage: Stage[ClipSettings],
    noise: SeededNoise,
    sources: tuple[Pixels, ...],
    invert: Callable[[Stage[ClipSettings], torch.Tensor, int], torch.Tensor],
) -> Origin:
    """The frames noised to the first level, in the order of img2img's draws; or inverted."""
    schedule = stage.schedule
    start = schedule.steps - stage.settings.model_steps
    if request.branch is not None:
        return branched(request.branch, stage, noise, start)
    encode, check = stage.context.posteriors.encode, stage.context.check
    found = [encode(stage.model, frame, check) for frame in sources]
    mean, std = (torch.cat(parts) for parts in zip(*found, strict=True))
    if stage.settings.start_noise == "inverted":
        return Origin(schedule, invert(stage, mean, start), start=start, began=start)
    known = mean + std * noise.draw()
    x = known + schedule.levels[start] * noise.draw()
    return Origin(schedule, x, start=start, began=start)


def _outputs(
    stage: Stage[ClipSettings],
    latents: torch.Tensor,
    sources: tuple[Pixels, ...],
    facts: dict[str, object],
    sound: Pixels | None,
) -> Iterator[Output]:
    """Decodes frame after frame, so that a stop keeps those that are done; measures flicker."""
    settings, model, context = stage.settings, stage.model, stage.context
    words, meter = record.learned_words(settings, model), Meter()
    # By these a page finds what another run of the same clip has flickered, frame by frame.
    alone = settings.attend == "off" and settings.frame_noise == "own"
    told = {"clip": str(facts["clip_sha256"])[:16], "alone": alone}
    for index, (row, source) in enumerate(zip(record.singles(latents), sources, strict=True)):
        image = model.codec.decode(row, context.check)[0]
        meter.add(source, image)
        context.inform({"flicker": meter.told | told})
        made = record.recorded(settings, model, {**words, **facts, "frame": index})
        views = {"source": source}
        if sound is not None and index == 0:
            views[SOUND] = sound
        yield Output(index, image, made, views=views)


MODE = PictureMode(ClipSettings, run)
