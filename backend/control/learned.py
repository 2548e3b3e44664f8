"""Detectors that are small networks themselves; their weights come from the hub on first use."""

from __future__ import annotations

import functools
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from backend.contracts.errors import ModelProblem, UnknownName
from backend.contracts.events import Pixels
from backend.control.aux_package import at_exact_size, detector_class
from backend.control.building import BUILDING

ANNOTATORS = "lllyasviel/Annotators"  # the hub's collection that the ControlNets were made with
KEPT = 2  # networks held in memory, 60-500 MB each

LearnedName = Literal[
    "softedge_hed",
    "softedge_pidinet",
    "lineart",
    "lineart_anime",
    "depth_midas",
    "normal_bae",
    "mlsd",
    "openpose",
]
CLASS_OF: Mapping[LearnedName, str] = {
    "softedge_hed": "HEDdetector",
    "softedge_pidinet": "PidiNetDetector",
    "lineart": "LineartDetector",
    "lineart_anime": "LineartAnimeDetector",
    "depth_midas": "MidasDetector",
    "normal_bae": "NormalBaeDetector",
    "mlsd": "MLSDdetector",
    "openpose": "OpenposeDetector",
}


@dataclass(frozen=True)
class Learned:
    """One learned detector of controlnet_aux, run on the CPU.

    Attributes:
        name: Which.
        weights: A repository on the hub, or a folder that holds the same files.
    """

    name: LearnedName
    weights: str = ANNOTATORS

    def __post_init__(self) -> None:
        if self.name not in get_args(LearnedName):
            raise UnknownName(f"There is no learned detector '{self.name}'.", "detector")

    def __call__(self, image: Pixels) -> Pixels:
        network = _load(self.name, self.weights)
        resolution = max(min(image.shape[:2]), 64)
        with warnings.catch_warnings():
            # Deprecated calls inside the package's networks, e.g. torch.meshgrid's indexing.
            for category in (UserWarning, FutureWarning, DeprecationWarning):
                warnings.simplefilter("ignore", category)
            return at_exact_size(network, image, image_resolution=resolution)


@functools.lru_cache(maxsize=KEPT)
def _load(name: LearnedName, weights: str) -> Any:
    cls = detector_class(CLASS_OF[name])
    try:
        with BUILDING:
            return cls.from_pretrained(weights)
    except (pickle.UnpicklingError, RuntimeError, KeyError, EOFError) as error:
        raise ModelProblem(
            f"The weights of the detector '{name}' are damaged, or of another detector; delete "
            "them from the hub's cache so that they are fetched again, or use canny."
        ) from error
    except Exception as error:  # the hub, the network and the disk each have their own
        raise ModelProblem(
            f"The detector '{name}' fetches its weights from huggingface.co ({weights}) on first "
            "use, which did not work; go online once, or use canny, lineart_standard or shuffle, "
            "which need none."
        ) from error
