"""A detector of contour errors that learns from what reviewers made of readings.

After the idea of judging every traced point by what lies around it (arXiv 2003.08556), for masks:
each point of a contour is judged from a patch turned to its normal, of the image and of what was
drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, Field

from annotator.analysis.contour_scores import ScoredContour, detect, threshold_at
from annotator.api import JudgedContour, Learned
from annotator.domain.errors import AnnotatorError
from annotator_recipes.contour_calibration import Scale, fit_scale
from annotator_recipes.contour_lessons import (
    gather_points,
    plan_patches,
    split_lessons,
    tolerated_mm,
    ways_of,
)
from annotator_recipes.contour_patches import PatchPlan, points_of
from annotator_recipes.torch_door import (
    load_state,
    pick_device,
    require_torch,
    seed_everything,
    state_arrays,
)
from annotator_recipes.weights import from_bytes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from annotator.api import ContourLesson, DrawnContour, Progress
    from annotator_recipes.contour_net import ContourNet

_KIND = "contour errors"


class ContourParameters(BaseModel):
    """What may be set for learning contour errors."""

    tolerance_mm: float = Field(
        default=0.0,
        ge=0.0,
        description="a point farther off than this is wrong; 0 for two voxels, at their finest",
    )
    rounds: int = Field(default=8, ge=1, le=200, description="rounds over the points at the most")


class ContourNetDetector:
    """Judges each point of a contour by a small network that sees the image and the drawing."""

    name = "contour-patches"
    title = "Contour errors"
    version = "1"
    parameters: type[BaseModel] = ContourParameters

    def learn(
        self,
        lessons: Sequence[ContourLesson],
        parameters: BaseModel,
        *,
        seed: int,
        progress: Progress,
    ) -> Learned:
        """Learn from all lessons but those of cases held out, by which probabilities are set."""
        torch = require_torch(self.title)
        from annotator_recipes.contour_training import train_network

        settings = ContourParameters.model_validate(parameters.model_dump())
        lessons = [one for one in lessons if len(one.deviation_mm)]
        if not lessons:
            raise AnnotatorError("nothing was drawn on any signed-off case")
        tolerance_mm = tolerated_mm(lessons, settings.tolerance_mm)
        random = np.random.default_rng(seed)
        learn, held_out = split_lessons(lessons, tolerance_mm, random)
        plan = plan_patches(learn, tolerance_mm)
        seed_everything(torch, seed)
        points = gather_points(
            learn, plan, tolerance_mm, random, _part(progress, 0.0, 0.1), is_judged=False
        )
        judged = gather_points(
            held_out, plan, tolerance_mm, random, _part(progress, 0.1, 0.12), is_judged=True
        )
        network, went = train_network(
            points,
            judged,
            plan,
            settings.rounds,
            random,
            pick_device(torch),
            _part(progress, 0.12, 0.9),
        )
        scale, told = _calibrate(network, held_out, plan, tolerance_mm, _part(progress, 0.9, 1.0))
        facts = {
            "kind": _KIND,
            "reach_mm": plan.reach_mm,
            "finest_mm": plan.finest_mm,
            "is_volume": plan.is_volume,
            "labels": list(plan.labels),
            "slope": scale.slope,
            "shift": scale.shift,
        }
        content = to_bytes(facts, state_arrays(network, "network"))
        return Learned(content=content, summary=(went.sentence(), told))

    def judge(self, learned: bytes, drawn: DrawnContour, progress: Progress) -> JudgedContour:
        """Judge every point of a contour."""
        torch = require_torch(self.title)
        from annotator_recipes.contour_net import ContourNet
        from annotator_recipes.contour_training import ask_network

        facts, arrays = from_bytes(learned)
        plan, scale = _plan_of(facts)
        network = ContourNet(plan.n_channels, plan.n_facts)
        load_state(network, "network", arrays)
        network.to(pick_device(torch)).eval()
        points = points_of(drawn)
        if not len(points):
            nothing = np.zeros(0, np.float32)
            return JudgedContour(too_far_out=nothing, too_far_in=nothing, deviation_mm=nothing)
        logits, off_mm = ask_network(network, drawn, points, plan, progress)
        wrong = scale.probability(_said(logits))
        share_out = 1.0 / (1.0 + np.exp(np.clip(logits[:, 2] - logits[:, 1], -50.0, 50.0)))
        return JudgedContour(
            too_far_out=(wrong * share_out).astype(np.float32),
            too_far_in=(wrong * (1.0 - share_out)).astype(np.float32),
            deviation_mm=off_mm.astype(np.float32),
        )


def _plan_of(facts: dict[str, Any]) -> tuple[PatchPlan, Scale]:
    if facts.get("kind") != _KIND:
        raise AnnotatorError(f"this finds no contour errors: {facts.get('kind')!r}")
    plan = PatchPlan(
        reach_mm=facts["reach_mm"],
        finest_mm=facts["finest_mm"],
        is_volume=facts["is_volume"],
        labels=tuple(facts["labels"]),
    )
    return plan, Scale(slope=facts["slope"], shift=facts["shift"])


def _calibrate(
    network: ContourNet,
    held_out: Sequence[ContourLesson],
    plan: PatchPlan,
    tolerance_mm: float,
    progress: Progress,
) -> tuple[Scale, str]:
    """Return the scale that fits all points of cases held out, and what was found there."""
    from annotator_recipes.contour_training import ask_network

    scored = []
    for number, lesson in enumerate(held_out):
        report = _part(progress, number / len(held_out), (number + 1) / len(held_out))
        points = points_of(lesson.drawn)
        logits, _ = ask_network(network, lesson.drawn, points, plan, report)
        is_wrong = ways_of(lesson, tolerance_mm) != 0
        size_mm = points.size_mm
        scored.append(
            ScoredContour(score=_said(logits), is_wrong=is_wrong, size_mm=size_mm, stretches=())
        )
    scale = fit_scale(
        np.concatenate([one.score for one in scored]),
        np.concatenate([one.is_wrong for one in scored]),
        np.concatenate([one.size_mm for one in scored]),
    )
    found = detect(scored, threshold_at(scored))
    n_cases = len({one.drawn.name for one in held_out})
    told = (
        f"On {n_cases} cases held out it finds {found.point_recall or 0.0:.0%} of what lies more "
        f"than {tolerance_mm:.3g} mm off, where 2% of the right contour is falsely alerted."
    )
    return scale, told


def _said(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-odds of wrong that the network gives, ``(point,)``."""
    return np.asarray(np.logaddexp(logits[:, 1], logits[:, 2]) - logits[:, 0])


def _part(progress: Progress, start: float, stop: float) -> Callable[[float, str], None]:
    def report(fraction: float, message: str) -> None:
        progress(start + (stop - start) * fraction, message)

    return report
