"""Self-attention of a clip's frames that looks at other frames of the clip.

In the up blocks, keys and values of frame k are those of frame 0 and of frame k - 1, side by side,
made from the features of the same step and layer (Text2Video-Zero, 2303.13439, eq. 8, looks at the
first alone; Rerender A Video, 2306.07954, sec. 4.1, at both). In the place of frame 0 may stand
another frame, or a picture that is no frame of the clip. A bank holds those of the last few frames
(StreamV2V, 2405.15757, sec. 3.2, without its merging). The frames are rows of the batch, so nothing
is stored where one call holds all of them; of a longer clip only what the next call of the same
step looks back at.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from backend.contracts.errors import BadInput
from backend.contracts.holdings import Holding
from backend.contracts.settings.kinds import Attend
from backend.models.denoiser.up_attention import UpAttention
from backend.models.memory.devices import place_of
from backend.models.patches import PatchStack
from backend.models.tensors import split_rows

PICTURE = -1  # the number of a key that is no frame


class _Pair(NamedTuple):
    """Keys and values, (halves, frames, T, C) each."""

    k: torch.Tensor
    v: torch.Tensor

    def frames(self, which: slice) -> _Pair:
        """Of some of the frames."""
        return _Pair(self.k[:, which], self.v[:, which])

    def copied(self) -> _Pair:
        """In memory of its own."""
        return _Pair(self.k.clone(), self.v.clone())

    def before(self, later: _Pair) -> _Pair:
        """These frames and those that follow."""
        return _Pair(torch.cat([self.k, later.k], 1), torch.cat([self.v, later.v], 1))


@dataclass(frozen=True)
class Look:
    """What frames look at.

    Attributes:
        attend: Not "off".
        own: Their own keys and values stay beside those of the others, as they do under "bank".
        bank: How many frames before it a frame looks at under "bank".
    """

    attend: Attend
    own: bool = False
    bank: int = 1

    @property
    def itself(self) -> bool:
        """Whether a frame looks at itself too."""
        return self.own or self.attend == "bank"

    @property
    def keyed(self) -> bool:
        """Whether the first frame, or what stands in its place, is looked at."""
        return self.attend in ("first", "first_previous")

    @property
    def back(self) -> int:
        """How many of the frames before it a frame looks at."""
        match self.attend:
            case "bank":
                return self.bank
            case "previous" | "first_previous":
                return 1
            case "first" | "off":
                return 0


@dataclass(frozen=True)
class Rows:
    """What the rows of the coming model call are.

    Attributes:
        frames: Their numbers in the clip; a guided batch holds them twice. Where they begin and the
            first is looked at, row 0 is that key: a frame, or `PICTURE`.
        begins: It is the first call of a step; else it follows the call before.
        goes_on: Another call of the same step follows.
    """

    frames: tuple[int, ...]
    begins: bool
    goes_on: bool


class _Carried(NamedTuple):
    """What the next call of a step looks back at, of one layer.

    Attributes:
        key: One frame; None where it is not looked at.
        last: The frames before; None where they are not.
    """

    key: _Pair | None
    last: _Pair | None


class CrossFrameAttention(UpAttention[Rows]):
    """The self-attention layers of a UNet's up blocks, under one control."""

    def __init__(self, model: UNet2DConditionModel, patches: PatchStack, look: Look) -> None:
        """Looks the UNet over; changes nothing.

        Args:
            model: The UNet.
            patches: Of the checkpoint that it is a part of.
            look: What frames look at.

        Raises:
            BadInput: The UNet has no self-attention in its up blocks.
        """
        lacking = BadInput(
            "This model has no self-attention in its up blocks, by which frames look at each "
            "other; set attend to 'off'.",
            "attend",
        )
        super().__init__(model, patches, lacking)
        self.look = look
        self._carried: dict[str, _Carried] = {}
        self._key = 0
        self._past: tuple[int, ...] = ()  # numbers of the frames in `_Carried.last`
        self._slots: tuple[tuple[int | None, ...], ...] = ()
        self._held: tuple[Holding, ...] = ()
        self.most_bytes = 0

    @contextmanager
    def installed(self) -> Generator[None]:
        """As any; what was carried goes with it."""
        try:
            with super().installed():
                yield
        finally:
            self._forget()

    @contextmanager
    def over(self, rows: Rows) -> Generator[None]:
        """The model calls inside hold these rows."""
        if rows.begins:
            self._forget()
            self._key = rows.frames[0]
        self._slots = tuple(
            tuple(self._source(rows, row, back) for row in range(len(rows.frames)))
            for back in range(1, self.look.back + 1)
        )
        self.blend = rows
        try:
            yield
        finally:
            self.blend = None
            if rows.goes_on:
                self._past = self._kept((*self._past, *rows.frames))
                self._note()
            else:
                self._forget()

    def holdings(self) -> tuple[Holding, ...]:
        """What is carried from one call of a step to the next."""
        return self._held

    @property
    def carried_bytes(self) -> int:
        """Of that; the same for a clip of any length."""
        pairs = (pair for carried in self._carried.values() for pair in carried)
        return sum(pair.k.nbytes + pair.v.nbytes for pair in pairs if pair is not None)

    def seen(
        self, name: str, k: torch.Tensor, v: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of a layer, (B, T, C), as each row sees them: (B, n T, C)."""
        rows = self.blend
        assert rows is not None
        count = len(rows.frames)
        own = _Pair(split_rows(k, count), split_rows(v, count))
        earlier = _Carried(None, None) if rows.begins else self._carried[name]
        key = earlier.key or own.frames(slice(0, 1))
        pool = own if earlier.last is None else earlier.last.before(own)
        if rows.goes_on:
            self._carried[name] = _Carried(
                key.copied() if self.look.keyed else None,
                pool.frames(slice(-self.look.back, None)).copied() if self.look.back else None,
            )
        return (
            torch.cat(self._side_by_side(own.k, key.k, pool.k), dim=2).flatten(0, 1),
            torch.cat(self._side_by_side(own.v, key.v, pool.v), dim=2).flatten(0, 1),
        )

    def favour(self, own: int, k: torch.Tensor) -> torch.Tensor | None:
        """(B, 1, 1, n T): minus infinity where a row has no such frame before it."""
        if not any(place is None for slot in self._slots for place in slot):
            return None
        rows = self.blend
        assert rows is not None
        made = torch.zeros(len(k), 1, 1, k.shape[1], dtype=k.dtype, device=k.device)
        by_row = split_rows(made, len(rows.frames))
        ahead = (self.look.itself + self.look.keyed) * own
        for number, slot in enumerate(self._slots):
            for row, place in enumerate(slot):
                if place is None:
                    by_row[:, row, :, :, ahead + number * own :][..., :own] = -torch.inf
        return made

    def _side_by_side(
        self, own: torch.Tensor, key: torch.Tensor, pool: torch.Tensor
    ) -> list[torch.Tensor]:
        """What each frame looks at, (halves, F, T, C) each."""
        parts = [own] if self.look.itself else []
        if self.look.keyed:
            parts.append(key.expand_as(own))
        with_key = torch.cat([key, pool], dim=1) if self._slots else pool
        for slot in self._slots:
            parts.append(torch.cat([with_key[:, run] for run in _runs(slot)], dim=1))
        return parts

    def _source(self, rows: Rows, row: int, back: int) -> int | None:
        """Where the frame so far before a row's lies: 0 is the key, then come `_past` and the rows.

        The key, and a clip's first frame, come before themselves; None where no frame is there.
        """
        frame, ahead = rows.frames[row], 1 + len(self._past)
        wanted = frame - back
        if not (self.look.keyed and frame == self._key) and wanted >= 0:
            if self.look.keyed and wanted == self._key:
                return 0
            known = (*self._past, *rows.frames)
            if wanted in known:
                return 1 + known.index(wanted)
        return ahead + row if back == 1 and self.look.attend != "bank" else None

    def _kept(self, frames: tuple[int, ...]) -> tuple[int, ...]:
        return frames[-self.look.back :] if self.look.back else ()

    def _note(self) -> None:
        """Puts what is carried on the ledger."""
        size = self.carried_bytes
        self.most_bytes = max(self.most_bytes, size)
        pairs = (pair for carried in self._carried.values() for pair in carried)
        place = next((place_of(pair.k.device) for pair in pairs if pair is not None), "cpu")
        self._held = (Holding("frames that others look at", place, size),) if size else ()

    def _forget(self) -> None:
        self._carried.clear()
        self._past, self._held = (), ()


def _runs(places: Sequence[int | None]) -> Iterator[slice]:
    """Places in order as slices of neighbours; one that is missing stands for any, here the key."""
    begin = end = -1
    for place in (0 if place is None else place for place in places):
        if place == end:
            end += 1
            continue
        if end > begin:
            yield slice(begin, end)
        begin, end = place, place + 1
    yield slice(begin, end)
