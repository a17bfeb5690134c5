"""What a scorer shows besides numbers. The report draws each kind of panel, whatever it is of."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import torch
from torch import Tensor

from relation_gan.gan.checkpoint import Described

SAMPLES = "Real and generated"
"""The heading of the panel that holds the first samples of a run, or real data."""


@dataclass(frozen=True)
class Panel:
    """One image of a run, or of real data. Panels with the same heading stand in one section, a figure each."""

    kind: ClassVar[str]

    heading: str
    """Of the section, such as `Nearest neighbours`."""
    note: str
    """What is said once below the heading."""
    caption: str
    """Of this image; empty where the run's name says enough."""


@dataclass(frozen=True)
class Images(Panel):
    """A grid of images."""

    kind = "images"
    images: Tensor
    """uint8 (n, C, H, W), C = 1 or 3."""
    columns: int = 0
    """Images in a row; 0: the report chooses, and shows as many as fit."""
    rows: list[str] = field(default_factory=list)
    """The label next to each row, such as the name and the share of a class."""
    missing: list[int] = field(default_factory=list)
    """Places of the grid that hold no image and are drawn grey."""

    def __post_init__(self) -> None:
        shape, dtype = tuple(self.images.shape), self.images.dtype
        if dtype != torch.uint8 or len(shape) != 4 or shape[1] not in (1, 3):
            raise ValueError(
                f"panel '{self.heading}': its images are {dtype} {shape}, not uint8 (n, C, H, W) of 1 or 3 channels; "
                "`to_uint8` of relation_gan.gan.data makes that of [-1, 1]"
            )


@dataclass(frozen=True)
class Points(Panel):
    """Points in the plane, drawn over the real ones of the data set."""

    kind = "points"
    points: Tensor
    """float (n, 2)."""


@dataclass(frozen=True)
class Density(Points):
    """The same as a heat map, against the greatest density of the real ones."""

    kind = "density"


@dataclass(frozen=True)
class Landscape(Points):
    """Heights over the box around the real points, under generated and real ones."""

    kind = "landscape"
    heights: Tensor
    """float (S, S), rows from the bottom up."""


@dataclass(frozen=True)
class Counts(Panel):
    """How many samples fell into each mode."""

    kind = "counts"
    counts: Tensor
    """int64 (n,)."""
    base: int = 0
    """Where a mode is a combination of classes: how many classes there are. Mode 123 of base 10 is (1, 2, 3)."""


KINDS: dict[str, type[Panel]] = {panel.kind: panel for panel in (Images, Points, Density, Landscape, Counts)}


def pack(panels: Sequence[Panel]) -> Described:
    """Panels as named tensors and JSON, for one file. A tensor that several panels show is kept once."""
    tensors: dict[str, Tensor] = {}
    names: dict[int, str] = {}
    facts: list[dict[str, Any]] = []
    for panel in panels:
        values = {of.name: getattr(panel, of.name) for of in fields(panel)}
        held = {name: value for name, value in values.items() if isinstance(value, Tensor)}
        for value in held.values():
            name = names.setdefault(id(value), str(len(names)))
            tensors[name] = value
        facts.append(
            {
                "kind": panel.kind,
                "tensors": {name: names[id(value)] for name, value in held.items()},
                "values": {name: value for name, value in values.items() if name not in held},
            }
        )
    return Described(tensors, {"panels": facts})


def unpack(described: Described) -> list[Panel]:
    """The reverse of `pack`."""
    return [
        KINDS[facts["kind"]](
            **{name: described.tensors[key] for name, key in facts["tensors"].items()}, **facts["values"]
        )
        for facts in described.description["panels"]
    ]
