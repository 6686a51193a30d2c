"""Self-calibrated segmentation: what raters agree on, what each would draw, where to believe whom.

One training serves two doors: a trainer, whose model reads new images, and a fusion, which weighs
the readings of a case voxel by voxel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from annotator.analysis.soft_overlap import soft_dice
from annotator.api import Learned, Prediction
from annotator.domain.errors import AnnotatorError
from annotator_recipes.diagnosis_fused import fuse_weighted
from annotator_recipes.images import CaseSlices
from annotator_recipes.reading_slices import NetworkParameters, gather_readings, refuse_target
from annotator_recipes.self_calibration_model import KIND, Calibrated
from annotator_recipes.torch_door import (
    pick_device,
    require_torch,
    seed_everything,
    state_arrays,
)
from annotator_recipes.weights import to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.api import CaseVotes, FusedVoxels, Progress
    from annotator_recipes.reading_slices import ReadingSlices

    Floats = NDArray[np.float32]

_NAME = "self-calibrated"
_AT_ONCE = 4
_ROOM_BYTES = 1 << 30


class SelfCalibrationParameters(NetworkParameters):
    """What may be set for self-calibration."""

    passes: int = Field(
        default=1,
        ge=1,
        le=5,
        description="how often the networks are asked one after the other; more than 1 only where "
        "the overlap told after training rises",
    )
    beta: float = Field(
        default=8.0,
        ge=0.0,
        le=50.0,
        description="how strongly agreement counts: 0 believes all raters alike everywhere",
    )
    sigma: float = Field(
        default=3.0,
        ge=0.0,
        le=50.0,
        description="over how many working pixels agreement is averaged",
    )
    warm_up: int = Field(
        default=10, ge=0, le=1000, description="first rounds, which aim at the mean of the readings"
    )
    shuffle: float = Field(
        default=0.3, ge=0.0, le=10.0, description="how much exchanging raters counts in the loss"
    )
    ssim: float = Field(
        default=0.3, ge=0.0, le=10.0, description="how much structural similarity counts in it"
    )


def learn_raters(
    cases: Sequence[CaseVotes], parameters: BaseModel, title: str, progress: Progress
) -> Learned:
    """Train both networks on the readings of all cases; raises AnnotatorError."""
    settings = SelfCalibrationParameters.model_validate(parameters.model_dump())
    torch = require_torch(title)
    refuse_target(cases, title)
    data = gather_readings(cases, settings, title, progress)
    from annotator_recipes.self_calibration_training import describe_networks, train_calibration

    seed_everything(torch, settings.seed)
    device = pick_device(torch)
    network, rounds, judged = train_calibration(data, settings, device, progress)
    facts = {
        **describe_networks(data, settings),
        "kind": KIND,
        "size": settings.size,
        "raters": data.rater_ids,
        "labels": data.labels,
    }
    model = Calibrated(network=network, device=device, facts=facts)
    return Learned(
        content=to_bytes(facts, state_arrays(network, "network")),
        summary=(rounds.sentence(), *_overlaps(model, data, judged)),
    )


def _overlaps(model: Calibrated, data: ReadingSlices, rows: NDArray[np.int64]) -> Iterator[str]:
    """Tell how well each pass and each rater's drawing fit cases that were held out."""
    readings, present = data.readings(rows), data.present[rows]
    share = (readings * present[:, :, None, None, None]).sum(axis=1)
    share /= present.sum(axis=1)[:, None, None, None]
    found = [model.ask(data.image[row : row + 1], present_only=None) for row in rows.tolist()]
    for number in range(len(found[0])):
        estimate = np.concatenate([passes[number].estimate for passes in found])
        yield (
            f"Soft Dice of pass {number + 1} with the share of raters, on cases held out: "
            f"{soft_dice(estimate[:, 1:], share[:, 1:]):.3f}."
        )
    drawn = np.concatenate([passes[-1].drawn for passes in found])
    for place, rater_id in enumerate(data.rater_ids):
        own = present[:, place]
        if own.any():
            dice = soft_dice(drawn[own, place, 1:], readings[own, place, 1:])
            yield f"Soft Dice of what {rater_id} would draw with what was drawn: {dice:.3f}."


class SelfCalibratedTrainer:
    """Trains networks that draw what raters agree on and what each of them would draw."""

    name = _NAME
    title = "Self-calibrated network"
    version = "1"
    parameters: type[BaseModel] = SelfCalibrationParameters
    takes_trust = False
    needs_target = False
    draws = True

    def train(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        """Train on all cases; raises AnnotatorError where they do not do."""
        return learn_raters(cases, parameters, self.title, progress)

    def predict(
        self,
        learned: bytes,
        image: Floats,
        spacing_mm: tuple[float, float, float],
        *,
        trust: Mapping[str, float] | None,
        progress: Progress,
    ) -> Prediction:
        """Read an image; what each rater would draw is left out where it takes above 1 GB."""
        if trust is not None:
            raise AnnotatorError(f"{self.title} cannot be told how far to believe each rater")
        model = Calibrated.load(learned)
        slices, frame = model.slices(image, spacing_mm)
        n_raters, n_labels, shape = len(model.rater_ids), len(model.labels), image.shape[:3]
        probability = np.empty((n_labels, *shape), np.float32)
        has_room = n_raters * probability.nbytes <= _ROOM_BYTES
        drawn = np.empty((n_raters, *probability.shape), np.float32) if has_room else None
        weights = np.empty((n_raters, *shape), np.float32) if has_room else None
        for start in range(0, shape[0], _AT_ONCE):
            progress(start / shape[0], "reading slices")
            own = slice(start, min(start + _AT_ONCE, shape[0]))
            last = model.ask(slices[own], present_only=None)[-1]
            probability[:, own] = np.moveaxis(frame.to_grid(last.estimate), 0, 1)
            if drawn is not None and weights is not None:
                drawn[:, :, own] = np.moveaxis(frame.to_grid(last.drawn), 0, 2)
                weights[:, own] = np.moveaxis(frame.to_grid(last.weight), 0, 1)
        return Prediction(
            labels=model.labels,
            probability=probability,
            rater_ids=model.rater_ids,
            rater_probability=drawn,
            weights=weights,
        )


class SelfCalibratedFusion:
    """Believes each rater where the networks, which saw the image, think that the rater agrees.

    The networks have seen the case where it was among those learned from. They know no diagnosis
    and no decision of a reviewer, so the result does not know an answer it would be judged by.
    """

    name = _NAME
    title = "Self-calibrated (place by place)"
    version = "1"
    parameters: type[BaseModel] = SelfCalibrationParameters
    needs_image = True

    def learn(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        """Train on all cases; raises AnnotatorError where they do not do."""
        return learn_raters(cases, parameters, self.title, progress)

    def fuse_learned(
        self, case: CaseVotes, learned: bytes, parameters: BaseModel, progress: Progress
    ) -> FusedVoxels:
        """Weigh the readings of a case; raters whom the networks do not know get no weight."""
        model = Calibrated.load(learned)
        known = [rater_id in model.rater_ids for rater_id in case.votes.rater_ids]
        if not any(known):
            raise AnnotatorError(
                f"nobody who read {case.title!r} is known to what was learned; learn again"
            )
        read = _read_drawn_slices(model, case)
        strangers = [
            rater_id
            for rater_id, is_known in zip(case.votes.rater_ids, known, strict=True)
            if not is_known
        ]
        return fuse_weighted(
            case,
            read,
            _weigh(model, case, read, progress),
            warnings=tuple(
                f"{rater_id} was not among the raters learned from and has no weight; learn again."
                for rater_id in strangers
            ),
        )


def _read_drawn_slices(model: Calibrated, case: CaseVotes) -> CaseSlices:
    """Return the whole of each slice from the first to the last with a drawing, without shares."""
    window = case.window(None)
    image, frame = model.slices(window.image, case.spacing_mm)
    (z0, _, _), (z1, _, _) = case.window(0).box
    return CaseSlices(
        case_id=case.case_id,
        rater_ids=case.votes.rater_ids,
        places=tuple(range(z0, z1)),
        slice_mm=case.spacing_mm[0],
        thickness_mm=case.spacing_mm[0],
        image=image[z0:z1],
        shares=np.empty((0, 0, 0, frame.size, frame.size), np.float32),
        frame=frame,
        box=window.box,
    )


def _weigh(model: Calibrated, case: CaseVotes, read: CaseSlices, progress: Progress) -> Floats:
    """Return how far each rater of a case is believed, ``(slice, rater, size, size)``."""
    raters = case.votes.rater_ids
    present = np.isin(model.rater_ids, raters)
    found = np.zeros((len(read.image), len(raters), *read.image.shape[2:]), np.float32)
    for start in range(0, len(found), _AT_ONCE):
        progress(start / len(found), "weighing raters")
        own = slice(start, start + _AT_ONCE)
        weight = model.ask(read.image[own], present_only=present)[-1].weight
        for place, rater_id in enumerate(raters):
            if rater_id in model.rater_ids:
                found[own, place] = weight[:, model.rater_ids.index(rater_id)]
    return found
