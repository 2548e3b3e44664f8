"""The command line."""

from __future__ import annotations

import argparse
from pathlib import Path


def amount(text: str) -> float:
    """A number of 0 or more."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise ValueError(text)
    return value


def count(text: str) -> int:
    """A whole number of 1 or more."""
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def flags(data: Path) -> argparse.Namespace:
    """Reads the command line; `data` is the data folder where no flag names one."""
    return parser_of(data).parse_args()


def parser_of(data: Path) -> argparse.ArgumentParser:
    """The flags themselves."""
    parser = argparse.ArgumentParser(
        prog="latent-loom", description="An interactive diffusion studio."
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to serve on (127.0.0.1)")
    add("--listen", action="store_true", help="serve to the network, with a password")
    add("--port", type=int, default=7860, help="port to serve on (7860)")
    add("--share", action="store_true", help="make a public link, with a password")
    add("--auth", metavar="USER:PASS", help="ask for this name and password")
    add("--auth-file", type=Path, metavar="FILE", help="ask for one of this file's accounts")
    add(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="a proxy or network of proxies whose X-Forwarded-For is believed (repeatable)",
    )
    add("--private", action="store_true", help="people see the pictures alone that they made")
    add("--models", type=Path, action="append", metavar="DIR", help="more models (repeatable)")
    add(
        "--pictures",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="pictures of other tools; the history shows them and leaves them alone (repeatable)",
    )
    add("--data", type=Path, default=data, help=f"outputs and your presets ({data})")
    add(
        "--device",
        help="cpu, cuda, cuda:1, mps; several as cuda:0,cuda:1 or cpu,cpu; all (the best there is)",
    )
    add("--dtype", help="float32, bfloat16, float16 (the best for the device)")
    add(
        "--compile",
        choices=("off", "graphs", "full"),
        default="off",
        help="compile models for each size once: CUDA graphs (GPU only), or fused kernels (off)",
    )
    add("--preview", choices=("off", "fast", "tiny", "full"), default="fast")
    add("--vram-budget", type=amount, metavar="GIB", help="weights that the GPU may hold (70 %%)")
    add("--ram-budget", type=amount, metavar="GIB", help="weights that RAM may hold (70 %%)")
    add(
        "--idle-minutes",
        type=amount,
        default=30,
        metavar="N",
        help="models that nobody uses for so long leave memory; 0 is never (30)",
    )
    add(
        "--unwatched-hours",
        type=amount,
        default=12,
        metavar="N",
        help="a grid, morph or script's job that nobody watches stops after so long of its own "
        "running; 0 is never (12)",
    )
    add("--max-waiting", type=count, default=32, metavar="N", help="jobs of one person (32)")
    add("--max-waiting-in-all", type=count, default=256, metavar="N", help="jobs of all (256)")
    add(
        "--megapixel-steps",
        type=amount,
        default=0,
        metavar="N",
        help="megapixels times steps that one person may have drawn in an hour; 0 is any (0)",
    )
    add("--upload-mb", type=count, default=512, metavar="MB", help="uploads of one person (512)")
    add("--results-kept", type=count, default=64, metavar="N", help="ended jobs to ask for (64)")
    add(
        "--api",
        action="store_true",
        help="answer at /sdapi/v1 and /v1 as well, as A1111 and OpenAI do",
    )
    add("--mcp", action="store_true", help="answer agents at /mcp, with a tool for each mode")
    add(
        "--metrics-key", default="", metavar="KEY", help="answer at /metrics whoever sends this key"
    )
    add("--log", type=Path, metavar="FILE", help="write what becomes of jobs, a line of JSON each")
    add("--log-prompts", action="store_true", help="their prompts too")
    add("--open", action="store_true", help="open a browser")
    add("--probe", action="store_true", help=argparse.SUPPRESS)
    add("--fake", type=float, nargs="?", const=0.1, metavar="STEP_S", help=argparse.SUPPRESS)
    return parser
