"""Memory of scoring 5,000 and 50,000 samples at 64x64, and the time of describing real pictures twice.

    python benchmarks/scoring.py

A generator's samples, random as its weights are, against random pictures; what they show does not change what they
cost. Each count is scored in a process of its own, whose peak memory is read at its end.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from relation_gan.gan import checkpoint, networks
from relation_gan.gan.data import Chunk, ImageStore, Recipe, open_store, save_store
from relation_gan.gan.metrics.extractors import EfficientNetLite0, open_extractor
from relation_gan.gan.networks import Generator
from relation_gan.pipelines.evaluation.nodes import score_samples
from relation_gan.pipelines.ingestion.nodes import describe_pictures

SIDE, REAL = 64, 12_000
EfficientNetLite0.SIDE = 64  # A sixth of the work: it is memory that is measured, as counts grow.
EVALUATION: dict[str, Any] = {
    **{"extractor": "efficientnet_lite0", "weights": "", "real_samples": None, "batch_size": 100, "seed": 0},
    **{"kid_subsets": 100, "kid_subset_size": 1000, "inception_splits": 10, "regenerations": 1, "pictures": 256},
}


def noise(first: int, last: int) -> Chunk:
    images = np.random.default_rng(first).integers(0, 256, (last - first, 3, SIDE, SIDE), np.uint8)
    return Chunk(images, np.zeros(last - first, np.int64))


def described(store: ImageStore, path: Path) -> tuple[checkpoint.Described, float]:
    """The reference, and the seconds that it took."""
    start = time.perf_counter()
    reference = describe_pictures(store, EVALUATION, path)
    return reference, time.perf_counter() - start


def score(count: int, reference: Path) -> None:
    """Score samples, and print the seconds and the peak memory of this process in MiB."""
    torch.manual_seed(0)
    generator = cast(Generator, networks.create("dcgan_generator", size=SIDE, channels=3, latent=16, width=8))
    start = time.perf_counter()
    extractor = open_extractor(EVALUATION["extractor"])
    score_samples(generator, extractor, checkpoint.load(reference), {**EVALUATION, "samples": count})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.perf_counter() - start:.0f} {peak:.0f}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "reference.safetensors")
        description = {"name": "noise", "source": "random", "licence": "none", "classes": []}
        store = save_store(Path(folder, "store"), Recipe(description, (REAL, 3, SIDE, SIDE), (REAL,), noise))
        reference, seconds = described(open_store(store.folder), path)
        checkpoint.save(path, *reference)
        _, again = described(open_store(store.folder), path)
        print(f"describing {REAL:,} real pictures: {seconds:.1f} s, and {again:.2f} s when it was done before")
        peaks = []
        for count in (5_000, 50_000):
            command = [sys.executable, __file__, str(count), str(path)]
            seconds, peak = map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
            peaks.append(peak)
            print(f"scoring {count:,} samples: {seconds} s, peak memory {peak:,} MiB")
        print(f"{peaks[1] - peaks[0]:,} MiB more for ten times as many")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        score(int(sys.argv[1]), Path(sys.argv[2]))
    else:
        main()
