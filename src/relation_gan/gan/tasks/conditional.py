"""Images of the class that is asked for: labels reach the generator and the critic."""

from typing import Literal, cast, get_args

import numpy as np
import torch
from torch import Tensor

from relation_gan.gan.data.feed import BalancedFeed
from relation_gan.gan.data.points import Points
from relation_gan.gan.data.store import ImageStore
from relation_gan.gan.losses.pairs import PairLoss
from relation_gan.gan.sampling import draw_latents
from relation_gan.gan.tasks.base import Feeds, Parts, register
from relation_gan.gan.tasks.generation import GRID_IMAGES, Generation

Within = Literal["class", "any"]


@register("conditional_generation")
class ConditionalGeneration(Generation):
    """Generation of labelled images. The real and the generated image of each place of a batch share a label.

    Image i of a batch is of class i modulo the number of classes.

    Options:
        pairs: where the second images of pair losses, and of regularisers that compare images, come from: the
            same `class`, or the next image, of `any` class.
    """

    gives = frozenset({"output", "labels", "latents"})
    conditional = True

    def __init__(self, parts: Parts, pairs: Within = "class") -> None:
        if pairs not in get_args(Within):
            raise ValueError(f"pairs '{pairs}' is unknown; choose one of: {', '.join(get_args(Within))}")
        super().__init__(parts)
        if not self.generator.classes:
            raise ValueError("its generator draws no classes; set networks.generator.classes to those of the data")
        self.period = self.generator.classes if pairs == "class" else 1

    def feeds(self, source: ImageStore | Points, seed: int, device: torch.device, flip: bool) -> Feeds:
        return {"data": BalancedFeed(cast(ImageStore, source), seed, device, flip)}

    def check(self, source: ImageStore | Points) -> None:
        super().check(source)
        if not isinstance(source, ImageStore) or source.labels.ndim != 1 or not source.n_classes:
            raise ValueError(f"{source.name} has no images with one label each; choose labelled images")
        classes, critic = self.generator.classes, self.adversary.critic.spec.get("classes", source.n_classes)
        if not classes == critic == source.n_classes:
            raise ValueError(
                f"generator.classes is {classes} and critic.classes {critic}, and {source.name} has {source.n_classes} "
                "classes; set both to that"
            )
        if missing := sorted(set(range(classes)) - set(np.unique(source.labels).tolist())):
            raise ValueError(f"{source.name} has no image of classes {missing}; take more images")

    def check_batch(self, size: int) -> None:
        classes, loss = self.generator.classes, self.adversary.loss
        if size % classes:
            raise ValueError(
                f"a batch of {size} images cannot have as many of each of {classes} classes; set training.batch_size "
                f"to a multiple of {classes} for each device"
            )
        if isinstance(loss, PairLoss) and loss.pairings * self.period >= size:
            most = (size - 1) // self.period
            raise ValueError(
                f"loss.pairings {loss.pairings} would pair images with themselves: of {size} images "
                f"{size // self.period} are of one class; lower it to {most} at most, or raise training.batch_size"
            )

    def preview(self, source: ImageStore | Points, seed: int, device: torch.device) -> Tensor:
        labels = torch.arange(GRID_IMAGES) % self.generator.classes
        return draw_latents(self.generator, GRID_IMAGES, torch.Generator().manual_seed(seed), labels).to(device)
