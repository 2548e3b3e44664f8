"""`--compile`: a model's calls compiled, or recorded as CUDA graphs, wherever that fits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import nn

from backend.contracts.errors import BadInput
from backend.models.memory import memory_pressure
from backend.models.memory.devices import CompileKind, Device
from backend.models.patches import PatchStack

log = logging.getLogger(__name__)

SHAPES = 32
"""So many sizes of a model are compiled; others run as they are."""


def check_compile(kind: CompileKind, device: torch.device) -> None:
    """Raises `BadInput` where the device cannot have that."""
    if kind == "graphs" and not Device(device).graphs:
        raise BadInput(
            f"CUDA graphs need a CUDA GPU, and this runs on {device.type}; choose --compile full, "
            "or leave it out.",
            "compile",
        )


class Compiled:
    """Calls a module as `torch.compile` makes it, for each size once.

    "graphs" replays the very kernels of the plain call from a CUDA graph ("cudagraphs" backend):
    equal bits, less work for the host. "full" lets inductor fuse them: other rounding. The weights
    stay the module's own, so that LoRAs merged into them in place act at once. Where a patch
    on the module needs plain calls (its structure is changed, its weights come and go), or
    gradients are wanted, the plain call is made.
    """

    def __init__(
        self, module: nn.Module, kind: CompileKind, patches: PatchStack, backend: Any = None
    ) -> None:
        """Compiles nothing yet.

        Args:
            module: In evaluation mode.
            kind: "off" makes plain calls.
            patches: Of the model that the module is a part of.
            backend: Of `torch.compile`, instead of the one that `kind` means.
        """
        self._module, self._patches = module, patches
        self._seen: set[object] = set()
        self._compiled: Callable[..., Any] | None = None
        if kind != "off":
            compiler: Any = torch._dynamo  # pyright: ignore[reportPrivateUsage]
            compiler.config.recompile_limit = SHAPES
            wanted = backend or {"graphs": "cudagraphs", "full": "inductor"}[kind]
            self._compiled = torch.compile(module, backend=wanted, dynamic=False)

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """The module's output; with "graphs" it holds until the next call."""
        plain = torch.is_grad_enabled() or self._patches.needs(self._module).eager
        if self._compiled is None or plain:
            return self._module(*inputs, **named)
        key = _shape((inputs, named))
        if key in self._seen:
            return self._compiled(*inputs, **named)
        if len(self._seen) == SHAPES:
            return self._module(*inputs, **named)
        return self._first(key, inputs, named)

    def _first(self, key: object, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
        assert self._compiled is not None
        memory_pressure.current().tell(
            "The model is compiled for this size, which can take some minutes, once."
        )
        started = time.monotonic()
        try:
            output = self._compiled(*inputs, **named)
        except Exception as error:
            if memory_pressure.is_shortage(error):
                raise
            # A compiler is missing, or the model has what it cannot take.
            log.warning("The model could not be compiled", exc_info=True)
            memory_pressure.current().tell("The model could not be compiled, so it runs as it is.")
            self._compiled = None
            return self._module(*inputs, **named)
        log.info("compiled in %.0f s", time.monotonic() - started)
        self._seen.add(key)
        return output


def _shape(value: Any) -> object:
    """Shapes and precisions of all tensors in nested tuples and dicts."""
    match value:
        case torch.Tensor():
            return tuple(value.shape), value.dtype
        case dict():
            named = cast(dict[object, object], value)
            return tuple((key, _shape(inner)) for key, inner in named.items())
        case tuple() | list():
            several = cast(Sequence[object], value)
            return tuple(_shape(inner) for inner in several)
        case _:
            return value
