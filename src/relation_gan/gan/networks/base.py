"""The three kinds of critic, over any trunk."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from relation_gan.gan.registry import Registry

KINDS = ("score", "pair", "feature")

MERGES: dict[str, tuple[int, Callable[[Tensor, Tensor], Tensor]]] = {
    # name: (factor on the number of channels, merged embedding)
    "absdiff": (1, lambda a, b: (a - b).abs()),
    "add": (1, lambda a, b: a + b),
    "concat": (2, lambda a, b: torch.cat([a, b], 1)),
    "concat_sym": (2, lambda a, b: torch.cat([a, b], 1)),  # the mean of both orders' scores
    "sumdiff": (2, lambda a, b: torch.cat([a + b, (a - b).abs()], 1)),
}


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
    """z (B, latent), standard normal -> images (B, C, H, W) in [-1, 1]."""

    latent: int


class Critic(Network):
    """A critic of images: an embedding module and, above it, a relation module.

    kind="score":   D(x) = relation(embed(x)), shape (B,)
    kind="pair":    D(a, b) = relation(merge(embed(a), embed(b))), shape (B,)
    kind="feature": f(x) = relation(embed(x)), shape (B, F)

    Scores are unbounded: there is no sigmoid inside.
    """

    def __init__(self, kind: str, embedding: nn.Module, relation: nn.Module, merge: str = "absdiff") -> None:
        super().__init__()
        check_choice("kind", kind, KINDS)
        check_choice("merge", merge, MERGES)
        self.kind = kind
        self.embedding = embedding
        self.relation = relation
        self.merge = merge

    def embed(self, x: Tensor) -> Tensor:
        """Embeddings (B, ...) of images (B, C, H, W)."""
        return self.embedding(x)

    def relate(self, a: Tensor, b: Tensor) -> Tensor:
        """Scores (B,) of pairs of embeddings."""
        if self.merge == "concat_sym":
            return (self._related(a, b) + self._related(b, a)) / 2
        return self._related(a, b)

    def _related(self, a: Tensor, b: Tensor) -> Tensor:
        return self._scores(self.relation(MERGES[self.merge][1](a, b)))

    def forward(self, a: Tensor, b: Tensor | None = None) -> Tensor:
        if self.kind == "pair":
            if b is None:
                raise ValueError("a pair critic scores two images: call critic(a, b)")
            return self.relate(self.embed(a), self.embed(b))
        output = self.relation(self.embed(a))
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


def check_choice(option: str, value: str, allowed: object) -> None:
    if value not in allowed:  # type: ignore[operator]
        raise ValueError(f"{option} '{value}' is unknown; choose one of: {', '.join(allowed)}")  # type: ignore[arg-type]


registry: Registry[Network] = Registry("network")
register = registry.register
