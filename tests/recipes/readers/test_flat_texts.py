"""kohya's scripts and Midjourney; `test_further_tools` has whole pictures."""

from __future__ import annotations

import pytest

from backend.recipes.readers.flat_texts import kohya, midjourney

JOB = "Job ID: 6a7c7c0f-3c46-4a3e-9a39-0e3c5f8a1b2c"


def test_kohya_is_told_by_its_chunks() -> None:
    texts = {"prompt": "a house", "seed": "1", "steps": "8", "scale": "7.5", "crop-top": "0"}
    draft = kohya(texts)
    assert draft is not None
    assert draft.values == {"prompt": "a house", "seed": 1, "steps": 8, "guidance_scale": 7.5}
    assert draft.unread == {"crop-top": "0"}
    assert kohya({"prompt": "a house", "seed": "1"}) is None
    assert kohya(texts | {"prompt": '{"1": {}}'}) is None


@pytest.mark.parametrize(
    ("line", "prompt", "negative", "kept"),
    [
        (f"a house {JOB}", "a house", None, {}),
        (f"a house, 3-d --no fog, rain --ar 3:2 --raw {JOB}", "a house, 3-d", "fog, rain",
         {"ar": "3:2", "raw": "on"}),
        (f"a -- b --v 6 {JOB}", "a -- b", None, {"v": "6"}),
    ],
)  # fmt: skip
def test_midjourneys_line(
    line: str, prompt: str, negative: str | None, kept: dict[str, str]
) -> None:
    draft = midjourney({"Description": line})
    assert draft is not None
    assert draft.values.get("prompt") == prompt
    assert draft.values.get("negative_prompt") == negative
    assert draft.unread == kept | {"Job ID": JOB.removeprefix("Job ID: ")}


def test_a_description_of_somebody_else_is_none() -> None:
    assert midjourney({"Description": "a house --ar 3:2"}) is None
    assert midjourney({}) is None
