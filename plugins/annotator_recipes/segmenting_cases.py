"""Cases as arrays to train on, read when they are needed and forgotten when memory runs short."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from annotator.domain.errors import AnnotatorError
from annotator_recipes.images import as_channels
from annotator_recipes.segmenting_grid import nearest, to_working, working_shape
from annotator_recipes.segmenting_intensity import scaled
from annotator_recipes.segmenting_plan import labels_aimed_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.api import CaseVotes
    from annotator_recipes.segmenting_plan import Plan

    Floats = NDArray[np.float32]

_N_PLACES = 2000
"""Voxels of each label that are remembered, to lay windows around."""
_N_LOOKED_AT = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingCase:
    """A case on working voxels, with what is to be learned of it.

    Attributes
    ----------
    number : int
        Which of the cases it is.
    spacing_mm : tuple of float
        Distance between its working voxels, ``(z, y, x)``.
    image : ndarray
        ``(channel, z, y, x)`` float32, scaled as the plan says.
    target : ndarray
        What is aimed at, ``(label, z, y, x)`` float32; sums to 1 over labels.
    readings : ndarray
        Place in the labels of the plan of what each rater drew, ``(rater, z, y, x)`` uint8, for
        all raters of the plan; 0 where one did not read the case.
    present : ndarray
        Who read the case, ``(rater,)`` bool.
    known : ndarray
        Where the target is known, ``(z, y, x)`` bool.
    extra : mapping
        Maps that a recipe adds, each ``(any, z, y, x)`` float32; batches carry them along.
    """

    number: int
    case_id: str
    title: str
    spacing_mm: tuple[float, float, float]
    image: Floats
    target: Floats
    readings: NDArray[np.uint8]
    present: NDArray[np.bool_]
    known: NDArray[np.bool_]
    extra: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def n_bytes(self) -> int:
        """Memory of the arrays."""
        n_exact = self.readings.nbytes + self.known.nbytes
        return n_exact + sum(one.nbytes for one in (self.image, self.target, *self.extra.values()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShelvedCase:
    """A case, and some places of each label in it, ``(place, 3)`` int64, by its number."""

    case: TrainingCase
    places: Mapping[int, NDArray[np.int64]]

    @property
    def n_bytes(self) -> int:
        """Memory of all of it."""
        return self.case.n_bytes + sum(one.nbytes for one in self.places.values())


class Shelf:
    """The cases of a training. At most ``memory_mb`` of them stay in memory, besides one.

    ``prepare`` is a recipe's: what it makes of a case is kept in its place.
    """

    def __init__(
        self,
        cases: Sequence[CaseVotes],
        plan: Plan,
        prepare: Callable[[TrainingCase, Plan], TrainingCase],
        memory_mb: int,
    ) -> None:
        self._cases = cases
        self._plan = plan
        self._prepare = prepare
        self._room = memory_mb * 2**20
        self._held: OrderedDict[int, ShelvedCase] = OrderedDict()
        self._n_bytes = 0

    def __len__(self) -> int:
        """Return how many cases there are."""
        return len(self._cases)

    def __getitem__(self, number: int) -> ShelvedCase:
        """Return a case, read anew where it was forgotten."""
        found = self._held.get(number)
        if found is not None:
            self._held.move_to_end(number)
            return found
        case = self._prepare(read_case(self._cases[number], number, self._plan), self._plan)
        found = ShelvedCase(case=case, places=_places(case))
        self._held[number] = found
        self._n_bytes += found.n_bytes
        while self._n_bytes > self._room and len(self._held) > 1:
            _, oldest = self._held.popitem(last=False)
            self._n_bytes -= oldest.n_bytes
        return found


def count_channels(cases: Sequence[CaseVotes]) -> int:
    """Return 3 where cases are in colour, else 1; some of many are looked at."""
    looked_at = cases[:: max(1, len(cases) // _N_LOOKED_AT)]
    return max(3 if case.window(0).image.ndim == 4 else 1 for case in looked_at)


def working_image(
    image: Floats, spacing_mm: tuple[float, float, float], plan: Plan
) -> tuple[Floats, tuple[float, float, float]]:
    """Return ``(z, y, x[, channel])`` as ``(channel, z, y, x)`` of working voxels, and spacing."""
    grid = (image.shape[0], image.shape[1], image.shape[2])
    shape = working_shape(grid, spacing_mm, plan.spacing_mm)
    channels = scaled(as_channels(image, plan.n_channels), plan.intensity)
    working = to_working(np.moveaxis(channels, 1, 0), shape)
    z, y, x = (step * of / to for step, of, to in zip(spacing_mm, grid, shape, strict=True))
    return working, (z, y, x)


def read_case(case: CaseVotes, number: int, plan: Plan) -> TrainingCase:
    """Read a case on working voxels; it aims at its target, else at the mean of its readings.

    Raises AnnotatorError where the target does not lie on the grid of the case.
    """
    window = case.window(None)
    image, spacing_mm = working_image(window.image, case.spacing_mm, plan)
    shape = image.shape[1:]
    index = nearest(window.index, shape)
    drawn = np.searchsorted(np.array(plan.labels), case.votes.patterns).astype(np.uint8)
    rows = [plan.rater_ids.index(one) for one in case.votes.rater_ids]
    readings = np.zeros((len(plan.rater_ids), *shape), np.uint8)
    readings[rows] = drawn.T[:, index]
    present = np.zeros(len(plan.rater_ids), np.bool_)
    present[rows] = True
    return TrainingCase(
        number=number,
        case_id=case.case_id,
        title=case.title,
        spacing_mm=spacing_mm,
        image=image,
        target=_target(case, window.index, plan, shape),
        readings=readings,
        present=present,
        known=np.ones(shape, np.bool_),
    )


def _target(
    case: CaseVotes, index: NDArray[np.int32], plan: Plan, shape: tuple[int, ...]
) -> Floats:
    target = np.zeros((len(plan.labels), *shape), np.float32)
    aimed = labels_aimed_at(case)
    wanted = case.target() if case.target else None
    if wanted is not None and wanted.shape != (len(aimed), *case.shape):
        raise AnnotatorError(f"what is to be learned of {case.title!r} does not lie on its grid")
    for place, label in enumerate(plan.labels[1:], start=1):
        if label not in aimed:
            continue
        if wanted is not None:
            full = wanted[aimed.index(label)]
        else:
            full = (case.votes.patterns == label).mean(axis=1, dtype=np.float32)[index]
        target[place] = to_working(full, shape)
    drawn = target.sum(axis=0)
    target /= np.maximum(drawn, 1.0)
    target[0] = np.maximum(0.0, 1.0 - drawn)
    return target


def _places(case: TrainingCase) -> dict[int, NDArray[np.int64]]:
    """Return voxels of each label that is drawn, where the target is known."""
    random = np.random.default_rng(case.number)
    found: dict[int, NDArray[np.int64]] = {}
    for place in range(1, len(case.target)):
        drawn = case.target[place] * case.known
        most = float(drawn.max(initial=0.0))
        if most <= 0.0:
            continue
        flat = np.flatnonzero(drawn >= min(0.5, most))
        if len(flat) > _N_PLACES:
            flat = np.sort(random.choice(flat, _N_PLACES, replace=False))
        found[place] = np.stack(np.unravel_index(flat, drawn.shape), axis=1)
    return found
