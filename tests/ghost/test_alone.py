"""Tests that need gradients on the ghost run where there are some."""

from __future__ import annotations

import subprocess
import sys

from tests.ghost.alone import ROOT

LATE = """
import torch
x = torch.ones(1, requires_grad=True)
(x * x).sum().backward()
from tests.ghost.alone import gradients_flow
from tests.ghost.backend import standing
with standing():
    print(gradients_flow())
"""


def test_a_device_that_came_late_is_noticed() -> None:
    for source, said in ((LATE, "False"), (LATE.replace("(x * x).sum().backward()", ""), "True")):
        done = subprocess.run(
            [sys.executable, "-c", source], cwd=ROOT, text=True, capture_output=True, check=False
        )
        assert done.stdout.split()[-1:] == [said], done.stderr[-2000:]
