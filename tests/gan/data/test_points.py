import json
import math
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import make_swiss_roll

from relation_gan.gan.data import Points, StoreError, open_points
from relation_gan.gan.data.points import names, save_points

RING: dict[str, Any] = {"name": "ring", "modes": 8, "radius": 2.0, "sigma": 0.02}
GRID: dict[str, Any] = {"name": "grid", "side": 5, "spacing": 2.0, "sigma": 0.05}
ROLL: dict[str, Any] = {"name": "swissroll", "noise": 0.25, "scale": 0.5}
ALL = [RING, GRID, ROLL]


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_distribution_is_tested_here() -> None:
    assert {definition["name"] for definition in ALL} == set(names())


def test_a_ring_has_its_modes_evenly_around_the_origin() -> None:
    centres = Points("x", {**RING, "modes": 4}).centres
    assert centres is not None
    assert centres.numpy() == pytest.approx(np.array([[2, 0], [0, 2], [-2, 0], [0, -2]]), abs=1e-6)


def test_a_grid_has_its_modes_in_rows_around_the_origin() -> None:
    points = Points("x", GRID)
    assert points.centres is not None
    values = (-4, -2, 0, 2, 4)
    assert sorted(map(tuple, points.centres.tolist())) == [(x, y) for x in values for y in values]
    assert points.sigma == 0.05


def test_an_even_grid_has_no_mode_in_its_middle() -> None:
    centres = Points("x", {**GRID, "side": 2, "spacing": 3.0}).centres
    assert centres is not None and centres.unique().tolist() == [-1.5, 1.5]


@pytest.mark.parametrize("definition", [RING, GRID])
def test_points_of_a_mixture_are_normal_around_the_centre_of_their_label(definition: dict[str, Any]) -> None:
    points = Points("x", definition)
    assert points.centres is not None and points.sigma is not None
    n, modes = 100_000, len(points.centres)
    drawn, labels = points.sample(n, random())
    assert (drawn.shape, drawn.dtype, labels.shape, labels.dtype) == ((n, 2), torch.float32, (n,), torch.int64)
    z = (drawn - points.centres[labels]) / points.sigma
    # 5 standard errors: of a mean 1/sqrt(n), of a mean square of a normal variable sqrt(2/n).
    assert z.mean(0).abs().max() < 5 / math.sqrt(n)
    assert (z.square().mean(0) - 1).abs().max() < 5 * math.sqrt(2 / n)
    assert (z[:, 0] * z[:, 1]).mean().abs() < 5 / math.sqrt(n)
    assert (labels.bincount() / n - 1 / modes).abs().max() < 5 * math.sqrt(1 / modes / n)


def test_the_swiss_roll_is_that_of_scikit_learn() -> None:
    points = Points("x", ROLL)
    drawn, labels = points.sample(50, random(3))
    seed = int(torch.randint(2**31, (), generator=random(3)))
    expected = make_swiss_roll(50, noise=0.25, random_state=seed)[0][:, [0, 2]] / 2
    assert (drawn.dtype, labels.tolist()) == (torch.float32, [0] * 50)
    assert drawn.numpy() == pytest.approx(expected, abs=1e-6)
    assert points.centres is None and points.sigma is None


@pytest.mark.parametrize("definition", ALL)
def test_the_generator_alone_decides_what_is_drawn(definition: dict[str, Any]) -> None:
    points, source = Points("x", definition), random(1)
    state = torch.get_rng_state()
    first, second = points.sample(9, source)[0], points.sample(9, source)[0]
    assert torch.equal(points.sample(9, random(1))[0], first)
    assert not torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({**RING, "modes": 0}, "modes is 0: it must be a whole number of at least 1"),
        ({**RING, "modes": 2.5}, "modes is 2.5: it must be a whole number of at least 1"),
        ({**RING, "radius": -1}, "radius is -1: it must be a number above 0"),
        ({**RING, "sigma": 0}, "sigma is 0: it must be a number above 0"),
        ({**GRID, "side": True}, "side is True: it must be a whole number of at least 1"),
        ({**GRID, "spacing": math.inf}, "spacing is inf: it must be a number above 0"),
        ({**ROLL, "noise": "much"}, "noise is 'much': it must be a number above 0"),
        ({**ROLL, "scale": math.nan}, "scale is nan: it must be a number above 0"),
        ({**RING, "name": "rings"}, "unknown points 'rings'; choose one of: grid, ring, swissroll"),
        ({**RING, "width": 1}, "points 'ring' has no option 'width'; its options are: modes, radius, sigma"),
        ({"name": "grid", "side": 5, "sigma": 1}, "points 'grid' needs the option 'spacing'"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused_with_the_value(definition: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Points("x", definition)


@pytest.mark.parametrize("definition", ALL)
def test_a_data_set_comes_back_from_its_folder_and_from_another_process(
    definition: dict[str, Any], tmp_path: Path
) -> None:
    made = Points("mine", definition)
    save_points(tmp_path / "mine", made)
    for points in (open_points(tmp_path / "mine"), pickle.loads(pickle.dumps(made))):  # noqa: S301
        assert (points.name, points.shape, points.digest) == ("mine", (2,), made.digest)
        assert torch.equal(points.sample(5, random())[0], made.sample(5, random())[0])
        points.verify()


def test_the_manifest_says_what_the_points_are(tmp_path: Path) -> None:
    save_points(tmp_path, Points("mine", GRID))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["name"], manifest["definition"], manifest["licence"]) == ("mine", GRID, "generated")
    assert (manifest["n_modes"], manifest["shape"], len(manifest["sha256"])) == (25, [2], 64)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_the_digest_covers_the_definition_and_not_the_name() -> None:
    digests = {Points("x", {**RING, "sigma": sigma}).digest for sigma in (0.02, 0.03)}
    assert len(digests) == 2
    assert Points("y", RING).digest in digests


def test_the_same_manifest_is_not_written_again(tmp_path: Path) -> None:
    save_points(tmp_path, Points("x", RING))
    path = tmp_path / "manifest.json"
    before = path.stat().st_mtime_ns
    save_points(tmp_path, Points("x", RING))
    assert path.stat().st_mtime_ns == before
    save_points(tmp_path, Points("x", GRID))
    assert open_points(tmp_path).definition == GRID


def test_an_edited_manifest_is_noticed(tmp_path: Path) -> None:
    save_points(tmp_path, Points("x", RING))
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text().replace('"modes": 8', '"modes": 7'))
    with pytest.raises(StoreError, match="the points of x have SHA-256 .* here.*delete its folder, and the next run"):
        open_points(tmp_path).verify()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting property name"),
        ("[]", "list indices"),
        ('{"name": "x"}', "'definition'"),
        ('{"name": "x", "definition": {"name": "rung"}, "sha256": "0"}', "unknown points 'rung'"),
    ],
)
def test_a_damaged_manifest_is_refused_with_the_reason_and_the_remedy(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match=f"manifest.json is damaged .{reason}.*delete it, and the next run makes it"):
        open_points(tmp_path)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no data set of points .no manifest.json.; run the ingestion first"):
        open_points(tmp_path)
