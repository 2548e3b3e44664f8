"""Latent Loom: flags -> engine -> page."""

import gc
import sys
from pathlib import Path
from typing import Any

from backend.contracts.errors import LoomError
from backend.storage.locks import InUse, hold
from ui.gradio_compat.lean_import import skip_type_stubs
from ui.server.commands import run
from ui.server.flags import flags
from ui.server.places import places
from ui.server.share import PortInUse, announcement, prepare_environment, serving, wait_for_signal
from ui.server.temp_files import remove

HERE = places(Path(__file__).resolve().parent)


def main(**further: Any) -> None:
    """Runs until Ctrl+C or SIGTERM, then lets the running step end.

    `further`: Of `LocalEngine.create`, beside what the flags say.
    """
    if (said := run(sys.argv[1:], HERE.data)) is not None:
        print(said)
        return
    args = flags(HERE.data)
    try:
        plan = serving(
            host=args.host,
            port=args.port,
            listen=args.listen,
            share=args.share,
            auth=args.auth,
            open_browser=args.open,
            api=args.api,
            auth_file=args.auth_file,
        )
        hold(args.data)
    except (InUse, ValueError, LoomError) as error:
        raise SystemExit(str(error)) from None
    skip_type_stubs()
    temporary = prepare_environment(args.trusted_proxy)
    gc.disable()  # Thousands of modules come; looking through them for garbage is a quarter of it.
    from backend.engine.jobs.job import Patience
    from backend.engine.jobs.limits import Limits
    from backend.engine.local.starting import begin, settled, start_local
    from backend.storage.wildcards import WildcardFiles
    from ui.page.build import build, serve, studio_at

    wildcards = WildcardFiles(HERE.wildcards, args.data / "wildcards")
    patience = Patience.of_hours(args.unwatched_hours)
    limits = Limits(
        waiting=args.max_waiting,
        waiting_in_all=args.max_waiting_in_all,
        ended=args.results_kept,
        megapixel_steps=args.megapixel_steps,
    )

    if args.fake is not None:
        from backend.engine.fake.engine import FakeEngine

        studio = studio_at(
            args.data,
            HERE.presets,
            lambda storage: FakeEngine(
                storage=storage,
                step_time_s=args.fake,
                load_time_s=0.4,
                patience=patience,
                wildcards=wildcards,
                queue=args.data / "queue",
                limits=limits,
            ),
            args.pictures,
        )
    else:
        studio = studio_at(
            args.data,
            HERE.presets,
            lambda storage: start_local(
                HERE.model_folders(args.data, args.models),
                storage,
                (args.vram_budget, args.ram_budget, args.idle_minutes),
                device=args.device,
                dtype=args.dtype,
                compiled=args.compile,
                preview=args.preview,
                patience=patience,
                wildcards=wildcards,
                queue=args.data / "queue",
                limits=limits,
                **further,
            ),
            args.pictures,
        )
    page = build(studio)
    try:
        if plan.share:
            begin(studio.engine)  # The link takes seconds to make.
        links = serve(page, plan, uploads_mb=args.upload_mb, probed=args.probe)
        print(announcement(plan, *links), flush=True)
        settled(studio.engine)
        gc.freeze()  # They stay: later collections need not look at them.
        gc.enable()
        wait_for_signal()
    except PortInUse as error:
        raise SystemExit(str(error)) from None
    finally:
        page.blocks.close(verbose=False)
        studio.engine.close()
        remove(temporary)
        gc.freeze()  # The process ends: to look through everything once more takes it 2 s.


if __name__ == "__main__":
    main()
