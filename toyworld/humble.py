"""How a training runs beside other work."""

from __future__ import annotations

import os

import cv2
import torch


def be_humble() -> None:
    """Give way to everything else on the machine, and compute on one thread."""
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
