"""The tabs of the page, in order. A new tab is a module with a `TAB` and its name in `TABS`."""

from __future__ import annotations

from ui.page.tabs import clip, img2img, lora_mix, morph, style_transfer, txt2img, upscale
from ui.page.workspace import Tab

TABS: tuple[Tab, ...] = (
    txt2img.TAB,
    img2img.TAB,
    style_transfer.TAB,
    lora_mix.TAB,
    morph.TAB,
    clip.TAB,
    upscale.TAB,
)
