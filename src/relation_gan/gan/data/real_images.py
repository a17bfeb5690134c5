"""The recipe of a store of real images: which of a source's, and how each is prepared."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import UnidentifiedImageError

from relation_gan.gan.data.conversion import Chunk, Recipe, StoreError
from relation_gan.gan.data.preparation import Preparation
from relation_gan.gan.data.sources import Source, open_source

ALONE = 4096
"""Images up to which starting other processes takes longer than they save."""


@dataclass(frozen=True)
class Prepared:
    """Chunks of prepared images: those of a source that `chosen` numbers."""

    source: Source
    chosen: np.ndarray
    prepare: Preparation

    def __call__(self, first: int, last: int) -> Chunk:
        images: list[np.ndarray] = []
        labels: list[int] = []
        skipped: dict[str, str] = {}
        for index in self.chosen[first:last]:
            try:
                with self.source.image(index) as image:
                    images.append(self.prepare(image))
            # Whatever a decoder finds wrong with an image: the limit on skipped ones decides what comes of it.
            except Exception as error:  # noqa: BLE001
                unknown = isinstance(error, UnidentifiedImageError)  # Its own words name an object in memory.
                reason = "no image in a form that is known" if unknown else " ".join(str(error).split())
                skipped[self.source.name(index)] = reason or type(error).__name__
            else:
                labels.append(int(self.source.labels[index]))
        shape = (len(images), self.prepare.channels, self.prepare.size, self.prepare.size)
        return Chunk(np.array(images, np.uint8).reshape(shape), np.array(labels, np.int64), skipped)


def choose(count: int, subset: int | None, held_out: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of `count` images are trained on, and which are held out, drawn at random and each in order.

    Args:
        subset: how many are used in all; None for all.
        held_out: how many of them are held out; below 1, which share of them.

    Raises:
        StoreError: there are fewer images than that.
    """
    used = count if subset is None else subset
    if used > count:
        raise StoreError(f"data.subset {subset} is more than the {count} images there are")
    out = round(held_out * used) if held_out < 1 else int(held_out)
    if out >= used:
        raise StoreError(f"data.held_out {held_out:.10g} leaves none of {used} images to train on")
    drawn = np.random.default_rng(seed).permutation(count)[:used]
    return np.sort(drawn[out:]), np.sort(drawn[:out])


def request(data: dict[str, Any]) -> dict[str, Any]:
    """What a store's content depends on, as far as a configuration says it."""
    keys = ("source", "split", "held_out", "subset", "seed", *Preparation.model_fields)
    return {key: data[key] for key in keys}


def recipe(data: dict[str, Any], folder: Path, workers: int) -> Recipe:
    """The recipe of the store that `data` describes, from the raw files in a folder.

    Args:
        data: a `ImagesConfig` as a dictionary.
        workers: processes that convert, for more than a few images.

    Raises:
        SourceError: the raw files are missing and cannot be had.
        StoreError: there are fewer images than `data` asks for.
    """
    prepare = Preparation(**{name: data[name] for name in Preparation.model_fields})
    source = open_source(data["source"], folder, data["split"], data["download"])
    held_out, other = data["held_out"], None
    if isinstance(held_out, str):
        held_out, other = 0, open_source(data["source"], folder, held_out, data["download"])
    chosen, out = choose(len(source), data["subset"], held_out or 0, data["seed"])

    def of(part: Source, which: np.ndarray, inner: Recipe | None = None) -> Recipe:
        return Recipe(
            description={
                "name": data["name"],
                "source": f"{part.title}, {part.split} ({part.home})",
                "licence": part.licence,
                "request": request(data),
                "files": part.files,
                **({} if part.fixed else {"fingerprint": part.fingerprint}),
                "classes": list(part.classes) if (part.labels[which] >= 0).all() else [],
                **({"held_out": inner.shape[0]} if inner else {}),
            },
            shape=(len(which), prepare.channels, prepare.size, prepare.size),
            label_shape=(len(which),),
            make=Prepared(part, which, prepare),
            skip_limit=data["skip_limit"],
            workers=workers if len(which) > ALONE else 0,
            held_out=inner,
        )

    if other is not None:
        return of(source, chosen, of(other, np.arange(len(other))))
    return of(source, chosen, of(source, out) if len(out) else None)
