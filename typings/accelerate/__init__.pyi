"""As much of accelerate as is used here; the package has no annotations."""

from contextlib import AbstractContextManager

def init_empty_weights(include_buffers: bool | None = ...) -> AbstractContextManager[None]: ...
