"""Jobs that a client names itself: they outlive a restart, and a repeated call finds them again.

A1111's field `force_task_id` is that name. The same call under the same name is the same job, as a
second press of a page's button is: a client whose connection was cut sends it once more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from backend.contracts.requests import Request


def token_of(key: bytes, owner: str, task: str, request: Request) -> str:
    """What opens the job of a named call; empty where the call has no name.

    Args:
        key: The studio's; nobody guesses a token who has not got it.
        owner: Of the caller: another's task of that name is another job.
        task: The name.
        request: What is asked: under one name another request is another job.
    """
    if not task:
        return ""
    said = hmac.new(key, digestmod=hashlib.sha256)
    for part in (owner, task, request.settings.model_dump_json()):
        encoded = part.encode("utf-8", "surrogatepass")
        said.update(len(encoded).to_bytes(8, "big") + encoded)
    for name, pixels in sorted(request.images.items()):
        said.update(f"{name} {pixels.shape}".encode())
        said.update(pixels.tobytes())
    return base64.urlsafe_b64encode(said.digest()).decode().rstrip("=")
