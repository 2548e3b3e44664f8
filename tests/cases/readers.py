"""The real readers, each for one kind of case: a folder goes in, plain facts come out."""

from __future__ import annotations

import base64
import json
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import requests
import torch

from backend.contracts.errors import BadInput
from backend.contracts.library import LoraEntry
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.local.library import first_look
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.memory.devices import pick
from backend.pictures.decode import decode, decode_mask
from backend.pictures.masks import prepare_mask
from backend.recipes.metadata import read
from backend.resolve.names import called, check_loras
from backend.resolve.prompt_loras import take_loras
from backend.storage.styles import parse_styles
from tests.tiny import tiny_checkpoint
from tests.ui.conftest import running
from ui.sdapi.preparing import model_name

Facts = dict[str, Any]
Ask = Callable[[str, dict[str, Any]], requests.Response]


def infotext(folder: Path) -> Facts:
    """A picture dropped on the page."""
    (path,) = folder.glob("in.*")
    try:
        found = read(path.read_bytes())
    except BadInput as error:
        return {"said": str(error)}
    return {**found.settings, "tool": found.tool, "said": " ".join(found.notes)}


def styles(folder: Path) -> Facts:
    """A styles.csv that is imported."""
    try:
        sheet = parse_styles((folder / "styles.csv").read_bytes())
    except BadInput as error:
        return {"said": str(error), "taken": 0}
    return {"said": " ".join(sheet.left_out), "taken": len(sheet.styles)}


def mask(folder: Path) -> Facts:
    """The masks of `pictures`, laid on their picture: how much each repaints, in percent."""
    pictures = folder.parent / "pictures"
    height, width = decode((pictures / "plain.png").read_bytes()).shape[:2]
    names = ("white-on-transparent", "black-on-transparent", "la-alpha", "erased-from-picture")
    masks = (decode_mask((pictures / f"mask-{name}.png").read_bytes()) for name in names)
    found = [prepare_mask(one, (width, height), blur_px=0) for one in masks]
    return {"percent": [round(100 * float(np.mean(one >= 0.5))) for one in found]}


def lora(folder: Path, place: Path) -> Facts:
    """A LoRA in the folder of models; those that share a file's name lie in folders of theirs."""
    root = place / "loras"
    if folder.name == "lora-same-stem":
        for one in ("char", "pose"):
            _copied(folder.parent / f"lora-{one}_style", root / one)
        return {"reached": tuple(_reached(place, one) for one in ("char/style", "pose/style"))}
    stem = folder.name.removeprefix("lora-")
    own = stem.partition("_")[0] if "_" in stem else ""
    _copied(folder, root / own)
    if own in ("char", "pose"):
        other = "pose" if own == "char" else "char"
        _copied(folder.parent / f"lora-{other}_style", root / other)
    catalog = Catalog([place], FAMILIES)
    infos = [one for one in catalog.models("lora") if own in ("", one.path.parent.name)]
    words = tuple(one.name for one in catalog.models("embedding"))
    found: Facts = {"name": infos[0].name, "problem": infos[0].problem or "", "words": words}
    if own in ("char", "pose"):
        found["reached"] = _reached(place, f"{own}/style")
    return found


def _reached(place: Path, wanted: str) -> str:
    """The file that a tag in a prompt comes to, by its folder and its stem."""
    catalog = Catalog([place], FAMILIES)
    loras = tuple(LoraEntry(info.name, problem=info.problem) for info in catalog.models("lora"))
    library = replace(first_look([place]), loras=loras)
    asked = take_loras(Txt2ImgSettings(prompt=f"a house <lora:{wanted}:1>"))
    settings = called(asked, library)
    check_loras(settings, library)
    path = catalog.find("lora", settings.loras[0].name).path
    return f"{path.parent.name}/{path.stem}"


def checkpoint(folder: Path, place: Path) -> Facts:
    """A checkpoint's title, a new file, or one that was cut short."""
    root = place / "checkpoints"
    if folder.name == "ckpt-name-bracket":
        body = json.loads((folder / "request.json").read_text())["body"]
        title = body["override_settings"]["sd_model_checkpoint"]
        tiny_checkpoint(root / title)
        names = [info.name for info in Catalog([place], FAMILIES).models()]
        return {"name": model_name(title, names)}
    if folder.name == "ckpt-added-while-running":
        tiny_checkpoint(root / "first")
        catalog = Catalog([place], FAMILIES)
        tiny_checkpoint(root / "second")
        catalog.refresh()
        return {"listed": "second" in [info.name for info in catalog.models()]}
    before = sys.argv
    sys.argv = ["make.py", str(root)]
    root.mkdir(parents=True)
    try:
        runpy.run_path(str(folder / "make.py"))
    finally:
        sys.argv = before
    catalog = Catalog([place], FAMILIES)
    texts = [FAMILIES.load(info, pick("cpu", "float32")).text for info in catalog.models()]
    whole, less = (text.encode(["a red house"]).context for text in texts)
    return {"same": torch.equal(whole, less)}


def request(folder: Path, ask: Ask) -> Facts:
    """A body for `/sdapi/v1`; or a picture for `/png-info`."""
    if (folder / "in.png").exists():
        coded = base64.b64encode((folder / "in.png").read_bytes()).decode()
        return {"items": ask("/sdapi/v1/png-info", {"image": coded}).json()["items"]}
    told = json.loads((folder / "request.json").read_text())
    answer = ask(told["path"], told["body"])
    body = answer.json()
    if answer.status_code != 200:
        return {"status": answer.status_code, "said": str(body.get("detail"))}
    info = json.loads(body["info"])
    extra = info["extra_generation_params"]
    return {
        "status": 200,
        "prompt": info["prompt"],
        "negative_prompt": info["negative_prompt"],
        "seed": info["seed"],
        "size": f"{info['width']}x{info['height']}",
        "sampler": info["sampler_name"],
        "schedule": extra.get("Schedule type"),
        "clip_skip": info["clip_skip"],
        "said": f"{info.get('comments', '')}",
    }


@contextmanager
def asking(place: Path) -> Iterator[Ask]:
    """Somebody who asks a studio of its own, with drawn pictures in the model's place."""
    with running(place, "--api", fake_step_s="0.005") as server:
        yield lambda path, body: requests.post(f"{server.url}{path}", json=body, timeout=120)


def _copied(folder: Path, to: Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.safetensors"):
        shutil.copy(path, to)
