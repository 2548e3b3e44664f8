"""LoRA tags in a prompt, whoever wrote them."""

from __future__ import annotations

import pytest

from backend.contracts.settings import LoraUse
from backend.resolve.lora_tags import has_loras, loras_in, without_loras


@pytest.mark.parametrize(
    ("tag", "name", "weight"),
    [
        ("<lora:ink:0.5>", "ink", 0.5),
        ("<lyco:char/style:-1>", "char/style", -1.0),
        ("<LORA:ink>", "ink", 1.0),
        ("<lora:ink:>", "ink", 1.0),
    ],
)
def test_a_tag_is_taken_apart(tag: str, name: str, weight: float) -> None:
    assert has_loras(f"a house {tag}, red")
    prompt, loras, notes = loras_in(f"a house {tag}, red")
    assert (prompt, notes) == ("a house, red", ())
    assert loras == (LoraUse(name=name, weight=weight),)
    assert without_loras(f"a house {tag}, red") == prompt


def test_of_several_weights_the_first_or_the_unets_counts_and_it_is_said() -> None:
    assert loras_in("<lora:ink:0.5:0.7>")[1:] == (
        (LoraUse(name="ink", weight=0.5),),
        ("Of <lora:ink:0.5:0.7> only the name and one weight count.",),
    )
    assert loras_in("<lora:ink:0.5:unet=0.7>").loras == (LoraUse(name="ink", weight=0.7),)


def test_blocks_are_read_as_the_extension_writes_them() -> None:
    for tag in ("<lora:ink:0.5:lbw=OUTALL>", "<lora:ink:0.5:0.5:lbw=outall>"):
        assert loras_in(tag) == ("", (LoraUse(name="ink", weight=0.5, blocks="OUTALL"),), ())
    named = loras_in("<lora:ink:1:lbw=MID=0,OUT03=0.5>")
    assert named.loras == (LoraUse(name="ink", blocks="MID=0,OUT03=0.5"),)
    _, loras, notes = loras_in("<lora:ink:1:lbw=NONE:stop=9>")
    assert loras == (LoraUse(name="ink", blocks="NONE"),)
    assert notes == (
        "Of <lora:ink:1:lbw=NONE:stop=9> only the name, one weight and the blocks count.",
    )


@pytest.mark.parametrize(
    "tag", ["<lora:ink:much>", "<lora:ink:1:lbw=NOSE>", "<lora:ink:99>", "<lora:ink:nan>"]
)
def test_one_that_cannot_be_read_is_said_and_taken_out(tag: str) -> None:
    assert loras_in(f"a house {tag}") == (
        "a house",
        (),
        (f"The LoRA tag {tag} could not be read.",),
    )


def test_what_is_no_tag_stays() -> None:
    for text in ("a <lora house", "<lora:>", "a <hypernet:x:1> house"):
        assert not has_loras(text)
        assert loras_in(text) == (text, (), ())
