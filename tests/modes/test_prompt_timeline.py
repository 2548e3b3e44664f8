"""Prompts that change on the way, through the engine on a small random model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from backend.contracts.requests import Branch
from backend.contracts.settings import Img2ImgSettings, Txt2ImgSettings
from backend.engine.local.engine import LocalEngine
from backend.modes.prompt_timeline import Words, denoiser
from backend.modes.start import Span
from backend.sampling.types import Level, Schedule
from backend.storage.outputs import Storage
from tests.modes.test_hires import pictures, run, settings
from tests.tiny import tiny_checkpoint


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    engine = LocalEngine.create(
        [root],
        Storage(tmp_path_factory.mktemp("data")),
        device="cpu",
        dtype="float32",
        warm_up=None,
    )
    yield engine
    engine.close()


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "euler_a", "ddim", "lms"])
def test_a_switch_is_a_branch_with_the_other_words(engine: LocalEngine, sampler: str) -> None:
    walk = {"sampler": sampler, "schedule": "model"}
    switched = run(engine, settings(prompt="a [red house:blue boat:2]", **walk))
    first = run(engine, settings(prompt="a red house", **walk))
    expected = run(engine, settings(prompt="a blue boat", **walk), Branch(first.token, 1))
    assert np.array_equal(pictures(switched), pictures(expected))
    assert not np.array_equal(pictures(switched), pictures(first))
    assert switched.outputs[0].record.settings["prompt"] == "a [red house:blue boat:2]"


def test_negative_and_second_prompts_switch_too(engine: LocalEngine) -> None:
    plain = {"negative_prompt": "fog", "prompt_b": "the sea", "prompt_mix": 0.4}
    whole = pictures(run(engine, settings(**plain)))
    for name, words in (("negative_prompt", "[fog:snow:0.5]"), ("prompt_b", "[the sea|a tree]")):
        assert not np.array_equal(pictures(run(engine, settings(**plain | {name: words}))), whole)
        same = words.replace("snow", "fog").replace("a tree", "the sea")
        assert np.array_equal(pictures(run(engine, settings(**plain | {name: same}))), whole)


def test_each_text_is_embedded_once(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    from backend.models.text.clip import TextEncoder

    encoded: list[str] = []
    plain = TextEncoder._encode_one

    def counted(self: TextEncoder, text: str, *rest: object) -> object:
        if (text, *rest) not in self._cache:
            encoded.append(text)
        return plain(self, text, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(TextEncoder, "_encode_one", counted)
    run(engine, settings(prompt="[once|twice]", steps=8))
    assert sorted(text for text in encoded if text) == ["once", "twice"]


def test_a_ladder_counts_from_each_strength_s_own_start(engine: LocalEngine) -> None:
    scene = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    wanted = {
        "prompt": "[red:blue:0.5]",
        "model": "tiny",
        "steps": 8,
        "seed": 3,
        "width": 64,
        "height": 64,
        "guidance_scale": 3.0,
    }
    ladder = run(
        engine, Img2ImgSettings.model_validate(wanted | {"strengths": [0.5, 1.0]}), image=scene
    )
    for index, strength in enumerate((0.5, 1.0)):
        alone = run(
            engine, Img2ImgSettings.model_validate(wanted | {"strength": strength}), image=scene
        )
        difference = pictures(alone)[0].astype(int) - pictures(ladder)[index]
        assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(
    ("first", "total", "sigmas", "said"),
    [
        (1, 3, (5.0, 3.0, 1.0, 0.2), ["a", "b", "c", "c"]),
        # The rest of a run of seven steps, three of which lie behind it.
        (-3, 7, (9.0, 5.0, 3.0, 1.0), ["a", "b", "c", "a"]),
    ],
)
def test_a_step_hears_its_own_words(
    first: int, total: int, sigmas: tuple[float, ...], said: list[str]
) -> None:
    heard: list[str] = []

    def saying(words: Words) -> object:
        def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
            heard.append(words.prompt)
            return x

        return denoise

    schedule = Schedule(torch.tensor([9.0, 5.0, 3.0, 1.0, 0.0]), torch.arange(4), 1.0)
    span = Span(schedule, first)
    assert span.total == total
    act = denoiser(Txt2ImgSettings(prompt="[a|b|c]"), span, saying)  # type: ignore[arg-type]
    x = torch.zeros(1, 4, 2, 2)
    for sigma in sigmas:
        act(x, Level.like(x, sigma, 1.0))
    assert heard == said
