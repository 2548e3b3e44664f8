"""What the LoRA tab asks for beside pictures: the pad between LoRAs, and each one's footprint.

Both are made of a run's settings and run in the background; neither is a tab of its own.
"""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field

from backend.contracts.errors import BadInput
from backend.contracts.fields import says
from backend.contracts.settings import LoraMixSettings, LoraUse, Settings, Txt2ImgSettings
from backend.contracts.settings.regions import acting_regions, loras_of_regions

MAX_CORNERS = 4
_MIX_FIELDS = frozenset(LoraMixSettings.model_fields)


class LoraPadSettings(Txt2ImgSettings):
    """A coarse grid of pictures between two to four LoRAs, which stand at the corners.

    Attributes:
        grid: Pictures along a side; of two LoRAs it is one row.
        coarse_steps: Model steps of each; `steps` are those of the exact picture.
    """

    mode: ClassVar[str] = "lora_pad"
    needs: ClassVar[tuple[str, ...]] = ("from_noise", "lora")
    live: ClassVar[bool] = False

    grid: int = Field(5, ge=2, le=9, json_schema_extra=says("course"))
    coarse_steps: int = Field(6, ge=1, le=150, json_schema_extra=says("course"))

    @classmethod
    def of(cls, settings: Settings, *, grid: int = 5, coarse_steps: int = 6) -> Self:
        """The pad of a form's settings: one seed, the rows that are on at the corners.

        Raises:
            BadInput: They are not two to four.
        """
        count = len(settings.acting_loras)
        if not 2 <= count <= MAX_CORNERS:
            raise BadInput(
                f"The pad needs two to four LoRAs that are on; there "
                f"{'is' if count == 1 else 'are'} {count or 'none'}.",
                "loras",
            )
        values = {name: getattr(settings, name) for name in Txt2ImgSettings.model_fields}
        return cls.model_validate(
            values
            | {
                "loras": settings.acting_loras,
                "batch_size": 1,
                "hires_scale": 1.0,
                "grid": grid,
                "coarse_steps": min(coarse_steps, settings.steps),
            }
        )

    def shares(self, x: float, y: float) -> tuple[float, ...]:
        """How much of each LoRA acts at a point: bilinear, and 1 in all.

        Args:
            x: 0 at the first LoRA's corner, 1 at the second's.
            y: 0 on their side, 1 on the other; three LoRAs have the third along that whole side.
        """
        top = ((1 - x) * (1 - y), x * (1 - y))
        match len(self.loras):
            case 2:
                return (1 - x, x)
            case 3:
                return (*top, y)
            case _:
                return (*top, (1 - x) * y, x * y)

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Where the grid's pictures stand; the corners and the middle first, then row by row.

        Points of one mix (along the third of three LoRAs) are one.
        """
        along = [i / (self.grid - 1) for i in range(self.grid)]
        down = [0.0] if len(self.loras) == 2 else along
        middle = (along[self.grid // 2], down[len(down) // 2])
        first = [(x, y) for y in (down[0], down[-1]) for x in (0.0, 1.0)] + [middle]
        mixes: dict[tuple[float, ...], tuple[float, float]] = {}
        for x, y in [*first, *((x, y) for y in down for x in along)]:
            mixes.setdefault(self.shares(x, y), (x, y))
        return tuple(mixes.values())

    def corners_at(self, x: float, y: float) -> tuple[LoraUse, ...]:
        """The rows with the weights that they have at a point."""
        return tuple(
            use.model_copy(update={"weight": round(use.weight * share, 4)})
            for use, share in zip(self.loras, self.shares(x, y), strict=True)
        )

    def exact(self, x: float, y: float) -> LoraMixSettings:
        """The settings that draw the picture at a point, with all steps."""
        values = {
            name: getattr(self, name) for name in self.__class__.model_fields if name in _MIX_FIELDS
        }
        return LoraMixSettings.model_validate(values | {"loras": self.corners_at(x, y)})

    @property
    def picture_count(self) -> int:
        return len(self.points)

    @property
    def fewest_together(self) -> int:
        return 1  # the others follow in chunks that fit


class FootprintSettings(Txt2ImgSettings):
    """What each LoRA and each region of a run does to x0, and where.

    Under hires fix it is of the first stage.
    """

    mode: ClassVar[str] = "lora_footprint"
    needs: ClassVar[tuple[str, ...]] = ("from_noise", "lora")
    live: ClassVar[bool] = False

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The footprint of one picture's settings.

        Raises:
            BadInput: It was drawn without LoRAs and regions, or with LoRAs of regions.
        """
        if loras_of_regions(settings):
            raise BadInput(
                "That picture's regions have LoRAs of their own, which are not told apart; take "
                "them out and generate again.",
                "regions",
            )
        regions = acting_regions(settings)
        if not settings.acting_loras and not regions:
            raise BadInput(
                "That picture was drawn without LoRAs and regions; add one and generate again.",
                "loras",
            )
        values = {name: getattr(settings, name) for name in Txt2ImgSettings.model_fields}
        return cls.model_validate(
            values
            | {
                "loras": settings.acting_loras,
                "regions": regions,
                "batch_size": 1,
                "hires_scale": 1.0,
                "changes": (),
            }
        )

    @property
    def watched(self) -> tuple[str, ...]:
        """What is told apart: the LoRAs, then the regions."""
        places = (
            f"region {number}: {region.prompt}" if region.prompt else f"region {number}"
            for number, region in enumerate(self.regions, start=1)
        )
        return (*(use.name for use in self.loras), *places)

    @property
    def picture_count(self) -> int:
        return len(self.watched)

    @property
    def fewest_together(self) -> int:
        return 1  # the maps are of one picture
