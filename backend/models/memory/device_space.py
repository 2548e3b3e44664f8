"""Copies of weights on a device of bounded memory: who has one, who must let it go."""

from __future__ import annotations

import gc
import math
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import nn

from backend.contracts.holdings import Keeper, bytes_at
from backend.models.memory import block_offload, memory_pressure
from backend.models.memory.block_offload import Turns
from backend.models.memory.devices import place_of
from backend.models.memory.memory_pressure import Way, overcome
from backend.models.memory.residency import Copy, Piece, Weights
from backend.models.patches import PatchStack

IN_TURNS = (
    "Memory on the device is short, so the parts of the model take turns there, which is slower."
)

NO_ROOM = "The device has no room for this model; choose a smaller model or dtype."


def _nothing() -> None:
    return None


def _as_it_is(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


@dataclass(frozen=True)
class DeviceTier:
    """The device that weights are copied to while their model is in use.

    Attributes:
        budget_bytes: Weights that it may hold; a single piece of a model may exceed it.
        copy: Makes the copy of a tensor.
        device: Where the copies are.
        empty: Hands unused memory back to the driver.
        pin: Puts a tensor into RAM from which a copy makes nobody wait, where there is some.
        settle: Waits until such copies are done.
    """

    budget_bytes: int
    copy: Copy
    device: torch.device
    empty: Callable[[], None] = _nothing
    pin: Copy = _as_it_is
    settle: Callable[[], None] = _nothing


class Held(Protocol):
    """A model in the cache."""

    @property
    def modules(self) -> Mapping[str, nn.Module]: ...
    @property
    def weights(self) -> Mapping[str, Weights]: ...
    @property
    def leases(self) -> int: ...
    @property
    def patches(self) -> PatchStack: ...


class DeviceSpace:
    """Shares a device between the models of a cache."""

    def __init__(
        self, tier: DeviceTier, lock: threading.Lock, held: Callable[[], Collection[Held]]
    ) -> None:
        """Nothing is on the device yet.

        Args:
            tier: The device.
            lock: Of the cache; guards what lies where.
            held: The models in the cache, the least recently used first.
        """
        self.tier = tier
        self._lock = lock
        self._held = held
        self._calls = 0
        self.beside: tuple[Keeper, ...] = ()

    def bring(self, model: Held) -> None:
        """Copies to the device what is not there yet; idle copies make room.

        Where that is more than the budget, or more than there is, the pieces of the models in use
        take turns from now on, and the job is told.
        """
        with self._lock:
            missing = [w for w in model.weights.values() if w.device_bytes < w.nbytes]
            wanted = sum(weights.nbytes - weights.device_bytes for weights in missing)
            if not wanted:
                return
            self.make_room(wanted)
            fits = self._taken() + wanted <= self.tier.budget_bytes
            if not fits and sum(keeper.release() for keeper in self.beside):
                fits = self._taken() + wanted <= self.tier.budget_bytes
        whole = Way(partial(self._attach, missing))
        in_turns = Way(partial(self._divide, send_home=fits), IN_TURNS)
        ways = [whole, whole, in_turns] if fits else [in_turns]
        overcome(ways, NO_ROOM, self._free_idle)

    def _divide(self, send_home: bool) -> None:
        """Models in use take turns, and leave where there was less than the budget says."""
        with self._lock:
            self._begin_turns()
            if send_home:
                self._send_home()
        self.hand_back()

    def _free_idle(self) -> None:
        with self._lock:
            self.make_room(math.inf)
        self.hand_back()

    def relieve(self) -> None:
        """Lets go of every copy that may go; those of models in use come back piece by piece."""
        with self._lock:
            new = self._begin_turns()
            self._send_home()
        self.hand_back()
        if new:
            memory_pressure.current().tell(IN_TURNS)

    def hand_back(self) -> None:
        """Gives unused memory back to the driver."""
        gc.collect()  # modules refer to themselves in circles
        self.tier.empty()

    # --- the lock is held --------------------------------------------------------------------

    def used(self) -> int:
        """Bytes of all copies."""
        return sum(weights.device_bytes for weights in self._all().values())

    def _taken(self) -> int:
        """Bytes of all copies, of the patches on them, and of what else is kept on the device."""
        keepers = (*self.beside, *(model.patches for model in self._held()))
        return self.used() + bytes_at(keepers, place_of(self.tier.device))

    def make_room(self, wanted: float) -> None:
        """Drops copies of idle models, oldest first, until `wanted` bytes more fit the budget."""
        pinned = {id(w) for model in self._held() if model.leases for w in model.weights.values()}
        for model in self._held():
            for weights in model.weights.values():
                if self._taken() + wanted <= self.tier.budget_bytes:
                    return
                if id(weights) not in pinned:
                    weights.detach()

    def _all(self) -> dict[int, Weights]:
        return {id(w): w for model in self._held() for w in model.weights.values()}

    def _send_home(self) -> None:
        self.make_room(math.inf)
        for weights in self._movable():
            weights.detach()

    def _begin_turns(self) -> bool:
        """From now on the models in use have only those pieces there that work.

        Returns:
            Whether that is new for one of them.
        """
        new = False
        for model in self._held():
            for part, weights in model.weights.items() if model.leases else ():
                module, patches = model.modules[part], model.patches
                if not (block_offload.takes_turns(patches, module) or _stays(model, part)):
                    weights.pin(self.tier.pin)  # each step copies it anew
                    begun = Turns(weights, self.tier.device, self._need, self.tier.settle)
                    block_offload.begin(patches, module, begun)
                    new = True
        return new

    def _can_leave(self, wanted: Weights) -> list[Piece]:
        """Pieces on the device that may go for one of `wanted`, those first that are least missed.

        Other parts go first, the one that was used the longest ago before the rest. Blocks of one
        part are called in the same order again and again, so there the last ones go first, and as
        many as fit stay for ever; what is in no block is at work throughout.
        """
        movable = self._movable()
        others = sorted((w for w in movable if w is not wanted), key=lambda weights: weights.used)
        pieces = [piece for weights in others for piece in weights.pieces]
        if any(weights is wanted for weights in movable):
            pieces += reversed(wanted.pieces[1:])
        return [piece for piece in pieces if piece.on_device]

    def _movable(self) -> list[Weights]:
        """Weights of which every user that is leased lets them come and go."""
        fixed = {
            id(weights)
            for model in self._held()
            if model.leases
            for part, weights in model.weights.items()
            if not block_offload.takes_turns(model.patches, model.modules[part])
            or _stays(model, part)
        }
        return [weights for key, weights in self._all().items() if key not in fixed]

    # --- in the thread that works on the device ----------------------------------------------

    def _attach(self, wanted: Iterable[Weights | Piece]) -> None:
        """Copies to the device; raises where it is full."""
        with self._lock:
            for weights in wanted:
                weights.attach(self.tier.copy)

    def _need(self, wanted: Weights, piece: Piece) -> None:
        """Brings a piece to the device before it works.

        Raises:
            OutOfMemory: There is no room, though nothing else is there that could go.
        """
        self._calls += 1
        wanted.used = self._calls
        if piece.on_device:
            return
        with self._lock:
            self.make_room(piece.nbytes)
            for other in self._can_leave(wanted):
                if self._taken() + piece.nbytes <= self.tier.budget_bytes:
                    break
                other.detach()

        def others_leave() -> None:
            with self._lock:
                for other in self._can_leave(wanted):
                    other.detach()
            self.hand_back()

        overcome(
            [Way(partial(self._attach, [piece]))] * 2,
            "The device has no room for a part of this model, which takes "
            f"{piece.nbytes / 2**30:.1f} GiB; close other programs that use it, or choose "
            "a smaller model or dtype.",
            others_leave,
        )


def _stays(model: Held, part: str) -> bool:
    """Whether a patch, such as a mix or a training at work, keeps the weights where they are."""
    return model.patches.needs(model.modules[part]).in_place
