"""DDIM table: what a step adds, and what it does to few steps and many."""

from backend.contracts.settings.ddim_table import DdimTableSettings
from ui.forms.tab import Layout, Tab

TAB = Tab(
    mode=DdimTableSettings.mode,
    title="DDIM table",
    heading="One seed, three ways to add noise",
    text=(
        "DDIM with eta 0, with eta 1 and with the larger variance, after few steps and many: "
        "sigma hat is the noise that few steps do not bear."
    ),
    layout=Layout(
        main=("step_counts", "guidance_scale", "width"),
        scripted=("sampler", "schedule", "steps", "eta", "variance", "batch_size", "batch_count"),
    ),
)
