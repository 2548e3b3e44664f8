"""Latent Loom: flags -> engine -> page."""

import argparse
from pathlib import Path

from ui.share import PortInUse, announcement, prepare_environment, serving, wait_for_signal

ROOT = Path(__file__).parent


def flags() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="app.py", description="An interactive diffusion studio.")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to serve on (127.0.0.1)")
    add("--listen", action="store_true", help="serve to the network, with a password")
    add("--port", type=int, default=7860, help="port to serve on (7860)")
    add("--share", action="store_true", help="make a public link, with a password")
    add("--auth", metavar="USER:PASS", help="ask for this name and password")
    add("--models", type=Path, action="append", metavar="DIR", help="more models (repeatable)")
    add("--data", type=Path, default=ROOT / "data", help="outputs and your presets (data)")
    add("--device", help="cpu, cuda, cuda:1, mps (the best there is)")
    add("--dtype", help="float32, bfloat16, float16 (the best for the device)")
    add("--preview", choices=("off", "fast", "tiny", "full"), default="fast")
    add("--open", action="store_true", help="open a browser")
    add("--fake", type=float, nargs="?", const=0.1, metavar="STEP_S", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Runs until Ctrl+C or SIGTERM, then lets the running step end."""
    args = flags()
    plan = serving(host=args.host, port=args.port, listen=args.listen, share=args.share,
                   auth=args.auth, open_browser=args.open)
    prepare_environment()
    from ui.build import build, serve, studio_at

    if args.fake is not None:
        from backend.engine.fake import FakeEngine
        studio = studio_at(args.data, ROOT / "presets", lambda storage: FakeEngine(
            storage=storage, step_time_s=args.fake, load_time_s=0.4))
    else:
        from backend.engine.local import LocalEngine
        models = [ROOT / "models", *(args.models or [])]
        studio = studio_at(args.data, ROOT / "presets", lambda storage: LocalEngine.create(
            models, storage, device=args.device, dtype=args.dtype, preview=args.preview))
    page = build(studio)
    try:
        print(announcement(plan, *serve(page, plan)), flush=True)
        wait_for_signal()
    except PortInUse as error:
        raise SystemExit(str(error)) from None
    finally:
        page.blocks.close(verbose=False)
        studio.engine.close()


if __name__ == "__main__":
    main()
