import io

import numpy as np
import pytest
from PIL import Image

from relation_gan.pipelines.reporting import scatter

BOX = [0.0, 10.0, 0.0, 10.0]
NONE = np.empty((0, 2))
RED = "#ff0000"


def rgba(picture: Image.Image) -> np.ndarray:
    """The picture as it comes back from a PNG file."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return np.asarray(Image.open(file).convert("RGBA")).astype(int)


def test_a_point_stands_at_its_place_with_y_upwards():
    opacity = rgba(scatter.cloud(np.array([[2.5, 8.5]]), NONE, BOX, RED, 10))[..., 3]
    # Pixel 2 of 10 from the left, and 1 from the top.
    assert np.unravel_index(opacity.argmax(), opacity.shape) == (1, 2)
    assert (opacity > 0).sum() == 9  # weights 1 2 1 along both sides


def test_generated_points_cover_real_ones():
    picture = rgba(scatter.cloud(np.full((900, 2), 2.5), np.array([[2.5, 2.5], [7.5, 7.5]] * 400), BOX, RED, 10))
    red, grey = picture[7, 2], picture[2, 7]
    assert red[0] > 200 and red[1] < 40
    assert tuple(grey[:3]) == (136, 136, 136)
    assert red[3] > 200 and 100 < grey[3] < 160


def test_what_is_outside_the_box_is_left_out_and_counted():
    points = np.array([[5.0, 5.0], [11.0, 5.0], [5.0, -1.0], [-3.0, 20.0]])
    inside = rgba(scatter.cloud(points[:1], NONE, BOX, RED, 10))
    assert (rgba(scatter.cloud(points, NONE, BOX, RED, 10)) == inside).all()
    assert scatter.outside(points, BOX) == 0.75


@pytest.mark.parametrize("place", [(0.0, 10.0), (0.0, 0.001), (9.999, 0.001), (9.999, 10.0)])
def test_points_at_the_edge_are_drawn(place: tuple[float, float]):
    assert rgba(scatter.cloud(np.array([place]), NONE, BOX, RED, 10))[..., 3].max() > 0


def test_nothing_is_drawn_where_nothing_is():
    assert (rgba(scatter.cloud(NONE, NONE, BOX, RED, 16))[..., 3] == 0).all()
    real = np.array([[5.0, 5.0]])
    assert (rgba(scatter.density(NONE, real, BOX, RED, 16))[..., 3] == 0).all()


def test_a_density_is_the_root_of_its_share_of_the_greatest_real_one():
    # Twice as many points at one place as at the other, on the centres of bins.
    bin_ = 10 / scatter.BINS
    real = np.array([[20.5 * bin_, 20.5 * bin_]] * 4)
    points = np.array([[20.5 * bin_, 20.5 * bin_]] * 1 + [[60.5 * bin_, 60.5 * bin_]] * 3)
    opacity = rgba(scatter.density(points, real, BOX, RED, scatter.BINS))[..., 3] / 255
    # Shares of 1/4 and 3/4 of what all real points give; one of 47 steps of opacity is rounded away.
    assert opacity[scatter.BINS - 21, 20] == pytest.approx(np.sqrt(1 / 4), abs=1 / 47)
    assert opacity[scatter.BINS - 61, 60] == pytest.approx(np.sqrt(3 / 4), abs=1 / 47)


def test_more_than_the_greatest_real_density_is_full_colour():
    points = np.array([[5.05, 5.05]] * 10)
    real = np.concatenate([points, points - 4])
    picture = rgba(scatter.density(points, real, BOX, RED, 96))
    assert picture[..., 3].max() == 255
    assert tuple(picture[picture[..., 3] == 255][0, :3]) == (255, 0, 0)


def test_a_landscape_is_light_where_it_is_high_with_the_first_row_at_the_bottom():
    heights = np.repeat(np.arange(8.0)[:, None], 8, 1)
    picture = rgba(scatter.landscape(heights, NONE, NONE, BOX, RED, 64))
    brightness = picture[..., :3].sum(2)
    assert brightness[0, 0] > brightness[32, 0] > brightness[-1, 0]
    assert len(np.unique(brightness)) <= scatter.BANDS
    assert (picture[..., 3] == 255).all()


def test_a_flat_landscape_is_drawn():
    assert rgba(scatter.landscape(np.zeros((4, 4)), NONE, NONE, BOX, RED, 16)).shape == (16, 16, 4)


def test_real_points_are_black_on_a_landscape_and_generated_ones_coloured():
    points, real = np.full((500, 2), 2.5), np.full((500, 2), 7.5)
    picture = rgba(scatter.landscape(np.zeros((4, 4)), points, real, BOX, RED, 10))
    assert picture[7, 2, 0] > 200 and picture[7, 2, 1] < 80
    assert picture[2, 7, :3].max() < 80


def test_white_shows_through():
    picture = scatter.on_white(scatter.cloud(np.array([[5.0, 5.0]]), NONE, BOX, RED, 20))
    assert (picture.shape, picture.dtype) == ((20, 20, 3), np.uint8)
    assert tuple(picture[0, 0]) == (255, 255, 255)
    assert picture[10, 10, 0] == 255 and picture[10, 10, 1] < 255
