"""LoRA mix: a picture from a prompt, with the LoRA rows at hand, and the LoRAs side by side."""

from backend.settings import LoraMixSettings
from ui.workspace import Tab

TAB = Tab(
    mode=LoraMixSettings.mode,
    title="LoRA mix",
    heading="See what each LoRA does",
    text="Add LoRAs and weigh them. Compare draws one seed without, with each alone, and with all.",
    main=("steps", "guidance_scale", "width", "batch_size", "compare"),
    advanced=(
        "sampler", "schedule", "guidance_rescale", "threshold_ratio", "guidance_start",
        "guidance_end", "eta", "clip_skip", "variation_seed", "variation_strength", "prompt_b",
        "prompt_mix",
    ),
    loras_open=True,
)
