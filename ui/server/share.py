"""Serving the page: environment, passwords, the share link, and a drain of our own."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import threading
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from backend.storage.accounts import Accounts
from ui.server.temp_files import process_folder

_NO_LINK = (
    "No share link could be made (is this machine online?); the page runs on this machine only."
)


MIN_METRICS_KEY = 12
_SEVERAL = re.compile(r",[^,:]+:[^,:]")


@dataclass(frozen=True)
class Serving:
    """How the page is to be served.

    Attributes:
        host: Address to bind, e.g. "127.0.0.1".
        port: Port to bind.
        share: Make a public link.
        auth: (user, password), or None for an open page on this machine.
        made_up: The password was made up here and has to be printed.
        open_browser: Open a browser window.
        api: Answer at /sdapi/v1 as well.
        auth_file: A file of accounts, in the place of `auth`.
        metrics_key: Opens /metrics; without one nothing answers there.
        mcp: Answer agents at /mcp.
    """

    host: str
    port: int
    share: bool
    auth: tuple[str, str] | None
    made_up: bool
    open_browser: bool
    api: bool = False
    auth_file: Path | None = None
    metrics_key: str = ""
    mcp: bool = False


def serving(
    *,
    host: str,
    port: int,
    listen: bool,
    share: bool,
    auth: str | None,
    open_browser: bool,
    api: bool = False,
    auth_file: Path | None = None,
    metrics_key: str = "",
    mcp: bool = False,
) -> Serving:
    """Turns flags into a plan; whatever leaves this machine gets a password.

    Raises:
        ValueError: `auth` is not USER:PASS, or is given beside a file; or the file names nobody;
            or the key of the metrics is too short to be one; or what `mcp` needs is not there.
    """
    if listen and host == "127.0.0.1":
        host = "0.0.0.0"
    pair: tuple[str, str] | None = None
    made_up = False
    if auth_file is not None:
        if auth is not None:
            raise ValueError("Choose one of --auth and --auth-file.")
        if not Accounts(auth_file).all():
            raise ValueError(
                f"Nobody may log in by {auth_file}; add an account first: "
                f"latent-loom users add NAME --role owner --auth-file {auth_file}"
            )
    elif auth is not None:
        user, colon, password = auth.partition(":")
        if not (user and colon and password):
            raise ValueError("--auth is written USER:PASS, both not empty.")
        if _SEVERAL.search(password):  # as A1111 writes them
            raise ValueError(
                "--auth is one person, USER:PASS. For several add each by `latent-loom users add "
                "NAME --auth-file FILE`, and begin with --auth-file FILE; a password with a comma "
                "and a colon in it belongs there, too."
            )
        pair = (user, password)
    elif share or not is_local(host):
        pair, made_up = ("loom", secrets.token_urlsafe(9)), True
    if metrics_key and len(metrics_key) < MIN_METRICS_KEY:
        raise ValueError(f"--metrics-key is a secret of {MIN_METRICS_KEY} letters or more.")
    if mcp and find_spec("mcp") is None:
        raise ValueError("--mcp needs a package more: pip install -r requirements-mcp.txt")
    return Serving(host, port, share, pair, made_up, open_browser, api, auth_file, metrics_key, mcp)


def planned(args: Namespace) -> Serving:
    """The plan that the command line asks for.

    Raises:
        ValueError: As `serving`.
    """
    plan = serving(
        host=args.host,
        port=args.port,
        listen=args.listen,
        share=args.share,
        auth=args.auth,
        open_browser=args.open,
        api=args.api,
        auth_file=args.auth_file,
        metrics_key=args.metrics_key,
        mcp=args.mcp,
    )
    if args.private and plan.auth is None and plan.auth_file is None:
        raise ValueError(
            "--private is for people who log in: add --auth-file FILE, or --auth USER:PASS."
        )
    return plan


def is_local(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    return host in ("localhost", "::1") or host.startswith("127.")


class PortInUse(Exception):
    """The port to serve on is taken."""


def port_is_free(host: str, port: int) -> bool:
    """Whether the page could be served there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def prepare_environment(trusted_proxies: Sequence[str] = ()) -> Path:
    """Prepares Gradio's environment; returns its private temporary folder (0700).

    Args:
        trusted_proxies: Addresses or networks whose X-Forwarded-For is believed; uvicorn would
            believe this machine's own, from where a share link's visitors come.
    """
    folder = process_folder()
    os.environ["FORWARDED_ALLOW_IPS"] = ",".join(trusted_proxies)
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    for name in ("GRADIO_SHARE", "GRADIO_ALLOWED_PATHS", "GRADIO_ROOT_PATH", "GRADIO_NUM_WORKERS"):
        os.environ.pop(name, None)
    return folder


def own_names(host: str) -> tuple[str, ...]:
    """Host names under which this machine's page may be asked for."""
    names = ["localhost", "127.0.0.1", "::1", host]
    if not is_local(host):
        names += [socket.gethostname(), f"{socket.gethostname()}.local", socket.getfqdn()]
    return tuple(names)


def announcement(plan: Serving, local_url: str, share_url: str | None) -> str:
    """What the terminal says once the page answers."""
    lines = [f"Latent Loom runs on {local_url}"]
    if plan.share:
        lines.append(f"Share link: {share_url}" if share_url else _NO_LINK)
    if plan.auth is not None and plan.made_up:
        lines.append(f"User: {plan.auth[0]}  Password: {plan.auth[1]}")
    lines.append("Press Ctrl+C to stop.")
    return "\n".join(lines)


def share_failure(plan: Serving, share_url: str | None) -> str:
    """The sentence that the page shows when a link was wanted and none came."""
    return _NO_LINK if plan.share and not share_url else ""


def wait_for_signal() -> None:
    """Returns at the first SIGINT or SIGTERM; a second one ends the process at once."""
    stop = threading.Event()

    def on_signal(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    while not stop.wait(3600):
        pass
