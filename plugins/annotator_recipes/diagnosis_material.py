"""What diagnosis-first methods learn from: the cases of a project, read, answered and split."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from annotator.analysis.diagnosis_criterion import compare_aucs
from annotator.analysis.diagnosis_first import make_folds
from annotator_recipes.diagnosis_judges import train_judge
from annotator_recipes.diagnosis_question import (
    Criterion,
    answered_cases,
    refuse_chance,
)
from annotator_recipes.diagnosis_stack import stack_cases
from annotator_recipes.images import (
    CaseSlices,
    Sampling,
    channels_of,
    drawn_extent_mm,
    labels_of,
    read_drawn,
)
from annotator_recipes.torch_door import pick_device, seed_everything

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.api import CaseVotes
    from annotator_recipes.diagnosis_judges import Judge
    from annotator_recipes.diagnosis_question import DiagnosisParameters
    from annotator_recipes.diagnosis_stack import Stack
    from annotator_recipes.stages import Stages

ALL = "all"
_FIELD_QUANTILE = 0.95
_FIELD_MARGIN = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How cases are read, and by whom: the same when learning and when fusing."""

    sampling: Sampling
    field_mm: float
    raters: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)

    @classmethod
    def of_facts(cls, facts: dict[str, Any]) -> Reading:
        """Return what `facts` was made of."""
        sampling = dict(facts["sampling"])
        sampling["labels"] = tuple(sampling["labels"])
        return cls(
            sampling=Sampling(**sampling),
            field_mm=float(facts["field_mm"]),
            raters=tuple(facts["raters"]),
        )

    def read(self, case: CaseVotes) -> CaseSlices:
        """Return the slices of a case."""
        return read_drawn(case, self.sampling, self.field_mm)

    def stack(self, cases: Sequence[CaseSlices], device: torch.device) -> Stack:
        """Return cases as tensors."""
        return stack_cases(cases, self.raters).to(device)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """Cases as tensors, with the answer and the fold of each.

    ``title`` names the method, ``told`` says where the answers come from.
    """

    title: str
    criterion: Criterion
    told: str
    reading: Reading
    case_ids: tuple[str, ...]
    stack: Stack
    is_positive: NDArray[np.bool_]
    fold: NDArray[np.int64]
    device: torch.device

    def wanted(self, members: Sequence[int]) -> Tensor:
        """Return 1 for each positive case among these, 0 for the others."""
        return torch.from_numpy(self.is_positive[list(members)].astype(np.float32)).to(self.device)

    def parts(self) -> list[tuple[str, list[int], list[int]]]:
        """Return for each fold its name, the cases outside it and those in it; then all cases."""
        found = [
            (str(number), np.flatnonzero(self.fold != number).tolist(),
             np.flatnonzero(self.fold == number).tolist())
            for number in range(int(self.fold.max()) + 1)
        ]  # fmt: skip
        return [*found, (ALL, list(range(len(self.is_positive))), [])]

    def facts(self) -> dict[str, Any]:
        """Return what is kept with the networks, as JSON can hold it."""
        folds = dict(zip(self.case_ids, map(str, self.fold.tolist()), strict=True))
        return {
            "criterion": asdict(self.criterion),
            "reading": self.reading.facts(),
            "folds": folds,
        }


def gather(
    cases: Sequence[CaseVotes], parameters: DiagnosisParameters, title: str, stages: Stages
) -> Material:
    """Read cases for learning; raises AnnotatorError where they do not do."""
    answered = answered_cases(cases, parameters, title)
    kept, is_positive = answered.cases, answered.is_positive
    step = stages.begin(2 * len(kept), "reading cases")
    extents = []
    for case in kept:
        extents.append(drawn_extent_mm(case))
        step()
    reading = Reading(
        sampling=Sampling(
            labels=labels_of(kept),
            size=parameters.size,
            n_slices=parameters.slices,
            n_channels=channels_of(kept),
        ),
        field_mm=_FIELD_MARGIN * float(np.quantile(extents, _FIELD_QUANTILE)),
        raters=tuple(sorted({rater for case in kept for rater in case.votes.rater_ids})),
    )
    slices = []
    for case in kept:
        slices.append(reading.read(case))
        step()
    seed_everything(torch, parameters.seed)
    device = pick_device(torch)
    return Material(
        title=title,
        criterion=answered.criterion,
        told=answered.told,
        reading=reading,
        case_ids=tuple(case.case_id for case in kept),
        stack=reading.stack(slices, device),
        is_positive=is_positive,
        fold=make_folds(is_positive, [case.case_id for case in kept], parameters.folds),
        device=device,
    )


def train_judges(
    material: Material, parameters: DiagnosisParameters, stages: Stages
) -> tuple[dict[str, Judge], NDArray[np.float64]]:
    """Return a judge for each fold, trained outside it, one of all cases, and what the mean tells.

    That is the logit, ``(case,)``, of the mean of the readings by the judge that did not see the
    case. Raises AnnotatorError where it may be chance.
    """
    judges: dict[str, Judge] = {}
    told = np.zeros(len(material.is_positive))
    for name, taught, held_out in material.parts():
        step = stages.begin(parameters.judge_epochs, "learning to tell the diagnosis")
        judges[name] = train_judge(
            parameters.judge,
            material.stack.select(taught),
            material.wanted(taught),
            n_epochs=parameters.judge_epochs,
            seed=parameters.seed,
            step=step,
        )
        if held_out:
            part = material.stack.select(held_out)
            with torch.no_grad():
                told[held_out] = judges[name](part, part.mix(part.even())).cpu().numpy()
    found, _, _ = compare_aucs(told, told, material.is_positive, material.fold)
    refuse_chance(found, material.criterion, len(told), material.title)
    return judges, told
