"""One network is built at a time: the libraries change torch for the whole process meanwhile.

While accelerate and transformers build a module, every module's parameters land on `meta` and
torch's first choice of precision is another one; two that are built at once would be mixed. What
runs on another device meanwhile names the precision of all that it makes.
"""

from __future__ import annotations

import threading

BUILDING = threading.RLock()
