"""The program of `tests.ui.forked.Nursery`: imports a studio's modules and forks them.

Each studio has a process above it that says its number and, when it ends, its status.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from importlib import import_module

from ui.gradio_compat.lean_import import import_lean

_NEEDED = (
    "backend.engine.fake.engine",
    "backend.engine.local.starting",
    "ui.page.build",
    "ui.server.opening",
)
MOST = 1 << 18
"""Bytes of a word: arguments and environment."""


def main() -> None:
    """Serves until the other end is closed."""
    asking = socket.socket(fileno=int(sys.argv[1]))
    _imports()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks for the processes above studios
    while True:
        asked, passed, _, _ = socket.recv_fds(asking, MOST, 2)
        if not asked:
            return
        if os.fork() == 0:
            asking.close()
            _above(json.loads(asked), *passed)
        for number in passed:
            os.close(number)


def _imports() -> None:
    import_lean()
    for name in _NEEDED:
        import_module(name)

    assert "torch" not in sys.modules  # a studio on the stand-in engine runs without
    tasks = os.listdir("/proc/self/task")
    assert len(tasks) == 1, "a process with threads must not be forked"


def _above(asked: dict[str, object], says: int, tells: int) -> None:
    """Forks the studio and waits for its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(tells)
        _studio(asked, says)
    os.close(says)
    os.write(tells, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(tells, f"{status}\n".encode())
    os._exit(0)


def _studio(asked: dict[str, object], says: int) -> None:
    """Runs `app.py`, or what stands in its place, as the interpreter would."""
    os.dup2(says, 1)
    os.dup2(says, 2)
    os.close(says)
    environment, command = asked["environment"], asked["command"]
    assert isinstance(environment, dict)
    assert isinstance(command, list)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    status = 1
    try:
        runpy.run_path(command[0], run_name="__main__")
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
