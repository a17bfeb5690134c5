"""How critics are put together of a trunk's blocks."""

import inspect
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import nn

from relation_gan.gan.networks.base import KINDS, MERGES, Critic, merged_channels, register
from relation_gan.gan.networks.labels import Labels, Maps, Projection, Scale
from relation_gan.gan.networks.layers import ACTIVATIONS, check_choice, initialise, normalise, perceptron

LABELS = ("scale", "maps", "projection")


class Block(NamedTuple):
    """A step of a critic."""

    width: int
    """Channels, or features, that it gives."""
    layers: Callable[[int], list[nn.Module]]
    """Its layers, for the number of channels that it is given."""


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """How a critic is put together of a trunk's blocks: the options that all families share.

    kind, merge, sphere, degenerate: see `Critic`.
    embed_blocks, relation_blocks: how many blocks of the trunk stand before and behind the merge; without
        `embed_blocks` all the others embed.
    packed: no embedding at all: the two images are concatenated before the whole stack, whatever `merge`
        says (PacGAN's packing; "no EM" in Relation GAN, table 8).
    features: length of f(x) for kind="feature", and of what `labels: projection` projects.
    classes: of how many classes its images are, which it sees with them; 0: it is unconditional.
    labels: where it sees the class: `scale` (of the embedding), `maps` (behind the image's channels), or
        `projection` (of the last layer; kind="score" alone). See `networks.labels`.
    spectral_norm: every convolution and linear layer divided by its largest singular value: see `normalise`.

    Raises:
        ValueError: `packed` with another kind than "pair", or with a split; labels where they have no place.
    """

    kind: str
    merge: str = "absdiff"
    embed_blocks: int | None = None
    relation_blocks: int = 0
    packed: bool = False
    features: int = 128
    sphere: bool = False
    degenerate: bool = False
    spectral_norm: bool = False
    classes: int = 0
    labels: str = "scale"

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        check_choice("merge", self.merge, MERGES)
        if self.packed and self.kind != "pair":
            raise ValueError(f"packed: true concatenates two images, but kind '{self.kind}' is given one; leave it out")
        if self.packed and (self.embed_blocks or self.relation_blocks):
            raise ValueError("packed: true leaves nothing to split; leave out embed_blocks and relation_blocks")
        check_choice("labels", self.labels, LABELS)
        if self.classes and self.labels == "scale" and self.packed:
            raise ValueError("labels: scale scales embeddings, and packed: true has none; choose labels: maps")
        if self._projects and self.kind != "score":
            raise ValueError(
                f"labels: projection is of a score critic, not of kind '{self.kind}'; choose labels: scale"
            )

    @property
    def outputs(self) -> int:
        """Numbers that the last layer gives an image, or a pair."""
        return self.features if self.kind == "feature" or self._projects else 1

    @property
    def _projects(self) -> bool:
        return self.classes > 0 and self.labels == "projection"

    def _labels(self, embedded: int) -> Labels | None:
        """What the critic does with labels. Args: the width of its embeddings."""
        if not self.classes:
            return None
        if self.labels == "maps":
            return Maps(self.classes)
        return Projection(self.classes, self.features) if self._projects else Scale(self.classes, embedded)

    def critic(
        self,
        inputs: int,
        blocks: Sequence[Block],
        top: Sequence[Block],
        init: str,
        stem: Sequence[Block] = (),
        area: int = 1,
    ) -> Critic:
        """A critic of images of `inputs` channels: stem, blocks, top. Stems embed, tops relate, blocks are split.

        Args:
            area: numbers that each channel counts for, where `inputs` are those of a flattened image.

        Raises:
            ValueError: the split does not add up to the number of blocks.
        """
        n = len(blocks)
        embed_blocks = n - self.relation_blocks if self.embed_blocks is None else self.embed_blocks
        if embed_blocks < 0 or self.relation_blocks < 0 or embed_blocks + self.relation_blocks != n:
            raise ValueError(
                f"embed_blocks {embed_blocks} + relation_blocks {self.relation_blocks} must be {n}, "
                "the number of blocks of this critic"
            )
        merge, embedded = ("concat", 0) if self.packed else (self.merge, len(stem) + embed_blocks)
        steps = [*stem, *blocks, *top]
        widths = [inputs + area * self.classes * (self.labels == "maps"), *(step.width for step in steps)]
        labels = self._labels(widths[embedded])
        widths[embedded] = merged_channels(self.kind, merge, widths[embedded])
        layers = [step.layers(width) for step, width in zip(steps, widths, strict=False)]
        embedding, relation = (
            nn.Sequential(*itertools.chain.from_iterable(part)) for part in (layers[:embedded], layers[embedded:])
        )
        critic = Critic(self.kind, embedding, relation, merge, self.sphere, self.degenerate, labels)
        initialise(critic, init)
        if self.spectral_norm:
            normalise(critic)
        return critic

    def into_vector(
        self, blocks: Sequence[Block], area: int, widths: Sequence[int], activation: str = "leaky_relu"
    ) -> list[Block]:
        """Blocks of which the last continues, from maps of `area` pixels, to a vector by linear layers of `widths`.

        Raises:
            ValueError: relation blocks are to follow the vector, or nothing embeds.
        """
        if self.relation_blocks or self.packed or not blocks:
            raise ValueError(
                f"embedding {widths[-1]} ends the blocks that embed, but there are {len(blocks)} blocks with "
                f"relation_blocks {self.relation_blocks} and packed: {str(self.packed).lower()}; set embedding to 0"
            )
        *others, last = blocks
        linear = [last.width * area, *widths]
        return [
            *others,
            Block(widths[-1], lambda w: [*last.layers(w), nn.Flatten(), *perceptron(linear, activation)]),
        ]

    def head(
        self, area: int, hidden: int | Sequence[int], activation: str = "leaky_relu", vector: bool = False
    ) -> Block:
        """The last step: hidden layers (0 or none: it is linear) from maps of `area` pixels to the outputs.

        Args:
            vector: it follows a vector of `into_vector`.
        """
        if isinstance(hidden, int):
            hidden = [hidden] if hidden else []
        first: list[nn.Module] = [nn.Flatten()]
        if vector:
            # A pair critic is not linear where it merges; the others need something in its place.
            first = [] if self.kind == "pair" else [ACTIVATIONS[activation]()]
        return Block(self.outputs, lambda w_in: [*first, *perceptron([w_in * area, *hidden, self.outputs], activation)])


def register_critic(name: str) -> Callable[[Callable[..., Critic]], Callable[..., Critic]]:
    """Register a function of a `Wiring` and of a family's own options: the network takes the options of both."""

    def add(build: Callable[..., Critic]) -> Callable[..., Critic]:
        shared = inspect.signature(Wiring).parameters
        _, *own = inspect.signature(build).parameters.values()

        def create(**options: Any) -> Critic:
            wiring = Wiring(**{key: options.pop(key) for key in shared if key in options})
            return build(wiring, **options)

        parameters = [*shared.values(), *(p.replace(kind=p.KEYWORD_ONLY) for p in own)]
        create.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        register(name)(create)
        return build

    return add
