"""How many files and sockets the process may have open."""

from __future__ import annotations

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None

WANTED = 65_536


def raise_file_limit() -> int:
    """Raises the limit as far as it may be, and returns it."""
    if resource is None:
        return WANTED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # macOS allows less than it says
            return soft
        return wanted
    return soft if soft != resource.RLIM_INFINITY else WANTED
