"""What an IP-Adapter's file holds (2308.06721), by its header, and where its image encoder lies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.contracts.errors import ModelProblem
from backend.models.catalog.configs import read_json
from backend.models.catalog.safetensors_header import read_shapes

ENCODER = "image_encoder"  # the folder's name, as it is published
_FOLDERS = ("ipadapter", "ip-adapter", "ip_adapter")
_LAYER = re.compile(r"ip_adapter\.(\d+)\.to_(k|v)_ip\.weight")


@dataclass(frozen=True)
class AdapterShape:
    """What an adapter fits.

    Attributes:
        width: Of the tokens that it lays beside the prompt's.
        layers: (hidden, width) of each cross-attention layer, in the order of the UNet's.
        seen: Width of what its image encoder tells.
        whole: It reads the encoder's last hidden states but one, not its embedding.
    """

    width: int
    layers: tuple[tuple[int, int], ...]
    seen: int
    whole: bool


def shape_of(path: Path) -> AdapterShape:
    """Reads a file's header.

    Raises:
        ModelProblem: It is none, or one that needs more than a picture.
    """
    shapes = read_shapes(path)
    numbered: dict[int, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        if found := _LAYER.fullmatch(name):
            numbered.setdefault(int(found[1]), {})[found[2]] = shape
    proj = {
        name.removeprefix("image_proj."): shape
        for name, shape in shapes.items()
        if name.startswith("image_proj.")
    }
    pairs = [numbered[number] for number in sorted(numbered)]
    if not pairs or not proj or any(pair.get("k") != pair.get("v") for pair in pairs):
        raise ModelProblem(
            f"{path.name} is no IP-Adapter: it lacks the tensors 'image_proj.' and 'ip_adapter.'."
        )
    if "norm.weight" in proj and "proj.weight" not in proj and "proj.3.weight" not in proj:
        raise ModelProblem(
            f"{path.name} follows faces that another program has measured, which is missing here; "
            "the plain, plus and full-face adapters are read."
        )
    layers = tuple((pair["k"][0], pair["k"][1]) for pair in pairs)
    seen, whole = _seen(proj, path)
    return AdapterShape(layers[0][1], layers, seen, whole)


def _seen(proj: Mapping[str, tuple[int, ...]], path: Path) -> tuple[int, bool]:
    if "proj.weight" in proj:
        return proj["proj.weight"][1], False
    if "proj.3.weight" in proj and "proj.0.weight" in proj:  # of a whole face
        return proj["proj.0.weight"][1], True
    if "proj_in.weight" in proj and "latents" in proj:  # plus
        return proj["proj_in.weight"][1], True
    raise ModelProblem(f"{path.name} is an IP-Adapter of a kind that is not known here.")


def encoder_of(path: Path, shape: AdapterShape) -> Path:
    """The folder of the image encoder that an adapter reads.

    The one beside it, else any below the folder of adapters that tells numbers of its width: the
    published adapters share two encoders.

    Raises:
        ModelProblem: There is none; says where to put it.
    """
    for folder in _encoders(path):
        config = read_json(folder / "config.json")
        if config.get("hidden_size" if shape.whole else "projection_dim") == shape.seen:
            return folder
    raise ModelProblem(
        f"{path.name} needs its image encoder, whose numbers are {shape.seen} wide; put the folder "
        f"'{ENCODER}' that is published with it beside it."
    )


def _encoders(path: Path) -> Iterator[Path]:
    parents = list(path.parents)[:4]
    top = next((one for one in parents if one.name.lower() in _FOLDERS), path.parent)
    found = [path.parent / ENCODER / "config.json", *sorted(top.rglob("config.json"))]
    for config in found:
        weights = config.parent / "model.safetensors"
        if config.is_file() and weights.is_file():
            yield config.parent
