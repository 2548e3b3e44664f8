"""Textual inversions: the files, the words in a prompt, and diffusers' own loader beside ours."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import save_file

from backend.contracts.errors import BadInput, ModelProblem
from backend.contracts.requests import Request
from backend.contracts.settings import Txt2ImgSettings
from backend.engine.jobs.asking import ask
from backend.engine.local.engine import LocalEngine
from backend.families.registry import FAMILIES
from backend.models.catalog.catalog import Catalog
from backend.models.checkpoint import Checkpoint
from backend.models.memory.devices import pick
from backend.models.text.clip import TextEncoder
from backend.models.text.embedding_file import read_embedding
from backend.models.text.embedding_header import inspect_embedding
from backend.models.text.embeddings import EmbeddingFiles, Learned, Vocabulary
from backend.models.text.token_count import TokenCounter
from backend.recipes.metadata import read, write_png
from backend.storage.outputs import Storage
from tests import jobs
from tests.tiny import tiny_checkpoint, tiny_sdxl


def vectors(count: int, width: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def write(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny_checkpoint(root / "checkpoints" / "tiny")
    tiny_sdxl(root / "checkpoints" / "xl")
    folder = root / "embeddings"
    write(folder / "bad-hands.safetensors", {"emb_params": vectors(3)})
    write(folder / "Ink.safetensors", {"<ink>": vectors(1, seed=1)[0]})
    write(folder / "both.safetensors", {"clip_l": vectors(2, seed=2), "clip_g": vectors(2, seed=3)})
    write(folder / "wide.safetensors", {"emb_params": vectors(2, 768)})
    return root


@pytest.fixture(scope="module")
def catalog(models: Path) -> Catalog:
    return Catalog([models], FAMILIES)


@pytest.fixture(scope="module")
def loaded(catalog: Catalog) -> Checkpoint:
    return FAMILIES.load(catalog.checkpoint("tiny"), pick("cpu", "float32"))


@pytest.fixture
def text(loaded: Checkpoint, catalog: Catalog) -> TextEncoder:
    assert isinstance(loaded.text, TextEncoder)
    fresh = TextEncoder(loaded.text.model, loaded.text.tokenizer)
    fresh.teach(EmbeddingFiles(catalog))
    return fresh


@pytest.fixture(scope="module")
def pipe(models: Path) -> StableDiffusionPipeline:
    pipe = StableDiffusionPipeline.from_pretrained(models / "checkpoints" / "tiny")
    folder = models / "embeddings"
    pipe.load_textual_inversion(folder / "bad-hands.safetensors", token="bad-hands")
    pipe.load_textual_inversion(folder / "Ink.safetensors", token="ink")
    return pipe


@pytest.mark.parametrize(
    "prompt",
    [
        "bad-hands",
        "a fish, bad-hands, blurry",
        "ink of bad-hands and ink",
        "a house bad-hands",
        "no learned word at all",
    ],
)
@pytest.mark.parity
def test_a_prompt_gives_the_tensor_of_diffusers(
    text: TextEncoder, pipe: StableDiffusionPipeline, prompt: str
) -> None:
    reference, _ = pipe.encode_prompt(prompt, "cpu", 1, False)
    ours = text.encode([prompt]).context
    assert torch.allclose(ours, reference, atol=1e-6)
    if "ink" in prompt or "hands" in prompt:
        plain = text.encode([prompt.replace("bad-hands", "x").replace("ink", "y")]).context
        assert not torch.allclose(ours, plain, atol=1e-2)


@pytest.mark.parity
def test_sdxl_takes_the_vectors_of_both_encoders(models: Path, catalog: Catalog) -> None:
    xl = FAMILIES.load(catalog.checkpoint("xl"), pick("cpu", "float32"))
    xl.text.teach(EmbeddingFiles(catalog))
    pipe = StableDiffusionXLPipeline.from_pretrained(models / "checkpoints" / "xl")
    state = read_embedding(models / "embeddings" / "both.safetensors").vectors
    for part, tokenizer, encoder in (
        (state[0], pipe.tokenizer, pipe.text_encoder),
        (state[1], pipe.tokenizer_2, pipe.text_encoder_2),
    ):
        pipe.load_textual_inversion(part, token="both", text_encoder=encoder, tokenizer=tokenizer)
    reference, _, pooled, _ = pipe.encode_prompt(
        "a fish, both", device="cpu", do_classifier_free_guidance=False
    )
    ours = xl.text.encode(["a fish, both"])
    assert torch.allclose(ours.context, reference, atol=1e-6)
    assert ours.pooled is not None
    assert torch.allclose(ours.pooled, pooled, atol=1e-6)
    # One for a single encoder is a plain word here.
    assert xl.text.learned(["bad-hands, ink"]) == {}


def test_weights_act_on_every_vector_of_a_word(text: TextEncoder) -> None:
    plain = text.encode(["a bad-hands fish"]).context[0]
    weighted = text.encode(["a (bad-hands:1.5) fish"]).context[0]
    assert torch.allclose(weighted[2:5], 1.5 * plain[2:5])
    others = [i for i in range(77) if not 2 <= i < 5]
    assert torch.equal(weighted[others], plain[others])


@pytest.mark.parametrize(
    ("text_", "found"),
    [
        ("ink", ["Ink"]),
        ("INK, Bad-Hands", ["Ink", "bad-hands"]),
        ("embedding:ink", ["Ink"]),
        ("drink inks ink_2 ink-2", []),
        ("(ink:1.2)", ["Ink"]),
        ("bad-hands-5", []),
        ("", []),
    ],
)
def test_names_stand_alone(text: TextEncoder, text_: str, found: list[str]) -> None:
    assert sorted(text.learned([text_])) == sorted(found)


def test_a_longer_name_goes_first() -> None:
    words = Vocabulary({name: Learned(name, Path(), 1) for name in ("bad", "bad hands", "hands")})
    pieces = [p.name if isinstance(p, Learned) else p for p in words.split("bad hands, bad")]
    assert pieces == ["bad hands", ", ", "bad"]


def test_a_word_is_never_divided_between_chunks(text: TextEncoder) -> None:
    tokens, count = text.count_tokens("a " * 74 + "bad-hands")
    assert (tokens, count) == (77, 2)
    context = text.encode(["a " * 74 + "bad-hands"]).context
    assert torch.equal(context[:, 77:], text.encode(["bad-hands"]).context)


def test_a_word_longer_than_a_chunk_is_refused(
    text: TextEncoder, models: Path, catalog: Catalog
) -> None:
    too_long = write(models / "embeddings" / "long.safetensors", {"emb_params": vectors(75)})
    text.chunk_tokens = 40
    catalog.refresh()
    try:
        with pytest.raises(BadInput, match="75 tokens"):
            text.encode(["long"])
    finally:
        too_long.unlink()
        catalog.refresh()


def test_another_file_under_the_name_gives_another_picture(
    text: TextEncoder, models: Path, catalog: Catalog
) -> None:
    path = write(models / "embeddings" / "late.safetensors", {"emb_params": vectors(2, seed=7)})
    assert text.learned(["late"]) == {}, "nobody has looked yet"
    word = text.encode(["late"]).context
    catalog.refresh()
    first = text.encode(["late"]).context
    assert not torch.equal(word, first)
    write(path, {"emb_params": vectors(4, seed=8)})
    catalog.refresh()
    assert not torch.equal(text.encode(["late"]).context, first)
    path.unlink()
    catalog.refresh()
    assert torch.equal(text.encode(["late"]).context, word)


def test_the_counter_counts_vectors(catalog: Catalog, text: TextEncoder) -> None:
    counter = TokenCounter(FAMILIES, EmbeddingFiles(catalog))
    info = catalog.checkpoint("tiny")
    for prompt in ("bad-hands", "a fish, ink", "both wide"):
        count = counter.count(info, prompt)
        assert count is not None
        assert sum(count.chunks) == text.count_tokens(prompt)[0]
    plain, learned = TokenCounter(FAMILIES).count(info, "a x"), counter.count(info, "a bad-hands")
    assert plain is not None
    assert learned is not None
    assert sum(learned.chunks) == sum(plain.chunks) + 2


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({"a": vectors(1), "b": vectors(1)}, "2 tensors"),
        ({"emb_params": vectors(76)}, "76 tokens"),
        ({"emb_params": torch.zeros(2, 3, 4)}, "do not belong together"),
        ({"clip_l": vectors(1), "clip_g": vectors(2)}, "do not belong together"),
        ({"emb_params": torch.zeros(0, 32)}, "do not belong together"),
    ],
)
def test_what_is_no_embedding_is_shown_with_the_reason(
    tmp_path: Path, tensors: dict[str, torch.Tensor], sentence: str
) -> None:
    path = write(tmp_path / "embeddings" / "odd.safetensors", tensors)
    with pytest.raises(ModelProblem, match=sentence):
        inspect_embedding(path)
    (info,) = Catalog([tmp_path], FAMILIES).models("embedding")
    assert sentence in str(info.problem)


def test_pickles_and_damage_get_sentences(tmp_path: Path) -> None:
    folder = tmp_path / "embeddings"
    folder.mkdir()
    (folder / "old.pt").write_bytes(b"\x80\x02")
    whole = write(folder / "cut.safetensors", {"emb_params": vectors(2)}).read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[:-5])
    write(folder / "nan.safetensors", {"emb_params": torch.full((1, 32), float("nan"))})
    problems = {
        info.name: info.problem for info in Catalog([tmp_path], FAMILIES).models("embedding")
    }
    assert "pickle" in str(problems["old"])
    assert "damaged" in str(problems["cut"])
    with pytest.raises(ModelProblem, match="not finite"):
        read_embedding(folder / "nan.safetensors")


@pytest.fixture
def engine(models: Path, tmp_path: Path) -> Iterator[LocalEngine]:
    own = tmp_path / "models"
    shutil.copytree(models, own)
    engine = LocalEngine.create(
        [own], Storage(tmp_path / "data"), device="cpu", dtype="float32", warm_up=None
    )
    yield engine
    engine.close()


def drawn(engine: LocalEngine, settings: Txt2ImgSettings, revision: int = 0):
    token = ask(engine, Request(settings, save=False))
    return jobs.ended(engine, token)


@pytest.mark.parity
def test_the_picture_is_the_pipelines_and_its_record_says_why(
    engine: LocalEngine, pipe: StableDiffusionPipeline
) -> None:
    settings = Txt2ImgSettings(
        prompt="a fish, ink",
        negative_prompt="bad-hands",
        model="tiny",
        sampler="ddim",
        schedule="model",
        steps=4,
        seed=3,
        guidance_scale=5.0,
        width=64,
        height=64,
    )
    status = drawn(engine, settings)
    assert status.state == "done", status.error
    (output,) = status.outputs
    noise = torch.Generator().manual_seed(3)
    reference = pipe(
        "a fish, ink",
        negative_prompt="bad-hands",
        num_inference_steps=4,
        guidance_scale=5.0,
        width=64,
        height=64,
        generator=noise,
        output_type="np",
    ).images[0]
    apart = np.abs(output.image.astype(int) - np.round(reference * 255).astype(int))
    assert (apart <= 2).mean() >= 0.999
    names = output.record.extra["embeddings"]
    assert sorted(names) == ["Ink", "bad-hands"]
    assert read(write_png(output.image, output.record)).extra["embeddings"] == names
    plain = drawn(engine, settings.model_copy(update={"prompt": "a fish", "negative_prompt": ""}))
    assert "embeddings" not in plain.outputs[0].record.extra


def test_a_damaged_file_stops_the_job_with_a_sentence(engine: LocalEngine, tmp_path: Path) -> None:
    write(
        tmp_path / "models" / "embeddings" / "nan.safetensors",
        {"emb_params": torch.full((1, 32), float("inf"))},
    )
    library = engine.library(refresh=True)
    told = {one.name: one for one in library.embeddings}
    assert told["nan"].fits == ("tiny",)
    assert told["both"].fits == ("xl",)
    assert (told["wide"].fits, told["wide"].vectors, told["wide"].family) == ((), 2, "sd1")
    settings = Txt2ImgSettings(prompt="nan", model="tiny", steps=2, seed=1, width=64, height=64)
    status = drawn(engine, settings)
    assert status.state == "failed"
    assert "not finite" in str(status.error)
    after = drawn(engine, settings.model_copy(update={"prompt": "a fish"}))
    assert after.state == "done"


def test_a_checkpoint_without_the_shelf_reads_plain_words(loaded: Checkpoint) -> None:
    assert loaded.text.learned(["ink, bad-hands"]) == {}
    assert replace(loaded).text.count_tokens("bad-hands")[0] >= 3


@pytest.mark.parametrize(
    ("parts", "widths"),
    [
        ({"string_to_param.*": vectors(2)}, (32,)),
        ({"emb_params": vectors(2)}, (32,)),
        ({"clip_l": vectors(2), "clip_g": vectors(2, 48)}, (32, 48)),
    ],
)
def test_one_inside_a_lora_is_a_word_of_its_own(
    tmp_path: Path, parts: dict[str, torch.Tensor], widths: tuple[int, ...]
) -> None:
    base = "lora_unet_down_blocks_0_attentions_0_proj_in"
    lora = {f"{base}.lora_down.weight": vectors(4, 16), f"{base}.lora_up.weight": vectors(16, 4)}
    inside = {f"bundle_emb.myword.{key}": value for key, value in parts.items()}
    write(tmp_path / "loras" / "style.safetensors", lora | inside)
    catalog = Catalog([tmp_path], FAMILIES)
    (entry,) = catalog.models("embedding")
    assert (entry.name, entry.problem) == ("myword", None)
    shelf = EmbeddingFiles(catalog)
    (word,) = shelf.fitting(widths).words.values()
    found = shelf.read(word).vectors
    assert all(torch.equal(a, b) for a, b in zip(found, parts.values(), strict=True))
    write(tmp_path / "embeddings" / "myword.safetensors", {"emb_params": vectors(1)})
    catalog.refresh()
    (own,) = catalog.models("embedding")
    assert own.inside == ""
