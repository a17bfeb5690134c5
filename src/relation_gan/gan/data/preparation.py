"""From an image of any size and mode to the square uint8 array that a store holds."""

from contextlib import suppress
from io import BytesIO
from typing import Any, Literal

import numpy as np
import simplejpeg
from PIL import ExifTags, Image, ImageOps
from PIL.Image import Transpose
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)

TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""What brings an image upright, by the orientation that the camera noted in its EXIF block."""


class Preparation(BaseModel):
    """What is done to every image, in this order: turn, colour, crop, pad, resize.

    The result equals that of torchvision's transforms on a PIL image: CenterCrop, Pad and Resize.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: PositiveInt
    channels: Literal[1, 3] = 3
    crop: Literal["none", "square"] | PositiveInt = Field(
        default="none", description="the side of the square cut from the middle; square for the longest"
    )
    pad: NonNegativeInt = Field(default=0, description="pixels of black all round, before resizing")
    filter: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] = "bicubic"
    background: int = Field(default=255, ge=0, le=255, description="the grey behind transparent pixels")

    @field_validator("crop", mode="wrap")
    @classmethod
    def _side(cls, value: Any, check: ValidatorFunctionWrapHandler) -> str | int:
        try:
            return check(value)
        except ValidationError:
            raise ValueError("it must be none, square or a number of pixels") from None

    def __call__(self, image: Image.Image) -> np.ndarray:
        """The image as uint8 (channels, size, size); the first one of several in a file.

        Raises:
            OSError: it is damaged; Pillow has other errors for that, too.
            ValueError: it has a mode without a clear range, is smaller than the crop, or not square without one.
        """
        if image.format != "JPEG":
            image.load()  # Before its orientation is asked for, since Pillow turns some kinds itself.
        turn = _turn(image)
        if turn is not None:
            image = image.transpose(turn)
        image = self._coloured(_decoded(image, self._box(*image.size)))
        if self.pad:
            image = ImageOps.expand(image, self.pad)
        if image.width != self.size:
            image = image.resize((self.size, self.size), Image.Resampling[self.filter.upper()])
        array = np.asarray(image)  # (size, size) or (size, size, 3)
        return np.ascontiguousarray(np.atleast_3d(array).transpose(2, 0, 1))

    def _box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """The first column and row that are kept, and the first ones that are not any more."""
        if self.crop == "none" and width != height:
            raise ValueError(f"{width}x{height} is not square; set data.crop: square")
        side = self.crop if isinstance(self.crop, int) else min(width, height)
        if side > min(width, height):
            raise ValueError(f"{width}x{height} is smaller than the crop of {side}; set data.crop: square")
        left, top = round((width - side) / 2), round((height - side) / 2)
        return left, top, left + side, top + side

    def _coloured(self, image: Image.Image) -> Image.Image:
        """The image in mode RGB, or L for one channel."""
        mode = "RGB" if self.channels == 3 else "L"
        if image.mode == "F":
            raise ValueError("pixels of mode F, floating point, have no range that is known; save it with 8 or 16 bits")
        if image.mode.startswith("I"):
            image = _eight_bits(image)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            behind = Image.new("RGBA", image.size, (self.background,) * 3 + (255,))
            image = Image.alpha_composite(behind, image)
        return image if image.mode == mode else image.convert(mode)


def _decoded(image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """The pixels in a box: those of a JPEG by simplejpeg, to the same bytes in two thirds of Pillow's time."""
    if image.format == "JPEG" and image.mode == "RGB" and isinstance(content := getattr(image, "fp", None), BytesIO):
        # Pillow has the last word on a file that simplejpeg refuses.
        with suppress(ValueError):
            left, top, right, bottom = box
            return Image.fromarray(simplejpeg.decode_jpeg(content.getbuffer())[top:bottom, left:right])
    return image.crop(box)


def _turn(image: Image.Image) -> Transpose | None:
    # Not `ImageOps.exif_transpose`, which copies every image, and fails on an EXIF block that it cannot write back.
    try:
        return TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    # Whatever is wrong with a block that cannot be read, the image itself was.
    except Exception:  # noqa: BLE001
        return None


def _eight_bits(image: Image.Image) -> Image.Image:
    """An image of 16 bits, 0 to 65535, in mode L. Pillow's own conversion would cut off all above 255."""
    values = np.asarray(image)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ValueError(f"pixels from {low} to {high} are of more than 16 bits; save it with 8 or 16 bits")
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))
