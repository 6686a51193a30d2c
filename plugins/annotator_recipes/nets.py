"""Small networks that several recipes are made of: an encoder, a U-Net and a classifier.

Group normalisation everywhere: batches are small, and it does not depend on what else is in one.
Import only where something is trained or read: this module imports torch.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

_GROUP = 8


def normalise(n_channels: int) -> nn.GroupNorm:
    """Return a group normalisation with groups of about eight channels."""
    return nn.GroupNorm(math.gcd(n_channels, max(1, n_channels // _GROUP)), n_channels)


class ConvBlock(nn.Sequential):
    """Two 3 × 3 convolutions, each normalised and rectified."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(
            nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
            normalise(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
            normalise(n_out),
            nn.ReLU(),
        )


class Encoder(nn.Module):
    """Features at full size, half of it, a quarter …, one level for each of ``widths``."""

    def __init__(self, n_in: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.blocks = nn.ModuleList(
            ConvBlock(above, below) for above, below in pairwise((n_in, *self.widths))
        )
        self.shrink = nn.AvgPool2d(2)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features of ``(n, in, y, x)``, finest first; sides must halve evenly."""
        features: list[Tensor] = []
        for block in self.blocks:
            features.append(block(self.shrink(features[-1]) if features else image))
        return features


class Decoder(nn.Module):
    """The way up of a U-Net: from the coarsest features to level ``stop`` (0 is full size)."""

    def __init__(self, widths: Sequence[int], n_out: int, *, stop: int = 0) -> None:
        super().__init__()
        self.stop = stop
        steps = list(pairwise(widths))[stop:][::-1]
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(below, above, 2, stride=2) for above, below in steps
        )
        self.blocks = nn.ModuleList(ConvBlock(2 * above, above) for above, _ in steps)
        self.head = nn.Conv2d(widths[stop], n_out, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return ``(n, out, y, x)`` at the size of level ``stop``."""
        found = features[-1]
        sides = list(features[self.stop : -1])[::-1]
        for grow, block, side in zip(self.grow, self.blocks, sides, strict=True):
            found = block(torch.cat([grow(found), side], dim=1))
        head: Tensor = self.head(found)
        return head


class UNet(nn.Module):
    """A U-Net, ``(n, in, y, x)`` to logits ``(n, out, y / 2^stop, x / 2^stop)``.

    Sides of the image must be multiples of ``2 ** (len(widths) - 1)``. With ``stop`` the way up
    ends at a coarser level: what it says can then only change slowly from place to place.
    """

    def __init__(self, n_in: int, n_out: int, widths: Sequence[int], *, stop: int = 0) -> None:
        super().__init__()
        self.encoder = Encoder(n_in, widths)
        self.decoder = Decoder(widths, n_out, stop=stop)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits."""
        found: Tensor = self.decoder(self.encoder(image))
        return found


class MaskedClassifier(nn.Module):
    """Logits of an image whose structures are drawn: ``(n, out)``.

    An encoder over the image and the masks, channel by channel; at each level its features are
    averaged over the image and over each mask, so that the answer can rest on what lies inside.
    """

    def __init__(
        self, n_image: int, n_masks: int, widths: Sequence[int], *, n_out: int = 1
    ) -> None:
        super().__init__()
        self.encoder = Encoder(n_image + n_masks, widths)
        self.head = nn.Linear((1 + n_masks) * sum(widths), n_out)

    def forward(self, image: Tensor, masks: Tensor) -> Tensor:
        """Return logits of ``image (n, c, y, x)`` and soft ``masks (n, m, y, x)``."""
        pooled: list[Tensor] = []
        for features in self.encoder(torch.cat([image, masks], dim=1)):
            pooled.append(features.mean(dim=(2, 3)))
            if masks.shape[1]:
                if masks.shape[-1] != features.shape[-1]:
                    masks = nn.functional.avg_pool2d(masks, 2)
                inside = torch.einsum("ncyx,nmyx->nmc", features, masks)
                area = masks.sum(dim=(2, 3)) + 1.0
                pooled.append((inside / area[..., None]).flatten(1))
        logits: Tensor = self.head(torch.cat(pooled, dim=1))
        return logits
