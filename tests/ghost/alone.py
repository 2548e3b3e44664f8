"""Gradients on a device that came late.

Torch makes its queues for gradients when a process asks for the first one, for the devices that
there are. Where other tests have asked for some before the ghost was registered, a test that needs
gradients on the ghost runs in a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


def gradients_flow() -> bool:
    """Whether gradients can be asked for on the ghost in this process; it stands already."""
    x = torch.ones(1).to("ghost:0").requires_grad_()
    try:
        (x * x).sum().backward()
    except RuntimeError as error:
        if "device_ready_queues_" not in str(error):
            raise
        return False
    return True


def ran_alone(request: pytest.FixtureRequest) -> bool:
    """Runs the test in a process of its own where it must; whether it did. Its failure is ours."""
    if gradients_flow():
        return False
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, request.node.nodeid], cwd=ROOT, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "1 passed" in done.stdout, done.stdout[-4000:]
    return True
