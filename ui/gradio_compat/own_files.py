"""The page behind a share link is served from the studio as well.

Gradio (6.31) serves a shared page by a template whose scripts come from a host of its own in the
cloud: a visitor's browser would run what lies there, and the studio's policy does not let it.
No switch turns that off; no issue upstream was found for it.
"""

from __future__ import annotations

import gradio as gr


def serve_own_files(blocks: gr.Blocks) -> None:
    """From here on, the page is that of this machine, however it was asked for.

    Args:
        blocks: Launched; its link stays as it is.
    """
    blocks.share = False
