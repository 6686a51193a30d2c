"""Methods that learn, as small as can be, and a project for them to learn from."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from annotator.api import (
    CaseVotes,
    FusedPatterns,
    FusedVoxels,
    Learned,
    Plugin,
    Prediction,
)
from annotator.domain.errors import (
    AnnotatorError,
)
from annotator.domain.reading import Diagnosis
from annotator.domain.review import RaterPerformance
from tests.unit.project_builder import add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator.session.session import Session

BOXES = (((1, 2, 2), (3, 8, 8)), ((1, 2, 3), (3, 8, 8)), ((1, 4, 2), (3, 9, 8)))


class NoParameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def performance(case: CaseVotes) -> tuple[RaterPerformance, ...]:
    return tuple(
        RaterPerformance(
            rater_id=rater_id, label=label, sensitivity=1.0, specificity=1.0, volume_mm3=0.0
        )
        for label in case.votes.labels[1:]
        for rater_id in case.votes.rater_ids
    )


class Shares:
    """Share of raters, and as weights the place along x."""

    name = "shares"
    title = "Shares"
    version = "1"
    parameters: type[BaseModel] = NoParameters

    def fuse_voxels(
        self, case: CaseVotes, parameters: BaseModel, progress: Progress
    ) -> FusedVoxels:
        window = case.window(2)
        progress(0.5, "half")
        masks = window.masks(case.votes)
        share = np.stack([(masks == label).mean(axis=0) for label in case.votes.labels])
        ramp = np.broadcast_to(np.linspace(0, 1, share.shape[-1]), share.shape[1:])
        rest = (1 - ramp) / (len(masks) - 1)
        return FusedVoxels(
            box=window.box,
            probability=share.astype(np.float32),
            weights=np.stack([ramp, *[rest] * (len(masks) - 1)]).astype(np.float32),
            performance=performance(case),
            training_target_only=True,
        )


class Largest:
    """Believes the rater who drew most over all cases."""

    name = "largest"
    title = "Largest"
    version = "1"
    parameters: type[BaseModel] = NoParameters
    n_learned = 0

    def learn(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        type(self).n_learned += 1
        drawn: dict[str, float] = {}
        for case in cases:
            volumes = case.moments()[:, :, 0].sum(axis=1)
            for rater_id, volume in zip(case.votes.rater_ids, volumes, strict=True):
                drawn[rater_id] = drawn.get(rater_id, 0.0) + float(volume)
        decided = sum(case.decided_counts is not None for case in cases)
        content = json.dumps(drawn, sort_keys=True).encode()
        return Learned(content=content, summary=(f"{len(cases)} cases, {decided} signed off",))

    def fuse_learned(
        self, case: CaseVotes, learned: bytes, parameters: BaseModel, progress: Progress
    ) -> FusedPatterns | FusedVoxels:
        drawn = json.loads(learned)
        best = max(range(len(case.votes.rater_ids)), key=lambda n: drawn[case.votes.rater_ids[n]])
        chosen = case.votes.patterns[:, best]
        return FusedPatterns(
            probability=(chosen[:, None] == np.asarray(case.votes.labels)).astype(np.float64),
            chosen=chosen,
            undecided=np.zeros(len(chosen), np.bool_),
            performance=performance(case),
        )


class MeanMask:
    """Predicts the mean of what it aimed at, or of all readings; trust multiplies a rater."""

    name = "mean-mask"
    title = "Mean mask"
    version = "1"
    parameters: type[BaseModel] = NoParameters
    takes_trust = True
    needs_target = False
    draws = True

    def train(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        progress(0.5, "training")
        if not cases:
            raise AnnotatorError("there is no case to learn from")
        found = {}
        for case in cases:
            window = case.window(None)
            for rater_id, mask in zip(case.votes.rater_ids, window.masks(case.votes), strict=True):
                found[rater_id] = (mask == 1).astype(float)
        if cases[0].target is not None:
            found = {"target": np.asarray(cases[0].target())[1]}
        return Learned(content=json.dumps({k: v.tolist() for k, v in found.items()}).encode())

    def predict(
        self,
        learned: bytes,
        image: NDArray[np.float32],
        spacing_mm: tuple[float, float, float],
        *,
        trust: Mapping[str, float] | None,
        progress: Progress,
    ) -> Prediction:
        masks = {name: np.array(mask) for name, mask in json.loads(learned).items()}
        weights = {name: (trust or {}).get(name, 0.0 if trust else 1.0) for name in masks}
        total = np.sum([weights[name] * masks[name] for name in masks], axis=0)
        mean = np.asarray(total / sum(weights.values()))
        return Prediction(
            labels=(0, 1),
            probability=np.stack([1 - mean, mean]).astype(np.float32),
            rater_ids=tuple(masks),
            difficulty=float(mean.std()),
            why="The mean mask varies.",
        )


@contextmanager
def learning_session(directory: Path) -> Iterator[Session]:
    """Open a project of two cases, each read by three; methods and a trainer are registered."""
    with make_session(directory) as opened:
        opened.registry.register(
            Plugin(name="test", fusion_methods=(Shares, Largest), trainers=(MeanMask,))
        )
        raters = [opened.add_rater(name) for name in ("Ann", "Bob", "Cy")]
        for number in range(2):
            case = add_case(opened, number)
            geometry = opened.store.series(case.series_ids[0]).geometry
            for rater, box in zip(raters, BOXES, strict=True):
                opened.add_reading(
                    case.case_id,
                    rater.rater_id,
                    block(box),
                    geometry,
                    Diagnosis(answers=(("dx", "yes"),)),
                )
        yield opened


def first(session: Session) -> str:
    return session.cases()[0].case_id


def sign_off(session: Session, case_id: str) -> None:
    room = session.review_room(session.store.raters()[0].rater_id)
    review = room.open_case(case_id)
    for finding in review.findings:
        review.decide(finding.region, "none", reason="missed")
    review.sign_off(Diagnosis(answers=(("dx", "no"),)))
