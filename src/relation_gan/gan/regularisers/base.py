"""What every regulariser is."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from relation_gan.gan.losses.base import Batch, Critic
from relation_gan.gan.ramp import Ramp
from relation_gan.gan.registry import Registry


class Regulariser:
    """A term added to the loss of the critic, or of the generator, or a projection of the critic's parameters."""

    of_generator: bool = False
    """Whether the generator minimises it. It compares images with the latents that they were drawn from."""

    critic_kinds: ClassVar[frozenset[str]] = frozenset({"score", "pair", "feature"})
    every: int = 1
    """Applied at every n-th step; a lazy penalty is scaled by n to keep its mean strength."""

    at_real: bool = False
    """Whether it takes gradients at the real images of the batch, which then must record them."""

    def at(self, progress: float) -> "Regulariser":
        """The regulariser when this share of the training is done, from 0 to 1."""
        return self

    def check(self, critic: nn.Module) -> None:
        """Refuse a critic that this term has no meaning for.

        Raises:
            ValueError: naming what to change.
        """
        kind = getattr(critic, "kind", "score")
        if kind not in self.critic_kinds:
            raise ValueError(
                f"it does not accept a {kind} critic, only: {', '.join(sorted(self.critic_kinds))}; leave it out, "
                "or use weight_clip"
            )

    def penalty(self, critic: Critic, batch: Batch, generator: torch.Generator) -> Tensor:
        """A scalar, already weighted. `generator` is the step's source of random numbers."""
        return batch.real.new_zeros(())

    def project(self, critic: nn.Module) -> None:
        """Change the critic's parameters in place, after its optimiser step."""


registry: Registry[Regulariser] = Registry("regulariser")
register = registry.register


class ScheduledRegulariser(Regulariser):
    """A regulariser with options that change over the training: at each time the one with their values then.

    Raises:
        ValueError: an option cannot change, or the regulariser refuses one of its ends.
    """

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        known = registry.options(name)
        self.ramps: dict[str, Ramp] = {}
        for option, value in options.items():
            if isinstance(value, Mapping | Ramp):
                if option in known and known[option].annotation is not float:
                    numbers = ", ".join(of for of, parameter in known.items() if parameter.annotation is float)
                    raise ValueError(
                        f"regulariser '{name}': {option} cannot change over the training; give it one value "
                        f"(those that can: {numbers or 'none'})"
                    )
                self.ramps[option] = _ramp(name, option, value)
        self.fixed = {option: value for option, value in options.items() if option not in self.ramps}
        self.end, self.start = self.at(1.0), self.at(0.0)
        self.every, self.at_real, self.of_generator = self.start.every, self.start.at_real, self.start.of_generator

    def at(self, progress: float) -> Regulariser:
        return registry.create(self.name, **self.fixed, **{key: ramp.at(progress) for key, ramp in self.ramps.items()})

    def check(self, critic: nn.Module) -> None:
        self.start.check(critic)
        self.end.check(critic)


def _ramp(name: str, option: str, value: Any) -> Ramp:
    try:
        return Ramp.model_validate(value)
    except ValidationError as error:
        errors = [f"{'.'.join(map(str, of['loc']))}: {of['msg'][0].lower()}{of['msg'][1:]}" for of in error.errors()]
        raise ValueError(
            f"regulariser '{name}': {option} {value} is no schedule ({'; '.join(errors)}); give one number, or start, "
            "end, over (a share of the steps) and shape (linear or cosine)"
        ) from None


def create(name: str, **options: Any) -> Regulariser:
    """Build a regulariser; a number may be a schedule: {start: 1.0, end: 0.1, over: 0.5, shape: cosine}.

    Raises:
        ValueError: unknown name or option, or a value the regulariser refuses.
    """
    if any(isinstance(value, Mapping | Ramp) for value in options.values()):
        return ScheduledRegulariser(name, options)
    return registry.create(name, **options)
