"""Making a store of CelebA-sized images, and serving batches from it, against torchvision's ImageFolder.

    python benchmarks/images.py [images] [folder]

Writes `images` (200,000) JPEGs of 178x218, pieces of two photographs, into the folder (a temporary one), converts
them in a process of its own, kills it half-way, and resumes. A plain ImageFolder under a DataLoader with as many
workers, crop and resize (what both must do for an image), takes turns with the conversion on parts of them.
"""

import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import torch
from joblib import cpu_count
from PIL import Image
from sklearn.datasets import load_sample_images
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from relation_gan.config import ProjectConfigLoader
from relation_gan.gan.data import ImageFeed, open_store, real_images, save_store
from relation_gan.gan.data.preparation import Preparation
from relation_gan.gan.loop import train_step
from relation_gan.gan.run import RunConfig
from relation_gan.gan.state import TrainState
from relation_gan.settings import CONFIG_LOADER_ARGS

WORKERS = cpu_count()
PARTS, BATCH, ROUNDS = 2, 64, 3
DATA = {"name": "faces", "source": "image_folder", "split": "all", "held_out": 0, "subset": None, "seed": 0}
DATA |= {"download": False, "skip_limit": 0.0, **Preparation(size=64, crop=160).model_dump()}


def write(folder: Path, first: int, last: int) -> None:
    """JPEGs of different pieces, at different scales, in folders of 10,000."""
    rng = np.random.default_rng(first)
    photographs = load_sample_images().images
    for i in range(first, last):
        photograph = photographs[i % 2]
        height, width = (np.array([218, 178]) * rng.uniform(0.6, 1.9)).astype(int)
        top, left = rng.integers(photograph.shape[0] - height), rng.integers(photograph.shape[1] - width)
        piece = Image.fromarray(photograph[top : top + height, left : left + width]).resize((178, 218))
        path = folder / f"{i // 10_000:03}" / f"{i:06}.jpg"
        path.parent.mkdir(exist_ok=True)
        piece.save(path, quality=75)


def convert(raw: Path, store: Path) -> None:
    """What `kedro run --pipeline=ingestion` does for images."""
    save_store(store, real_images.recipe(DATA, raw, WORKERS))


def watched(raw: Path, store: Path, kill_at: float | None = None) -> tuple[float, float]:
    """Seconds of a conversion in a process of its own, and its peak memory in MiB, with all its workers.

    Memory is what the processes hold beside the cache of files: proportional shares of what they share.
    """
    start, peak = time.perf_counter(), 0.0
    process = subprocess.Popen([sys.executable, __file__, "convert", str(raw), str(store)])
    tree = psutil.Process(process.pid)
    journal = store.with_name(f".{store.name}.partial") / "journal.jsonl"
    while process.poll() is None:
        used = 0
        for one in (tree, *tree.children(recursive=True)):
            try:
                used += one.memory_full_info().pss
            except psutil.Error:
                continue
        peak = max(peak, used / 2**20)
        chunks = len(journal.read_text().splitlines()) - 1 if journal.exists() else 0
        if kill_at and chunks >= kill_at:
            process.send_signal(signal.SIGKILL)
        time.sleep(0.2)
    process.wait()
    return time.perf_counter() - start, peak


def loader(raw: Path, shuffle: bool = False) -> DataLoader:
    prepare = transforms.Compose(
        [transforms.CenterCrop(160), transforms.Resize(64, transforms.InterpolationMode.BICUBIC), transforms.ToTensor()]
    )
    return DataLoader(ImageFolder(raw, prepare), BATCH, shuffle=shuffle, num_workers=WORKERS)


def rate(count: int, action) -> float:
    """Images a second."""
    start = time.perf_counter()
    action()
    return count / (time.perf_counter() - start)


def fetched(batches: DataLoader, count: int) -> float:
    """Batches a second, after those that the workers fetch ahead. The workers end with it."""
    images = iter(batches)
    for _ in range(2 * WORKERS):
        next(images)
    return rate(count, lambda: [next(images) for _ in range(count)])


def main(count: int, folder: Path) -> None:
    raw, store = folder / "raw", folder / "faces"
    if not raw.exists():
        raw.mkdir(parents=True)
        starts = range(0, count, 1000)
        with ProcessPoolExecutor(WORKERS) as pool:
            list(pool.map(write, [raw] * len(starts), starts, [min(s + 1000, count) for s in starts]))
    size = sum(path.stat().st_size for path in raw.rglob("*.jpg"))
    print(f"{count:,} JPEGs of 178x218, {size / count / 1000:.1f} kB each; {WORKERS} workers")

    few_raw = folder / "some"
    few_raw.mkdir(exist_ok=True)
    for number in range(PARTS):
        if (raw / f"{number:03}").exists() and not (few_raw / f"{number:03}").exists():
            (few_raw / f"{number:03}").symlink_to(raw / f"{number:03}")
    part = min(10_000 * PARTS, count)
    ours, theirs = [], []
    for round_ in range(ROUNDS):
        ours.append(rate(part, lambda: convert(few_raw, folder / f"part{round_}")))  # noqa: B023
        theirs.append(rate(part, lambda: [None for _ in loader(few_raw)]))
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    print(f"converting {part:,}: {statistics.median(ours):,.0f} images a second")
    print(
        f"ImageFolder and DataLoader: {statistics.median(theirs):,.0f}; ratio {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})"
    )

    chunks = -(-count // 1024)
    before, peak = watched(raw, store, kill_at=chunks // 2)
    left = len((folder / ".faces.partial" / "journal.jsonl").read_text().splitlines()) - 1
    after, peak_after = watched(raw, store)
    opened = open_store(store)
    opened.verify()
    print(
        f"killed after {before:.0f} s with {left} of {chunks} chunks; the rest took {after:.0f} s; "
        f"peak memory {max(peak, peak_after):,.0f} MiB"
    )
    print(f"SHA-256 {opened.digest[:16]}…, {json.dumps(opened.manifest['skipped'])}")

    feed, batches, few = ImageFeed(opened, 0), 1000, min(50, part // BATCH - 4)
    served, loaded = [], []
    for _ in range(ROUNDS):
        loaded.append(fetched(loader(few_raw, shuffle=True), few))
        served.append(rate(batches, lambda: [feed.batch(i, BATCH) for i in range(batches)]))
    ratios = [a / b for a, b in zip(served, loaded, strict=True)]
    print(
        f"serving batches of {BATCH}: {statistics.median(served):,.0f} a second, by the DataLoader "
        f"{statistics.median(loaded):,.1f}; ratio {statistics.median(ratios):.0f} "
        f"({min(ratios):.0f} to {max(ratios):.0f})"
    )

    state = celeba_step()
    seconds = 1 / rate(1, lambda: train_step(state, {"data": feed}))
    print(
        f"a step of vanilla with the networks of --env=celeba takes {seconds:.1f} s, its batches "
        f"{100 / statistics.median(served) / seconds:.3f} % of it"
    )


def celeba_step() -> TrainState:
    """A training of the cheapest method with the networks of the preset."""
    conf = Path(__file__).parents[1] / "conf"
    parameters = ProjectConfigLoader(str(conf), env="celeba", **CONFIG_LOADER_ARGS)["parameters"]
    run = RunConfig.model_validate(parameters["runs"]["celeba"]["vanilla"]["seed0"])
    return TrainState(run.build(), run.training, seed=0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["convert"]:
        convert(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        torch.set_num_threads(WORKERS)
        asked = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
        if len(sys.argv) > 2:
            main(asked, Path(sys.argv[2]))
        else:
            place = Path(tempfile.mkdtemp())
            try:
                main(asked, place)
            finally:
                shutil.rmtree(place)
