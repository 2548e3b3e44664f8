"""What is put off runs for no picture, changes none, and is itself once somebody asks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backend.engine.local.deferred import NAMES
from tests.tiny import tiny_checkpoint

ROOT = Path(__file__).resolve().parents[3]
RUN = """
import json, sys, tempfile
from pathlib import Path
from backend.engine.local.deferred import NAMES, PutOff, put_off
if {first}:
    put_off(); put_off()
import backend.engine.local.engine
told = {{}}
{then}
print(json.dumps(told))
"""
DRAW = """
import hashlib
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.storage.outputs import Storage
folder = Path({models!r})
engine = LocalEngine.create([folder], Storage(Path(tempfile.mkdtemp())))
token = ask(engine, Request(Txt2ImgSettings(model="tiny", steps=2, width=64, height=64, seed=7)))
status = engine.status(token)
while status.state in ("queued", "running"):
    status = engine.wait(token, status.revision, 30.0)
assert status.state == "done", status.error
told["picture"] = hashlib.sha256(engine.results(token)[0].image.tobytes()).hexdigest()
engine.close()
told["waiting"] = [n for n in NAMES if isinstance(sys.modules.get(n), PutOff)]
told["ran"] = [
    n for n in NAMES if n in sys.modules and not isinstance(sys.modules[n], PutOff)
]
told["compiler"] = "torch._dynamo.convert_frame" in sys.modules
told["peft"] = "peft" in sys.modules
"""
TOUCH = """
import torch
from diffusers.models.attention import BasicTransformerBlock
from transformers.integrations import deepgemm
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.masking_utils import BlockMask
assert isinstance(sys.modules["torch._dynamo"], PutOff) == {first}
assert not isinstance(torch.ones(1), (BlockMask, int))
doubled = torch.compile(lambda x: 2 * x, backend="eager")
told["doubled"] = doubled(torch.tensor([1.5])).tolist()
from torch._dynamo import trace_rules
told["allowed"] = id(BasicTransformerBlock) in trace_rules._allowed_callable_ids
told["constant"] = deepgemm.is_sm100._dynamo_marked_constant
told["meta"] = list((2 * torch.nn.Linear(2, 3, device="meta").weight).shape)
import scipy.stats, scipy.optimize, requests
told["median"] = float(scipy.stats.beta.ppf(0.5, 2.0, 2.0))
told["least"] = scipy.optimize.linear_sum_assignment([[1, 2], [0, 3]])[1].tolist()
told["requests"] = requests.Session().headers["User-Agent"].split("/")[0]
from torch.nn.attention.flex_attention import create_block_mask
mask = create_block_mask(lambda b, h, q, k: q >= k, 1, 1, 256, 256, device="cpu")
told["mask"] = [isinstance(mask, BlockMask), list(mask.shape)]
from diffusers.models.autoencoders import AutoencoderRAE
told["class"] = AutoencoderRAE.__name__
for name in NAMES:
    module = __import__("importlib").import_module(name)
    for asked in NAMES[name]:
        getattr(vars(module)[asked], "__name__")
    vars(module).get("x") or hasattr(module, "surely_not_there")
    assert not isinstance(module, PutOff), name
"""


def told(then: str, *, first: bool) -> dict[str, Any]:
    code = RUN.format(first=first, then=then)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class Both(NamedTuple):
    """What a process told that had put the modules off, and one that had not."""

    lean: dict[str, Any]
    plain: dict[str, Any]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    """Each draws a picture, and then asks for everything: to import the engine takes longest."""
    models = tmp_path_factory.mktemp("models")
    tiny_checkpoint(models / "checkpoints" / "tiny")
    draw = DRAW.format(models=str(models))
    return Both(*(told(draw + TOUCH.format(first=first), first=first) for first in (True, False)))


def test_a_picture_runs_none_of_it_and_is_the_same(both: Both) -> None:
    lean, plain = both
    assert lean["picture"] == plain["picture"]
    assert not lean["compiler"]
    assert not lean["peft"]
    assert plain["peft"]
    # Each is needed: what nobody imports any more need not be put off.
    assert sorted(plain["ran"]) == sorted(NAMES)
    assert lean["ran"] == []
    assert plain["waiting"] == []


ASKED = ("doubled", "allowed", "constant", "meta", "median", "least", "requests", "mask", "class")


def test_whoever_asks_gets_the_real_thing(both: Both) -> None:
    lean, plain = both
    assert {name: lean[name] for name in ASKED} == {name: plain[name] for name in ASKED}
    assert lean["doubled"] == [3.0]
    assert lean["allowed"]
    assert lean["constant"]
    assert lean["meta"] == [3, 2]
    assert lean["median"] == 0.5
    assert lean["mask"][0]
