"""What a board keeps, and how much may wait."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """What a board keeps and lets wait.

    Attributes:
        waiting: Jobs of one owner that may wait.
        waiting_in_all: Jobs of all together.
        ended: Jobs that have ended and may still be asked about.
        given_bytes: Pictures that one person's jobs were given and still hold.
        given_in_all_bytes: Those of all together.
        results_bytes: Pictures of these.
        timelines_bytes: Stored steps of all runs.
        paused: Jobs of one person that may rest.
        paused_bytes: Stored steps of resting jobs in memory; beyond it they lie on the disk.
        megapixel_steps: That one person may have drawn in an hour; 0 is no limit.
    """

    waiting: int = 32
    waiting_in_all: int = 256
    ended: int = 64
    given_bytes: int = 1024 * MIB
    given_in_all_bytes: int = 4096 * MIB
    results_bytes: int = 512 * MIB
    timelines_bytes: int = 512 * MIB
    paused: int = 16
    paused_bytes: int = 256 * MIB
    megapixel_steps: float = 0.0


STANDARD_LIMITS = Limits()
