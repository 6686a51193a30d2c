"""Smoothing: median, opening, closing, Gaussian, and of all labels together without gaps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.margin import eroded
from annotator.drawing.operation import Asked, Change, Progress, share_of, trimmed, unwatched
from annotator.drawing.options import ChoiceOption, NumberOption, Option
from annotator.drawing.scope import WHERE, relabelled, scope_of
from annotator.drawing.windows import box_counts, is_near

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.drawing.scope import Scope
    from annotator.drawing.surface import Surface

    Smoother = Callable[[Scope, NDArray[np.bool_], float, Progress], NDArray[np.bool_]]

_DEVIATIONS = 3.0
"""Standard deviations after which a Gaussian is cut off."""


class Smoothing:
    """Evens out the surface of one label, or of all labels together."""

    name: ClassVar[str] = "smooth"
    title: ClassVar[str] = "Smooth"
    explanation: ClassVar[str] = (
        "Evens out the label. Median takes what most voxels around have; opening takes off what "
        "is thin; closing fills what is narrow; Gaussian rounds everything; all labels together "
        "rounds every label and leaves no gap between those that touch."
    )
    options: ClassVar[tuple[Option, ...]] = (
        ChoiceOption(
            key="method",
            title="Method",
            tooltip="All but the last change the label in hand only.",
            default="median",
            choices=(
                ("median", "Median"),
                ("opening", "Opening: take off what is thin"),
                ("closing", "Closing: fill what is narrow"),
                ("gaussian", "Gaussian"),
                ("joint", "All labels together"),
            ),
        ),
        NumberOption(
            key="mm",
            title="Size",
            tooltip=(
                "Median: reach to each side. Opening and closing: radius of the ball. Gaussian "
                "and all labels: standard deviation."
            ),
            default=2.0,
            minimum=0.01,
            maximum=50.0,
            unit="mm",
        ),
        WHERE,
    )
    needs_image: ClassVar[bool] = False
    is_live: ClassVar[bool] = False

    def run(self, surface: Surface, asked: Asked, progress: Progress = unwatched) -> Change | None:
        """Return the smoothed label or labels."""
        scope, mm = scope_of(surface, asked), float(asked.chosen["mm"])
        method = str(asked.chosen["method"])
        if method == "joint":
            return trimmed(surface, smoothed_together(scope, mm, progress))
        tight = scope.box_around(asked.label)
        box = scope.grown(scope.grown(tight, _reach(scope, method, mm)), (1, 1, 1))
        region = _SMOOTHERS[method](scope, scope.region(asked.label, box), mm, progress)
        if not region.any():
            raise NothingToDoError(
                f"Nothing of label {asked.label} would be left{scope.place}: it is too thin for "
                f"{mm:g} mm. Give less."
            )
        labels = relabelled(scope, asked.label, box, region)
        return trimmed(surface, Change(box=box, labels=labels))


def by_median(
    scope: Scope, region: NDArray[np.bool_], mm: float, progress: Progress
) -> NDArray[np.bool_]:
    """Return where most voxels of a box around are inside."""
    reach = scope.reach(mm)
    n_voxels = math.prod(2 * part + 1 for part in reach)
    return box_counts(region, reach, progress) > n_voxels // 2


def by_opening(
    scope: Scope, region: NDArray[np.bool_], mm: float, progress: Progress
) -> NDArray[np.bool_]:
    """Return what a ball covers that stays inside."""
    spacing = scope.surface.spacing_mm
    left = eroded(region, spacing, mm, share_of(progress, 0.0, 0.5))
    return is_near(left, spacing, mm, share_of(progress, 0.5, 1.0))


def by_closing(
    scope: Scope, region: NDArray[np.bool_], mm: float, progress: Progress
) -> NDArray[np.bool_]:
    """Return what no ball covers that stays outside."""
    spacing = scope.surface.spacing_mm
    large = is_near(region, spacing, mm, share_of(progress, 0.0, 0.5))
    return eroded(large, spacing, mm, share_of(progress, 0.5, 1.0))


def by_gaussian(
    scope: Scope, region: NDArray[np.bool_], mm: float, progress: Progress
) -> NDArray[np.bool_]:
    """Return where a Gaussian around sees the inside more than the outside."""
    return np.asarray(blurred(scope, region, mm, progress) > 0.5)


def blurred(
    scope: Scope, region: NDArray[np.bool_], mm: float, progress: Progress
) -> NDArray[np.float32]:
    """Return the share of a region around each voxel, weighted by a Gaussian of ``mm``.

    Beyond the array its edge is repeated.
    """
    from scipy import ndimage  # scipy takes a while to import

    shares = region.astype(np.float32)
    for axis, (reach, step) in enumerate(
        zip(scope.reach(_DEVIATIONS * mm), scope.surface.spacing_mm, strict=True)
    ):
        if reach:
            ndimage.gaussian_filter1d(
                shares, mm / step, axis, output=shares, mode="nearest", radius=reach
            )
        progress((axis + 1) / 3)
    return shares


def smoothed_together(scope: Scope, mm: float, progress: Progress) -> Change:
    """Return all labels smoothed together by a Gaussian of ``mm``.

    What all labels as one cover after smoothing is drawn, and each voxel of it has the label that
    is strongest there: so labels that touched leave no gap.
    """
    from scipy import ndimage  # scipy takes a while to import

    reach = _reach(scope, "joint", mm)
    box = scope.grown(scope.box_around_all(), reach)
    before = scope.surface.labels(box)
    total = np.zeros(before.shape, np.float32)
    best = np.zeros(before.shape, np.float32)
    labels = np.zeros_like(before)
    found = [(n, part) for n, part in enumerate(ndimage.find_objects(before), 1) if part]
    for number, (value, tight) in enumerate(found):
        place = tuple(
            slice(max(0, part.start - more), part.stop + more)
            for part, more in zip(tight, reach, strict=True)
        )
        tell = share_of(progress, number / len(found), (number + 1) / len(found))
        shares = blurred(scope, before[place] == value, mm, tell)
        total[place] += shares
        is_best = shares > best[place]
        np.copyto(best[place], shares, where=is_best)
        labels[place][is_best] = value
    labels[total <= 0.5] = 0
    return Change(box=box, labels=labels)


def _reach(scope: Scope, method: str, mm: float) -> tuple[int, int, int]:
    """Return how far a method looks along each axis, voxels; raises AnnotatorError for nowhere."""
    is_gaussian = method in ("gaussian", "joint")
    return scope.reach_of_one(_DEVIATIONS * mm if is_gaussian else mm, "A size")


_SMOOTHERS: dict[str, Smoother] = {
    "median": by_median,
    "opening": by_opening,
    "closing": by_closing,
    "gaussian": by_gaussian,
}
