"""Studios of tests, forked from a process that has imported what they need.

A studio on the stand-in engine spends nearly all of its start on imports. The nursery imports once
for all tests of a worker and stands still; each studio is a fork of it that runs `app.py` from its
first line, with its own arguments, and finds the modules there.
"""

from __future__ import annotations

import array
import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

_PROGRAM = "tests.ui.nursery"
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""A process with threads must not be forked, and numpy's starts some when it is imported."""


class Forked:
    """A studio that runs, with what tests use of `subprocess.Popen`.

    Attributes:
        pid: Of the studio.
        stdout: What it prints, errors too.
        returncode: As of `subprocess.Popen`; None while it runs.
    """

    def __init__(self, stdout: TextIO, told: TextIO) -> None:
        self.stdout: TextIO | None = stdout
        self.returncode: int | None = None
        self._told = told
        self.pid = int(told.readline())

    def poll(self) -> int | None:
        """Its exit status, if it has ended."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended: negative is the signal that ended it.

        Raises:
            subprocess.TimeoutExpired: It has not within `timeout` seconds.
        """
        if self.returncode is None:
            ends = select.poll()  # `select` takes no file beyond the 1,024th
            ends.register(self._told, select.POLLIN)
            if not ends.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired("app.py", timeout or 0)
            # Nothing is said where Ctrl+C has ended whoever waits for it.
            status = int(self._told.readline() or signal.SIGINT)
            self.returncode = os.waitstatus_to_exitcode(status)
            self._told.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process that studios are forked from; it starts with the first.

    Args:
        root: Of the repository.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._asking: socket.socket | None = None

    @property
    def works(self) -> bool:
        """Whether a process may be forked here after it has imported much."""
        return sys.platform == "linux"

    def studio(self, arguments: Sequence[str], program: str = "app.py") -> Forked:
        """A studio by `program` with `arguments`, in this process's environment."""
        if self._asking is None:
            self._asking = self._begun()
        command = [program, *arguments]
        asked = json.dumps({"command": command, "environment": dict(os.environ)})
        said, says = os.pipe()
        told, tells = os.pipe()
        with os.fdopen(says), os.fdopen(tells):
            passed = array.array("i", [says, tells]).tobytes()
            rights: list[Any] = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)]
            self._asking.sendmsg([asked.encode()], rights)
        return Forked(os.fdopen(said), os.fdopen(told))

    def _begun(self) -> socket.socket:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            process = subprocess.Popen(
                [sys.executable, "-m", _PROGRAM, str(its.fileno())],
                cwd=self._root,
                env=os.environ | _ONE_THREAD,
                pass_fds=[its.fileno()],
            )
        atexit.register(process.wait)
        atexit.register(ours.close)  # runs first; it ends the other
        return ours
