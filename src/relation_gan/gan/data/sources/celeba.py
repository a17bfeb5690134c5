"""CelebA, aligned and cropped: 202,599 JPEG files of 178x218.

torchvision's class is not used for reading: it wants six files with the right MD5, and the images unpacked.
"""

import importlib.util
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from relation_gan.gan.data.sources.base import Source, SourceError, register
from relation_gan.gan.data.sources.image_files import ImageArchive

COUNT = 202_599
PARTITION = {"train": "0", "valid": "1", "test": "2"}
PICTURES, LIST = "img_align_celeba.zip", "list_eval_partition.txt"


@register("celeba")
class Celeba(Source):
    """Images in `img_align_celeba`, a folder or a zip file, and the splits in `list_eval_partition`.

    Both lie in the folder itself or in `celeba`, torchvision's place for them. The list may be the official `.txt`
    or Kaggle's `.csv`; the split `all` needs none.
    """

    title = "CelebA"
    home = "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (Align&Cropped Images; Train/Val/Test Partitions)"
    licence = "non-commercial research only"
    splits = (*PARTITION, "all")

    def __init__(self, folder: Path, split: str) -> None:
        super().__init__(folder, split)
        path = self._find("img_align_celeba", PICTURES)
        wanted = [f"{number:06}.jpg" for number in range(1, COUNT + 1)] if split == "all" else self._partition()
        if path is None:
            raise self.missing([PICTURES], "or, unpacked, img_align_celeba")
        try:
            self.archive = ImageArchive(path)
        except zipfile.BadZipFile as error:
            raise self.missing([path.name], str(error)) from error
        # Kaggle's images lie in a folder img_align_celeba of their own in img_align_celeba.
        found = {name.rpartition("/")[2]: name for name in self.archive.names}
        lacking = [name for name in wanted if name not in found]
        if lacking:
            raise self.missing([path.name], f"{len(lacking)} of {len(wanted)} images are not in it: {lacking[0]} …")
        self.names = [found[name] for name in wanted]
        self.labels = np.full(len(wanted), -1)
        self.files = {path.name: len(found) if path.is_dir() else path.stat().st_size}

    def _find(self, *names: str) -> Path | None:
        paths = (folder / name for folder in (self.folder, self.folder / "celeba") for name in names)
        return next((path for path in paths if path.exists()), None)

    def _partition(self) -> list[str]:
        """The names of the images of the split."""
        path = self._find(LIST, "list_eval_partition.csv")
        if path is None:
            raise self.missing([LIST], "or list_eval_partition.csv; the split 'all' does without")
        rows = [line.replace(",", " ").split() for line in path.read_text().splitlines()]
        wanted = [row[0] for row in rows if row[1:] == [PARTITION[self.split]]]
        if not wanted:
            raise self.missing([path.name], f"it names no image of the split '{self.split}'")
        return wanted

    def name(self, index: int) -> str:
        return self.names[index]

    def image(self, index: int) -> Image.Image:
        return Image.open(io.BytesIO(self.archive.read(self.names[index])))

    @classmethod
    def download(cls, folder: Path, split: str) -> None:
        by_hand = f"Google Drive often refuses: fetch {PICTURES} and {LIST} with a browser, and leave the zip packed"
        if importlib.util.find_spec("gdown") is None:
            raise SourceError(f"it needs the package gdown (pip install gdown), and {by_hand}")
        from torchvision.datasets import CelebA
        from torchvision.datasets.utils import download_file_from_google_drive

        for key, md5, name in CelebA.file_list:
            if name in (PICTURES, LIST):
                try:
                    download_file_from_google_drive(key, folder / CelebA.base_folder, name, md5)
                except Exception as error:  # gdown's own errors, requests' and torchvision's have no common kind
                    raise SourceError(f"{name}: {error}; {by_hand}") from error
