"""Reading a whole image with a trained segmentation network. This module imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

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
    """Return the probability of each label, ``(label, z, y, x)``, of working voxels."""
    device = next(networks.parameters()).device
    if plan.n_dims == 3:
        progress(0.0, "reading")
        return _whole(networks, recipe, plan, working[None], device)[0]
    slices = []
    for z in range(working.shape[1]):
        progress(z / working.shape[1], "reading slices")
        slices.append(_whole(networks, recipe, plan, working[None, :, z], device)[0])
    return np.stack(slices, axis=1)


def _whole(
    networks: nn.ModuleDict, recipe: Recipe, plan: Plan, image: Floats, device: torch.device
) -> Floats:
    """Return the probabilities of images of any size, ``(n, label, [z,] y, x)``."""
    sides = image.shape[2:]
    grown = [
        max(-(-side // multiple) * multiple, patch)
        for side, multiple, patch in zip(sides, plan.multiple, plan.patch, strict=True)
    ]
    before = [(to - side) // 2 for side, to in zip(sides, grown, strict=True)]
    after = [to - side - low for side, to, low in zip(sides, grown, before, strict=True)]
    padded = np.pad(image, [(0, 0), (0, 0), *zip(before, after, strict=True)], mode="edge")
    with torch.inference_mode():
        logits = recipe.read(networks, torch.from_numpy(padded).to(device))
        shown: Floats = logits.softmax(dim=1).float().cpu().numpy()
    inside = tuple(slice(low, low + side) for low, side in zip(before, sides, strict=True))
    found: Floats = shown[(slice(None), slice(None), *inside)]
    return found
