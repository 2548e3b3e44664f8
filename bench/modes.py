"""The five tabs' work at the size of SD 1.5: our engine against diffusers, random weights.

    python -m bench.modes --dtype float32

Each side runs in a process of its own, one after the other, so that the memory of each can be told:
ours, diffusers as it comes and, with --compile, diffusers with torch.compile. Two checkpoints and a
ControlNet are made once under --cache (5 GB). All of diffusers' arguments are those of its own
pipelines; a morph is a picture after another there, as its users write it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from diffusers import (
    ControlNetModel,
    DPMSolverMultistepScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from PIL import Image

from backend.contracts.events import Pixels
from backend.contracts.requests import Request
from backend.contracts.settings import (
    Img2ImgSettings,
    LoraUse,
    MorphSettings,
    Settings,
    StyleTransferSettings,
    Txt2ImgSettings,
)
from backend.control.canny import Canny
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.models.memory.devices import DTYPES, pick
from backend.sampling.noise import slerp
from backend.storage.outputs import Storage
from bench.full_size import CACHE, FAMILIES, make_model
from bench.jobs import done
from bench.table import machine, markdown
from tests import lora_files as files
from tests.tiny_control import house

MODEL, OTHER, CONTROLNET = "sd15-random", "sd15-other", "sd15-random-canny"
LORAS = ("bench-one", "bench-two", "bench-three")
WEIGHTS = (0.8, -0.3, 0.5)
SCALE = 7.5
STRENGTH = 0.75


@dataclass(frozen=True)
class Case:
    """A job of one mode.

    Attributes:
        settings: What our engine is asked for; diffusers is asked for the same.
        images: Pictures that travel beside them.
    """

    settings: Settings
    images: Mapping[str, Pixels] = field(default_factory=dict[str, Pixels])


@dataclass
class Timing:
    """One run of a case.

    Attributes:
        seconds: From the request to the picture.
        first: From the request to the first preview (ours), or to the end of the first step.
        picture: (H, W, 3) uint8, the last one made.
    """

    seconds: float
    first: float
    picture: Pixels


class Side(Protocol):
    """Who draws."""

    def run(self, case: Case) -> Timing: ...


def cases(side: int, steps: int, frames: int) -> dict[str, Case]:
    """One job of each mode, at `steps` model steps of which img2img runs three quarters."""
    common: dict[str, Any] = {
        "model": MODEL,
        "width": side,
        "height": side,
        "steps": steps,
        "seed": 7,
        "guidance_scale": SCALE,
        "prompt": "a red house on grass",
    }
    picture = {"image": house(side, side)}
    loras = tuple(LoraUse(name=n, weight=w) for n, w in zip(LORAS, WEIGHTS, strict=True))
    return {
        "txt2img": Case(Txt2ImgSettings(**common)),
        "img2img": Case(
            Img2ImgSettings(strength=STRENGTH, **common | {"steps": round(steps / STRENGTH)}),
            picture,
        ),
        "ControlNet": Case(StyleTransferSettings(controlnet=CONTROLNET, **common), picture),
        "3 LoRAs": Case(Txt2ImgSettings(loras=loras, **common)),
        f"morph of {frames} frames": Case(
            MorphSettings(
                prompt_a="a red house",
                prompt_b="a yellow boat",
                frames=frames,
                method="walk",
                even="off",
                adain=False,
                attention_lambda=0.0,
                sampler="dpmpp_2m",
                schedule="karras",
                **common,
            )
        ),
    }


def make_files(root: Path, loras: Path) -> None:
    """Two checkpoints, a ControlNet with zero convolutions that are zero no longer, three LoRAs."""
    family = FAMILIES["sd15"]
    folder = make_model(family, root / "checkpoints" / MODEL)
    make_model(family, root / "checkpoints" / OTHER, seed=1)
    unet: Any = UNet2DConditionModel.from_pretrained(folder / "unet", dtype=torch.bfloat16)
    net = root / "controlnet" / CONTROLNET
    if not net.is_dir():
        torch.manual_seed(2)
        control: Any = ControlNetModel.from_unet(unet)
        for module in (
            *control.controlnet_down_blocks,
            control.controlnet_mid_block,
            control.controlnet_cond_embedding.conv_out,
        ):
            for parameter in module.parameters():
                torch.nn.init.normal_(parameter, std=0.02)
        control.to(torch.bfloat16).save_pretrained(net)
    (loras / "loras").mkdir(exist_ok=True)
    for seed, name in enumerate(LORAS):
        files.write(
            loras / "loras" / f"{name}.safetensors",
            files.diffusers_keys(
                files.random_factors({"unet": unet}, files.ATTENTION, seed=seed, rank=8)
            ),
        )


class Ours:
    """The engine as the app runs it, with its previews; nobody pulls but for the first."""

    def __init__(self, folders: list[Path], data: Path, dtype: str, device: str) -> None:
        self.engine = LocalEngine.create(
            folders, Storage(data), dtype=dtype, device=device, warm_up=None
        )

    def run(self, case: Case) -> Timing:
        started = time.perf_counter()
        token = ask(self.engine, Request(case.settings, case.images, save=False))
        asyncio.run(self.engine.next_preview(token, 0, 3600.0))
        first = time.perf_counter() - started
        status = done(self.engine, token)
        return Timing(time.perf_counter() - started, first, status.outputs[-1].image)


class Theirs:
    """Diffusers' pipelines over the same parts."""

    def __init__(
        self, root: Path, loras: Path, dtype: torch.dtype, device: str, compiled: bool
    ) -> None:
        self._loras = loras / "loras"
        pipe: Any = StableDiffusionPipeline.from_pretrained(
            root / "checkpoints" / MODEL, dtype=dtype, local_files_only=True, safety_checker=None
        ).to(device)
        pipe.scheduler = DPMSolverMultistepScheduler.from_config(
            pipe.scheduler.config, use_karras_sigmas=True
        )
        net: Any = ControlNetModel.from_pretrained(
            root / "controlnet" / CONTROLNET, dtype=dtype, local_files_only=True
        ).to(device)
        if compiled:
            pipe.unet.compile()
            net.compile()
        self._plain: Any = pipe
        self._picture: Any = StableDiffusionImg2ImgPipeline(**pipe.components)
        self._control: Any = StableDiffusionControlNetPipeline(**pipe.components, controlnet=net)
        for one in (pipe, self._picture, self._control):
            one.set_progress_bar_config(disable=True)

    def run(self, case: Case) -> Timing:
        settings, marks = case.settings, list[float]()
        if settings.loras:
            self._load(settings)
        started = time.perf_counter()

        def mark(pipe: Any, step: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
            marks.append(time.perf_counter() - started)
            return values

        picture = self._draw(settings, case.images, mark)
        made = Timing(time.perf_counter() - started, marks[0], np.asarray(picture))
        if settings.loras:
            self._plain.unload_lora_weights()
        return made

    def _load(self, settings: Settings) -> None:
        for use in settings.loras:
            self._plain.load_lora_weights(
                self._loras, weight_name=f"{use.name}.safetensors", adapter_name=use.name
            )
        self._plain.set_adapters(
            [use.name for use in settings.loras], [use.weight for use in settings.loras]
        )

    def _draw(
        self, settings: Settings, images: Mapping[str, Pixels], mark: Callable[..., Any]
    ) -> Image.Image:
        seed = torch.Generator("cpu").manual_seed(settings.seed)
        shared: dict[str, Any] = {
            "num_inference_steps": settings.steps,
            "guidance_scale": settings.guidance_scale,
            "callback_on_step_end": mark,
        }
        size = {"width": settings.width, "height": settings.height}
        match settings:
            case MorphSettings():
                return self._walk(settings, shared)
            case StyleTransferSettings():
                edges = Canny(settings.canny_low, settings.canny_high)(images["image"])
                return self._control(
                    settings.prompt, image=Image.fromarray(edges), generator=seed, **size, **shared
                ).images[0]
            case Img2ImgSettings():
                return self._picture(
                    settings.prompt,
                    image=Image.fromarray(images["image"]),
                    strength=settings.strength,
                    generator=seed,
                    **shared,
                ).images[0]
            case _:
                return self._plain(settings.prompt, generator=seed, **size, **shared).images[0]

    def _walk(self, settings: MorphSettings, shared: dict[str, Any]) -> Image.Image:
        pipe = self._plain
        texts = [
            pipe.encode_prompt(text, pipe.device, 1, True)
            for text in (settings.prompt_a, settings.prompt_b)
        ]
        shape = (1, 4, (settings.height or 0) // 8, (settings.width or 0) // 8)
        noises = [
            torch.randn(shape, generator=torch.Generator().manual_seed(settings.seed + end))
            for end in (0, 1)
        ]
        picture: Any = None
        for t in np.linspace(0.0, 1.0, settings.frames):
            latents = slerp(noises[0], noises[1], float(t)).to(pipe.unet.dtype)
            picture = pipe(
                prompt_embeds=torch.lerp(texts[0][0], texts[1][0], float(t)),
                negative_prompt_embeds=texts[0][1],
                latents=latents,
                **shared,
            ).images[0]
        return picture


def measured(args: argparse.Namespace, loras: Path) -> dict[str, Any]:
    """All that one side's process tells."""
    wanted = cases(args.side, args.steps, args.frames)
    once = Case(wanted["txt2img"].settings.model_copy(update={"steps": 1}))
    other = Case(once.settings.model_copy(update={"model": OTHER}))
    told: dict[str, Any] = {"modes": {}}
    pictures: dict[str, Pixels] = {}
    with tempfile.TemporaryDirectory() as data, torch.no_grad():
        started = time.perf_counter()
        if args.only == "ours":
            side: Side = Ours([args.cache, loras], Path(data), args.dtype, args.device)
        else:
            side = Theirs(
                args.cache, loras, DTYPES[args.dtype], args.device, args.only == "compiled"
            )
        side.run(once)
        told["cold"] = time.perf_counter() - started
        told["again"] = side.run(once).seconds
        for name, case in wanted.items():
            if args.mode and name.split()[0] not in args.mode:
                continue
            runs = [side.run(case) for _ in range(args.runs)]
            told["modes"][name] = {
                "seconds": statistics.median(run.seconds for run in runs),
                "first": statistics.median(run.first for run in runs),
            }
            pictures[name] = runs[0].picture
        told["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        if torch.cuda.is_available():
            told["device_peak"] = torch.cuda.max_memory_allocated() / 2**30
        if isinstance(side, Ours):
            side.run(other)
            told["switch"] = side.run(once).seconds
            side.engine.close()
    np.savez(args.into, told=json.dumps(told), **pictures)
    return told


def alone(side: str, loras: Path) -> tuple[dict[str, Any], dict[str, Pixels]]:
    """One side in a process of its own: what it tells, and its pictures by mode."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "side.npz"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "bench.modes",
                *sys.argv[1:],
                "--only",
                side,
                "--into",
                str(into),
                "--loras",
                str(loras),
            ],
            check=True,
        )
        with np.load(into) as held:
            told = json.loads(str(held["told"]))
            return told, {name: held[name] for name in told["modes"]}


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512, help="px")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--dtype", choices=("bfloat16", "float16", "float32"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--mode", action="append", help="txt2img, img2img, ...; all without")
    parser.add_argument("--compile", action="store_true", help="diffusers compiled, too")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--loras", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.dtype = args.dtype or pick(args.device).dtype_name
    if args.only:
        measured(args, args.loras)
        return
    names = ("ours", "diffusers", "compiled")[: 3 if args.compile else 2]
    with tempfile.TemporaryDirectory() as folder:
        loras = Path(folder)
        make_files(args.cache, loras)
        found = {name: alone(name, loras) for name in names}
    ours, mine = found["ours"]
    rows: list[list[str]] = []
    for name, times in ours["modes"].items():
        row = [name, f"{times['seconds']:.1f}", f"{times['first']:.1f}"]
        for other in names[1:]:
            theirs, pictures = found[other]
            spent = theirs["modes"][name]["seconds"]
            apart = int(np.abs(mine[name].astype(int) - pictures[name]).max())
            row += [f"{spent:.1f}", f"{times['seconds'] / spent:.2f}", f"{apart}/255"]
        rows.append(row)
    header = ["", "ours, s", "its first preview after, s"]
    for other in names[1:]:
        header += [
            f"{'diffusers' if other == 'diffusers' else 'diffusers, compiled'}, s",
            "ours : it",
            "largest difference",
        ]
    print(
        markdown(
            f"SD 1.5, {args.side}x{args.side} px, {args.steps} guided steps, {args.dtype}, "
            f"{machine()}",
            header,
            rows,
        )
    )
    facts = {
        "from nothing to a picture of one step, s": "cold",
        "the same again, s": "again",
        "the same after another model, both in RAM, s": "switch",
        "peak of the process, GiB": "peak",
        "peak on the device, GiB": "device_peak",
    }
    print(
        markdown(
            "Around them",
            ["", *names],
            [
                [what, *(f"{found[n][0][key]:.1f}" if key in found[n][0] else "-" for n in names)]
                for what, key in facts.items()
            ],
        )
    )


if __name__ == "__main__":
    main()
