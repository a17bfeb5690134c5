"""Relativistic losses (Jolicoeur-Martineau, arXiv 1807.00734), made of any separable loss."""

from typing import Any, Literal, get_args

from torch import Tensor

from relation_gan.gan.losses.base import Batch, ScoreLoss, Scores, SeparableLoss, register, registry

Against = Literal["pair", "average"]


@register("relativistic")
class Relativistic(ScoreLoss):
    """Scores become gaps: how far a real stands above a fake, a = C(x) - C(y), and b = -a the reverse; or,
    against the average, a = C(x) - E C(y) and b = C(y) - E C(x) (eq. 12 to 15).

    The critic minimises (E real_term(a) + E fake_term(b)) / 2 of the base loss, the generator the same
    with a and b in each other's place. For a base that is symmetric, fake_term(t) = real_term(-t), the
    pairwise form is E real_term(a), as RSGAN is printed (eq. 4 and 5).

    Options:
        base: name and options of a separable loss.
        against: `pair`, the fake of the same place in the batch, or `average`.
    """

    def __init__(self, base: dict[str, Any], against: Against) -> None:
        super().__init__()
        term = registry.create(**base)
        if not isinstance(term, SeparableLoss):
            raise ValueError(
                f"loss 'relativistic': base '{base['name']}' is no sum of a term of C(x) and a term of C(y); "
                "choose one such as non_saturating, lsgan, hinge or wgan"
            )
        if against not in get_args(Against):
            raise ValueError(
                f"loss 'relativistic': against '{against}' is unknown; choose one of: {', '.join(get_args(Against))}"
            )
        self.base, self.against = term, against

    def gaps(self, scores: Scores) -> tuple[Tensor, Tensor]:
        if self.against == "pair":
            return scores.real - scores.fake, scores.fake - scores.real
        return scores.real - scores.fake.mean(), scores.fake - scores.real.mean()

    def critic_objective(self, scores: Scores, batch: Batch) -> Tensor:
        a, b = self.gaps(scores)
        return (self.base.real_term(a).mean() + self.base.fake_term(b).mean()) / 2

    def generator_objective(self, scores: Scores, batch: Batch) -> Tensor:
        a, b = self.gaps(scores)
        return (self.base.fake_term(a).mean() + self.base.real_term(b).mean()) / 2


@register("rsgan")
def rsgan() -> Relativistic:
    """Relativistic standard GAN, eq. (4) and (5): E softplus(-(C(x) - C(y)))."""
    return Relativistic({"name": "non_saturating"}, "pair")


@register("rasgan")
def rasgan() -> Relativistic:
    """Relativistic average standard GAN, eq. (12) and (13), halved as in its code."""
    return Relativistic({"name": "non_saturating"}, "average")


@register("ralsgan")
def ralsgan() -> Relativistic:
    """Relativistic average LSGAN with labels 1 and -1, halved as in its code."""
    return Relativistic({"name": "lsgan", "fake_label": -1.0}, "average")


@register("rahinge")
def rahinge() -> Relativistic:
    """Relativistic average hinge loss: what the Relation GAN paper lists as "Relativistic"."""
    return Relativistic({"name": "hinge"}, "average")
