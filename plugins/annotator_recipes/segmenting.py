"""A trainer of segmentation networks for recipes to build on. This module imports torch.

What all of them share is here: cases on working voxels, read when they are needed (`Shelf`);
windows of them, changed by chance (`Windows`, `Batch`); networks sized to cases and memory
(`Plan`, `PlannedUNet`); rounds with early stopping on cases held out, curves, examples,
checkpoints that give the same bytes with breaks as without (`train_segmenter`); reading whole
images (`predict_segmenter`). What sets one way of training apart is a `Recipe`: a class that
overrides what it does differently, most often ``prepare`` or ``loss`` alone. A trainer for the
registry is then a `SegmentingTrainer` (segmenting_trainer.py, which imports no torch)::

    class Softened(Recipe):
        def prepare(self, case: TrainingCase, plan: Plan) -> TrainingCase:
            return replace(case, target=soften(case.image, case.target, case.spacing_mm))

    class SoftenedTrainer(SegmentingTrainer):
        name, title, version = "softened", "Softened", "1"

        def recipe(self, settings: SegmenterParameters) -> Recipe:
            from annotator_recipes.softened_recipe import Softened
            return Softened(settings)

Rules of a recipe:

- What it remembers between steps lives in its networks, as parameters and buffers: only these are
  kept in a checkpoint. Parameters that are not to be trained (a moving average of another network,
  a frozen teacher) have ``requires_grad`` False.
- Chance comes from the generator that ``loss`` is given, or from torch (dropout), which is seeded
  before each round; never from elsewhere.
- ``prepare`` is called each time that a case is read, and must give the same each time. It may
  change everything but the number of labels, and add maps in ``extra``.
- Two dimensions or three: tensors have z only where ``plan.n_dims`` is 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from annotator_recipes.segmenting_losses import plain_loss
from annotator_recipes.segmenting_nets import PlannedUNet

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from annotator.api import CaseVotes
    from annotator_recipes.segmenting_cases import TrainingCase
    from annotator_recipes.segmenting_patches import Batch
    from annotator_recipes.segmenting_plan import Plan, SegmenterParameters


class Recipe:
    """What sets one way of training apart; as it stands, a plain U-Net on its targets.

    Attributes
    ----------
    needs_readings : bool
        Whether batches are to hold what each rater drew.
    """

    needs_readings: bool = False

    def __init__(self, settings: SegmenterParameters) -> None:
        self.settings = settings

    def plan(self, plan: Plan) -> Plan:
        """Return the plan as the recipe needs it, for example with other windows."""
        return plan

    def prepare(self, case: TrainingCase, plan: Plan) -> TrainingCase:
        """Return a case as it is to be learned, for example with a softened target."""
        del plan
        return case

    def chances(self, cases: Sequence[CaseVotes]) -> NDArray[np.float64] | None:
        """Return how often each case is drawn, against the others; None for all alike."""
        del cases
        return None

    def network(self, n_in: int, n_out: int, plan: Plan) -> nn.Module:
        """Return a network of ``n_in`` channels that gives ``n_out`` logits a voxel."""
        return PlannedUNet(n_in, n_out, plan)

    def networks(self, plan: Plan) -> nn.ModuleDict:
        """Return all that is trained, by name."""
        return nn.ModuleDict({"network": self.network(plan.n_channels, len(plan.labels), plan)})

    def loss(
        self, networks: nn.ModuleDict, batch: Batch, epoch: int, random: np.random.Generator
    ) -> Tensor:
        """Return what a step makes smaller; ``epoch`` counts from 0."""
        del epoch, random
        return plain_loss(networks["network"](batch.image), batch.target, batch.known)

    def after_step(self, networks: nn.ModuleDict, batch: Batch, epoch: int) -> None:
        """Do what is to be done after each step, for example follow with a moving average."""

    def judge(self, networks: nn.ModuleDict, batch: Batch) -> Tensor:
        """Return the loss on cases held out that the best round is chosen by; without chance."""
        return plain_loss(self.read(networks, batch.image), batch.target, batch.known)

    def read(self, networks: nn.ModuleDict, image: Tensor) -> Tensor:
        """Return logits ``(n, label, [z,] y, x)`` of images; their softmax is the prediction."""
        logits: Tensor = networks["network"](image)
        return logits

    def told(self, networks: nn.ModuleDict, plan: Plan) -> tuple[str, ...]:
        """Return what was learned besides, a sentence each; raters by their id."""
        del networks, plan
        return ()
