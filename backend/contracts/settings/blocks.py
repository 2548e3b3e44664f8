"""Factors of a LoRA for the blocks of a U-Net, written as the field's tools write them.

Blocks are counted as the original code of Stable Diffusion counts them: `IN00` is the first layer,
`IN01` ... go down, `MID` is the middle, `OUT00` ... go up; `BASE` is the text encoder. A text is

- a list of factors (`1,0,0.5,...`): of all blocks in that order, or of those that a LoRA of
  Stable Diffusion (17) or SDXL (12) usually changes, which leaves the others out;
- or names with factors (`MID=0, OUT=0.5, OUT03=1`), `IN` and `OUT` for all of a side, the later
  one over the earlier, where the others keep 1;
- or one of the names in `NAMED`, which the lists of sd-webui-lora-block-weight brought up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

MAX_CHARS = 400
MOST = 10.0
BASE, MID = "BASE", "MID"

NAMED: Mapping[str, str] = {
    "ALL": "",
    "NONE": "BASE=0,IN=0,MID=0,OUT=0",
    "INALL": "MID=0,OUT=0",
    "OUTALL": "IN=0,MID=0",
    "MIDALL": "IN=0,OUT=0",
    "INS": "1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0",
    "IND": "1,0,0,0,1,1,1,0,0,0,0,0,0,0,0,0,0",
    "MIDD": "1,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0,0",
    "OUTD": "1,0,0,0,0,0,0,0,1,1,1,1,0,0,0,0,0",
    "OUTS": "1,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1",
}
"""What a name stands for; those of 17 factors are for Stable Diffusion 1 and 2 alone."""

# Those that a LoRA of attention layers changes: places among IN and OUT. By the number of factors.
_USUAL: Mapping[int, tuple[int, Sequence[int], Sequence[int]]] = {
    17: (12, (1, 2, 4, 5, 7, 8), range(3, 12)),
    12: (9, (4, 5, 7, 8), range(6)),
}
_PAIR = re.compile(r"(BASE|MID|M00|IN(?:\d\d)?|OUT(?:\d\d)?)=(.+)")


def canonical(text: str) -> str:
    """The text as it is kept: names in capitals, no blanks; "" where all blocks count alike.

    Raises:
        ValueError: It says no factors; one sentence.
    """
    plain = re.sub(r"\s+", "", text).upper().strip(",")
    if plain in NAMED:
        return plain if NAMED[plain] else ""
    if not plain:
        return ""
    parts = plain.split(",")
    if "=" not in plain and len(parts) > 1:
        return ",".join(_written(_factor(part)) for part in parts)
    pairs: list[str] = []
    for part in parts:
        match = _PAIR.fullmatch(part)
        if match is None:
            raise ValueError(
                f"'{part[:40]}' is no block with a factor; blocks are written as MID=0, OUT03=0.5, "
                f"as a list of factors, or as one of {', '.join(NAMED)}"
            )
        name = MID if match[1] == "M00" else match[1]
        pairs.append(f"{name}={_written(_factor(match[2]))}")
    return ",".join(pairs)


def names(side: int) -> tuple[str, ...]:
    """All blocks in their order.

    Args:
        side: How many go down; as many go up.
    """
    down = (f"IN{i:02}" for i in range(side))
    return (BASE, *down, MID, *(f"OUT{i:02}" for i in range(side)))


def factors(text: str, side: int) -> dict[str, float]:
    """The factor of every block.

    Args:
        text: Canonical.
        side: How many blocks of the model go down.

    Raises:
        ValueError: It is for a model of other blocks; one sentence.
    """
    every = names(side)
    plain = NAMED.get(text, text)
    if "=" not in plain:
        return _listed(plain, side) if plain else dict.fromkeys(every, 1.0)
    found = dict.fromkeys(every, 1.0)
    for pair in plain.split(","):
        name, _, factor = pair.partition("=")
        meant = [one for one in every if one == name or one.rstrip("0123456789") == name]
        if not meant:
            raise ValueError(f"it has no block {name}; its last are {every[side]} and {every[-1]}")
        found |= dict.fromkeys(meant, float(factor))
    return found


def _listed(text: str, side: int) -> dict[str, float]:
    every, values = names(side), [float(part) for part in text.split(",")]
    if len(values) == len(every):
        return dict(zip(every, values, strict=True))
    of, down, up = _USUAL.get(len(values), (0, (), ()))
    if of != side:
        usual = [count for count, (sides, _, _) in _USUAL.items() if sides == side]
        wanted = " or ".join(map(str, [len(every), *usual]))
        raise ValueError(f"it takes {wanted} factors, not {len(values)}")
    ours = (BASE, *(f"IN{i:02}" for i in down), MID, *(f"OUT{i:02}" for i in up))
    return dict.fromkeys(every, 0.0) | dict(zip(ours, values, strict=True))


def _factor(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= MOST:
        raise ValueError(f"'{text[:40]}' is no factor of a block, from -{MOST:g} to {MOST:g}")
    return value


def _written(value: float) -> str:
    return f"{round(value, 4):g}"
