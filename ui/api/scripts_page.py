"""The page at /scripts: what programs can ask for, and how.

The endpoints' own page also keeps their parameters, which are components to Gradio (a third of
all), out of the studio's page, whose browser would have to load them for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import gradio as gr

from ui.api.endpoints import connect_api
from ui.server.studio import Studio

PATH = "scripts"
_WORDS = """# For scripts

All that the tabs do, a program can ask for: `pip install gradio_client`, then

```python
from gradio_client import Client

client = Client("http://127.0.0.1:7860")  # the address of this page, without /{path}
images, info = client.predict(
    prompt="a red house on grass", seed=7, batch_size=2, api_name="/txt2img"
)
```

Fields are named as the settings in a picture's record, and what is left out has the page's default.
`client.view_api()` prints every endpoint with its fields.

| endpoint | what it does |
|---|---|
{rows}

[Back to the studio](./)
"""
LINK = f'<p class="loom-foot"><a href="{PATH}">For scripts</a></p>'
"""To this page, for the foot of the studio's."""


def scripts_page(blocks: gr.Blocks, studio: Studio, modes: Iterable[str]) -> None:
    """Adds the page, with an endpoint for the job of each of these modes and the others."""
    with blocks.route("For scripts", PATH, show_in_navbar=False):
        told = connect_api(studio, modes)
        rows = "\n".join(f"| `/{name}` | {_first_sentence(text)} |" for name, text in told.items())
        gr.Markdown(_WORDS.format(path=PATH, rows=rows), elem_classes="loom-scripts")


def _first_sentence(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split())
