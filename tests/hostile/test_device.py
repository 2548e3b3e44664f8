"""The real engine where its device fails: no memory, numbers that are none; and beside others."""

from __future__ import annotations

import io
import json
import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.hostile.conftest import listening
from tests.hostile.events import ended, form, pressed, telling
from tests.ui.conftest import Server, running

# The models' parts fail while a file says so; one word of it says which, one how.
_FAILING = """
import pathlib, runpy
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.autoencoders.vae import Decoder, Encoder
from transformers import CLIPTextModel
SAYS = pathlib.Path({says!r})
def failing(cls, name):
    plain = cls.forward
    def forward(self, *args, **options):
        part, how = (SAYS.read_text().split() if SAYS.exists() else ("", ""))
        if part == name and how == "memory":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        made = plain(self, *args, **options)
        if part == name and how == "numbers":
            found = made[0] if isinstance(made, tuple) else getattr(made, "sample", made)
            found.mul_(float("nan"))
        return made
    cls.forward = forward
for cls, name in ((CLIPTextModel, "text"), (UNet2DConditionModel, "step"),
                  (Decoder, "decode"), (Encoder, "encode")):
    failing(cls, name)
runpy.run_path("app.py", run_name="__main__")
"""


class Marking:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self._mark}",)


def bad_models(folder: Path) -> Path:
    """Pickles, configs that name foreign code, and LoRAs that are damaged, in all their places."""
    models, mark = folder / "models", folder / "ran"
    pickled = pickle.dumps({"state_dict": Marking(mark)})
    for kind in ("checkpoints", "loras", "embeddings", "vae", "upscalers", "controlnet"):
        (models / kind).mkdir(parents=True)
        for suffix in ("ckpt", "pt", "bin", "pth", "safetensors"):
            (models / kind / f"bad-{suffix}.{suffix}").write_bytes(pickled)
        (models / kind / "cut.safetensors").write_bytes(b"\xff" * 7)
        (models / kind / "header.safetensors").write_bytes(b'\x05\0\0\0\0\0\0\0{"a":')
    foreign = models / "checkpoints" / "foreign"
    for part in ("unet", "vae", "text_encoder", "tokenizer"):
        (foreign / part).mkdir(parents=True)
        config = {"_class_name": "os.system", "auto_map": {"AutoModel": f"evil.py--{mark}"}}
        (foreign / part / "config.json").write_text(json.dumps(config))
        (foreign / part / "evil.py").write_text(f"open({str(mark)!r}, 'w')")
        (foreign / part / "diffusion_pytorch_model.bin").write_bytes(pickled)
    index = {"_class_name": "EvilPipeline", "unet": ["evil", "Evil"], "vae": ["os", "system"]}
    (foreign / "model_index.json").write_text(json.dumps(index))
    (foreign / "evil.py").write_text(f"open({str(mark)!r}, 'w')")
    return models


@dataclass(frozen=True)
class Real:
    """A studio on the real engine whose parts fail on a word."""

    server: Server
    client: httpx.Client
    says: Path
    printed: list[str]

    def drawn(self, press: str, **values: Any) -> dict[str, Any]:
        """A small picture's job, once it has ended."""
        small = {"steps": 4, "size": "64x64", "seed": 7, "prompt": f"a red house {press}"}
        sent = form(self.client) | small | values
        return ended(self.client, pressed(self.client, press, press, sent)["job"], 240)

    def pixels(self, state: dict[str, Any]) -> np.ndarray:
        """Its picture."""
        file = self.client.get(f"/{state['results'][0]['url']}").content
        return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    folder = tmp_path_factory.mktemp("real")
    says = folder / "says"
    program = ("-c", _FAILING.format(says=str(says)))
    flags = ("--device", "cpu", "--models", str(bad_models(folder)))
    with running(folder / "data", *flags, fake_step_s=None, program=program) as server:
        printed = listening(server)
        with httpx.Client(base_url=server.url, timeout=240) as client:
            yield Real(server, client, says, printed)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", ["text", "step", "decode"])
def test_no_memory_is_a_sentence_and_the_next_job_runs(real: Real, part: str) -> None:
    real.says.write_text(f"{part} memory")
    try:
        failed = real.drawn(f"without memory for {part}")
    finally:
        real.says.unlink()
    assert failed["state"] == "failed", failed
    assert "memory" in failed["message"] or "px" in failed["message"], failed["message"]
    assert "CUDA" not in failed["message"]
    assert real.drawn(f"with memory for {part}")["state"] == "done"
    assert not any("Traceback" in line for line in real.printed), "".join(real.printed)[-3000:]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", ["step", "decode"])
def test_numbers_that_are_none_are_a_sentence_and_no_picture(real: Real, part: str) -> None:
    before = len(list((real.server.data / "outputs").rglob("*.png")))
    real.says.write_text(f"{part} numbers")
    try:
        failed = real.drawn(f"no numbers of {part}")
    finally:
        real.says.unlink()
    assert failed["state"] == "failed", failed
    assert failed["message"].endswith(".")
    assert len(list((real.server.data / "outputs").rglob("*.png"))) == before
    assert real.drawn(f"numbers of {part}")["state"] == "done"
    assert not any("Traceback" in line for line in real.printed), "".join(real.printed)[-3000:]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_runs_beside_others_are_bit_for_bit_as_alone(real: Real) -> None:
    """Six pages at once, whose jobs take turns; the same rows a call, so the same bits."""
    asked = [{"seed": n, "steps": 3 + n, "prompt": f"a blue boat {n}"} for n in range(6)]
    alone = [real.pixels(real.drawn(f"alone {n}", **one)) for n, one in enumerate(asked)]
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda n: real.drawn(f"beside {n}", **asked[n]), range(6)))
    for picture, state in zip(alone, made, strict=True):
        assert np.array_equal(picture, real.pixels(state))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nothing_in_a_models_folder_is_run_and_none_of_it_harms_another(real: Real) -> None:
    """Pickles under every name, configs with classes and code of their own, damaged LoRAs."""
    shown = real.client.get("/config").text
    assert "pocket" in shown
    assert not telling(shown)
    for name in ("bad-ckpt", "bad-safetensors", "foreign", "cut", "header"):
        for values in ({"model": name}, {"prompt": f"a house <lora:{name}:1> {name}"}):
            sent = form(real.client) | {"steps": 1, "size": "64x64"} | values
            answer = pressed(real.client, f"{name} {values}", values=sent)
            state = ended(real.client, answer["job"], 240) if "job" in answer else {}
            said = answer.get("error") or state.get("message") or "."
            assert " " in said or said == ".", said
            assert "Error" not in said, said
            assert not telling(said)
    assert real.drawn("beside bad files")["state"] == "done"
    assert not (real.says.parent / "ran").exists()
    assert not any("Traceback" in line for line in real.printed), "".join(real.printed)[-3000:]
    marked = real.says.parent / "ran"
    pickle.loads(pickle.dumps(Marking(marked)))
    assert marked.exists(), "it would have been seen"
