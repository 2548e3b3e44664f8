"""Writing files so that a crash, a full disk or a second process never leaves half of one."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from backend.contracts.errors import StorageProblem

BEGINS = ".writing-"  # the name of what is not whole yet; listings skip the leading dot


def clear_leftovers(*folders: Path) -> int:
    """Removes what writes left that were cut off, in these folders; says how many there were.

    Only for who alone writes there: what another process is writing looks the same.
    """
    gone = 0
    for folder in folders:
        for left in folder.glob(f"{BEGINS}*"):
            try:
                left.unlink()
            except OSError:
                continue
            gone += 1
    return gone


def write_replacing(path: Path, data: bytes) -> None:
    """Writes `data` to `path`, in the place of what was there, all or nothing.

    Raises:
        OSError: The disk is full, or the folder may not be written to.
    """
    temporary = _write_temporary(path, data)
    try:
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def write_new(path: Path, data: bytes) -> None:
    """Writes `data` to `path`, which must be free; of two processes one gets it.

    It is there also where the power goes once this has returned.

    Raises:
        FileExistsError: Something of that name is there.
        OSError: The disk is full, or the folder may not be written to.
    """
    temporary = _write_temporary(path, data)
    try:
        try:
            os.link(temporary, path)  # unlike rename, fails where the name is taken
        except FileExistsError:
            raise
        except OSError:  # a disk without hard links, e.g. exFAT: claim the name, then fill it
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            try:
                os.replace(temporary, path)
            except OSError:
                path.unlink(missing_ok=True)
                raise
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """A new name in a folder is on the disk once the folder is."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_synced(folder: Path, mode: int = 0o777) -> None:
    """Makes a folder with those above it, each on the disk; raises OSError as `mkdir` does."""
    if not folder.is_dir():
        make_synced(folder.parent, mode)
        folder.mkdir(mode=mode, exist_ok=True)
        sync_folder(folder.parent)


def _write_temporary(path: Path, data: bytes) -> Path:
    try:
        make_synced(path.parent)
    except FileExistsError:  # not to be taken for the file's own name being in use
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
    # In the same folder, so that the rename stays on one disk; listings skip the leading dot.
    handle, name = tempfile.mkstemp(prefix=BEGINS, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.name == "posix":
            os.chmod(name, 0o666 & ~_umask())  # mkstemp gives 0600
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _umask() -> int:
    # Reading the umask means setting it, which other threads would see: ask the kernel instead.
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("Umask"))[6:], 8)
    except (OSError, StopIteration, ValueError):
        return 0o077


def storage_problem(error: OSError, what: str, folder: str) -> StorageProblem:
    """The sentence for a failed read or write.

    Args:
        error: What the system said.
        what: The thing, e.g. "The picture".
        folder: Its folder as people call it, e.g. "the outputs folder"; never a path, which a
            visitor of a shared page need not see.
    """
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return StorageProblem(
                f"{what} could not be saved: the disk that holds {folder} is full. "
                "Free some space and try again."
            )
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return StorageProblem(
                f"{what} could not be saved: {folder} may not be written to. "
                "Change its permissions, or start with another --data folder."
            )
        case _:
            reason = os.strerror(error.errno) if error.errno else type(error).__name__
            return StorageProblem(f"{what} could not be stored in {folder} ({reason}).")
