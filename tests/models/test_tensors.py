"""What torch leaves without annotations: thin, and exact."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from backend.models.tensors import backward, in_torch, named_modules, numbers, rows, split_rows


def test_every_module_has_its_path() -> None:
    root = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    assert [name for name, _ in named_modules(root)] == ["", "0", "1", "1.0"]
    assert dict(named_modules(root))["1.0"] is root[1][0]


def test_rows_are_views_of_the_batch() -> None:
    batch = torch.arange(6.0).reshape(3, 2)
    found = list(rows(batch))
    assert [row.tolist() for row in found] == [[[0, 1]], [[2, 3]], [[4, 5]]]
    found[1][0, 0] = 9
    assert batch[1, 0] == 9
    assert list(rows(batch[:0])) == []


def test_rows_of_a_guided_batch_are_told_apart() -> None:
    x = torch.arange(12.0).reshape(6, 2)
    assert split_rows(x, 3).shape == (2, 3, 2)
    assert torch.equal(split_rows(x, 3)[1], x[3:])


def test_pixels_share_their_memory() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    tensor = in_torch(pixels)
    assert tensor.dtype == torch.uint8
    tensor[0, 0, 0] = 200
    assert pixels[0, 0, 0] == 200
    assert in_torch(pixels[:, ::-1]).tolist() == pixels[:, ::-1].tolist()


def test_numbers_are_pythons() -> None:
    found = numbers(torch.tensor([0.5, 2.0]))
    assert found == [0.5, 2.0]
    assert all(type(number) is float for number in found)


def test_gradients_are_added() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    backward(x * x)
    backward(x)
    assert x.grad == 7.0
