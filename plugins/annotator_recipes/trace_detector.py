"""A detector that judges every traced point by its image, its course, and both along the tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from annotator.analysis.tracing.features import describe_nodes
from annotator.analysis.tracing.tree import make_tree
from annotator.domain.errors import AnnotatorError
from annotator_recipes.torch_door import require_torch, seed_everything
from annotator_recipes.trace_committee import (
    MOST_MEMBERS,
    MOST_WIDTH,
    learn_committee,
    read_committee,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from annotator.analysis.tracing.features import NodeFeatures
    from annotator.api import Progress
    from annotator.api.tracing import TracedNeuron, TraceLesson

_DESCRIBED = 0.4
_FEWEST_NEURONS = 2


class TraceCommitteeParameters(BaseModel):
    """What may be set for the detector."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    members: int = Field(
        default=4,
        ge=2,
        le=MOST_MEMBERS,
        description="networks, each trained without a share of the neurons",
    )
    width: int = Field(default=64, ge=4, le=MOST_WIDTH, description="width of the first layer")
    rounds: int = Field(default=6, ge=1, le=200, description="most rounds over all points")
    learning_rate: float = Field(default=1e-3, gt=0.0, le=0.1, description="step of Adam")


class TraceCommittee:
    """A committee of small networks, each of which never saw a share of the neurons.

    A point is described by the image across, along and ahead of the path, by the tree's course, by
    what the checks say, and by the means of all this towards the root, outwards, along the section,
    below and over the tree. On the neurons that a member never saw its training is stopped, and on
    those of all members together the odds are calibrated (Platt 1999: a line through the log-odds).
    Judging each point was shown by Lu et al. 2020 (arXiv 2003.08556), by a network on image crops.
    """

    name = "trace-committee"
    title = "Committee on traced points"
    version = "1"
    parameters: type[BaseModel] = TraceCommitteeParameters

    def learn(
        self,
        lessons: Sequence[TraceLesson],
        parameters: BaseModel,
        *,
        seed: int,
        progress: Progress,
    ) -> bytes:
        """Return what was learned; raises AnnotatorError where there is too little for that."""
        settings = TraceCommitteeParameters.model_validate(parameters.model_dump())
        torch = require_torch(self.title)
        _refuse_too_little(lessons, self.title)
        described = []
        for number, lesson in enumerate(lessons):
            progress(_DESCRIBED * number / len(lessons), "describing traced points")
            described.append(_describe(lesson.traced))
        names = described[0].names
        if any(one.names != names for one in described):
            raise AnnotatorError(
                f"{self.title} learns from tracings with their images or from tracings without; "
                "here some have one and some have none"
            )
        seed_everything(torch, seed)

        def trained(fraction: float, message: str) -> None:
            progress(_DESCRIBED + (1 - _DESCRIBED) * fraction, message)

        values = [one.values for one in described]
        n_threads = torch.get_num_threads()
        # Small products gain nothing by threads, and sums must not depend on how many there are.
        torch.set_num_threads(1)
        try:
            return learn_committee(values, names, lessons, settings, seed, trained)
        finally:
            torch.set_num_threads(n_threads)

    def judge(
        self, learned: bytes, traced: TracedNeuron, progress: Progress
    ) -> NDArray[np.float32]:
        """Return how likely the tracing is wrong at each node, ``(node,)``, 0 to 1."""
        require_torch(self.title)
        known = read_committee(learned)
        progress(0.0, "describing traced points")
        described = _describe(traced)
        if described.names != known.names:
            raise AnnotatorError(
                f"what {self.title} learned asks for other features than this tracing has: it was "
                f"learned {'with' if 'seen' in known.names else 'without'} images"
            )
        progress(0.8, "judging traced points")
        found = known.judge(described.values)
        progress(1.0, "judged")
        return found


def _refuse_too_little(lessons: Sequence[TraceLesson], title: str) -> None:
    with_errors = {one.traced.name for one in lessons if one.is_wrong.any()}
    if len(with_errors) < _FEWEST_NEURONS:
        raise AnnotatorError(
            f"{title} needs tracings of {_FEWEST_NEURONS} neurons or more in which something is "
            f"wrong, to be judged on one that it did not learn from; there are {len(with_errors)}"
        )
    if all(one.is_wrong.all() for one in lessons):
        raise AnnotatorError(f"{title} needs points that are right; all are wrong")


def _describe(traced: TracedNeuron) -> NodeFeatures:
    tree = make_tree(traced.points, traced.parents, radii=traced.radii)
    return describe_nodes(tree, traced.image)
