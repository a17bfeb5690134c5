import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from pydantic import ValidationError
from torchvision.transforms import v2 as transforms

from relation_gan.gan.data.preparation import Preparation
from tests.gan.data.sources.formats import encoded, pieces

FACE = Image.fromarray(pieces(1, 218, 178)[0])
SQUARE = Image.fromarray(pieces(2, 48, 48)[1])
GREYS = np.arange(256, dtype=np.uint8).reshape(16, 16)


def channels_last(prepared: np.ndarray) -> np.ndarray:
    return prepared.transpose(1, 2, 0)


def kept(image: Image.Image, **options: Any) -> np.ndarray:
    """A square image prepared in its own size: (size, size, 3), or (size, size) for one channel."""
    return channels_last(Preparation(size=image.width, **options)(image)).squeeze()


def reopened(image: Image.Image, kind: str, **options: Any) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image, kind, **options)))


@pytest.mark.parametrize("crop", [160, 108, 109, 177])
@pytest.mark.parametrize("size", [64, 32, 200])
@pytest.mark.parametrize("kind", ["bicubic", "bilinear", "lanczos", "box", "hamming", "nearest"])
def test_crop_and_resize_are_those_of_torchvision(crop: int, size: int, kind: Any) -> None:
    modes = transforms.InterpolationMode
    theirs = transforms.Compose(
        [transforms.CenterCrop(crop), transforms.Resize(size, modes[kind.upper()], antialias=True)]
    )
    ours = Preparation(size=size, crop=crop, filter=kind)(FACE)
    assert (ours.dtype, ours.shape, ours.flags.c_contiguous) == (np.uint8, (3, size, size), True)
    assert np.array_equal(channels_last(ours), np.asarray(theirs(FACE)))


@pytest.mark.parametrize("size", [(178, 218), (218, 178), (101, 64), (64, 101), (67, 64), (50, 50)])
def test_square_cuts_the_middle_up_to_the_shorter_side(size: tuple[int, int]) -> None:
    image = FACE.resize(size)
    side = min(size)
    expected = transforms.CenterCrop(side)(image)
    assert np.array_equal(channels_last(Preparation(size=side, crop="square")(image)), np.asarray(expected))


def test_what_has_its_size_is_left_as_it_is() -> None:
    assert np.array_equal(kept(SQUARE), np.asarray(SQUARE))
    grey = SQUARE.convert("L")
    assert np.array_equal(kept(grey, channels=1), np.asarray(grey))
    assert np.array_equal(kept(grey), np.stack([np.asarray(grey)] * 3, 2))


def test_digits_are_padded_with_black(mnist: tuple[np.ndarray, np.ndarray]) -> None:
    digit = mnist[0][0].reshape(28, 28).astype(np.uint8)
    padded = Preparation(size=32, channels=1, pad=2)(Image.fromarray(digit))
    assert np.array_equal(padded, np.pad(digit, 2)[None])


def test_padding_comes_after_the_crop_and_before_the_resize() -> None:
    prepared = Preparation(size=32, crop=56, pad=4)(FACE)
    expected = ImageOps.expand(transforms.CenterCrop(56)(FACE), 4).resize((32, 32), Image.Resampling.BICUBIC)
    assert np.array_equal(channels_last(prepared), np.asarray(expected))


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_image_is_turned_as_its_camera_says(orientation: int, kind: str) -> None:
    # White in the lower right quarter; each orientation is what `exif_transpose` undoes.
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[8:, 8:] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = reopened(Image.fromarray(pixels), kind, exif=exif)
    white = {0: (1, 1), 1: (1, 1), 2: (1, 0), 3: (0, 0), 4: (0, 1), 5: (1, 1), 6: (1, 0), 7: (0, 0), 8: (0, 1)}
    quarters = kept(image)[4::8, 4::8, 0] > 128
    assert [tuple(place) for place in np.argwhere(quarters).tolist()] == [white.get(orientation, (1, 1))]


def test_the_crop_is_cut_from_the_turned_image() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = reopened(FACE, "PNG", exif=exif)
    expected = transforms.CenterCrop(108)(FACE.transpose(Image.Transpose.ROTATE_270))
    assert np.array_equal(channels_last(Preparation(size=108, crop=108)(image)), np.asarray(expected))


def test_a_damaged_exif_block_turns_nothing() -> None:
    image = reopened(SQUARE, "WEBP", lossless=True, exif=b"Exif\0\0no TIFF header at all")
    assert np.array_equal(kept(image), np.asarray(SQUARE))


def test_black_and_white_become_0_and_255() -> None:
    image = reopened(SQUARE.convert("1"), "PNG")
    assert image.mode == "1"
    assert np.array_equal(kept(image, channels=1), np.asarray(image) * np.uint8(255))


def test_a_palette_gives_its_colours() -> None:
    image = reopened(SQUARE.quantize(16), "PNG")
    assert image.mode == "P"
    assert np.array_equal(kept(image), np.asarray(SQUARE.quantize(16).convert("RGB")))


@pytest.mark.parametrize("background", [255, 0, 128])
def test_what_lies_behind_a_transparent_image_is_seen(background: int) -> None:
    alpha = np.repeat(np.array([[0, 255, 51]], np.uint8), 16, 1).repeat(48, 0)  # 16 columns of each
    image = reopened(Image.fromarray(np.dstack([np.asarray(SQUARE), alpha])), "PNG")
    assert image.mode == "RGBA"
    prepared = kept(image, background=background)
    assert (prepared[:, :16] == background).all()
    assert np.array_equal(prepared[:, 16:32], np.asarray(SQUARE)[:, 16:32])
    mixed = 0.2 * np.asarray(SQUARE)[:, 32:] + 0.8 * background  # 51 of 255
    assert np.abs(prepared[:, 32:] - mixed).max() <= 1


@pytest.mark.parametrize("mode", ["LA", "PA", "RGBa"])
def test_every_mode_with_transparency_is_laid_on_the_background(mode: str) -> None:
    clear = Image.fromarray(np.dstack([np.asarray(SQUARE), np.zeros((48, 48), np.uint8)]))
    if mode == "PA":
        image = SQUARE.quantize(16).convert("PA")
        image.putalpha(0)
    else:
        image = clear.convert(mode)
    assert image.mode == mode
    assert (kept(image, background=77) == 77).all()
    assert (kept(image, background=77, channels=1) == 77).all()


@pytest.mark.parametrize(("mode", "colour"), [("P", 3), ("L", 3), ("RGB", (3, 3, 3)), ("1", 0)])
def test_a_colour_may_stand_for_transparency(mode: str, colour: Any) -> None:
    pixels = Image.fromarray(np.where(np.eye(16, dtype=bool), 3, 200).astype(np.uint8))
    image = pixels.convert(mode, dither=Image.Dither.NONE)
    if mode == "P":
        image.putpalette([value for level in range(256) for value in (level, level, level)])
    image = reopened(image, "PNG", transparency=colour)
    assert image.mode == mode and "transparency" in image.info
    prepared = kept(image, channels=1, background=99)
    assert (prepared[np.eye(16, dtype=bool)] == 99).all()
    assert (prepared[~np.eye(16, dtype=bool)] == (255 if mode == "1" else 200)).all()


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV"])
def test_other_colour_spaces_become_rgb(mode: str) -> None:
    image = SQUARE.convert(mode)
    assert np.array_equal(kept(image), np.asarray(image.convert("RGB")))


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    red = Image.new("RGB", (16, 16), (250, 10, 10))
    image = reopened(red.convert("CMYK"), "JPEG", quality=100)
    assert image.mode == "CMYK"
    assert np.abs(kept(image).astype(int) - (250, 10, 10)).max() <= 3


SIXTEEN = (GREYS.astype(np.uint16) * 257).astype(np.uint16)  # 0, 257, ..., 65535


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_scaled_to_eight(kind: str, channels: Any) -> None:
    image = reopened(Image.fromarray(SIXTEEN), kind)
    assert image.mode.startswith("I")
    prepared = Preparation(size=16, channels=channels)(image)
    assert np.array_equal(prepared, np.stack([GREYS] * channels))


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B", "I"])
def test_sixteen_bits_in_any_order_of_bytes_are_rounded_to_the_nearest(mode: str) -> None:
    levels = np.arange(0, 65536, 256).reshape(16, 16) + np.arange(16)
    stored = levels.astype({"I": "<i4", "I;16B": ">u2"}.get(mode, "<u2"))
    image = Image.frombytes(mode, (16, 16), stored.tobytes())
    assert image.mode == mode
    assert np.array_equal(kept(image, channels=1), np.rint(levels / 257).astype(np.uint8))


@pytest.mark.parametrize(("low", "high"), [(-1, 255), (0, 65536)])
def test_more_than_sixteen_bits_are_refused(low: int, high: int) -> None:
    image = Image.fromarray(np.array([[low, high]] * 2, np.int32))
    with pytest.raises(ValueError, match=f"pixels from {low} to {high} are of more than 16 bits; save it with 8 or"):
        Preparation(size=2)(image)


def test_floating_point_is_refused() -> None:
    with pytest.raises(ValueError, match="pixels of mode F, floating point, have no range that is known"):
        Preparation(size=2)(Image.new("F", (2, 2)))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_image_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), (level, level, level)) for level in (250, 100, 0)]
    image = reopened(frames[0], kind, save_all=True, append_images=frames[1:])
    assert getattr(image, "n_frames", 1) == 3
    assert np.abs(kept(image).astype(int) - 250).max() <= 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_image_is_an_oserror(kind: str) -> None:
    content = encoded(FACE, kind)
    with pytest.raises(OSError):
        Preparation(size=64, crop=160)(Image.open(io.BytesIO(content[: len(content) // 2])))


def test_a_image_that_is_not_square_needs_a_crop() -> None:
    with pytest.raises(ValueError, match=r"^178x218 is not square; set data.crop: square$"):
        Preparation(size=64)(FACE)


def test_a_image_that_is_smaller_than_the_crop_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^178x218 is smaller than the crop of 200; set data.crop: square$"):
        Preparation(size=64, crop=200)(FACE)


def test_one_pixel_is_enough() -> None:
    assert Preparation(size=4, crop="square")(Image.new("RGB", (1, 9), (1, 2, 3)))[:, 0, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"channels": 2},
        {"crop": "centre"},
        {"crop": 0},
        {"pad": -1},
        {"filter": "cubic"},
        {"background": 256},
        {"sise": 3},
    ],
)
def test_wrong_values_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Preparation(**{"size": 4, **wrong})


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [20, 75, 95])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("side", [(64, 64), (61, 83)])
def test_jpegs_are_decoded_to_the_bytes_that_pillow_gives(
    subsampling: int, quality: int, progressive: bool, side: tuple[int, int]
) -> None:
    photograph = Image.fromarray(pieces(1, *side)[0])
    content = encoded(photograph, "JPEG", subsampling=subsampling, quality=quality, progressive=progressive)
    shorter = min(side)
    expected = Image.open(io.BytesIO(content)).convert("RGB")
    left, top = round((side[1] - shorter) / 2), round((side[0] - shorter) / 2)
    expected = expected.crop((left, top, left + shorter, top + shorter))
    made = Preparation(size=shorter, crop="square")(Image.open(io.BytesIO(content)))
    assert np.array_equal(made, np.asarray(expected).transpose(2, 0, 1))


def test_pillow_has_the_last_word_on_a_jpeg_with_bytes_too_many() -> None:
    # Rubbish between two segments: libjpeg warns and skips it.
    content = encoded(Image.fromarray(pieces(1, 32, 32)[0]), "JPEG", quality=90)
    start = content.index(b"\xff\xdb")
    damaged = content[:start] + b"\x00\x00\x00" + content[start:]
    expected = np.asarray(Image.open(io.BytesIO(damaged)).convert("RGB")).transpose(2, 0, 1)
    assert np.array_equal(Preparation(size=32)(Image.open(io.BytesIO(damaged))), expected)
