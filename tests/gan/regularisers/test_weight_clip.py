import pytest
import torch
from torch import nn

from relation_gan.gan import regularisers


def test_every_parameter_is_brought_back_those_of_batch_norm_too():
    critic = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with torch.no_grad():
        critic[0].weight.copy_(torch.tensor([[0.5, -0.5], [0.02, -0.05]]))
    regularisers.create("weight_clip", limit=0.1).project(critic)
    assert torch.allclose(critic[0].weight, torch.tensor([[0.1, -0.1], [0.02, -0.05]]))
    assert torch.allclose(critic[1].weight, torch.tensor([0.1, 0.1]))  # batch norm starts at 1


def test_a_limit_that_is_none_is_refused():
    with pytest.raises(ValueError, match="limit 0.0 must be above 0"):
        regularisers.create("weight_clip", limit=0.0)
