"""The studio that the flags ask for: its folders, and the engine behind the page."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from backend.engine.fake.engine import FakeEngine
from backend.engine.jobs.limits import Limits
from backend.engine.jobs.patience import Patience
from backend.engine.jobs.protocol import Engine
from backend.engine.local.starting import start_local
from backend.storage.outputs import Storage
from backend.storage.wildcards import WildcardFiles
from ui.server.job_log import write_log
from ui.server.places import Places
from ui.server.studio import Studio, studio_at

FAKE_LOAD_S = 0.4


def opened(args: Namespace, here: Places, **further: Any) -> Studio:
    """Opens the data folder, with an engine that is yet to start.

    Args:
        args: The flags.
        here: Folders of the studio.
        further: Of `LocalEngine.create`, beside what the flags say.
    """
    if args.log is not None:
        try:
            write_log(args.log, prompts=args.log_prompts)
        except OSError as error:
            raise SystemExit(f"The log {args.log} cannot be written: {error}.") from None
    shared: dict[str, Any] = {
        "patience": Patience.of_hours(args.unwatched_hours),
        "wildcards": WildcardFiles(here.wildcards, args.data / "wildcards"),
        "queue": args.data / "queue",
        "limits": Limits(
            waiting=args.max_waiting,
            waiting_in_all=args.max_waiting_in_all,
            ended=args.results_kept,
            megapixel_steps=args.megapixel_steps,
        ),
    }

    def drawn(storage: Storage) -> Engine:
        return FakeEngine(
            storage=storage,
            step_time_s=args.fake,
            load_time_s=FAKE_LOAD_S,
            devices=_named(args.device or ""),
            **shared,
        )

    def local(storage: Storage) -> Engine:
        return start_local(
            here.model_folders(args.data, args.models),
            storage,
            (args.vram_budget, args.ram_budget, args.idle_minutes),
            device=args.device,
            dtype=args.dtype,
            compiled=args.compile,
            preview=args.preview,
            **shared,
            **further,
        )

    engine = local if args.fake is None else drawn
    return studio_at(args.data, here.presets, engine, args.pictures, private=args.private)


def _named(devices: str) -> tuple[str, ...]:
    """Names of the devices that the stand-in pretends to have, as `picks` gives them."""
    named = [one.strip() for one in devices.split(",") if one.strip()]
    if len(named) < 2:
        return ("",)
    twice = len(set(named)) < len(named)
    return tuple(f"{one.partition(':')[0]}:{n}" if twice else one for n, one in enumerate(named))
