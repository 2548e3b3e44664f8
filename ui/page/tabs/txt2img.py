"""txt2img: a picture from a prompt."""

from ui.forms import hires, reference, region_rows, steer
from ui.forms.tab import Fold, Inputs, Layout, Tab

TAB = Tab(
    mode="txt2img",
    title="txt2img",
    heading="A picture from words",
    text="Say what it should show, press Generate, and watch it form step by step.",
    layout=Layout(
        main=(
            "sampler",
            "schedule",
            "steps",
            "guidance_scale",
            "width",
            hires.SWITCH,
            "batch_size",
            "batch_count",
        ),
        scripted=("time_steps", *hires.WORKED_OUT),
        folds=(
            hires.FOLD,
            Fold("cascade", "Cascade", ("stages",), early=True),
            reference.FOLD,
            region_rows.FOLD,
            steer.fold("txt2img"),
        ),
    ),
    inputs=Inputs(pixels=reference.pixels),
    connect=reference.connect,
    grid=True,
)
