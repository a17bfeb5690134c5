"""Memory of scoring 5,000 and 50,000 samples at 64x64, and the time of describing real images.

    python benchmarks/scoring.py

A generator's samples, random as its weights are, against random images; what they show does not change what they
cost. Each count is scored in a process of its own, whose peak memory is read at its end.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import cast

import numpy as np
import torch

from relation_gan.gan import checkpoint, networks, scoring
from relation_gan.gan.checkpoint import Described
from relation_gan.gan.data import Chunk, ImageStore, Recipe, open_store, save_store
from relation_gan.gan.data.config import ImagesConfig
from relation_gan.gan.metrics.extractors import EfficientNetLite0
from relation_gan.gan.networks import Generator
from relation_gan.gan.sampling import GeneratorSampler
from relation_gan.gan.scoring import EvaluationConfig, Scorer, Source, Subject

SIDE, REAL = 64, 12_000
setattr(EfficientNetLite0, "SIDE", SIDE)  # noqa: B010  A sixth of the work: memory is measured, as counts grow.
DATA = ImagesConfig(kind="images", name="noise", source="image_folder", split="all", size=SIDE)
EVALUATION = EvaluationConfig(samples=5_000, curve_samples=5_000, extractor="efficientnet_lite0")


def scorer(evaluation: EvaluationConfig = EVALUATION) -> Scorer:
    return scoring.create("distribution", evaluation=evaluation, device=torch.device("cpu"))


def noise(first: int, last: int) -> Chunk:
    images = np.random.default_rng(first).integers(0, 256, (last - first, 3, SIDE, SIDE), np.uint8)
    return Chunk(images, np.zeros(last - first, np.int64))


def described(store: ImageStore) -> tuple[Described, float]:
    """The reference, and the seconds that it took."""
    start = time.perf_counter()
    reference = scorer().describe(Source(store, DATA))
    return reference, time.perf_counter() - start


def score(count: int, store: Path, reference: Path) -> None:
    """Score samples, and print the seconds and the peak memory of this process in MiB."""
    torch.manual_seed(0)
    generator = cast(Generator, networks.create("dcgan_generator", size=SIDE, channels=3, latent=16, width=8)).eval()
    start = time.perf_counter()
    subject = Subject({"ema": GeneratorSampler(generator)}, {}, None)
    source = Source(open_store(store), DATA)
    scorer(EVALUATION.model_copy(update={"samples": count})).score(subject, source, checkpoint.load(reference))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.perf_counter() - start:.0f} {peak:.0f}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "reference.safetensors")
        description = {"name": "noise", "source": "random", "licence": "none", "classes": []}
        store = save_store(Path(folder, "store"), Recipe(description, (REAL, 3, SIDE, SIDE), (REAL,), noise))
        reference, seconds = described(open_store(store.folder))
        checkpoint.save(path, *reference)
        print(f"describing {REAL:,} real images: {seconds:.1f} s")
        peaks = []
        for count in (5_000, 50_000):
            command = [sys.executable, __file__, str(count), str(store.folder), str(path)]
            seconds, peak = map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
            peaks.append(peak)
            print(f"scoring {count:,} samples: {seconds} s, peak memory {peak:,} MiB")
        print(f"{peaks[1] - peaks[0]:,} MiB more for ten times as many")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        score(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
