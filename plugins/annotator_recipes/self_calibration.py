"""Self-calibrated segmentation: what raters agree on, what each would draw, where to believe whom.

One training serves two doors: a trainer, whose model reads new images, and a fusion, which weighs
the readings of a case voxel by voxel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from annotator.analysis.consensus import choose, judge_raters
from annotator.analysis.soft_overlap import soft_dice
from annotator.api import FusedVoxels, Learned, Prediction
from annotator.domain.errors import AnnotatorError
from annotator_recipes.images import image_slices
from annotator_recipes.reading_slices import NetworkParameters, gather_readings, refuse_target
from annotator_recipes.torch_door import (
    load_state,
    pick_device,
    require_torch,
    seed_everything,
    state_arrays,
)
from annotator_recipes.weights import from_bytes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.api import CaseVotes, CaseWindow, Progress
    from annotator.domain.review import RaterPerformance
    from annotator_recipes.images import Frame
    from annotator_recipes.reading_slices import ReadingSlices

    Floats = NDArray[np.float32]

_NAME = "self-calibrated"
_KIND = "self-calibration"
_MARGIN = 3
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
        default=4.0,
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
        "kind": _KIND,
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibratedPass:
    """One pass over slices, as probabilities on working pixels.

    ``estimate`` is ``(slice, label, y, x)``, ``drawn`` ``(slice, rater, label, y, x)`` and
    ``weight`` ``(slice, rater, y, x)``.
    """

    estimate: Floats
    drawn: Floats
    weight: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibrated:
    """Trained networks, ready to be asked."""

    network: Any
    device: Any
    facts: Mapping[str, Any]

    @classmethod
    def load(cls, learned: bytes) -> Calibrated:
        """Return what was learned; raises AnnotatorError where it is something else."""
        torch = require_torch("Self-calibration")
        facts, arrays = from_bytes(learned)
        if facts.get("kind") != _KIND:
            raise AnnotatorError(f"this was not learned by self-calibration: {facts.get('kind')!r}")
        from annotator_recipes.self_calibration_training import build_network

        device = pick_device(torch)
        network = build_network(facts)
        load_state(network, "network", arrays)
        return cls(network=network.to(device).eval(), device=device, facts=facts)

    @property
    def rater_ids(self) -> tuple[str, ...]:
        """The raters that were learned from."""
        return tuple(self.facts["raters"])

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels that were learned, background first."""
        return tuple(self.facts["labels"])

    def slices(self, image: Floats, spacing_mm: tuple[float, float, float]) -> tuple[Floats, Frame]:
        """Return an image as slices that the networks read, and where those lie."""
        return image_slices(
            image, spacing_mm, size=self.facts["size"], n_channels=self.facts["n_in"]
        )

    def ask(
        self, slices: Floats, *, present_only: NDArray[np.bool_] | None
    ) -> list[CalibratedPass]:
        """Return every pass over ``(slice, channel, size, size)``.

        ``present_only`` says whom to believe at all, ``(rater,)``; None for everyone.
        """
        import torch

        whom = np.ones(len(self.rater_ids), np.bool_) if present_only is None else present_only
        present = torch.from_numpy(np.repeat(whom[None], len(slices), axis=0)).to(self.device)
        with torch.inference_mode():
            passes = self.network(torch.from_numpy(slices).to(self.device), present)
            return [
                CalibratedPass(
                    estimate=each.estimate.softmax(dim=1).cpu().numpy(),
                    drawn=each.drawn.softmax(dim=2).cpu().numpy(),
                    weight=each.weight.cpu().numpy(),
                )
                for each in passes
            ]


class SelfCalibratedTrainer:
    """Trains networks that draw what raters agree on and what each of them would draw."""

    name = _NAME
    title = "Self-calibrated network"
    version = "1"
    parameters: type[BaseModel] = SelfCalibrationParameters
    takes_trust = False

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
        near = case.window(_MARGIN)
        weights = _weigh(model, case, near, progress)
        labels = case.votes.labels
        masks = near.masks(case.votes)
        probability = np.stack(
            [(weights * (masks == label)).sum(axis=0, dtype=np.float32) for label in labels]
        )
        strangers = [
            rater_id
            for rater_id, is_known in zip(case.votes.rater_ids, known, strict=True)
            if not is_known
        ]
        return FusedVoxels(
            box=near.box,
            probability=probability,
            performance=judge_voxels(case, near, probability, weights),
            weights=weights,
            warnings=tuple(
                f"{rater_id} was not among the raters learned from and has no weight; learn again."
                for rater_id in strangers
            ),
        )


def _weigh(model: Calibrated, case: CaseVotes, near: CaseWindow, progress: Progress) -> Floats:
    """Return how far each rater of a case is believed in a window, ``(rater, z, y, x)``."""
    image = case.window(None).image
    slices, frame = model.slices(image, case.spacing_mm)
    present = np.isin(model.rater_ids, case.votes.rater_ids)
    (z0, y0, x0), (z1, y1, x1) = near.box
    found = np.zeros((len(case.votes.rater_ids), z1 - z0, y1 - y0, x1 - x0), np.float32)
    for place, z in enumerate(range(z0, z1)):
        progress(place / (z1 - z0), "weighing raters")
        weight = model.ask(slices[z : z + 1], present_only=present)[-1].weight[0]
        on_grid = frame.to_grid(weight)[:, y0:y1, x0:x1]
        for number, rater_id in enumerate(case.votes.rater_ids):
            if rater_id in model.rater_ids:
                found[number, place] = on_grid[model.rater_ids.index(rater_id)]
    return np.asarray(found / found.sum(axis=0), np.float32)


def judge_voxels(
    case: CaseVotes, near: CaseWindow, probability: Floats, weights: Floats
) -> tuple[RaterPerformance, ...]:
    """Compare each rater with the most probable labels; the weight is that where raters differ."""
    votes = case.votes
    n_labels = len(votes.labels)
    chosen, _ = choose(probability.reshape(n_labels, -1).T.astype(np.float64), votes.labels)
    place = np.searchsorted(votes.labels, chosen)
    joint = np.bincount(
        near.index.ravel().astype(np.int64) * n_labels + place,
        minlength=len(votes.patterns) * n_labels,
    )
    is_empty = (votes.patterns == 0).all(axis=1)
    # Beyond the window nobody drew anything, and nothing is chosen.
    joint[np.flatnonzero(is_empty) * n_labels] += int(votes.counts.sum()) - near.index.size
    rows = judge_raters(
        votes.rater_ids,
        np.repeat(votes.patterns, n_labels, axis=0),
        joint,
        votes.labels,
        np.tile(np.asarray(votes.labels, np.uint16), len(votes.patterns)),
        votes.voxel_mm3,
    )
    is_disputed = (votes.patterns != votes.patterns[:, :1]).any(axis=1)[near.index]
    if not is_disputed.any():
        return rows
    mean = weights[:, is_disputed].mean(axis=1)
    return tuple(
        replace(row, weight=float(mean[votes.rater_ids.index(row.rater_id)])) for row in rows
    )
