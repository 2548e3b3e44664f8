"""Models: the only part of the backend that imports diffusers and transformers."""

import os

# Read once by diffusers at import: a model folder must never bring code of its own.
os.environ["DIFFUSERS_DISABLE_REMOTE_CODE"] = "1"
