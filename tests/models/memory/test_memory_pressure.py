"""Memory that runs short: in parts, in tiles, or told in a sentence."""

from __future__ import annotations

import ast
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.image_processor import VaeImageProcessor

from backend.contracts.errors import OutOfMemory
from backend.models.autoencoder.tiling import tiles
from backend.models.checkpoint import Checkpoint
from backend.models.memory import memory_pressure
from backend.models.memory.memory_pressure import Thrift, Way, halvings, overcome
from backend.models.text.clip import Conditioning
from backend.sampling.types import Level


class Job:
    """Counts what it is asked to do."""

    def __init__(self) -> None:
        self.relieved = 0
        self.said: list[str] = []

    def relieve(self) -> None:
        self.relieved += 1


@pytest.fixture
def job() -> Iterator[Job]:
    made = Job()
    with memory_pressure.in_force(Thrift(made.relieve, made.said.append)):
        yield made


def short_above(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, fits: Callable[..., bool]
) -> list[tuple[int, ...]]:
    """Makes `owner.name` run out of memory for inputs that do not fit; returns their shapes."""
    plain, shapes = getattr(owner, name), []

    def limited(x: torch.Tensor, *args: object, **options: object) -> object:
        shapes.append(tuple(x.shape))
        if not fits(x):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return plain(x, *args, **options)

    monkeypatch.setattr(owner, name, limited)
    return shapes


def inputs(batch: int) -> tuple[list[Conditioning], torch.Tensor, Level]:
    generator = torch.Generator().manual_seed(0)
    context = torch.randn(batch, 77, 32, generator=generator)
    x = torch.randn(batch, 4, 8, 8, generator=generator) * 5
    level = Level.like(torch.empty(batch), 5.0, 500.0)
    return [Conditioning(context, context[:1])], x, level


@torch.no_grad()
def test_a_batch_is_drawn_in_parts_and_stays_the_same(
    eps: Checkpoint, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    conditioning, x, level = inputs(6)
    expected = eps.network.denoiser(conditioning)(x, level)
    shapes = short_above(monkeypatch, eps.network.model, "forward", lambda x: len(x) <= 2)
    denoise = eps.network.denoiser(conditioning)
    torch.testing.assert_close(denoise(x, level), expected, rtol=1e-4, atol=1e-4)
    assert [shape[0] for shape in shapes] == [6, 3, 2, 2, 2]
    # What did not fit is not tried again.
    denoise(x, level)
    assert [shape[0] for shape in shapes[5:]] == [2, 2, 2]
    assert job.relieved == 2
    assert job.said[-1] == "Memory was short, so each step was drawn in 3 parts."


@torch.no_grad()
def test_one_row_is_tried_once_more_and_then_refused(
    eps: Checkpoint, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    conditioning, x, level = inputs(1)
    answers = iter([False, True])
    shapes = short_above(monkeypatch, eps.network.model, "forward", lambda x: next(answers, False))
    denoise = eps.network.denoiser(conditioning)
    assert denoise(x, level).isfinite().all()
    assert len(shapes) == 2
    with pytest.raises(OutOfMemory, match="One picture of this size is too much"):
        denoise(x, level)


def test_other_errors_pass_through(
    eps: Checkpoint, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **options: object) -> object:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(eps.network.model, "forward", broken)
    conditioning, x, level = inputs(2)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        eps.network.denoiser(conditioning)(x, level)
    assert job.relieved == 0


def test_words_of_allocators_are_known() -> None:
    assert memory_pressure.is_shortage(MemoryError())
    assert memory_pressure.is_shortage(
        RuntimeError("DefaultCPUAllocator: can't allocate memory: ...")
    )
    assert memory_pressure.is_shortage(
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)")
    )
    assert memory_pressure.is_shortage(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"))
    assert not memory_pressure.is_shortage(ValueError("out of memory"))


def short() -> str:
    raise torch.OutOfMemoryError("CUDA out of memory.")


def test_ways_are_gone_down_and_memory_is_freed_before_each(job: Job) -> None:
    assert overcome([Way(lambda: "whole")], "it never fits") == "whole"
    assert (job.relieved, job.said) == (0, [])
    ways = [Way(short), Way(short, "halves"), Way(lambda: "quarters", "Quarters, then.")]
    assert overcome(ways, "it never fits") == "quarters"
    assert (job.relieved, job.said) == (2, ["Quarters, then."])
    with pytest.raises(OutOfMemory, match="it never fits"):
        overcome([Way(short, "not said")] * 2, "it never fits")
    assert (job.relieved, job.said) == (4, ["Quarters, then."])


def test_a_way_may_give_nothing_and_may_fail_otherwise(job: Job) -> None:
    freed: list[int] = []
    assert overcome([Way(short), Way(lambda: None)], "never", lambda: freed.append(1)) is None
    with pytest.raises(ZeroDivisionError):
        overcome([Way(lambda: 1 / 0), Way(lambda: 1.0)], "never", lambda: freed.append(1))
    assert (freed, job.relieved) == ([1], 0)


def test_what_a_way_holds_is_gone_when_the_next_one_is_tried(job: Job) -> None:
    held: list[object] = []

    def way(number: int) -> int:
        tensor = torch.zeros(1)
        assert held == []
        weakref.finalize(tensor, held.clear)
        held.append(number)
        if number < 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return number

    assert overcome([Way(partial(way, n)) for n in range(3)], "never") == 2


def test_parts_are_halved_and_the_least_is_tried_twice() -> None:
    assert list(halvings(6)) == [6, 3, 2, 1, 1]
    assert list(halvings(1)) == [1, 1]
    assert list(halvings(32, 2)) == [32, 16, 8, 4, 2, 2]
    assert list(halvings(3, 2)) == [3, 2, 2]


def refused() -> str:
    raise OutOfMemory("Not even in tiles.")


def test_what_inner_work_refuses_is_a_shortage_where_asked_for(job: Job) -> None:
    assert memory_pressure.attempt(refused, refused=True) is None
    assert memory_pressure.attempt(short) is None
    with pytest.raises(OutOfMemory, match="Not even in tiles"):
        memory_pressure.attempt(refused)
    assert overcome([Way(refused), Way(lambda: "small")], "never", refused=True) == "small"
    assert job.relieved == 1
    with pytest.raises(OutOfMemory, match="Not even in tiles"):
        overcome([Way(short), Way(refused)], "never", refused=True)
    with pytest.raises(OutOfMemory, match="never"):
        overcome([Way(refused), Way(short)], "never", refused=True)
    assert job.relieved == 5
    with pytest.raises(OutOfMemory, match="Not even in tiles"):
        overcome([Way(refused), Way(lambda: "small")], "never")
    assert job.relieved == 5


def test_advice_is_added_to_what_does_not_fit_and_to_nothing_else() -> None:
    with pytest.raises(OutOfMemory) as told, memory_pressure.advised(lambda: "64x64 px would fit."):
        raise OutOfMemory("Too large.")
    assert str(told.value) == "Too large. 64x64 px would fit."
    with pytest.raises(OutOfMemory) as told, memory_pressure.advised(lambda: ""):
        raise OutOfMemory("Too large.")
    assert str(told.value) == "Too large."
    with pytest.raises(ZeroDivisionError), memory_pressure.advised(lambda: str(1 / 1)):
        _ = 1 / 0
    with memory_pressure.advised(lambda: str(1 / 0)):
        pass


SHORTAGES = {"OutOfMemoryError", "MemoryError", "OutOfMemory"}
MEETS = "backend/models/memory/memory_pressure.py"
MOVES = {f"backend/engine/{name}.py" for name in ("jobs/crew", "jobs/worker", "local/engine")}
"""What asks for the sentence that came of it, to give the job to a larger device."""


def caught(source: str) -> set[str]:
    """Names of a shortage that a module catches by itself, or asks an error for."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        kinds: list[ast.AST] = []
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            kinds = [node.type]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
            "isinstance",
            "suppress",
        ):
            kinds = list(node.args)
        for kind in kinds:
            found |= {getattr(n, "attr", getattr(n, "id", "")) for n in ast.walk(kind)} & SHORTAGES
    return found


def test_no_other_module_meets_a_failed_allocation() -> None:
    root = Path(__file__).resolve().parents[3]
    found = {
        str(file.relative_to(root))
        for file in (root / "backend").rglob("*.py")
        if caught(file.read_text("utf-8"))
    }
    assert found == {MEETS, *MOVES}


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    f()\nexcept OutOfMemory:\n    pass",
        "try:\n    f()\nexcept (ValueError, torch.OutOfMemoryError) as e:\n    pass",
        "with suppress(MemoryError):\n    f()",
        "found = isinstance(error, errors.OutOfMemory)",
    ],
)
def test_one_that_did_would_be_found(source: str) -> None:
    assert caught(source)
    assert not caught("try:\n    f()\nexcept ValueError:\n    raise OutOfMemory('no') from None")


def smooth(height: int, width: int) -> torch.Tensor:
    coarse = torch.randn(1, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")


def tiled_reference(model: Checkpoint, latents: torch.Tensor, side_px: int) -> np.ndarray:
    vae = model.codec.model
    vae.enable_tiling()
    before = vae.tile_sample_min_size, vae.tile_latent_min_size
    vae.tile_sample_min_size, vae.tile_latent_min_size = side_px, side_px // 8
    try:
        with torch.no_grad():
            image = vae.decode(latents / 0.18215).sample
    finally:
        vae.disable_tiling()
        vae.tile_sample_min_size, vae.tile_latent_min_size = before
    pictures = VaeImageProcessor(vae_scale_factor=8).postprocess(image, output_type="np")
    return (pictures * 255).round().astype(np.uint8)


def test_a_decode_that_fails_goes_on_in_tiles_as_diffusers_makes_them(
    eps: Checkpoint, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents = smooth(32, 40)
    expected = tiled_reference(eps, latents, 128)
    shapes = short_above(
        monkeypatch, eps.codec.model.decoder, "forward", lambda z: max(z.shape[2:]) <= 16
    )
    picture = eps.codec.decode(latents)
    assert shapes[0] == (1, 4, 32, 40)
    assert picture.shape == (1, 256, 320, 3)
    assert np.abs(picture.astype(int) - expected).max() <= 1
    assert job.relieved == 1
    assert job.said == [
        "Memory was short, so the picture went through the autoencoder in tiles of 128 px."
    ]
    assert not eps.codec.model.use_tiling


def test_tiles_are_chosen_beforehand_where_the_whole_picture_cannot_fit(
    eps: Checkpoint, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = short_above(monkeypatch, eps.codec.model.decoder, "forward", lambda z: True)
    monkeypatch.setattr("backend.models.autoencoder.tiling.free_bytes", lambda device: 2 * 2**20)
    eps.codec.decode(smooth(32, 32))
    assert max(shape[2] for shape in shapes) == 16
    assert job.relieved == 0
    assert len(job.said) == 1


def test_an_encode_that_fails_goes_on_in_tiles(
    eps: Checkpoint, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.full((1, 256, 256, 3), 90, np.uint8)
    picture[:, ::2] = 200
    x = torch.tensor(picture).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad(), tiles(eps.codec.model, 128, 8):
        eps.codec.model.use_tiling = True
        expected = eps.codec.model.encode(x).latent_dist.mean * 0.18215
    short_above(monkeypatch, eps.codec.model.encoder, "forward", lambda x: max(x.shape[2:]) <= 128)
    torch.testing.assert_close(eps.codec.encode(picture)[0], expected, rtol=0, atol=1e-5)
    assert "tiles of 128 px" in job.said[0]


def test_a_picture_that_never_fits_is_refused_with_what_would(
    eps: Checkpoint, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_above(monkeypatch, eps.codec.model.decoder, "forward", lambda z: False)
    with pytest.raises(OutOfMemory, match="256x256 px, not even in tiles; choose 128x128 px"):
        eps.codec.decode(smooth(32, 32))
    with pytest.raises(OutOfMemory, match="64x64 px"):
        eps.codec.decode(smooth(8, 8))
    assert job.said == []


def test_a_small_picture_is_tried_again_once_memory_is_free(
    eps: Checkpoint, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = eps.codec.decode(smooth(8, 8))
    answers = iter([False, True])
    short_above(monkeypatch, eps.codec.model.decoder, "forward", lambda z: next(answers))
    assert np.array_equal(eps.codec.decode(smooth(8, 8)), expected)
    assert job.relieved == 1


def test_an_encode_that_overflows_is_done_again_in_float32(
    eps: Checkpoint, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    import copy

    from backend.models.autoencoder.vae import Vae

    picture = np.full((1, 64, 64, 3), 90, np.uint8)
    expected, _ = eps.codec.encode(picture)
    half = Vae(copy.deepcopy(eps.codec.model).to(torch.bfloat16))
    plain = type(half.model.encoder).forward

    def overflowing(self: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        found = plain(self, x)
        return found * torch.inf if found.dtype == torch.bfloat16 else found

    monkeypatch.setattr(type(half.model.encoder), "forward", overflowing)
    mean, _ = half.encode(picture)
    assert (mean - expected).abs().max() < 0.1 * expected.abs().max()
