from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the recipes train networks with PyTorch")

import torch

from annotator_recipes.nets import Encoder, MaskedClassifier, UNet

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("widths", "stop", "side"), [((4, 8, 16), 0, 32), ((4, 8, 16), 2, 8)])
def test_unet_ends_at_its_level(widths: tuple[int, ...], stop: int, side: int) -> None:
    found = UNet(3, 2, widths, stop=stop)(torch.zeros(5, 3, 32, 32))
    assert found.shape == (5, 2, side, side)


def test_encoder_halves() -> None:
    features = Encoder(1, (4, 8, 16))(torch.zeros(2, 1, 32, 32))
    assert [tuple(level.shape) for level in features] == [
        (2, 4, 32, 32),
        (2, 8, 16, 16),
        (2, 16, 8, 8),
    ]


def test_a_picture_does_not_see_the_rest_of_its_batch() -> None:
    torch.manual_seed(0)
    network = UNet(1, 1, (4, 8))
    batch = torch.randn(3, 1, 16, 16)
    torch.testing.assert_close(network(batch)[1:2], network(batch[1:2]))


def test_classifier_sees_what_lies_inside_the_mask() -> None:
    torch.manual_seed(0)
    network = MaskedClassifier(1, 1, (4, 8))
    image = torch.randn(2, 1, 16, 16)
    mask = torch.zeros(2, 1, 16, 16)
    mask[:, :, 4:8] = 1
    found = network(image, mask)
    assert found.shape == (2, 1)
    assert not torch.allclose(found, network(image, mask.flip(2)))
