"""InvokeAI's records before its third version."""

from __future__ import annotations

import json

import pytest

from backend.recipes.readers.old_invokeai import read


@pytest.mark.parametrize(
    "command",
    [
        '"a house [fog] by the sea [rain]" -s 8 -S42 -W 256 -H256 -C 7.5 -A k_lms -G 0.8',
        "a house [fog] by the sea [rain] -s8 -S 42 -W256 -H 256 -C7.5 -A k_lms -G 0.8",
    ],
)
def test_a_command(command: str) -> None:
    draft = read({"Dream": command})
    assert draft is not None
    parsed = draft.settled()
    assert parsed.settings == {
        "prompt": "a house  by the sea", "negative_prompt": "fog, rain", "steps": 8, "seed": 42,
        "width": 256, "height": 256, "guidance_scale": 7.5, "sampler": "lms", "schedule": "model",
    }  # fmt: skip
    assert parsed.unread == {"-G": "0.8"}


def test_the_object_goes_first_and_keeps_what_it_cannot_use() -> None:
    image = {"prompt": [{"prompt": "a", "weight": 1}, {"prompt": "b"}], "steps": 8, "threshold": 2}
    draft = read({"sd-metadata": json.dumps({"image": image}), "Dream": '"other" -s 9'})
    assert draft is not None
    parsed = draft.settled()
    assert parsed.settings == {"prompt": "a, b", "steps": 8}
    assert parsed.unread == {"threshold": "2"}


@pytest.mark.parametrize(
    "texts", [{}, {"Dream": ""}, {"sd-metadata": "[]"}, {"Dream": "x" * 30000}]
)
def test_others_are_not_its(texts: dict[str, str]) -> None:
    assert read(texts) is None


def test_damage_is_no_error() -> None:
    for text in ('{"image": 7}', '{"image": {"prompt": [[]]}}', '{"image": {"prompt": 3}}'):
        assert read({"sd-metadata": text}) is not None
    assert read({"Dream": '"never closed -s 8'}) is not None
