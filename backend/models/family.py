"""The seam for a kind of model: what a family says of a file, and what it makes of it.

`backend.families` implements this and nothing else in the product asks what kind a model is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from backend.contracts.capabilities import Capabilities, SizeGrid
from backend.contracts.errors import ModelProblem
from backend.control.building import BUILDING
from backend.models.catalog.card import Card
from backend.models.catalog.configs import read_json
from backend.models.catalog.traits import Traits
from backend.models.control.shape import ControlShape

if TYPE_CHECKING:
    from torch import nn
    from transformers import CLIPTokenizer

    from backend.models.catalog.entry import ModelInfo
    from backend.models.checkpoint import Checkpoint
    from backend.models.memory.devices import Target

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Anatomy:
    """What others must know of a model before it is loaded.

    Attributes:
        factor: Pixels for each latent position, along one side; 1 where it works on pixels.
        channels: Of its latents.
        sizes: What it draws.
        can: What can be asked of it.
        text_widths: D of each text encoder.
        control: What a ControlNet must fit; None where none does.
        tiny_decoder: Name of the tiny decoder for its latents; "" where there is none.
        call_values: Numbers that a call holds at its peak for each latent position of a sample.
        decode_values: Numbers that decoding holds at its peak for each pixel.
        guidance_scale: What it recommends where its card says nothing; None: as most models.
        reader: Folder of the model whose text encoder reads its prompts, where it has none.
    """

    factor: int = 8
    channels: int = 4
    sizes: SizeGrid = field(default_factory=SizeGrid)
    can: Capabilities = field(default_factory=Capabilities)
    text_widths: tuple[int, ...] = ()
    control: ControlShape | None = None
    tiny_decoder: str = ""
    call_values: int = 0
    decode_values: int = 0
    guidance_scale: float | None = None
    reader: Path | None = None


@dataclass(frozen=True)
class Findings:
    """What was found out about a file or folder without loading it.

    Attributes:
        family: sd1, sd2, sdxl, ...; "" if unknown.
        native_size: (width, height), px.
        weights: The files that define the network, for the content hash.
        bytes: Size of all weight files.
        note: Something that had to be assumed.
        title: How a person calls the family; "" shows none.
        anatomy: Of a checkpoint.
        scale: Of an upscaler; 0 where only loading tells.
    """

    family: str
    native_size: tuple[int, int]
    weights: tuple[Path, ...]
    bytes: int
    note: str | None = None
    title: str = ""
    anatomy: Anatomy = field(default_factory=Anatomy)
    scale: int = 0


@dataclass(frozen=True)
class Kin:
    """Models that take each other's LoRAs, ControlNets and embeddings.

    Attributes:
        name: As `Findings.family` has it; "" if unknown.
        title: In a sentence about what was made for them.
    """

    name: str = ""
    title: str = ""


@dataclass(frozen=True)
class TokenizerSource:
    """Where a prompt's tokens are counted without the model.

    Attributes:
        key: Two sources with the same key make the same tokenizer.
        make: Loads it.
        positions: Of the text encoder, markers included.
    """

    key: Hashable
    make: Callable[[], CLIPTokenizer]
    positions: int


class Family(Protocol):
    """One kind of model."""

    @property
    def name(self) -> str:
        """What the catalog notes it by."""
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names by which a folder's index asks for it, for the sentence when none is known."""
        ...

    def recognise(self, path: Path, card: Card) -> Findings | None:
        """What a checkpoint's file or folder is; None where it belongs to another family.

        Told from keys and shapes, never from the file's name alone.

        Raises:
            ModelProblem: It belongs to this family and cannot be used; says why.
        """
        ...

    def kin(self, traits: Traits) -> Kin | None:
        """Those of its models that a file with such traits was made for; None where none was."""
        ...

    def load(self, info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
        """Loads it, ready to run: evaluation mode, no gradients, layout and dtype set.

        Raises:
            ModelProblem: A file is missing or damaged; names it.
            OutOfMemory: The device cannot hold it.
        """
        ...

    def scheduler_config(self, info: ModelInfo) -> Mapping[str, Any]:
        """The fields of its scheduler's config, in diffusers' names.

        Raises:
            ModelProblem: It is missing or damaged.
        """
        ...

    def tokenizer(self, info: ModelInfo) -> TokenizerSource | None:
        """Where its prompts' tokens are counted; None where it reads no prompt."""
        ...

    def skeleton(self, info: ModelInfo) -> Mapping[str, nn.Module] | None:
        """The modules that LoRAs change, without memory behind their weights.

        By the names that LoRA files use; None where they are known only once it is loaded.
        """
        ...


class Registry:
    """The families at hand, asked in order."""

    def __init__(self, families: Iterable[Family]) -> None:
        """`families`: The first that recognises a model has it."""
        self._families: Sequence[Family] = tuple(families)

    def joined(self, family: Family) -> Registry:
        """These and one more, which is asked first."""
        return Registry((family, *self._families))

    def asked(self, path: Path, card: Card) -> tuple[Family, Findings] | None:
        """Whose a checkpoint is, and what it is; None where no family knows it.

        Raises:
            ModelProblem: Its own family cannot use it.
        """
        for family in self._families:
            found = family.recognise(path, card)
            if found is not None:
                return family, found
        return None

    def recognise(self, path: Path, card: Card) -> tuple[Family, Findings]:
        """Whose a checkpoint is, and what it is.

        Raises:
            ModelProblem: No family knows it, or its own cannot use it.
        """
        found = self.asked(path, card)
        if found is not None:
            return found
        index = read_json(path / "model_index.json")
        known = sorted(kind for family in self._families for kind in family.kinds)
        raise ModelProblem(
            f"Checkpoints of the kind '{str(index.get('_class_name'))[:80]}' cannot be used; "
            f"supported: {', '.join(known)}."
        )

    def kin(self, traits: Traits) -> Kin:
        """Whose a file with such traits is; nobody's where no family knows it."""
        found = (family.kin(traits) for family in self._families)
        return next((kin for kin in found if kin is not None), Kin())

    def of(self, info: ModelInfo) -> Family:
        """The family that recognised a checkpoint."""
        return next(family for family in self._families if family.name == info.recognised_by)

    def load(
        self, info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None = None
    ) -> Checkpoint:
        """Loads a checkpoint, see `Family.load`.

        Args:
            info: From `Catalog.checkpoint`.
            target: Where to and in which precision.
            tiny_decoder: From `Catalog.tiny_decoder`, for previews of the kind `tiny`.
        """
        with BUILDING:
            return self.of(info).load(info, target, tiny_decoder)

    def scheduler_config(self, info: ModelInfo) -> Mapping[str, Any]:
        """See `Family.scheduler_config`."""
        return self.of(info).scheduler_config(info)

    def tokenizer(self, info: ModelInfo) -> TokenizerSource | None:
        """See `Family.tokenizer`."""
        return self.of(info).tokenizer(info)

    def skeleton(self, info: ModelInfo) -> Mapping[str, nn.Module] | None:
        """See `Family.skeleton`; None also where its configs cannot be built from."""
        try:
            with BUILDING:
                return self.of(info).skeleton(info)
        except Exception as error:  # loading it says what is wrong, in a sentence of its own
            log.warning("%s: %r", info.path, error)
            return None
