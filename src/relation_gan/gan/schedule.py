"""How long a run is trained, at which rates, and which networks move when."""

from operator import not_
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from relation_gan.gan.model import Model
from relation_gan.gan.ramp import Ramp, Scheduled, Within, at, ends


class TrainingConfig(Model):
    """How one run is trained. `steps` are generator updates.

    What is `Scheduled` is a number, or a schedule: {start: 2.0e-4, end: 5.0e-5, over: 0.5, shape: cosine}.
    """

    steps: PositiveInt
    batch_size: int = Field(ge=2, description="of a step, over all devices")
    critic_steps: PositiveInt = Field(1, description="critic updates per generator update")
    critic_burst: bool = Field(
        False, description="100 critic updates in the first 25 steps and at every 500th, as in WGAN's code"
    )
    order: Literal["generator_first", "critic_first"] = "generator_first"
    flip: bool = Field(False, description="mirror images at random, left to right; of the papers, R3GAN does")
    optimiser: Literal["adam", "rmsprop"] = "adam"
    lr_generator: Annotated[Scheduled, Within(gt=0)]
    lr_critic: Annotated[Scheduled, Within(gt=0)]
    betas: tuple[Annotated[Scheduled, Within()], Annotated[Scheduled, Within()]] = (0.0, 0.9)
    weight_decay: float = Field(
        0.0, ge=0, description="of both networks, as part of the gradient (Adam's L2 penalty)", exclude_if=not_
    )
    decay_from: float = Field(
        1.0, ge=0, le=1, description="fraction of the steps after which rates that are plain numbers fall linearly"
    )
    decay_to: float = Field(0.0, ge=0, le=1, description="fraction of these rates left at the last step")
    ema: Annotated[Scheduled, Within(ge=0, lt=1)] = Field(
        0.999, description="decay of the generator's moving average per step; 0 is off"
    )
    ema_half_life: Annotated[Scheduled | None, Within(ge=0)] = Field(
        None,
        description="images until the generator's moving average has half forgotten; set, it takes the place of ema",
        exclude_if=lambda value: value is None,
    )
    log_every: PositiveInt = 25
    save_every: PositiveInt = 250
    snapshots: PositiveInt = Field(10, description="generators kept over the run, evenly spaced, to score it over time")
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    devices: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(
        1, description="that share the batch of each step, a process each; auto: all GPUs, or one CPU"
    )
    precision: Literal["32-true", "bf16-mixed"] = "32-true"

    @field_validator("betas")
    @classmethod
    def _below_one(cls, betas: tuple[Scheduled, Scheduled]) -> tuple[Scheduled, Scheduled]:
        if not all(0 <= end < 1 for beta in betas for end in ends(beta)):
            raise ValueError("each beta must be at least 0 and below 1")
        return betas

    @model_validator(mode="after")
    def _shared_evenly(self) -> "TrainingConfig":
        if isinstance(self.devices, int):
            self.share(self.devices)
        return self

    def share(self, devices: int) -> int:
        """The batch size of each of so many devices.

        Raises:
            ValueError: they cannot share the batch evenly.
        """
        if self.batch_size % devices or self.batch_size < 2 * devices:
            raise ValueError(
                f"batch_size {self.batch_size} cannot be shared by devices {devices}: it must be a multiple of that, "
                "with 2 images or more for each"
            )
        return self.batch_size // devices

    def progress(self, step: int) -> float:
        """The share of the steps that is done before one, from 0 on."""
        return step / self.steps

    def rate(self, step: int) -> float:
        """Factor at a step on the learning rates that are plain numbers: constant, then falling linearly."""
        start = self.decay_from * self.steps
        if step <= start:
            return 1.0
        return 1.0 - (1.0 - self.decay_to) * (step - start) / (self.steps - start)

    def learning_rate(self, side: str, step: int = 0) -> float:
        """That of a side at a step: `critic`, or any other, which generates."""
        rate = self.lr_critic if side == "critic" else self.lr_generator
        return rate.at(self.progress(step)) if isinstance(rate, Ramp) else rate * self.rate(step)

    def betas_at(self, step: int) -> tuple[float, float]:
        """Those of Adam at a step."""
        first, second = (at(beta, self.progress(step)) for beta in self.betas)
        return first, second

    def ema_decay(self, step: int) -> float:
        """The decay of the moving average at a step. The first average is the weights themselves.

        A young average forgets faster than a plain number says, so that it is not held back by the first, random
        weights; a schedule says itself how it grows.
        """
        if step == 0:
            return 0.0
        number = self.ema if self.ema_half_life is None else self.ema_half_life
        value = at(number, self.progress(step))
        if self.ema_half_life is not None:
            value = 0.5 ** (self.batch_size / value) if value else 0.0
        return value if isinstance(number, Ramp) else min(value, (1 + step) / (10 + step))

    def updates(self, step: int) -> list[tuple[str, ...]]:
        """Which sides move in each update of a step.

        In the published order, generator first, then the critic on the same fakes, both gradients are taken before
        either moves, so that the last update is a joint one.
        """
        joint = self.order == "generator_first"
        alone = [("critic",)] * (self.critic_steps_at(step) - joint)
        return [*alone, ("generator", "critic") if joint else ("generator",)]

    def critic_steps_at(self, step: int) -> int:
        """Critic updates of a step."""
        return 100 if self.critic_burst and (step < 25 or step % 500 == 0) else self.critic_steps

    def draws_before(self, step: int) -> int:
        """Batches that all steps before this one draw: one an update."""
        bursts = min(step, 25) + max(0, (step - 1) // 500) if self.critic_burst else 0
        return bursts * (100 - self.critic_steps) + step * (self.critic_steps + (self.order == "critic_first"))

    def snapshot_steps(self) -> list[int]:
        """The steps after which a generator is kept; the last is the end."""
        return sorted({max(1, round(self.steps * (i + 1) / self.snapshots)) for i in range(self.snapshots)})

    def grid_steps(self) -> list[int]:
        """The steps at which a grid is drawn: the start, then growing distances, then the end."""
        return [0, *sorted({max(1, round(self.steps / 2**i)) for i in range(8)})]
