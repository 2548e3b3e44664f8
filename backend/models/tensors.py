"""What torch leaves without annotations, said once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


def named_modules(root: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Every module below a root and the root itself, by path."""
    found: Any = root
    return found.named_modules()


def rows(batch: torch.Tensor) -> Iterator[torch.Tensor]:
    """(B, ...) as B times (1, ...), views of it."""
    return (batch[index : index + 1] for index in range(len(batch)))


def numbers(values: torch.Tensor) -> list[float]:
    """(n,) as Python numbers; waits for the device where it is on one."""
    untyped: Any = values
    return untyped.tolist()


def in_torch(pixels: NDArray[np.uint8]) -> torch.Tensor:
    """The same memory as a tensor."""
    return torch.as_tensor(np.ascontiguousarray(pixels))


def split_rows(x: torch.Tensor, size: int) -> torch.Tensor:
    """(n size, ...) -> (n, size, ...), a view."""
    return x.reshape(-1, size, *x.shape[1:])


def backward(loss: torch.Tensor) -> None:
    """Adds the gradients of a scalar."""
    untyped: Any = loss
    untyped.backward()
