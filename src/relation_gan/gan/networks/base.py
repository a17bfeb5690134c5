"""What generators are, and the three kinds of critic, over any trunk."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from relation_gan.gan.networks.labels import Labels
from relation_gan.gan.networks.layers import check_choice, has_batch_norm, initialise, is_linear
from relation_gan.gan.registry import Registry

KINDS = ("score", "pair", "feature")

MERGES: dict[str, tuple[int, Callable[[Tensor, Tensor], Tensor]]] = {
    # name: (factor on the number of channels, merged embedding)
    "absdiff": (1, lambda a, b: (a - b).abs()),
    "diff": (1, lambda a, b: a - b),
    "diff_absdiff": (2, lambda a, b: torch.cat([a - b, (a - b).abs()], 1)),
    "add": (1, lambda a, b: a + b),
    "concat": (2, lambda a, b: torch.cat([a, b], 1)),
    "concat_sym": (2, lambda a, b: torch.cat([a, b], 1)),  # the mean of both orders' scores
    "sumdiff": (2, lambda a, b: torch.cat([a + b, (a - b).abs()], 1)),
}

ADDITIVE = ("add", "concat_sym")
"""Merges that a linear relation module turns into D(a, b) = s(a) + s(b)."""


class Network(nn.Module):
    """A module that knows how it was built, and that carries notes on where it comes from."""

    spec: dict[str, Any]
    """The name and options that `networks.create` builds it again with."""
    notes: dict[str, Any]
    """JSON-able facts that are saved with its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.spec, self.notes = {}, {}


class Generator(Network):
    """z (B, latent + classes) -> images (B, C, H, W) in [-1, 1], or points (B, 2).

    z is standard normal, followed by a one-hot label where the generator is conditional: see `sampling.draw_latents`.
    """

    latent: int
    classes: int = 0
    """How many classes the generator is conditioned on; 0 if on none."""
    points: bool = False
    """Whether it draws points, not images."""


class LayeredGenerator(Generator):
    """A generator that is a sequence of layers."""

    def __init__(self, layers: Iterable[nn.Module], latent: int, init: str, classes: int = 0) -> None:
        super().__init__()
        self.latent, self.classes = latent, classes
        self.layers = nn.Sequential(*layers)
        initialise(self, init)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


class Critic(Network):
    """A critic of images or points: an embedding module and, above it, a relation module.

    kind="score":   D(x) = relation(embed(x)), shape (B,)
    kind="pair":    D(a, b) = relation(merge(embed(a), embed(b))), shape (B,)
    kind="feature": f(x) = relation(embed(x)), shape (B, F), of length 1 where `sphere` is set
    labels: how it sees the class that was asked for; none: it is unconditional

    Scores are unbounded: there is no sigmoid inside.

    Raises:
        ValueError: an option is unknown or does not fit the kind; a pair's relation module holds batch
            norm, whose statistics would pass between pairs that are related together; or an additive merge
            meets a linear relation module, unless `degenerate` asks for that.
    """

    conditional: bool = False
    """Whether it looks at a condition besides the images."""

    def __init__(
        self,
        kind: str,
        embedding: nn.Module,
        relation: nn.Module,
        merge: str = "absdiff",
        sphere: bool = False,
        degenerate: bool = False,
        labels: Labels | None = None,
    ) -> None:
        super().__init__()
        check_choice("kind", kind, KINDS)
        check_choice("merge", merge, MERGES)
        if sphere and kind != "feature":
            raise ValueError(f"sphere: true scales features to length 1, but kind '{kind}' has none; leave it out")
        if kind == "pair" and has_batch_norm(relation):
            raise ValueError(
                "batch norm in a relation module mixes the pairs that are related together, real and generated; "
                "let all blocks embed, or set norm to 'none'"
            )
        if kind == "pair" and merge in ADDITIVE and not degenerate and is_linear(relation):
            raise ValueError(
                f"merge '{merge}' under a linear relation module scores D(a, b) = s(a) + s(b), which learns nothing "
                "from the triplet loss; give the head a hidden layer or choose merge 'absdiff' (degenerate: true "
                "builds it all the same)"
            )
        self.kind = kind
        self.embedding = embedding
        self.relation = relation
        self.merge = merge
        self.sphere = sphere
        self.labels = labels
        if labels is not None:
            self.conditional = True

    @property
    def batch_norm(self) -> bool:
        """Whether an image's score depends on the others of its batch, while training."""
        return has_batch_norm(self)

    def embed(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Embeddings (B, ...) of images (B, C, H, W) or points (B, 2).

        With `labels` the condition is the classes (B,); None is all of them evenly. A critic of another condition, such
        as images, overrides this.
        """
        if self.labels is None:
            return self.embedding(x)
        weights = self.labels.weights(x, condition)
        return self.labels.embedded(self.embedding(self.labels.images(x, weights)), weights)

    def relate(self, a: Tensor, b: Tensor) -> Tensor:
        """Scores (B,) of pairs of embeddings."""
        if self.merge == "concat_sym":
            return (self._related(a, b) + self._related(b, a)) / 2
        return self._related(a, b)

    def _related(self, a: Tensor, b: Tensor) -> Tensor:
        return self._scores(self.relation(MERGES[self.merge][1](a, b)))

    def forward(self, a: Tensor, b: Tensor | None = None, condition: Tensor | None = None) -> Tensor:
        if self.kind == "pair":
            if b is None:
                raise ValueError("a pair critic scores two images: call critic(a, b)")
            return self.relate(self.embed(a, condition), self.embed(b, condition))
        output = self.relation(self.embed(a, condition))
        if self.labels is not None:
            output = self.labels.scored(output, self.labels.weights(a, condition))
        if self.sphere:
            # The constant keeps the gradient finite at 0.
            output = output / (output.square().sum(1, keepdim=True) + 1e-12).sqrt()
        return output if self.kind == "feature" else self._scores(output)

    @staticmethod
    def _scores(output: Tensor) -> Tensor:
        if output.dim() != 2 or output.shape[1] != 1:
            raise ValueError(f"a critic's head must give one score an image, got shape {tuple(output.shape)}")
        return output[:, 0]


def merged_channels(kind: str, merge: str, channels: int) -> int:
    """Channels that the relation module sees."""
    check_choice("merge", merge, MERGES)
    return channels * (MERGES[merge][0] if kind == "pair" else 1)


registry: Registry[Network] = Registry("network")
register = registry.register
