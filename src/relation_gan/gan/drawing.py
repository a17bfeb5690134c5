"""Samples as pixels: grids of images; of points in the plane clouds, densities, and the landscape of a critic.

Clouds and densities are transparent where nothing is, so that they stand on a light and on a dark page.
"""

import math

import numpy as np
from PIL import Image, ImageColor

DOTS = 1024
"""Points of a cloud: more would run together."""
BINS = 96
"""Of a density, along each side."""
BANDS = 12
"""Steps of a landscape, whose edges are level lines."""
LEVELS, SHADES = 7, 48
"""Of the opacity of dots, and of a density: few, for a small file."""
GREY, BLACK, BLUE = "#888888", "#1c1d1f", "#0a7bc2"
BORDER = 112
"""The grey between the images of a grid."""
HIGH, LOW = "#fbfaf8", "#6d7482"


def image_grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Images in rows, with a border of one pixel around each.

    Args:
        images: uint8 (n, C, H, W), C = 1 or 3.

    Returns:
        uint8 (rows (H + 1) + 1, columns (W + 1) + 1, 3).

    Raises:
        ValueError: the images are neither grey nor RGB.
    """
    n, channels, height, width = images.shape
    if channels not in (1, 3):
        raise ValueError(f"images must have 1 or 3 channels, got shape {images.shape}")
    rows = math.ceil(n / columns)
    cells = np.full((rows * columns, 3, height + 1, width + 1), BORDER, np.uint8)
    cells[:n, :, 1:, 1:] = images
    cells = cells.reshape(rows, columns, 3, height + 1, width + 1).transpose(0, 3, 1, 4, 2)
    grid = cells.reshape(rows * (height + 1), columns * (width + 1), 3)
    return np.pad(grid, ((0, 1), (0, 1), (0, 0)), constant_values=BORDER)


def cloud(points: np.ndarray, real: np.ndarray, box: list[float], colour: str, side: int) -> Image.Image:
    """Points (n, 2) in a colour over real ones in grey. What is outside the box is left out."""
    front, back = ((LEVELS * _dots(sample, box, side)).round().astype(np.uint8) for sample in (points, real))
    levels = np.arange(LEVELS + 1) / LEVELS
    a, b = 0.85 * levels[:, None, None], 0.55 * levels[None, :, None]
    opacity = a + b * (1 - a)
    mixed = (a * _rgb(colour) + b * (1 - a) * _rgb(GREY)) / np.maximum(opacity, 1e-9)
    return _indexed(front * (LEVELS + 1) + back, mixed.reshape(-1, 3), opacity.reshape(-1))


def density(points: np.ndarray, real: np.ndarray, box: list[float], colour: str, side: int) -> Image.Image:
    """A heat map of points (n, 2). Full colour is the greatest density of the real ones."""
    share, of_real = (_smooth(_splat(sample, box, BINS)) / max(len(sample), 1) for sample in (points, real))
    # The square root shows thin bridges between modes next to the modes.
    opacity = _wide(np.sqrt(np.clip(share / of_real.max(), 0, 1)), side)
    levels = np.linspace(0, 1, SHADES)
    index = ((SHADES - 1) * opacity).round().astype(np.uint8)
    return _indexed(index, np.broadcast_to(_rgb(colour), (SHADES, 3)), levels)


def landscape(
    heights: np.ndarray, points: np.ndarray, real: np.ndarray, box: list[float], colour: str, side: int
) -> Image.Image:
    """A critic's heights (S, S) from dark to light, under real points in black and generated ones in a colour."""
    low, high = np.quantile(heights, [0.02, 0.98])
    level = _wide((heights[::-1] - low) / max(high - low, np.finfo(np.float32).tiny), side)
    step = np.minimum(np.floor(level * BANDS), BANDS - 1)[..., None] / (BANDS - 1)
    image = _rgb(LOW) * (1 - step) + _rgb(HIGH) * step
    for sample, of in ((real, BLACK), (points, colour)):
        opacity = 0.85 * _dots(sample, box, side)[..., None]
        image = image * (1 - opacity) + _rgb(of) * opacity
    return Image.fromarray(image.round().astype(np.uint8)).quantize(64)


def on_white(image: Image.Image) -> np.ndarray:
    """uint8 (H, W, 3)."""
    front = image.convert("RGBA")
    return np.asarray(Image.alpha_composite(Image.new("RGBA", front.size, "white"), front).convert("RGB"))


def outside(points: np.ndarray, box: list[float]) -> float:
    """The share of points (n, 2) that an image of the box leaves out."""
    return 1 - float(_inside(points, box).mean())


def _inside(points: np.ndarray, box: list[float]) -> np.ndarray:
    left, right, bottom, top = box
    x, y = points.T
    return (x >= left) & (x < right) & (y > bottom) & (y <= top)


def _splat(points: np.ndarray, box: list[float], side: int) -> np.ndarray:
    """Points (n, 2) counted in pixels (side, side) from the top down, each shared out to the four nearest."""
    left, right, bottom, top = box
    x, y = points[_inside(points, box)].T.astype(np.float64)
    column, row = (x - left) / (right - left) * side - 0.5, (top - y) / (top - bottom) * side - 0.5
    c, r = np.floor(column).astype(int), np.floor(row).astype(int)
    counts = np.zeros((side + 2) ** 2)
    for i, share_r in ((0, 1 - row + r), (1, row - r)):
        for j, share_c in ((0, 1 - column + c), (1, column - c)):
            # One pixel more on each side takes what is shared over the edge.
            place = (r + i + 1) * (side + 2) + c + j + 1
            counts += np.bincount(place, share_r * share_c, minlength=len(counts))
    return counts.reshape(side + 2, side + 2)[1:-1, 1:-1]


def _smooth(counts: np.ndarray) -> np.ndarray:
    """Each pixel spread over its neighbours, with weights 1 2 1 along rows and columns. Sums are kept."""
    for _ in range(2):
        padded = np.pad(counts, ((1, 1), (0, 0)))
        counts = ((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4).T
    return counts


def _dots(points: np.ndarray, box: list[float], side: int) -> np.ndarray:
    """Opacity (side, side) of small round dots; where many lie on each other it nears 1."""
    return 1 - np.exp(-6 * _smooth(_splat(points[:DOTS], box, side)))


def _wide(values: np.ndarray, side: int) -> np.ndarray:
    """Values drawn larger and smooth, in 0..1."""
    image = Image.fromarray(values.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(image), 0, 1)


def _rgb(colour: str) -> np.ndarray:
    return np.array(ImageColor.getrgb(colour), float)


def _indexed(index: np.ndarray, colours: np.ndarray, opacity: np.ndarray) -> Image.Image:
    """An image of at most 256 colours (n, 3) with their opacities (n,), which makes a small file."""
    image = Image.fromarray(index, "P")
    image.putpalette(colours.round().astype(np.uint8).tobytes())
    image.info["transparency"] = (255 * opacity).round().astype(np.uint8).tobytes()
    return image
