"""What a training took, and how large its networks are."""

from collections.abc import Mapping, Sequence

import torch
from torch.utils.flop_counter import FlopCounterMode

from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data.config import DataConfig
from relation_gan.gan.history import History
from relation_gan.gan.networks import Critic, Generator, Network
from relation_gan.gan.sampling import draw_latents
from relation_gan.gan.scoring.base import Scorer, Scores, Source, Subject, register
from relation_gan.gan.scoring.config import EvaluationConfig
from relation_gan.gan.scoring.measures import Measure
from relation_gan.gan.scoring.panels import Panel

WARM_UP = 50
"""Steps that are not counted in the time of a step."""


MEASURES = {
    "seconds": Measure("Training time, seconds", "seconds", 0, "lower", "Wall time, on the device named below."),
    "steps_per_second": Measure("Steps a second", "steps/s", 1, "higher", "Depends on the machine and its load."),
    "ms_per_step": Measure(
        "Milliseconds a step", "ms/step", 1, "lower", "Of training; depends on the machine and its load.", headline=True
    ),
    "ms_per_image": Measure("Milliseconds an image", "ms/image", 3, "lower", "Of a step, by the images of its batch."),
    "peak_memory_mib": Measure(
        "Peak memory, MiB",
        "MiB",
        0,
        "lower",
        "The most that the process held, with all else that it had done; on an accelerator, what training took there.",
    ),
    "parameters_generator": Measure("Generator’s parameters", "G params", 0, "", "Numbers that training moves."),
    "parameters_critic": Measure("Critic’s parameters", "C params", 0, "", "Numbers that training moves."),
    "multiply_adds_generator": Measure(
        "Generator’s multiply-adds", "G madds", 0, "", "Of one image, forwards; convolutions and matrix products alone."
    ),
    "multiply_adds_critic": Measure(
        "Critic’s multiply-adds", "C madds", 0, "", "Of one image, or of one pair where the critic sees pairs."
    ),
    "steps": Measure("Steps", "steps", 0, "", "Generator updates."),
}


@register("cost")
class Cost(Scorer):
    """Times are of whole steps of all networks, the first WARM_UP ones left out where there are more; multiply-adds of
    one image going forwards, through the critic alone or in a pair."""

    measures = MEASURES

    unmeasured = ("parameters_",)
    trained = True

    @classmethod
    def applies(cls, data: DataConfig, evaluation: EvaluationConfig) -> bool:
        return True

    @torch.no_grad()
    def score(self, subject: Subject, source: Source, reference: Described) -> tuple[Scores, Sequence[Panel]]:
        history = subject.history
        assert history is not None  # A training has one.
        sizes = {
            f"parameters_{name}": float(sum(p.numel() for p in network.parameters()))
            for name, network in subject.networks.items()
            if not name.endswith("_raw")
        }
        took = {"steps": float(history.step), "seconds": history.seconds, "peak_memory_mib": history.peak_memory_mib}
        return {**took, **sizes, **_multiply_adds(subject.networks), **_rates(history)}, []


def _multiply_adds(networks: Mapping[str, Network]) -> Scores:
    """Of one image, where a generator makes it from latents."""
    generator, critic = networks.get("generator"), networks.get("critic")
    if not isinstance(generator, Generator) or not isinstance(critic, Critic):
        return {}
    generator.cpu()
    critic.cpu()
    with FlopCounterMode(display=False) as generating:
        made = generator(draw_latents(generator, 1, torch.Generator()))
    with FlopCounterMode(display=False) as criticising:
        critic(made, made) if critic.kind == "pair" else critic(made)
    return {
        "multiply_adds_generator": generating.get_total_flops() / 2,
        "multiply_adds_critic": criticising.get_total_flops() / 2,
    }


def _rates(history: History) -> Scores:
    if not history.step:
        return {}
    timed = [(row["step"], row["seconds"]) for row in history.rows if row["step"] >= WARM_UP]
    whole = (0, 0.0), (history.step, history.seconds)
    (first, started), (last, ended) = (timed[0], timed[-1]) if len(timed) > 1 else whole
    milliseconds = 1000 * (ended - started) / (last - first)
    return {
        "steps_per_second": 1000 / milliseconds,
        "ms_per_step": milliseconds,
        "ms_per_image": milliseconds / history.batch_size,
    }
