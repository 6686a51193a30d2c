"""Objects and their edges, each held to the logic of the other. This module imports torch.

After *Towards Robust Pattern Recognition … Logic Refinement Network* (arXiv 2007.12449), of which
no code is public: a network for objects and coarse edges, a valve that opens where an object has
an edge, and a small network that refines both there. Edges are one voxel wide, on the inner side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from annotator_recipes.nets import normalise
from annotator_recipes.segmenting import Recipe
from annotator_recipes.segmenting_losses import plain_loss
from annotator_recipes.segmenting_nets import PlannedUNet

if TYPE_CHECKING:
    import numpy as np

    from annotator_recipes.outline_trainers import CrispEdgesParameters
    from annotator_recipes.segmenting_patches import Batch
    from annotator_recipes.segmenting_plan import Plan

_CONV: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
_REACH = 2
"""Voxels by which the valve is wider than what the coarse network sees of an edge."""


class Seen(NamedTuple):
    """What the networks see: logits of objects and edges, before and after refinement."""

    coarse: Tensor
    coarse_edges: Tensor
    refined: Tensor
    edges: Tensor


class CrispNet(nn.Module):
    """A U-Net for objects and edges, and what refines both where they meet."""

    def __init__(self, n_in: int, n_out: int, plan: Plan) -> None:
        super().__init__()
        conv, width = _CONV[plan.n_dims], plan.widths[0]
        self.body = PlannedUNet(n_in, n_out, plan)
        self.edge_head = conv(width, 1, 1)
        self.refine = nn.Sequential(
            conv(2 * n_in + 1 + n_out, width, 3, padding=1, bias=False),
            normalise(width),
            nn.LeakyReLU(0.01),
            conv(width, width, 3, padding=1, bias=False),
            normalise(width),
            nn.LeakyReLU(0.01),
        )
        self.refined_head = conv(width, n_out + 1, 1)
        nn.init.zeros_(self.refined_head.weight)
        nn.init.zeros_(self.refined_head.bias)

    def forward(self, image: Tensor) -> Seen:
        """Return all logits; as long as nothing was learned, refined ones are the coarse ones."""
        features = self.body.features(image)
        coarse, coarse_edges = self.body.head(features), self.edge_head(features)
        shown = coarse.softmax(dim=1)
        valve = widened((1.0 - shown[:, :1]) * coarse_edges.sigmoid(), _REACH)
        found = self.refine(torch.cat([image, valve * image, valve, shown], dim=1))
        change = self.refined_head(found)
        return Seen(
            coarse=coarse,
            coarse_edges=coarse_edges,
            refined=coarse + valve * change[:, 1:],
            edges=coarse_edges + change[:, :1],
        )


def widened(values: Tensor, reach: int) -> Tensor:
    """Return the greatest value within a square, or a cube, of ``2 * reach + 1``."""
    pool = functional.max_pool2d if values.ndim == 4 else functional.max_pool3d
    return pool(values, 2 * reach + 1, stride=1, padding=reach)


def inner_edges(shares: Tensor) -> Tensor:
    """Return how far each voxel is the edge of an object, ``(n, 1, …)``; 1 voxel wide for masks.

    ``shares`` are those of labels, background first. A voxel is an edge as far as its label has
    less share in one of its neighbours along the axes: what an object loses by erosion.
    """
    objects = shares[:, 1:]
    n_dims = objects.ndim - 2
    pool = functional.max_pool2d if n_dims == 2 else functional.max_pool3d
    lost = []
    for axis in range(n_dims):
        kernel = [3 if one == axis else 1 for one in range(n_dims)]
        padding = [one // 2 for one in kernel]
        lost.append(objects + pool(-objects, kernel, stride=1, padding=padding))
    return torch.stack(lost).amax(dim=0).amax(dim=1, keepdim=True)


def edge_loss(shown: Tensor, wanted: Tensor, known: Tensor) -> Tensor:
    """Return cross-entropy and 1 less the Dice of edges, of shares ``(n, 1, …)``; known ``(n, …)``.

    Edges are not weighed more than the rest, few as they are: that would make them wide.
    """
    known = known[:, None]
    each = functional.binary_cross_entropy(shown.clamp(1e-6, 1 - 1e-6), wanted, reduction="none")
    entropy = (each * known).sum() / known.sum().clamp_min(1.0)
    shared = 2.0 * (shown * wanted * known).sum() + 1.0
    drawn = ((shown + wanted) * known).sum() + 1.0
    return entropy + 1.0 - shared / drawn


class CrispEdges(Recipe):
    """Objects, edges, and the logic between them: an object's edge is where it ends."""

    def __init__(self, settings: CrispEdgesParameters) -> None:
        super().__init__(settings)
        self._own = settings

    def network(self, n_in: int, n_out: int, plan: Plan) -> nn.Module:
        """Return the network of objects and edges."""
        return CrispNet(n_in, n_out, plan)

    def loss(
        self, networks: nn.ModuleDict, batch: Batch, epoch: int, random: np.random.Generator
    ) -> Tensor:
        """Return the plain loss before and after refinement, and what edges and logic miss."""
        del epoch, random
        seen: Seen = networks["network"](batch.image)
        hard = functional.one_hot(batch.target.argmax(dim=1), batch.target.shape[1])
        wanted = inner_edges(hard.movedim(-1, 1).float())
        logic = inner_edges(seen.refined.softmax(dim=1)).clamp(0.0, 1.0)
        edges = [
            edge_loss(one, wanted, batch.known)
            for one in (seen.coarse_edges.sigmoid(), seen.edges.sigmoid(), logic)
        ]
        objects = plain_loss(seen.coarse, batch.target, batch.known)
        objects = objects + plain_loss(seen.refined, batch.target, batch.known)
        return objects + self._own.edge_weight * torch.stack(edges).mean()

    def read(self, networks: nn.ModuleDict, image: Tensor) -> Tensor:
        """Return the refined logits of objects."""
        return cast("Seen", networks["network"](image)).refined

    def edges(self, networks: nn.ModuleDict, image: Tensor) -> Tensor:
        """Return how likely each voxel is an edge, ``(n, 1, [z,] y, x)``."""
        return cast("Seen", networks["network"](image)).edges.sigmoid()
