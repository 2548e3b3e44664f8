"""LoRA mix: a picture from a prompt, with the LoRA rows at hand, and the LoRAs side by side."""

from gradio.components import Component

from backend.contracts.settings import LoraMixSettings
from backend.contracts.settings.reference import ReferenceFields
from ui.forms import hires, region_rows, steer
from ui.forms.tab import Below, Layout, Tab
from ui.forms.workspace import Workspace
from ui.panels.lora_tools import connect_pad, lora_tools
from ui.panels.train import connect_training, train_panel
from ui.server.studio import Studio


def _panel(_: Studio) -> dict[str, Component]:
    return lora_tools() | train_panel()


def _connect(space: Workspace) -> None:
    connect_pad(space)
    connect_training(space)


TAB = Tab(
    mode=LoraMixSettings.mode,
    title="LoRA mix",
    heading="See what each LoRA does",
    text="Add LoRAs and weigh them. Compare draws one seed without, with each alone, and with all.",
    layout=Layout(
        main=(
            "steps",
            "guidance_scale",
            "width",
            hires.SWITCH,
            "batch_size",
            "batch_count",
            "compare",
        ),
        advanced=(
            "sampler",
            "schedule",
        ),
        scripted=("stages", "time_steps", *hires.WORKED_OUT, *ReferenceFields.model_fields),
        folds=(hires.FOLD, region_rows.FOLD, steer.fold("lora_mix")),
        loras_open=True,
    ),
    below=Below(panel=_panel),
    connect=_connect,
    grid=True,
)
