"""Image completion of held-out images (GoGAN, arXiv 1704.04865, section 5)."""

import logging
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor
from tqdm import tqdm

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data.config import DataConfig
from relation_gan.gan.data.feed import to_float, to_uint8
from relation_gan.gan.metrics import complete, psnr, ssim
from relation_gan.gan.metrics.completion import Completion, centred_mask, occluded, percent
from relation_gan.gan.networks import Critic, Generator
from relation_gan.gan.sampling import DivergedError, GeneratorSampler, Sampler, draw_latents
from relation_gan.gan.scoring.base import Scorer, Scores, Source, Subject, register
from relation_gan.gan.scoring.config import EvaluationConfig
from relation_gan.gan.scoring.measures import Measure
from relation_gan.gan.scoring.paired import BEST
from relation_gan.gan.scoring.panels import Images, Panel

logger = logging.getLogger(__name__)

SHOWN, NEAR = 8, 16
"""Images kept to look at, and how many real and generated ones a critic of pairs or features is asked about."""
NOTE = (
    "Held-out images with a grey square in the middle, and what the EMA generator finds to fill it. The latent is "
    "searched that lies near to the known pixels (in absolute value, summed) and that the critic holds real. Of a "
    "score critic, that is −C(G(z)). Of a pair critic, E_x D(x, G(z)) − E_y D(y, G(z)) over a few real x and generated "
    "y. Of a feature critic, how much nearer f(G(z)) lies to the mean feature of generated images than to that of real "
    "ones."
)


BY_SHARE = {
    "psnr": Measure("PSNR, dB", "PSNR", 2, "higher", ""),
    "ssim": Measure("SSIM", "SSIM", 4, "higher", ""),
    "contextual": Measure("Distance to what is known", "contextual", 1, "lower", ""),
    "perceptual": Measure("What the critic says against it", "perceptual", 3, "", ""),
}
"""The scores whose names end with the per cent that are hidden."""


@register("completion")
class ImageCompletion(Scorer):
    """How near the EMA generator comes to what is hidden of held-out images, in a part of the image or another."""

    by_share = BY_SHARE

    needs = frozenset({"output", "latents"})
    trained = True

    @classmethod
    def applies(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        return evaluation.completion.images > 0

    def score(self, subject: Subject, source: Source, reference: Described) -> tuple[Scores, Sequence[Panel]]:
        options, seed, images = self.evaluation.completion, self.evaluation.seed, source.images
        sampler = cast(GeneratorSampler, subject.samplers["ema"])
        generator, critic = sampler.generator.to(self.device), cast(Critic, subject.networks["critic"]).to(self.device)
        held_out = images.held_out
        assert held_out is not None  # The configuration was refused otherwise.
        whole = held_out[held_out.spread(options.images)]
        random = torch.Generator().manual_seed(seed)
        try:
            fake = torch.cat([batch.output for batch in cast(Sampler, sampler).batches(NEAR, seed, NEAR)])
            near = to_float(images[images.spread(NEAR)]).to(self.device), to_float(fake).to(self.device)
            # All latents are drawn at once: those of an image do not depend on the size of its batch.
            start = draw_latents(generator, len(whole), random).to(self.device)
            made = {share: self._complete(generator, critic, whole, share, start, near) for share in options.shares}
        except DivergedError as error:
            logger.warning("No completed images: %s", error)
            return {}, []
        scores: Scores = {}
        rows = {"original": whole[:SHOWN]}
        for share, (completed, contextual, perceptual) in made.items():
            hidden = to_uint8(occluded(to_float(whole), centred_mask(whole.shape[-1], share)))
            of = percent(share)
            for prefix, result in (("", completed), ("occluded_", hidden)):
                scores[f"{prefix}psnr_{of}"] = float(psnr(result / 255, whole / 255).clamp(max=BEST).mean())
                scores[f"{prefix}ssim_{of}"] = float(ssim(result / 255, whole / 255).mean())
            scores |= {f"contextual_{of}": float(contextual.mean()), f"perceptual_{of}": float(perceptual.mean())}
            rows |= {f"{of} % hidden": hidden[:SHOWN], f"{of} % completed": completed[:SHOWN]}
        shown = torch.cat(list(rows.values()))
        return scores, [Images("Inpainting", NOTE, "", shown, len(whole[:SHOWN]), list(rows))]

    def _complete(
        self,
        generator: Generator,
        critic: Critic,
        whole: Tensor,
        share: float,
        start: Tensor,
        near: tuple[Tensor, Tensor],
    ) -> Completion:
        """Batch by batch, and back on the CPU with uint8 images.

        Raises:
            DivergedError: the generator or the critic gives values that are not finite.
        """
        options, parts = self.evaluation.completion, []
        mask = centred_mask(whole.shape[-1], share).to(start.device)
        search = {"steps": options.steps, "weight": options.weight, "lr": options.lr}
        title = f"inpainting {percent(share)} %"
        with tqdm(total=len(whole), desc=title, unit="image", dynamic_ncols=True, disable=None) as bar:
            for first in range(0, len(whole), options.batch_size):
                batch = slice(first, first + options.batch_size)
                known = to_float(whole[batch]).to(mask.device)
                made = complete(generator, critic, known, mask, start[batch], *near, **search)
                if not all(part.isfinite().all() for part in made):
                    raise DivergedError("they are not finite: the training diverged")
                parts.append((to_uint8(made.images).cpu(), made.contextual.cpu(), made.perceptual.cpu()))
                bar.update(len(known))
        return Completion(*(torch.cat(part) for part in zip(*parts, strict=True)))
