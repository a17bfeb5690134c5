import io

import numpy as np
import pytest
from PIL import Image

from relation_gan.gan import drawing

BOX = [0.0, 10.0, 0.0, 10.0]
NONE = np.empty((0, 2))
RED = "#ff0000"


def rgba(image: Image.Image) -> np.ndarray:
    """The image as it comes back from a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return np.asarray(Image.open(file).convert("RGBA")).astype(int)


def test_a_point_stands_at_its_place_with_y_upwards():
    opacity = rgba(drawing.cloud(np.array([[2.5, 8.5]]), NONE, BOX, RED, 10))[..., 3]
    # Pixel 2 of 10 from the left, and 1 from the top.
    assert np.unravel_index(opacity.argmax(), opacity.shape) == (1, 2)
    assert (opacity > 0).sum() == 9  # weights 1 2 1 along both sides


def test_generated_points_cover_real_ones():
    image = rgba(drawing.cloud(np.full((900, 2), 2.5), np.array([[2.5, 2.5], [7.5, 7.5]] * 400), BOX, RED, 10))
    red, grey = image[7, 2], image[2, 7]
    assert red[0] > 200 and red[1] < 40
    assert tuple(grey[:3]) == (136, 136, 136)
    assert red[3] > 200 and 100 < grey[3] < 160


def test_what_is_outside_the_box_is_left_out_and_counted():
    points = np.array([[5.0, 5.0], [11.0, 5.0], [5.0, -1.0], [-3.0, 20.0]])
    inside = rgba(drawing.cloud(points[:1], NONE, BOX, RED, 10))
    assert (rgba(drawing.cloud(points, NONE, BOX, RED, 10)) == inside).all()
    assert drawing.outside(points, BOX) == 0.75


@pytest.mark.parametrize("place", [(0.0, 10.0), (0.0, 0.001), (9.999, 0.001), (9.999, 10.0)])
def test_points_at_the_edge_are_drawn(place: tuple[float, float]):
    assert rgba(drawing.cloud(np.array([place]), NONE, BOX, RED, 10))[..., 3].max() > 0


def test_nothing_is_drawn_where_nothing_is():
    assert (rgba(drawing.cloud(NONE, NONE, BOX, RED, 16))[..., 3] == 0).all()
    real = np.array([[5.0, 5.0]])
    assert (rgba(drawing.density(NONE, real, BOX, RED, 16))[..., 3] == 0).all()


def test_a_density_is_the_root_of_its_share_of_the_greatest_real_one():
    # Twice as many points at one place as at the other, on the centres of bins.
    bin_ = 10 / drawing.BINS
    real = np.array([[20.5 * bin_, 20.5 * bin_]] * 4)
    points = np.array([[20.5 * bin_, 20.5 * bin_]] * 1 + [[60.5 * bin_, 60.5 * bin_]] * 3)
    opacity = rgba(drawing.density(points, real, BOX, RED, drawing.BINS))[..., 3] / 255
    # Shares of 1/4 and 3/4 of what all real points give; one of 47 steps of opacity is rounded away.
    assert opacity[drawing.BINS - 21, 20] == pytest.approx(np.sqrt(1 / 4), abs=1 / 47)
    assert opacity[drawing.BINS - 61, 60] == pytest.approx(np.sqrt(3 / 4), abs=1 / 47)


def test_more_than_the_greatest_real_density_is_full_colour():
    points = np.array([[5.05, 5.05]] * 10)
    real = np.concatenate([points, points - 4])
    image = rgba(drawing.density(points, real, BOX, RED, 96))
    assert image[..., 3].max() == 255
    assert tuple(image[image[..., 3] == 255][0, :3]) == (255, 0, 0)


def test_a_landscape_is_light_where_it_is_high_with_the_first_row_at_the_bottom():
    heights = np.repeat(np.arange(8.0)[:, None], 8, 1)
    image = rgba(drawing.landscape(heights, NONE, NONE, BOX, RED, 64))
    brightness = image[..., :3].sum(2)
    assert brightness[0, 0] > brightness[32, 0] > brightness[-1, 0]
    assert len(np.unique(brightness)) <= drawing.BANDS
    assert (image[..., 3] == 255).all()


def test_a_flat_landscape_is_drawn():
    assert rgba(drawing.landscape(np.zeros((4, 4)), NONE, NONE, BOX, RED, 16)).shape == (16, 16, 4)


def test_real_points_are_black_on_a_landscape_and_generated_ones_coloured():
    points, real = np.full((500, 2), 2.5), np.full((500, 2), 7.5)
    image = rgba(drawing.landscape(np.zeros((4, 4)), points, real, BOX, RED, 10))
    assert image[7, 2, 0] > 200 and image[7, 2, 1] < 80
    assert image[2, 7, :3].max() < 80


def test_white_shows_through():
    image = drawing.on_white(drawing.cloud(np.array([[5.0, 5.0]]), NONE, BOX, RED, 20))
    assert (image.shape, image.dtype) == ((20, 20, 3), np.uint8)
    assert tuple(image[0, 0]) == (255, 255, 255)
    assert image[10, 10, 0] == 255 and image[10, 10, 1] < 255
