from dataclasses import fields

import pytest
import torch

from relation_gan.gan.checkpoint import load, save
from relation_gan.gan.scoring.panels import KINDS, Counts, Density, Images, Landscape, Panel, Points, pack, unpack

POINTS = torch.rand(5, 2)
PANELS: list[Panel] = [
    Images("Inpainting", "a note", "a caption", torch.zeros(4, 3, 8, 8, dtype=torch.uint8), 2, ["a", "b"], [3]),
    Points("Samples", "", "", POINTS),
    Density("Density", "", "", POINTS),
    Landscape("Landscape", "", "", POINTS, torch.rand(3, 3)),
    Counts("Modes", "", "", torch.arange(4), base=2),
]


def test_panels_survive_a_file(tmp_path):
    path = tmp_path / "panels.safetensors"
    save(path, *pack(PANELS))
    again = unpack(load(path))
    assert [type(panel) for panel in again] == [type(panel) for panel in PANELS]
    for old, new in zip(PANELS, again, strict=True):
        for field in fields(old):
            a, b = getattr(old, field.name), getattr(new, field.name)
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
    # What three panels show is kept once.
    assert len(load(path).tensors) == 4


def test_every_kind_of_panel_is_tried_here():
    assert {type(panel) for panel in PANELS} == set(KINDS.values())


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_names_its_class(kind):
    assert KINDS[kind].kind == kind


@pytest.mark.parametrize(
    "images", [torch.zeros(4, 3, 8, 8), torch.zeros(8, 8, dtype=torch.uint8), torch.zeros(4, 2, 8, 8)]
)
def test_a_panel_of_what_are_no_images_is_refused(images: torch.Tensor):
    with pytest.raises(ValueError, match=r"panel 'Mine': its images are torch\..* not uint8 \(n, C, H, W\).*to_uint8"):
        Images("Mine", "", "", images)
