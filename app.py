"""Latent Loom: flags -> engine -> page."""

import gc
import sys
from pathlib import Path
from typing import Any

from backend.contracts.errors import LoomError
from backend.storage.locks import InUse, hold
from ui.gradio_compat.lean_import import import_lean
from ui.server.commands import run
from ui.server.flags import flags
from ui.server.places import places
from ui.server.share import PortInUse, announcement, planned, prepare_environment, wait_for_signal
from ui.server.temp_files import remove

HERE = places(Path(__file__).resolve().parent)


def main(**further: Any) -> None:
    """Runs until Ctrl+C or SIGTERM; `further` is for `LocalEngine.create`, beside the flags."""
    if (said := run(sys.argv[1:], HERE.data)) is not None:
        print(said)
        return
    args = flags(HERE.data)
    try:
        plan = planned(args)
        hold(args.data)
    except (InUse, ValueError, LoomError) as error:
        raise SystemExit(str(error)) from None
    import_lean()
    temporary = prepare_environment(args.trusted_proxy)
    gc.disable()  # Thousands of modules come; looking through them for garbage is a quarter of it.
    from backend.engine.local.starting import begin, settled
    from ui.page.build import build, serve
    from ui.server.opening import opened

    studio = opened(args, HERE, **further)
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
        studio.engine.close()  # it tells whoever waits; the page answers until then
        page.blocks.close(verbose=False)
        remove(temporary)
        gc.freeze()  # The process ends: to look through everything once more takes it 2 s.


if __name__ == "__main__":
    main()
