"""How critics of every family and kind see the class that was asked for."""

import pytest
import torch

from relation_gan.gan.networks.labels import Maps, Projection, Scale
from tests.gan.networks.helpers import CRITICS, critic, images, sizes

KINDS = [(labels, kind) for labels in ("scale", "maps") for kind in ("score", "pair", "feature")]
KINDS += [("projection", "score")]
ONE, OTHER = torch.tensor([0, 1, 2]), torch.tensor([1, 2, 0])


@pytest.mark.parametrize(("labels", "kind"), KINDS)
@pytest.mark.parametrize("name", CRITICS)
def test_every_critic_sees_the_class(name: str, labels: str, kind: str) -> None:
    made = critic(name, kind=kind, classes=3, labels=labels, norm="none", init="torch").eval()
    for parameter in made.parameters():  # R3GAN's blocks start as identities, in whose differences maps cancel.
        parameter.data.add_(0.1 * torch.randn(parameter.shape))
    x = images(3, sizes(name)[0])
    given = [x, images(3, sizes(name)[0], 1)] if kind == "pair" else [x]
    one, other = (made(*given, condition=each) for each in (ONE, OTHER))
    assert one.shape == ((3, 5) if kind == "feature" else (3,))
    assert not torch.allclose(one, other)
    assert made.conditional


@pytest.mark.parametrize("name", CRITICS)
def test_without_classes_a_critic_is_what_it_was(name: str) -> None:
    x = images(3, sizes(name)[0])
    made = critic(name, kind="score", norm="none")
    assert not made.conditional
    assert torch.equal(made(x), made(x, condition=ONE))


def test_maps_are_one_for_the_own_class_and_zero_for_the_others() -> None:
    seen = Maps(2).images(torch.full((1, 1, 2, 2), 0.5), torch.tensor([[0.0, 1.0]]))
    assert seen.tolist() == [[[[0.5, 0.5], [0.5, 0.5]], [[0, 0], [0, 0]], [[1, 1], [1, 1]]]]
    assert Maps(2).images(torch.tensor([[0.5, 0.25]]), torch.tensor([[1.0, 0.0]])).tolist() == [[0.5, 0.25, 1, 0]]


def test_embeddings_are_scaled_and_shifted() -> None:
    scale = Scale(2, 2)
    with torch.no_grad():
        scale.scales[1], scale.shifts[1] = torch.tensor([1.0, -1.0]), torch.tensor([0.0, 3.0])
    # 5 (1 + 1) + 0 and 7 (1 - 1) + 3
    assert scale.embedded(torch.tensor([[5.0, 7.0]]), torch.tensor([[0.0, 1.0]])).tolist() == [[10.0, 3.0]]
    maps = scale.embedded(torch.tensor([[[[5.0]], [[7.0]]]]), torch.tensor([[0.0, 1.0]]))
    assert maps.flatten().tolist() == [10.0, 3.0]


def test_scores_are_projected_on_the_class() -> None:
    projection = Projection(2, 4)
    with torch.no_grad():
        projection.vectors[0] = torch.tensor([1.0, 0.0, 2.0, 0.0])
    # (1 * 1 + 3 * 2) / root of 4
    assert projection.scored(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([[1.0, 0.0]])).tolist() == [[3.5]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "pair", "labels": "projection"}, "projection is of a score critic, not of kind 'pair'"),
        ({"kind": "pair", "packed": True}, "packed: true has none; choose labels: maps"),
        ({"kind": "score", "labels": "map"}, "labels 'map' is unknown; choose one of: scale, maps, projection"),
    ],
)
def test_labels_where_they_have_no_place_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        critic(classes=3, **options)


def test_no_class_is_all_of_them_evenly() -> None:
    x = torch.zeros(2, 1)
    assert Maps(4).weights(x, None).tolist() == [[0.25] * 4] * 2
    assert Maps(4).weights(x, torch.tensor([3, 0])).tolist() == [[0, 0, 0, 1], [1, 0, 0, 0]]
    made = critic(kind="score", classes=3, labels="maps")
    assert made(images(3)).shape == (3,)
