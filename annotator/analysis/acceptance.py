"""What became of a model's voxels in a reading that started from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.surface import surface_distances
from annotator.analysis.votes import merge_votes, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.analysis.runs import MaskRuns
    from annotator.analysis.votes import VoteRuns
    from annotator.domain.geometry import Geometry

KEPT, ADDED, CHANGED, REMOVED = 1, 2, 3, 4
"""Values of a map of provenance: the model's and kept; the person's where the model had nothing;
the person's where the model had another label; the model's and taken away."""
PROVENANCE = {
    KEPT: "model, kept",
    ADDED: "added by the person",
    CHANGED: "changed by the person",
    REMOVED: "removed by the person",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelAcceptance:
    """What a person made of one label that a model drew; counts are voxels.

    ``n_kept``, ``n_changed`` (another label now) and ``n_removed`` (nothing now) add up to what the
    model had; ``n_kept`` and ``n_added`` to what the reading has.

    Attributes
    ----------
    mm3 : float
        Volume of the model's voxels that are no longer this label, and of those added.
    moved_mm, moved_p95_mm : float or None
        How far the surface lies from the model's, as `surface_distances` tells by surface elements:
        mean over both surfaces, and the larger of the two 95th percentiles. None where either did
        not draw the label, or lengths are not known.
    """

    label: int
    n_kept: int
    n_changed: int
    n_removed: int
    n_added: int
    mm3: float
    moved_mm: float | None = None
    moved_p95_mm: float | None = None

    @property
    def n_model(self) -> int:
        """Voxels of the label that the model drew."""
        return self.n_kept + self.n_changed + self.n_removed

    @property
    def n_final(self) -> int:
        """Voxels of the label in the reading."""
        return self.n_kept + self.n_added

    @property
    def dice(self) -> float | None:
        """Dice of the reading with the model; None where neither drew the label."""
        total = self.n_model + self.n_final
        return 2 * self.n_kept / total if total else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """A reading against the model's drawing that it started from.

    ``changed`` is the share of all voxels that either drew on which they differ, 0 to 1.
    """

    labels: tuple[LabelAcceptance, ...]
    changed: float


def compare_with_model(
    model: MaskRuns,
    final: MaskRuns,
    labels: Sequence[int],
    geometry: Geometry,
    *,
    with_surface: bool = True,
) -> Comparison:
    """Count what became of a model's drawing, from runs; ``labels`` names all that may occur.

    A voxel that was taken away and drawn again counts as kept. Raises GeometryMismatchError where
    the grids differ.
    """
    pair = merge_votes([model, final], labels=labels)
    has_mm = with_surface and geometry.is_calibrated and not geometry.is_time
    return Comparison(
        labels=tuple(
            _of_label(pair, label, geometry, has_mm=has_mm)
            for label in pair.labels[1:]
            if pair.counts @ (pair.patterns == label).any(axis=1)
        ),
        changed=_changed(pair),
    )


def changed_share(model: MaskRuns, final: MaskRuns, labels: Sequence[int]) -> float:
    """Return the share of all voxels that either drew on which they differ, 0 to 1."""
    return _changed(merge_votes([model, final], labels=labels))


def provenance(model: MaskRuns, final: MaskRuns, labels: Sequence[int]) -> MaskRuns:
    """Return of each voxel whose it is, as runs: a value of `PROVENANCE`, 0 where nobody drew."""
    pair = merge_votes([model, final], labels=labels)
    had, has = pair.patterns.T
    value = np.select(
        [(had == has) & (has > 0), had == has, had == 0, has == 0],
        [KEPT, 0, ADDED, REMOVED],
        CHANGED,
    )
    return spread(pair, value)


def join_provenance(parts: Sequence[MaskRuns]) -> MaskRuns:
    """Return whose each voxel is of what `provenance` says of each label group.

    What was kept counts only where nothing else happened; what differs from group to group is a
    change.
    """
    votes = merge_votes(parts, labels=tuple(PROVENANCE))
    done = np.where(votes.patterns == KEPT, 0, votes.patterns)
    most = done.max(axis=1)
    is_one = ((done == 0) | (done == most[:, None])).all(axis=1)
    was_kept = (votes.patterns == KEPT).any(axis=1)
    return spread(votes, np.where(most == 0, was_kept * KEPT, np.where(is_one, most, CHANGED)))


def _changed(pair: VoteRuns) -> float:
    had, has = pair.patterns.T
    either = int(pair.counts @ ((had > 0) | (has > 0)))
    return float(pair.counts @ (had != has)) / either if either else 0.0


def _of_label(pair: VoteRuns, label: int, geometry: Geometry, *, has_mm: bool) -> LabelAcceptance:
    had, has = pair.patterns.T
    was, is_now = had == label, has == label
    n_kept, n_removed, n_added = (
        int(pair.counts @ chosen) for chosen in (was & is_now, was & (has == 0), is_now & ~was)
    )
    n_changed = int(pair.counts @ was) - n_kept - n_removed
    apart = surface_distances(pair, label, geometry.spacing_mm)[0] if has_mm else None
    return LabelAcceptance(
        label=label,
        n_kept=n_kept,
        n_changed=n_changed,
        n_removed=n_removed,
        n_added=n_added,
        mm3=(n_changed + n_removed + n_added) * geometry.voxel_mm3,
        moved_mm=None if apart is None else apart.mean_mm,
        moved_p95_mm=None if apart is None else apart.hd95_mm,
    )
