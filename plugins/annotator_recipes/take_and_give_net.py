"""A segmentation network that takes from what tells the diagnosis, and gives what it took.

Wu et al., *Calibrate the inter-observer segmentation uncertainty via diagnosis-first principle*
(IEEE TMI 2024, arXiv 2208.03016), from the equations; smaller, and with attention in windows where
the paper's is over all positions of a level. This module imports torch.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from annotator_recipes.nets import ConvBlock, Decoder, Encoder

if TYPE_CHECKING:
    from collections.abc import Sequence


class PositionNorm(nn.LayerNorm):
    """Normalises the channels of each position by themselves, ``(n, c, y, x)``."""

    def forward(self, values: Tensor) -> Tensor:
        """Return the values, normalised."""
        return super().forward(values.movedim(1, -1)).movedim(-1, 1)


class WindowAttention(nn.Module):
    """Each position of a query takes from the positions of a source in its own window.

    ``query + attention(query, source)``, then a small network on top, both ``(n, c, y, x)``.
    Positions within a window are told apart by a learned bias for each offset. Sides must be
    multiples of ``window``.
    """

    def __init__(self, n_channels: int, n_heads: int, window: int) -> None:
        super().__init__()
        self.n_heads, self.window = n_heads, window
        self.of_query = PositionNorm(n_channels)
        self.of_source = PositionNorm(n_channels)
        self.ask = nn.Conv2d(n_channels, n_channels, 1)
        self.offer = nn.Conv2d(n_channels, 2 * n_channels, 1)
        self.merge = nn.Conv2d(n_channels, n_channels, 1)
        self.think = nn.Sequential(
            PositionNorm(n_channels),
            nn.Conv2d(n_channels, n_channels, 1),
            nn.ReLU(),
            nn.Conv2d(n_channels, n_channels, 1),
        )
        self.bias = nn.Parameter(torch.zeros(n_heads, (2 * window - 1) ** 2))
        line = torch.arange(window)
        at = torch.stack(torch.meshgrid(line, line, indexing="ij"), dim=-1).reshape(-1, 2)
        offset = at[:, None] - at + window - 1
        self.register_buffer("offset", offset[..., 0] * (2 * window - 1) + offset[..., 1])

    offset: Tensor

    def forward(self, query: Tensor, source: Tensor) -> Tensor:
        """Return the query with what it took."""
        asked = self._windows(self.ask(self.of_query(query)))
        keys, values = self.offer(self.of_source(source)).chunk(2, dim=1)
        taken = nn.functional.scaled_dot_product_attention(
            asked,
            self._windows(keys),
            self._windows(values),
            attn_mask=self.bias[:, self.offset],
        )
        found = query + self.merge(self._whole(taken, query.shape))
        answer: Tensor = found + self.think(found)
        return answer

    def _windows(self, values: Tensor) -> Tensor:
        """Return ``(n, c, y, x)`` as ``(window, head, position, channel)``."""
        n, c, y, x = values.shape
        w, heads = self.window, self.n_heads
        cut = values.reshape(n, heads, c // heads, y // w, w, x // w, w)
        return cut.permute(0, 3, 5, 1, 4, 6, 2).reshape(-1, heads, w * w, c // heads)

    def _whole(self, values: Tensor, shape: Sequence[int]) -> Tensor:
        n, c, y, x = shape
        w, heads = self.window, self.n_heads
        cut = values.reshape(n, y // w, x // w, heads, w, w, c // heads)
        return cut.permute(0, 3, 6, 1, 4, 2, 5).reshape(n, c, y, x)


class TakeAndGive(nn.Module):
    """Segments an image, looking at what tells its diagnosis.

    An encoder reads the image; a coarse decoder draws a first mask; a second encoder reads image
    and coarse mask for the diagnosis, with a head that tells it. At each level below full size the
    features of the segmentation take from those of the diagnosis (TAKE); on the way up the decoder
    asks with what was taken and gets the features so far (GIVE).

    Parameters
    ----------
    n_channels, n_labels : int
        Channels of the image, and labels without background.
    widths : sequence of int
        Features at full size, half of it, … Each must divide by 8 below full size.
    size, window : int
        Side of the image, and of the windows of attention at most.
    """

    def __init__(
        self, n_channels: int, n_labels: int, widths: Sequence[int], size: int, window: int
    ) -> None:
        super().__init__()
        self.encoder = Encoder(n_channels, widths)
        self.coarse = Decoder(widths, n_labels)
        self.diagnosis = Encoder(n_channels + n_labels, widths)
        self.tell = nn.Linear(sum(widths), 1)
        levels = range(1, len(widths))
        windows = [min(window, size >> level) for level in levels]
        heads = [2 ** min(level - 1, 3) for level in levels]
        sizes = list(zip(widths[1:], heads, windows, strict=True))
        self.take = nn.ModuleList(WindowAttention(*one) for one in sizes)
        self.give = nn.ModuleList(WindowAttention(*one) for one in sizes[:-1])
        self.ask = nn.ModuleList(nn.Conv2d(width, width, 1) for width in widths[1:-1])
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(below, above, 2, stride=2) for above, below in pairwise(widths)
        )
        self.join = nn.ModuleList(ConvBlock(2 * width, width) for width in widths[:-1])
        self.head = nn.Conv2d(widths[0], n_labels, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits of the mask and of the coarse one, ``(n, label, y, x)``, and ``(n,)``.

        The last is the logit of the diagnosis.
        """
        features = self.encoder(image)
        coarse = self.coarse(features)
        cues = self.diagnosis(torch.cat([image, torch.sigmoid(coarse)], dim=1))
        taken = [
            take(own, cue) for take, own, cue in zip(self.take, features[1:], cues[1:], strict=True)
        ]
        found = taken[-1]
        for level in range(len(taken) - 1, 0, -1):
            grown = self.grow[level](found)
            so_far = self.join[level](torch.cat([grown, features[level]], dim=1))
            found = self.give[level - 1](self.ask[level - 1](taken[level - 1]), so_far)
        fine = self.join[0](torch.cat([self.grow[0](found), features[0]], dim=1))
        return self.head(fine), coarse, self.told(cues)

    def told(self, cues: Sequence[Tensor]) -> Tensor:
        """Return the logit of the diagnosis from the features that tell it, ``(n,)``."""
        pooled = torch.cat([cue.mean(dim=(2, 3)) for cue in cues], dim=1)
        logit: Tensor = self.tell(pooled)[:, 0]
        return logit

    def tell_from(self, image: Tensor, masks: Tensor) -> Tensor:
        """Return the logit of the diagnosis from image and given masks, ``(n,)``."""
        return self.told(self.diagnosis(torch.cat([image, masks], dim=1)))
