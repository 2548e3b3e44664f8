"""Mixing LoRAs into a loaded model, by sliders, and leaving it as it was, bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from backend.contracts.errors import ModelProblem
from backend.contracts.holdings import Holding
from backend.contracts.settings import LoraUse
from backend.models.lora.file import LoraFile, misfit, modules_by_path
from backend.models.lora.layers import PatchedLayer, PerSample, Term
from backend.models.memory import block_offload
from backend.models.memory.devices import place_of
from backend.models.patches import Needs, PatchStack

Mix = Sequence[tuple[LoraFile, float]]

# The effective scale of a LoRA may differ by this much from the one asked for.
SCALE_TOLERANCE = 0.02
NETWORKS = frozenset({"unet", "transformer"})
"""Parts that read no prompt."""
_MIXED_ALREADY = "the model is under a LoRA mix already"


def weights_at(uses: Sequence[LoraUse], step: int, steps: int) -> tuple[float, ...]:
    """The weight of each LoRA at a step: its own while it acts, else 0.

    Args:
        uses: Rows with start and end, fractions of the run.
        step: 0-based; a LoRA acts where start <= step / steps < end.
        steps: Steps of the run.
    """
    position = step / steps
    return tuple(use.weight if use.start <= position < use.end else 0.0 for use in uses)


def plan(uses: Sequence[LoraUse], steps: int) -> tuple[tuple[float, ...], ...]:
    """`weights_at` for every step of a run: (steps, len(uses))."""
    return tuple(weights_at(uses, step, steps) for step in range(steps))


def canonical(mix: Mix) -> tuple[tuple[LoraFile, float], ...]:
    """The same mix whatever its order: repeated files added up, zeros left out, by content."""
    files: dict[str, LoraFile] = {}
    weights: dict[str, float] = {}
    for file, weight in mix:
        files.setdefault(file.content_hash, file)
        weights[file.content_hash] = weights.get(file.content_hash, 0.0) + weight
    return tuple((files[key], weights[key]) for key in sorted(files) if weights[key] != 0.0)


def text_key(mix: Mix) -> str:
    """Names what a mix does to the text encoder, for the cache of text embeddings.

    From the files' contents and their weights; "" where it leaves the text encoder alone.
    """
    digest = hashlib.sha256()
    touching = [(file, weight) for file, weight in canonical(mix) if file.info.parts - NETWORKS]
    for file, weight in touching:
        digest.update(f"{file.content_hash} {weight!r}\n".encode())
    return digest.hexdigest() if touching else ""


class LoraMixer:
    """Applies mixes to the parts of one loaded model."""

    def __init__(
        self,
        parts: Mapping[str, nn.Module],
        patches: PatchStack,
        *,
        tolerance: float = SCALE_TOLERANCE,
    ) -> None:
        """Looks the model over; changes nothing.

        Args:
            parts: {"unet": ..., "text_encoder": ...}, the modules themselves.
            patches: Of the model that they are parts of.
            tolerance: Where rounding the weights would put a LoRA's effective scale off by more
                than this fraction, the layer keeps W0 and computes the mix beside it. Less than
                0 means always, infinity never.
        """
        self._parts, self._patches = dict(parts), patches
        self._modules = {name: modules_by_path(part) for name, part in parts.items()}
        self.tolerance = tolerance

    def fits(self, file: LoraFile) -> str | None:
        """Why a LoRA does not fit this model, one sentence; None if it fits."""
        return file.info.problem or misfit(file.info, self._modules)

    @contextmanager
    def applied(self, mix: Mix = ()) -> Generator[ActiveMix]:
        """Puts a mix into the live weights; on leaving, every bit is as before.

        The weights' storage stays where it is. One mix at a time: the caller has the model to
        itself, as a job of the engine's worker has.

        Raises:
            ModelProblem: A LoRA does not fit; nothing has been changed then.
            RuntimeError: The model is under a mix already.
        """
        active = ActiveMix(self)
        with ExitStack() as stack:
            for name, part in self._parts.items():
                # Where the part takes turns, the masters in RAM are changed, so copies may go.
                stays = not block_offload.takes_turns(self._patches, part)
                own = _MixedPart(active, name, stays)
                stack.enter_context(self._patches.under(own, part, alone=_MIXED_ALREADY))
            try:
                active.remix(mix)
                yield active
            finally:
                active.restore()

    def patched(self, path: str) -> PatchedLayer:
        part, _, inner = path.partition(".")
        module = self._modules[part][inner]
        if not isinstance(module, (nn.Linear, nn.Conv2d)):
            raise TypeError(f"'{path}' is no linear or convolution layer")
        device = block_offload.device_of(self._patches, self._parts[part])
        return PatchedLayer(path, module, device)

    def send_home(self, path: str) -> None:
        """Before a layer's weight is read or written: the part that it belongs to."""
        block_offload.send_home(self._patches, self._parts[path.partition(".")[0]])


@dataclass(frozen=True, eq=False)
class _MixedPart:
    """The patch that a mix is on one part of the model.

    Attributes:
        mix: In force.
        name: Of the part, as LoRA files call it.
        stays: The weights that are changed are those on the device.
    """

    mix: ActiveMix
    name: str
    stays: bool

    @property
    def needs(self) -> Needs:
        """Whole batches where rows have weights of their own, plain calls where layers have."""
        return Needs(self.mix.has_rows, bool(self.mix.beside), self.stays)

    def holdings(self) -> tuple[Holding, ...]:
        """Kept weights, prepared factors and low-rank paths."""
        return self.mix.held(self.name)


class ActiveMix:
    """A mix in force; made by `LoraMixer.applied`."""

    def __init__(self, mixer: LoraMixer) -> None:
        self._mixer = mixer
        self._layers: dict[str, PatchedLayer] = {}
        # What each layer holds now: content hash and weight of each LoRA, None if per sample.
        self._held: dict[str, tuple[tuple[str, float], ...] | None] = {}
        self._terms: dict[tuple[str, str], Term] = {}
        self._fitting: set[str] = set()
        self._files: tuple[LoraFile, ...] = ()
        self._per_sample: set[str] = set()  # layers whose scales differ between rows
        self._beside: set[str] = set()  # layers that keep W0 and compute the mix beside it
        # For whoever asks from another thread: replaced as a whole, never changed.
        self._held_bytes: dict[str, tuple[Holding, ...]] = {}

    @property
    def layers(self) -> tuple[str, ...]:
        """Paths of the layers that are changed."""
        return tuple(self._layers)

    @property
    def beside(self) -> tuple[str, ...]:
        """Paths of the layers that keep W0 and compute the mix beside it."""
        return tuple(path for path in self._layers if path in self._beside)

    @property
    def has_rows(self) -> bool:
        """Whether rows of a batch have weights of their own in some layer."""
        return bool(self._per_sample)

    def held(self, part: str) -> tuple[Holding, ...]:
        """What it keeps for a part of the model. Safe from any thread."""
        return self._held_bytes.get(part, ())

    @property
    def kept_bytes(self) -> int:
        """Bytes held for this mix: kept weights, prepared factors, low-rank paths."""
        return sum(nbytes for _, _, nbytes in self._kept())

    def remix(self, mix: Mix) -> None:
        """Takes another mix; only the layers whose LoRAs or weights changed are touched.

        Raises:
            ModelProblem: A LoRA does not fit; the mix is as before then.
        """
        self._check(mix)
        self._per_sample.clear()
        self._files = tuple(file for file, _ in mix)
        wanted: dict[str, list[tuple[LoraFile, float]]] = {}
        for file, weight in canonical(mix):
            for path in file.deltas:
                wanted.setdefault(path, []).append((file, weight))
        for path in [path for path in self._layers if path not in wanted]:
            self._drop(path)
        touched: list[str] = []
        errors: dict[str, torch.Tensor] = {}
        for path, parts in wanted.items():
            held = tuple((file.content_hash, weight) for file, weight in parts)
            if self._held.get(path, ()) == held:
                continue
            self._held[path] = None
            touched.append(path)
            layer, operands = self._layer(path), self._operands(path, parts)
            self._mixer.send_home(path)
            error = layer.merge(*operands)
            self._beside.discard(path)
            if error is not None:
                errors[path] = error
            self._held[path] = held
        failing = touched if self._mixer.tolerance < 0 else self._failing(errors)
        for path in failing:
            self._mixer.send_home(path)
            self._layers[path].go_beside(*self._operands(path, wanted[path]))
            self._beside.add(path)
        self._forget()
        self._count()

    def per_sample(self, weights: torch.Tensor) -> None:
        """Gives each sample of the batch a mix of its own, until the next `remix`.

        Args:
            weights: (B, n) on the host, a row for each sample, a column for each LoRA of the mix as
                it was last given. A batch of n B samples holds the B samples n times in
                succession, as classifier-free guidance stacks them.

        Raises:
            ValueError: The columns are not as many as the LoRAs.
        """
        self._by_rows(weights, blocks=False)

    def per_conditioning(self, weights: torch.Tensor) -> None:
        """Gives each conditioning of a call a mix of its own, until the next `remix`.

        What reads prompts keeps the mix that it has: one prompt is read at a time.

        Args:
            weights: (R, n) on the host, a row for each conditioning of the calls to come, each of
                which stands for as many samples in succession.

        Raises:
            ValueError: The columns are not as many as the LoRAs.
        """
        self._by_rows(weights, blocks=True)

    def _by_rows(self, weights: torch.Tensor, *, blocks: bool) -> None:
        if weights.ndim != 2 or weights.shape[1] != len(self._files) or not len(weights):
            raise ValueError(
                f"weights of shape {tuple(weights.shape)} for {len(self._files)} LoRAs"
            )
        columns: dict[str, list[int]] = {}
        for column, file in enumerate(self._files):
            for path in file.deltas:
                if not blocks or path.partition(".")[0] in NETWORKS:
                    columns.setdefault(path, []).append(column)
        for path, own in columns.items():
            layer = self._layer(path)
            files = [(self._files[column], 1.0) for column in own]
            scales = PerSample(weights[:, own].float(), blocks)
            if path in self._per_sample:
                layer.rescale(scales)
                continue
            self._held[path] = None
            self._per_sample.add(path)
            self._mixer.send_home(path)
            layer.go_beside(*self._operands(path, files), scales)
            self._beside.add(path)
        self._count()

    def _count(self) -> None:
        """Brings what is told of the bytes up to date."""
        found: dict[str, dict[str, int]] = {}
        for path, place, nbytes in self._kept():
            places = found.setdefault(path.partition(".")[0], {})
            places[place] = places.get(place, 0) + nbytes
        self._held_bytes = {
            part: tuple(Holding("LoRAs in force", place, n) for place, n in places.items())
            for part, places in found.items()
        }

    def _kept(self) -> Iterator[tuple[str, str, int]]:
        """(path, place, bytes) of all that is held for this mix."""
        for (path, _), term in self._terms.items():
            yield path, place_of(term.down.device), term.down.nbytes + term.up.nbytes
        for path, layer in self._layers.items():
            for place, nbytes in layer.kept.items():
                yield path, place, nbytes

    def _check(self, mix: Mix) -> None:
        for file, _ in mix:
            if file.content_hash not in self._fitting:
                reason = self._mixer.fits(file)
                if reason is not None:
                    raise ModelProblem(f"The LoRA '{file.name}' cannot be used. {reason}")
                self._fitting.add(file.content_hash)

    def _operands(
        self, path: str, parts: Sequence[tuple[LoraFile, float]]
    ) -> tuple[list[Term], list[float]]:
        terms: list[Term] = []
        for file, _ in parts:
            key = (path, file.content_hash)
            if key not in self._terms:
                self._terms[key] = self._layer(path).term(file.deltas[path])
            terms.append(self._terms[key])
        return terms, [weight for _, weight in parts]

    def _layer(self, path: str) -> PatchedLayer:
        if path not in self._layers:
            self._mixer.send_home(path)
            self._layers[path] = self._mixer.patched(path)
        return self._layers[path]

    def _failing(self, errors: Mapping[str, torch.Tensor]) -> list[str]:
        """Layers whose rounding is too coarse; one synchronisation with the device for all."""
        if not errors:
            return []
        stacked: Any = torch.stack(list(errors.values()))
        found: list[float] = stacked.tolist()
        tolerance = self._mixer.tolerance
        # Not "greater": a weight that overflowed gives NaN.
        return [path for path, error in zip(errors, found, strict=True) if not error <= tolerance]

    def _forget(self) -> None:
        """Drops the factors of LoRAs that are no longer in the mix."""
        present = {file.content_hash for file in self._files}
        for key in [key for key in self._terms if key[1] not in present]:
            del self._terms[key]

    def _drop(self, path: str) -> None:
        self._mixer.send_home(path)
        self._layers.pop(path).restore()
        self._held.pop(path, None)
        self._beside.discard(path)

    def restore(self) -> None:
        for path in list(self._layers):
            self._drop(path)
        self._terms.clear()
        self._held_bytes = {}
