"""Looks: Gradio's base theme set to a quiet palette with system fonts, and our own sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradio import themes
from gradio.themes.utils import colors

STATIC = Path(__file__).parents[1] / "static"
SHEETS = ("loom.css", "easel.css", "canvas.css")
COMPAT = STATIC.parent / "gradio_compat"

_FONT = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

# One accent, a calm teal; 700 on white and 300 on the dark ground pass AA.
_ACCENT = colors.Color(
    name="loom",
    c50="#eefaf8",
    c100="#d3f1ec",
    c200="#a9e3da",
    c300="#75cfc3",
    c400="#43b3a6",
    c500="#2a978b",
    c600="#1f7a71",
    c700="#1b625b",
    c800="#194f4a",
    c900="#17423e",
    c950="#082624",
)
_GREY = colors.Color(
    name="loom-grey",
    c50="#f8f8f7",
    c100="#f1f1ef",
    c200="#e4e4e1",
    c300="#cfcfcb",
    c400="#9c9c98",
    c500="#6f6f6c",
    c600="#545452",
    c700="#3b3c3d",
    c800="#26282a",
    c900="#1a1c1e",
    c950="#121415",
)


def theme() -> themes.Base:
    """The theme given to `launch`."""
    base: Any = themes.Base(
        primary_hue=_ACCENT,
        secondary_hue=_ACCENT,
        neutral_hue=_GREY,
        font=_FONT,
        font_mono=_MONO,
        radius_size=themes.sizes.radius_md,
        text_size=themes.sizes.text_sm,
        spacing_size=themes.sizes.spacing_md,
    )
    return base.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_800",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_border_width_dark="0px",
        block_shadow="none",
        block_shadow_dark="none",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_title_text_color="*neutral_600",
        block_title_text_color_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        block_title_text_weight="500",
        body_text_color="*neutral_800",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_700",
        panel_border_width="0px",
        panel_background_fill="transparent",
        panel_background_fill_dark="transparent",
        input_background_fill="white",
        input_background_fill_dark="*neutral_900",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        input_border_width="1px",
        input_border_width_dark="1px",
        input_border_color_focus="*primary_600",
        input_border_color_focus_dark="*primary_400",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        input_shadow="none",
        input_shadow_dark="none",
        input_shadow_focus="none",
        input_shadow_focus_dark="none",
        checkbox_border_radius="3px",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        button_secondary_background_fill="transparent",
        button_secondary_background_fill_dark="transparent",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_hover_dark="*neutral_800",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
    )


def css() -> str:
    """The style sheet given to `launch`."""
    return "\n".join((STATIC / name).read_text("utf-8") for name in SHEETS)
