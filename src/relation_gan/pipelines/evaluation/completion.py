"""Image completion of held-out pictures (GoGAN, section 5)."""

import logging
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import ImageStore
from relation_gan.gan.data.feed import to_float, to_uint8
from relation_gan.gan.metrics import complete, psnr, ssim
from relation_gan.gan.metrics.completion import Completion, centred_mask, occluded, percent
from relation_gan.gan.networks import Critic, Generator
from relation_gan.gan.sampling import DivergedError, draw_latents, samples
from relation_gan.pipelines.evaluation.nodes import Scores, device

logger = logging.getLogger(__name__)

SHOWN, WITNESSES = 8, 16
"""Pictures kept to look at, and how many real and generated ones a critic of pairs or features is asked about."""

BEST = 100.0
"""dB that a picture counts which is reproduced exactly, whose ratio of signal to noise is infinite."""


def complete_pictures(
    generator: Generator, critic: Critic, images: ImageStore, evaluation: dict[str, Any]
) -> tuple[Scores, Described]:
    """How near the averaged generator comes to what is hidden of held-out pictures, and some of them to look at.

    The witnesses of `realness` are training pictures spread over the store, and the generator's first samples. Both
    are empty for a run that diverged.
    """
    options, seed, place = evaluation["completion"], evaluation["seed"], device()
    generator.to(place)
    critic.to(place)
    held_out = images.held_out
    assert held_out is not None  # the configuration was refused otherwise
    whole = held_out[held_out.spread(options["images"])]
    random = torch.Generator().manual_seed(seed)
    try:
        fake = torch.cat(list(samples(generator, WITNESSES, seed, WITNESSES)))
        witnesses = to_float(images[images.spread(WITNESSES)]).to(place), to_float(fake).to(place)
        # All latents are drawn at once: those of a picture do not depend on the size of its batch.
        start = draw_latents(generator, len(whole), random).to(place)
        made = {
            share: _complete(generator, critic, whole, share, start, witnesses, options) for share in options["shares"]
        }
    except DivergedError as error:
        logger.warning("No completed pictures: %s", error)
        return {}, Described({}, {})
    scores: Scores = {}
    pictures = {"original": whole[:SHOWN]}
    for share, (completed, contextual, perceptual) in made.items():
        hidden = to_uint8(occluded(to_float(whole), centred_mask(whole.shape[-1], share)))
        of = percent(share)
        for prefix, result in (("", completed), ("occluded_", hidden)):
            scores[f"{prefix}psnr_{of}"] = float(psnr(result / 255, whole / 255).clamp(max=BEST).mean())
            scores[f"{prefix}ssim_{of}"] = float(ssim(result / 255, whole / 255).mean())
        scores |= {f"contextual_{of}": float(contextual.mean()), f"perceptual_{of}": float(perceptual.mean())}
        pictures |= {f"occluded_{of}": hidden[:SHOWN], f"completed_{of}": completed[:SHOWN]}
    return scores, Described(pictures, {})


def _complete(
    generator: Generator,
    critic: Critic,
    whole: Tensor,
    share: float,
    start: Tensor,
    witnesses: tuple[Tensor, Tensor],
    options: dict[str, Any],
) -> Completion:
    """Batch by batch, and back on the CPU with uint8 images.

    Raises:
        DivergedError: the generator or the critic gives values that are not finite.
    """
    mask, size, parts = centred_mask(whole.shape[-1], share).to(start.device), options["batch_size"], []
    search = {name: options[name] for name in ("steps", "weight", "lr")}
    title = f"completing where {percent(share)} % are hidden"
    with tqdm(total=len(whole), desc=title, unit="image", dynamic_ncols=True, disable=None) as bar:
        for first in range(0, len(whole), size):
            batch = slice(first, first + size)
            known = to_float(whole[batch]).to(mask.device)
            made = complete(generator, critic, known, mask, start[batch], *witnesses, **search)
            if not all(part.isfinite().all() for part in made):
                raise DivergedError("they are not finite: the training diverged")
            parts.append((to_uint8(made.images).cpu(), made.contextual.cpu(), made.perceptual.cpu()))
            bar.update(len(known))
    return Completion(*(torch.cat(part) for part in zip(*parts, strict=True)))
