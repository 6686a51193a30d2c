"""Reading a whole image with a trained segmentation network. This module imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from annotator.analysis.stitching import Finished, Stitcher, stitching_places
from annotator.analysis.window_grid import window_grid
from annotator.api import Prediction
from annotator.domain.errors import AnnotatorError
from annotator_recipes.segmenting_cases import working_image
from annotator_recipes.segmenting_grid import to_grid
from annotator_recipes.segmenting_plan import Plan
from annotator_recipes.torch_door import load_state, pick_device
from annotator_recipes.weights import from_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from annotator.api import Progress
    from annotator_recipes.segmenting import Recipe

    Floats = NDArray[np.float32]

_OVERLAP = 0.5
_WHOLE = 4
"""Images of up to so many windows are read whole, which is then faster."""


def predict_segmenter(
    learned: bytes,
    image: Floats,
    spacing_mm: tuple[float, float, float],
    recipe: Recipe,
    name: str,
    progress: Progress,
) -> Prediction:
    """Read an image ``(z, y, x[, channel])``; raises AnnotatorError for what others learned."""
    facts, arrays = from_bytes(learned)
    if facts.get("kind") != name:
        raise AnnotatorError(f"this was not learned by {name}: {facts.get('kind')!r}")
    plan = Plan.of_facts(facts["plan"])
    networks = recipe.networks(plan)
    load_state(networks, "networks", arrays)
    networks.to(pick_device(torch)).eval()
    working, _ = working_image(image, spacing_mm, plan)
    shown = read_working(networks, recipe, plan, working, progress)
    probability = to_grid(shown, image.shape[:3])
    return Prediction(labels=plan.labels, probability=probability.clip(0.0, 1.0))


def read_working(
    networks: nn.ModuleDict, recipe: Recipe, plan: Plan, working: Floats, progress: Progress
) -> Floats:
    """Return the probability of each label, ``(label, z, y, x)``, of working voxels.

    An image of up to a few windows is read whole; a larger one in windows that overlap by half.
    """
    reader = _Reader(networks, recipe, plan)
    sides = working.shape[4 - plan.n_dims :]
    if np.prod(sides) > _WHOLE * np.prod(plan.patch):
        return _in_windows(reader, working, progress)
    if plan.n_dims == 3:
        progress(0.0, "reading")
        whole: Floats = reader.read(working[None])[0]
        return whole
    slices = []
    for z in range(working.shape[1]):
        progress(z / working.shape[1], "reading slices")
        slices.append(reader.read(working[None, :, z])[0])
    return np.stack(slices, axis=1)


class _Reader:
    """Networks that read images of any size."""

    def __init__(self, networks: nn.ModuleDict, recipe: Recipe, plan: Plan) -> None:
        self.plan = plan
        self._networks, self._recipe = networks, recipe
        self._device = next(networks.parameters()).device

    def read(self, image: Floats) -> Floats:
        """Return the probabilities of images, ``(n, label, [z,] y, x)``; their edge goes on."""
        sides = image.shape[2:]
        grown = [
            max(-(-side // multiple) * multiple, patch)
            for side, multiple, patch in zip(
                sides, self.plan.multiple, self.plan.patch, strict=True
            )
        ]
        before = [(to - side) // 2 for side, to in zip(sides, grown, strict=True)]
        after = [to - side - low for side, to, low in zip(sides, grown, before, strict=True)]
        padded = np.pad(image, [(0, 0), (0, 0), *zip(before, after, strict=True)], mode="edge")
        with torch.inference_mode():
            logits = self._recipe.read(self._networks, torch.from_numpy(padded).to(self._device))
            shown: Floats = logits.softmax(dim=1).float().cpu().numpy()
        inside = tuple(slice(low, low + side) for low, side in zip(before, sides, strict=True))
        found: Floats = shown[(slice(None), slice(None), *inside)]
        return found


def _in_windows(reader: _Reader, working: Floats, progress: Progress) -> Floats:
    plan = reader.plan
    patch = plan.patch if plan.n_dims == 3 else (1, *plan.patch)
    size = working.shape[1:]
    before = [max(0, side - of) // 2 for side, of in zip(patch, size, strict=True)]
    after = [max(0, side - of) - low for side, of, low in zip(patch, size, before, strict=True)]
    padded = np.pad(working, [(0, 0), *zip(before, after, strict=True)], mode="edge")
    _, z, y, x = padded.shape
    grid = window_grid((z, y, x), (patch[0], patch[1], patch[2]), _OVERLAP)
    found = np.empty((len(plan.labels), z, y, x), np.float32)

    def take(finished: Finished) -> None:
        found[(slice(None), *finished.part)] = finished.values()

    stitcher = Stitcher(grid, len(plan.labels), take, weighed=True)
    places = stitching_places(grid)
    for start in range(0, len(places), plan.batch):
        progress(start / len(places), "reading windows")
        windows = np.stack([grid.cut(padded, one) for one in places[start : start + plan.batch]])
        shown = reader.read(windows[:, :, 0] if plan.n_dims == 2 else windows)
        for one in shown:
            stitcher.add(one[:, None] if plan.n_dims == 2 else one)
    inside = tuple(slice(low, low + of) for low, of in zip(before, size, strict=True))
    return found[(slice(None), *inside)]
