"""What is right for each case, and what it was at commit 78ccf32."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Facts = Mapping[str, Any]
"""What a reader made of a case, see `readers`."""


class Case(NamedTuple):
    """One case.

    Attributes:
        before: What came of it at commit 78ccf32.
        right: Whether what comes of it now is right.
    """

    before: str
    right: Callable[[Facts], bool]


def _with(**wanted: Any) -> Callable[[Facts], bool]:
    """These facts, among others."""
    return lambda facts: all(facts.get(key) == value for key, value in wanted.items())


def _said(word: str, then: Callable[[Facts], bool] = lambda facts: True) -> Callable[[Facts], bool]:
    """A sentence that holds the word, and what else is to hold."""
    return lambda facts: word in facts.get("said", "") and then(facts)


HOUSE = {"prompt": "a red house", "negative_prompt": "blurry", "steps": 8, "seed": 42}
EULER_A = {"sampler": "euler_a", "schedule": "model"}
KARRAS = {"sampler": "dpmpp_2m", "schedule": "karras"}
JAPANESE = _with(prompt="赤い家 café – a red house", negative_prompt="ぼやけた", **KARRAS)
DDIM = _with(**HOUSE, eta=0.5, sampler="ddim")
NO_SETTINGS = "all settings lay in the negative prompt, unsaid"
OTHER_TOOLS = "raw JSON or “None” became the prompt, or it was refused"
REFUSED = "refused"
LISTED = _with(problem="")

CASES: dict[str, Case] = {
    "infotext-dp-template-lines": Case(
        NO_SETTINGS, _said("Template", _with(**HOUSE | {"prompt": "a red house on grass"}))
    ),
    "infotext-trailing": Case(NO_SETTINGS, _said("Time taken", _with(**HOUSE, **EULER_A))),
    "infotext-line-long": Case(NO_SETTINGS, _said("ADetailer prompt", _with(**HOUSE, **EULER_A))),
    "infotext-fooocus-json": Case(
        OTHER_TOOLS, _with(tool="Fooocus", model="pocket", sampler="dpmpp_2m_sde", width=256)
    ),
    "infotext-none": Case(OTHER_TOOLS, _said("no settings")),
    "infotext-sdnext": Case(OTHER_TOOLS, _with(tool="SD.Next", **HOUSE, **EULER_A)),
    "infotext-civitai-json": Case(
        OTHER_TOOLS, _with(**HOUSE, tool="Civitai", clip_skip=2, model="Pony, the: one")
    ),
    "infotext-novelai": Case(
        OTHER_TOOLS,
        _said("strength", _with(tool="NovelAI", prompt="a red house on grass", seed=42)),
    ),
    "infotext-invokeai": Case(OTHER_TOOLS, _with(tool="InvokeAI", prompt="a red house", seed=42)),
    "infotext-comfy-prompt": Case(OTHER_TOOLS, _said("no sampler", _with(tool="ComfyUI"))),
    "infotext-comfy-promptonly": Case(OTHER_TOOLS, _with(tool="ComfyUI", seed=42, steps=8)),
    "infotext-avif": Case(OTHER_TOOLS, JAPANESE),
    "infotext-gif-comment": Case(OTHER_TOOLS, _with(prompt="a red house", **KARRAS)),
    "infotext-jpeg-com": Case(OTHER_TOOLS, _with(prompt="a red house", **KARRAS)),
    "infotext-utf8-in-text": Case("mojibake", JAPANESE),
    "infotext-eta-ddim": Case("“only ddim has an eta” on a DDIM picture", DDIM),
    "infotext-eta-ddim2": Case("“only ddim has an eta” on a DDIM picture", DDIM),
    "infotext-bigseed": Case(
        "422 above 2^32", _said("2^32", _with(seed=1125899906842624, sampler="euler"))
    ),
    "infotext-hires-upscaler": Case(
        "Lanczos in its place",
        _with(hires_upscaler="R-ESRGAN 4x+ Anime6B", hires_denoise=0.35, hires_steps=10),
    ),
    "infotext-lora-weird": Case(
        "some dropped unsaid",
        _said("hypernet:baz", lambda facts: len(facts["loras"]) == 8 and facts["prompt"] == "a b"),
    ),
    "api-png-info": Case("invented keys", lambda facts: "parameters" in facts["items"]),
    "api-neg-null": Case("422", _with(status=200)),
    "api-seed-null": Case("422", lambda facts: facts["status"] == 200 and facts["seed"] >= 0),
    "api-seed-big": Case("422", _with(status=200, seed=1125899906842624)),
    "api-size-odd": Case("422", _said("520", _with(status=200, size="520x512"))),
    "api-b64-newlines": Case("422", _with(status=200)),
    "api-adetailer-off": Case("422", _with(status=200)),
    "api-infotext-field": Case(
        "200, without it", _with(status=200, negative_prompt="x", seed=7, size="128x128")
    ),
    "api-styles": Case(
        "200, without it",
        lambda facts: facts["status"] == 200 and len(facts["prompt"]) > len("a red house on grass"),
    ),
    "api-override-vae": Case(
        "200, and another picture", _said("vae-ft-mse", lambda facts: facts["status"] in (404, 422))
    ),
    "api-override-other": Case(
        "200, and another picture", _said("eta_noise_seed_delta", _with(status=200, clip_skip=2))
    ),
    "api-sampler-default": Case(
        "Uniform, or another sampler, unsaid", _with(status=200, sampler="Euler")
    ),
    "api-scheduler-automatic": Case(
        "Uniform, or another sampler, unsaid", _with(status=200, schedule="Karras")
    ),
    "ckpt-name-bracket": Case("404", _with(name="name [v1] (final)")),
    "ckpt-added-while-running": Case("unknown until a restart", _with(listed=True)),
    "ckpt-sd2-23layers": Case("another picture, unsaid", _with(same=True)),
    "lora-bundle-emb": Case(REFUSED, _with(problem="", words=("myword",))),
    "lora-unet-base-model": Case(REFUSED, LISTED),
    "lora-onetrainer-dotted": Case(REFUSED, LISTED),
    "lora-dora": Case(REFUSED, LISTED),
    "lora-loha": Case(REFUSED, LISTED),
    "lora-diffusers-to-kohya": Case("int64 alpha “not finite”", LISTED),
    "lora-char_style": Case("one of the two, the other unreachable", _with(reached="char/style")),
    "lora-pose_style": Case("one of the two, the other unreachable", _with(reached="pose/style")),
    "lora-same-stem": Case(
        "one of the two, the other unreachable", _with(reached=("char/style", "pose/style"))
    ),
    "lora-peftA_adapter_model": Case("one of the two", _with(name="peftA")),
    "lora-peftB_adapter_model": Case("one of the two", _with(name="peftB")),
    "mask-alpha": Case(
        "100 % repainted", lambda facts: all(0 < part < 60 for part in facts["percent"])
    ),
    "styles-old-header": Case("the file refused", lambda facts: facts["taken"] > 0),
    "styles-empty-name": Case("the file refused", _said("needs a name", lambda f: f["taken"] > 0)),
    "styles-long-prompt": Case("the file refused", _with(taken=2)),
    "styles-501": Case("the file refused", _with(taken=501)),
}
