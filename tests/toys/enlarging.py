"""A toy task: images of twice the size, close to the known large ones and hard to distinguish from them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, l1_loss

from relation_gan.gan import networks, sampling, tasks
from relation_gan.gan.data import ImageStore, Points, to_float, to_uint8
from relation_gan.gan.losses import Batch


@networks.register("enlarger")
class Enlarger(networks.Network):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(channels, channels, 3, padding=1), nn.Tanh())

    def forward(self, small: Tensor) -> Tensor:
        return self.layers(small)


class Enlarged(sampling.Sampler):
    def __init__(self, network: networks.Network, store: ImageStore) -> None:
        self.network, self.store = network.eval(), store

    @torch.no_grad()
    def batches(self, count: int, seed: int, size: int) -> Iterator[sampling.Sample]:
        device = next(self.network.parameters()).device
        for places in torch.arange(count).remainder(len(self.store)).split(size):
            target = self.store[places.numpy()]
            small = avg_pool2d(to_float(target), 2)
            yield sampling.Sample(to_uint8(self.network(small.to(device))).cpu(), to_uint8(small), target)


@tasks.register("enlarging")
class Enlarging(tasks.Task):
    gives = frozenset({"output", "input", "target"})

    def __init__(self, parts: tasks.Parts, content: float = 1.0) -> None:
        super().__init__()
        self.content, self.generator, self.adversary = content, parts.network(), parts.adversary()

    def terms(self, feeds: tasks.Feeds, draws: tasks.Draws, sides: Sequence[str]) -> dict[str, dict[str, Tensor]]:
        (real,) = draws.real(feeds["data"])
        with torch.set_grad_enabled("generator" in sides):
            fake = self.generator(avg_pool2d(real, 2)).float()
        content = self.content * l1_loss(fake, real)
        play = self.adversary.play(Batch(real, fake), draws)
        return {"generator": {"adversarial": play.generator, "content": content}, "critic": play.critic}

    def preview(self, source: ImageStore | Points, seed: int, device: torch.device) -> Tensor:
        return avg_pool2d(to_float(cast(ImageStore, source)[:64]), 2).to(device)

    @classmethod
    def sampler(cls, trained: Mapping[str, networks.Network], source: ImageStore | Points) -> sampling.Sampler:
        return Enlarged(trained["generator"], cast(ImageStore, source))
