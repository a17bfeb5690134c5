"""Points in the plane, drawn when they are asked for: rings and grids of Gaussians, and the swiss roll.

<folder>/manifest.json   name, definition, and the SHA-256 of the definition and of the first points drawn
"""

import hashlib
import json
import math
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from relation_gan.gan.checkpoint import write_text
from relation_gan.gan.data.store import StoreError
from relation_gan.gan.registry import Registry

HASHED = 100_000
"""Points that the digest covers."""


class Distribution(Protocol):
    """Where points come from. The modes of a mixture have `centres` (K, 2) and a common `sigma`."""

    centres: Tensor | None
    sigma: float | None

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points (count, 2), float32, and the mode (count,) of each, int64."""
        ...


registry: Registry[Distribution] = Registry("points")
register = registry.register
names = registry.names


class Mixture:
    """Equally frequent round Gaussians of standard deviation `sigma`."""

    def __init__(self, centres: Tensor, sigma: float) -> None:
        self.centres: Tensor | None = centres
        self.sigma: float | None = _positive("sigma", sigma)

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        assert self.centres is not None and self.sigma is not None
        labels = torch.randint(len(self.centres), (count,), generator=generator)
        return self.centres[labels] + self.sigma * torch.randn((count, 2), generator=generator), labels


@register("ring")
def ring(modes: int, radius: float, sigma: float) -> Mixture:
    """`modes` Gaussians around a circle, the first at (radius, 0)."""
    angles = torch.arange(_count("modes", modes)) * (2 * math.pi / modes)
    return Mixture(_positive("radius", radius) * torch.stack([angles.cos(), angles.sin()], 1), sigma)


@register("grid")
def grid(side: int, spacing: float, sigma: float) -> Mixture:
    """`side` x `side` Gaussians, `spacing` apart, around the origin."""
    values = _positive("spacing", spacing) * (torch.arange(_count("side", side)) - (side - 1) / 2)
    return Mixture(torch.cartesian_prod(values, values), sigma)


@register("swissroll")
class SwissRoll:
    """Columns 0 and 2 of scikit-learn's `make_swiss_roll(noise=noise)`, times `scale`. It has no modes."""

    centres: Tensor | None = None
    sigma: float | None = None

    def __init__(self, noise: float, scale: float) -> None:
        self.noise = _positive("noise", noise)
        self.scale = _positive("scale", scale)

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        from sklearn.datasets import make_swiss_roll  # an import of a second, which no other data needs

        seed = int(torch.randint(2**31, (), generator=generator))
        points, _ = make_swiss_roll(count, noise=self.noise, random_state=seed)
        scaled = torch.from_numpy(points[:, [0, 2]] * self.scale).float()
        return scaled, torch.zeros(count, dtype=torch.int64)


class Points:
    """A data set of points: what it is made from says all of it, so there is nothing to store but that.

    Args:
        definition: the name and options of a distribution: {"name": "ring", "modes": 8, ...}.
        sha256: what the digest was where the data set was made; by default, what it is here.

    Raises:
        ValueError: the definition names something unknown, or a value that cannot be drawn from.
    """

    shape = (2,)

    def __init__(self, name: str, definition: dict[str, Any], sha256: str | None = None) -> None:
        self.name = name
        self.definition = definition
        self.distribution = registry.create(**definition)
        self.digest = sha256 or self.drawn_digest

    @property
    def centres(self) -> Tensor | None:
        """(K, 2), or None where there are no modes."""
        return self.distribution.centres

    @property
    def sigma(self) -> float | None:
        return self.distribution.sigma

    @property
    def n_classes(self) -> int:
        """How many classes the labels number: the modes."""
        return 0 if self.centres is None else len(self.centres)

    @property
    def manifest(self) -> dict[str, Any]:
        options = ", ".join(f"{option} {value}" for option, value in self.definition.items() if option != "name")
        return {
            "name": self.name,
            "source": f"drawn online: {self.definition['name']} ({options})",
            "licence": "generated",
            "definition": self.definition,
            "shape": list(self.shape),
            "n_modes": 0 if self.centres is None else len(self.centres),
            "sha256": self.digest,
        }

    @cached_property
    def drawn_digest(self) -> str:
        """SHA-256 of the definition and of the first 100,000 points, as they are drawn here."""
        points, labels = self.sample(HASHED, torch.Generator().manual_seed(0))
        sha = hashlib.sha256(json.dumps(self.definition, sort_keys=True).encode())
        sha.update(points.numpy().tobytes())
        sha.update(labels.numpy().tobytes())
        return sha.hexdigest()

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Points (count, 2), float32, and the mode (count,) of each, int64, on the CPU."""
        return self.distribution.sample(count, generator)

    def verify(self) -> None:
        """Draw the first points again and compare their digest.

        Raises:
            StoreError: they are not those of the place where the manifest was written.
        """
        if self.drawn_digest != self.digest:
            raise StoreError(
                f"the points of {self.name} have SHA-256 {self.drawn_digest[:12]}… here, their manifest says "
                f"{self.digest[:12]}…: it was edited, or another version of a library draws otherwise; "
                "delete its folder, and the next run makes it again"
            )


def save_points(folder: Path, points: Points) -> None:
    """Write the manifest, unless it is there already. Written whole or not at all."""
    path = folder / "manifest.json"
    text = json.dumps(points.manifest, indent=2) + "\n"
    if path.exists() and path.read_text() == text:
        return
    write_text(path, text)


def open_points(folder: Path | str) -> Points:
    """The data set that a folder's manifest defines.

    Raises:
        StoreError: there is none, or it is damaged.
    """
    path = Path(folder) / "manifest.json"
    try:
        manifest = json.loads(path.read_text())
        return Points(manifest["name"], manifest["definition"], manifest["sha256"])
    except FileNotFoundError:
        raise StoreError(f"{folder} holds no data set of points (no manifest.json); run the ingestion first") from None
    except (ValueError, TypeError, KeyError) as error:  # of JSON, or of what it lacks
        raise StoreError(f"{path} is damaged ({error}); delete it, and the next run makes it again") from error


def _positive(option: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{option} is {value!r}: it must be a number above 0")
    return value


def _count(option: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{option} is {value!r}: it must be a whole number of at least 1")
    return value
