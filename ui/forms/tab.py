"""What makes one tab different from the next: plain values and builders, no components yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradio.components import Component

from backend.contracts.events import Pixels
from backend.contracts.fields import described
from backend.contracts.settings import MODES, Settings
from ui.server.studio import Studio

if TYPE_CHECKING:
    from ui.forms.workspace import Workspace


def _no_components() -> dict[str, Component]:
    return {}


def _no_pixels(raw: dict[str, Any]) -> dict[str, Pixels]:
    return {}


def _no_panel(studio: Studio) -> dict[str, Component]:
    return {}


def _no_wires(space: Workspace) -> None:
    return None


@dataclass(frozen=True)
class Fold:
    """A further accordion of a tab.

    Attributes:
        key: Ends its element id.
        title: On it.
        fields: Settings fields inside.
        pictures: Builds input components inside, by name, above the fields.
        early: Stands right below the main fields, above the LoRAs.
    """

    key: str
    title: str
    fields: tuple[str, ...]
    pictures: Callable[[], dict[str, Component]] = _no_components
    early: bool = False


@dataclass(frozen=True)
class Layout:
    """Which settings fields stand where.

    Attributes:
        main: Always in sight.
        under: Builds further input components right below a field of `main`, by name.
        beside: Belong to the pictures and stand below them.
        advanced: Come first in the Advanced accordion; those that are declared "advanced" and stand
            nowhere else follow.
        scripted: Only scripts set them; they keep their defaults on the page.
        folds: Further accordions, above the Advanced one.
        loras_open: Whether the LoRA rows are unfolded at first.
    """

    main: tuple[str, ...]
    under: Mapping[str, Callable[[], dict[str, Component]]] = field(
        default_factory=dict[str, Callable[[], dict[str, Component]]], hash=False
    )
    beside: tuple[str, ...] = ()
    advanced: tuple[str, ...] = ()
    scripted: tuple[str, ...] = ()
    folds: tuple[Fold, ...] = ()
    loras_open: bool = False

    @property
    def folded(self) -> tuple[str, ...]:
        """Fields in the further accordions."""
        return tuple(name for fold in self.folds for name in fold.fields)


@dataclass(frozen=True)
class Inputs:
    """What goes into a run beside the form: pictures and films.

    Attributes:
        components: Builds the components, by name, above the prompt.
        pixels: Their raw values, by name -> `Request.images`.
        settle: The same where what they hold is read as the settings say, and changes these.
        receivers: Those that pictures may be sent into, with what each is called where there are
            several.
    """

    components: Callable[[], dict[str, Component]] = _no_components
    pixels: Callable[[dict[str, Any]], dict[str, Pixels]] = _no_pixels
    settle: Callable[[Settings, dict[str, Any]], tuple[Settings, dict[str, Pixels]]] | None = None
    receivers: tuple[tuple[str, str], ...] = ()

    @property
    def asks(self) -> bool:
        """Whether there is any."""
        return self.components is not _no_components


@dataclass(frozen=True)
class Below:
    """What stands below the stage.

    Attributes:
        before: What a result may be compared with on the canvas is called; "" for nothing.
        result: Builds components for one of the pictures, by name.
        panel: Builds what shows the run as a whole, by name.
    """

    before: str = ""
    result: Callable[[], dict[str, Component]] = _no_components
    panel: Callable[[Studio], dict[str, Component]] = _no_panel


@dataclass(frozen=True)
class Tab:
    """A tab as it is declared.

    Attributes:
        mode: A key of `settings.MODES`.
        title: On the tab.
        heading: First line of the empty canvas.
        text: What the tab is for, one sentence.
        layout: Which fields stand where.
        inputs: What goes in beside them.
        below: What stands below the stage.
        connect: Wires what this tab alone has.
        grid: Whether it offers an X/Y/Z grid.
    """

    mode: str
    title: str
    heading: str
    text: str
    layout: Layout
    inputs: Inputs = Inputs()
    below: Below = Below()
    connect: Callable[[Workspace], None] = _no_wires
    grid: bool = False

    @property
    def places(self) -> tuple[tuple[str, str, str], ...]:
        """Where pictures may be sent: (its name, the input component, its title)."""
        return tuple(
            (
                f"{self.mode}-{part}" if called else self.mode,
                part,
                f"{self.title}, {called}" if called else self.title,
            )
            for part, called in self.inputs.receivers
        )

    @property
    def fields(self) -> tuple[str, ...]:
        """Settings fields that the tab places itself."""
        layout = self.layout
        return (*layout.beside, *layout.main, *self.in_advanced, *layout.folded)

    @property
    def in_advanced(self) -> tuple[str, ...]:
        """Fields in the Advanced accordion."""
        layout = self.layout
        elsewhere = {
            *layout.beside,
            *layout.main,
            *layout.advanced,
            *layout.folded,
            *layout.scripted,
        }
        shared = (
            name
            for name, told in described(MODES[self.mode]).items()
            if told.group == "advanced" and name not in elsewhere
        )
        return (*layout.advanced, *shared)
