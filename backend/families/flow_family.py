"""What families of flow transformers have in common: folders, single files, and loading."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from backend.families.diffusers_folder import FolderKind
from backend.families.flow_folder import PACK, FlowFolder, inspect, scheduler_config
from backend.models.catalog.card import Card
from backend.models.catalog.entry import ModelInfo
from backend.models.catalog.traits import Traits
from backend.models.family import Findings

if TYPE_CHECKING:
    from torch import nn

    from backend.models.checkpoint import Checkpoint
    from backend.models.memory.devices import Target


class Loading(Protocol):
    """A module that loads a family's models; it imports torch."""

    @staticmethod
    def load(info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
        """See `Family.load`."""
        ...

    @staticmethod
    def modules(folder: Path) -> Mapping[str, nn.Module]:
        """See `Family.skeleton`."""
        ...


@dataclass(frozen=True)
class FlowFamily(ABC):
    """Folders of one pipeline, and single files where `in_file` tells them.

    Attributes:
        name: See `Family.name`.
        folder: Which folders are its.
    """

    name: str
    folder: FolderKind

    @property
    def kinds(self) -> tuple[str, ...]:
        """See `Family.kinds`."""
        return tuple(sorted(self.folder.pipelines))

    def recognise(self, path: Path, card: Card) -> Findings | None:
        """See `Family.recognise`."""
        found = self.found(path)
        return None if found is None else self.described(path, found)

    def found(self, path: Path) -> FlowFolder | None:
        """What lies there, checked; None where it is of another kind.

        Raises:
            ModelProblem: It is damaged, or lacks parts; names them.
        """
        if path.is_file():
            return self.in_file(path)
        return inspect(path, self.folder) if path.is_dir() and self.folder.owns(path) else None

    def in_file(self, path: Path) -> FlowFolder | None:
        """What a single file and the parts beside it are; None where it is of another kind.

        Raises:
            ModelProblem: It is damaged, or lacks parts; names them, and where to put them.
        """
        return None

    @abstractmethod
    def described(self, path: Path, found: FlowFolder) -> Findings:
        """What a model is.

        Raises:
            ModelProblem: Its parts do not belong together.
        """

    @abstractmethod
    def loading(self) -> Loading:
        """The module that loads it, imported now and not before: torch is slow to import."""

    def kin(self, traits: Traits) -> None:
        """Files for them are told by their keys."""
        return None

    def load(self, info: ModelInfo, target: Target, tiny_decoder: ModelInfo | None) -> Checkpoint:
        """See `Family.load`."""
        return self.loading().load(info, target, tiny_decoder)

    def scheduler_config(self, info: ModelInfo) -> Mapping[str, Any]:
        """See `Family.scheduler_config`."""
        return scheduler_config(info)

    def tokenizer(self, info: ModelInfo) -> None:
        """Its encoders count differently; nothing is counted while one types."""
        return None

    def skeleton(self, info: ModelInfo) -> Mapping[str, nn.Module] | None:
        """See `Family.skeleton`; a single file's layers are known once it is loaded."""
        return None if info.path.is_file() else self.loading().modules(info.path)


@dataclass(frozen=True)
class EvenFamily(FlowFamily):
    """Families whose pipelines begin at noise alone, in even steps, before they are shifted.

    Attributes:
        patch: Latent positions to the side of a token.
    """

    patch: int = PACK

    def scheduler_config(self, info: ModelInfo) -> Mapping[str, Any]:
        """See `Family.scheduler_config`."""
        return {**self.own_scheduler(info), "spacing": "trailing", "patch": self.patch}

    def own_scheduler(self, info: ModelInfo) -> Mapping[str, Any]:
        """As its files say."""
        return scheduler_config(info)
