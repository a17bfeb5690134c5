"""Scores of images against torch-fidelity's own command line on the same files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from relation_gan.gan.external import ImageFiles
from relation_gan.gan.metrics import frechet_distance, kernel_distance, precision_recall
from relation_gan.gan.metrics.extractors import Extracted, open_extractor
from tests.gan.data.sources.formats import pieces
from tests.gan.metrics.helpers import random_inception

COUNT, SPLITS, SUBSETS, SUBSET_SIZE = 24, 4, 5, 12


def write(folder: Path, images: np.ndarray) -> Path:
    """PNGs of uint8 (N, H, W, 3)."""
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:03}.png")
    return folder


def test_scores_equal_those_of_torch_fidelitys_command(tmp_path: Path) -> None:
    images = pieces(2 * COUNT, 24, 24)
    real, fake = write(tmp_path / "real", images[:COUNT]), write(tmp_path / "fake", 255 - images[COUNT:])
    weights = random_inception(tmp_path)
    options = {
        **{"--input1": fake, "--input2": real, "--rng-seed": 2020},
        **{"--feature-extractor": "inception-v3-compat", "--feature-extractor-weights-path": weights},
        **{"--kid-subsets": SUBSETS, "--kid-subset-size": SUBSET_SIZE, "--isc-splits": SPLITS, "--batch-size": 16},
    }
    command = [*("-m", "torch_fidelity.fidelity", "--cpu", "--json", "--silent", "--isc", "--fid", "--kid", "--prc")]
    run = subprocess.run(
        [sys.executable, *command, *(str(part) for option in options.items() for part in option)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    theirs = json.loads(run.stdout)

    extractor = open_extractor("inception", weights=weights)

    def extracted(folder: Path) -> Extracted:
        samples = ImageFiles(folder, (3, 24, 24)).batches(COUNT, 0, 16)
        return Extracted(extractor, (sample.output for sample in samples), COUNT, SPLITS)

    of_real, of_fake = extracted(real), extracted(fake)
    assert frechet_distance(of_real.moments, of_fake.moments) == pytest.approx(
        theirs["frechet_inception_distance"], rel=1e-6
    )
    kernel = kernel_distance(of_real.kept, of_fake.kept, SUBSETS, SUBSET_SIZE)
    names = ("kernel_inception_distance_mean", "kernel_inception_distance_std")
    assert kernel == pytest.approx([theirs[name] for name in names], rel=1e-6)
    score = of_fake.classes.score()
    assert score == pytest.approx([theirs["inception_score_mean"], theirs["inception_score_std"]], rel=1e-6)
    reached = precision_recall(of_real.kept, of_fake.kept)
    assert reached == pytest.approx([theirs["precision"], theirs["recall"]])
