"""What there is to know of a sampler without running it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SamplerEntry:
    """The plain part of a sampler; `backend.sampling.samplers` has the other.

    Attributes:
        name: What settings call it.
        title: As A1111 writes it, and how it is shown.
        schedules: Those that it accepts, the first where nothing is said.
        aliases: Other names of the same sampler in other tools, in lower case.
        near: Names of what is near it, not the same.
        automatic: The schedule that A1111's "Automatic" means with it.
        has_eta: Whether settings may give it fresh noise.
        inverts: Whether pictures can be inverted under it.
        smooth: Whether x0 goes on smoothly from step to step, as it does where no fresh noise is
            drawn, so that steps can be foretold.
    """

    name: str
    title: str
    schedules: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    automatic: str = "model"
    has_eta: bool = False
    inverts: bool = False
    smooth: bool = True
