"""Fusion methods side by side on one case, before a reviewer chooses one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.analysis.dispute_words import size_in_words
from annotator.api import FusionMethod
from annotator.domain.errors import AnnotatorError
from annotator.session.differences import find_differences

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annotator.domain.geometry import Geometry
    from annotator.domain.review import Fusion
    from annotator.registry import Registry
    from annotator.session.differences import Difference
    from annotator.session.review_case import ReviewCase

BASELINE = "majority"
"""What every other method is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodOption:
    """A fusion method to choose; one that ``takes_long`` runs outside the window's process."""

    name: str
    title: str
    takes_long: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MethodView:
    """What a method makes of a case.

    ``fusion`` and ``labels`` ``(z, y, x)`` are None where it has not fused these readings yet;
    ``words`` then says why, or that it has not been asked to. ``differences`` are those from the
    baseline, largest first; ``n_newer`` readings came in since the method learned.
    """

    option: MethodOption
    fusion: Fusion | None
    labels: NDArray[np.unsignedinteger] | None
    words: str = ""
    differences: tuple[Difference, ...] = ()
    is_baseline: bool = False
    n_newer: int = 0

    def in_words(self, geometry: Geometry) -> str:
        """Say how far the method departs from the baseline, and whether it would learn anew."""
        if self.is_baseline:
            return "What most raters drew: the others are compared with it."
        return self._departure(geometry) + self._age()

    def _age(self) -> str:
        if not self.n_newer:
            return ""
        came = "a reading" if self.n_newer == 1 else f"{self.n_newer} readings"
        return f" Learned before {came} came in: fuse every case again."

    def _departure(self, geometry: Geometry) -> str:
        if not self.differences:
            return "Nothing differs from the majority vote."
        n_voxels = sum(entry.n_voxels for entry in self.differences)
        n_regions = len(self.differences)
        places = "one place" if n_regions == 1 else f"{n_regions} places"
        size = size_in_words(n_voxels, geometry)
        if geometry.is_calibrated:
            size = f"{n_voxels:,} voxels ({size})"
        return f"{size} differ from the majority vote, in {places}."


def method_options(registry: Registry) -> tuple[MethodOption, ...]:
    """Return every fusion method, the simple ones first."""
    found = [
        MethodOption(
            name=method.name, title=method.title, takes_long=not isinstance(method, FusionMethod)
        )
        for method in registry.fusion_methods()
    ]
    return tuple(sorted(found, key=lambda entry: (entry.takes_long, entry.title)))


def view_methods(case: ReviewCase, options: tuple[MethodOption, ...]) -> tuple[MethodView, ...]:
    """Return what each method makes of a case, the baseline first.

    Methods that take long show what they have fused before; nothing is run for them.
    """
    baseline = case.fused_by(case.fuse(BASELINE).fusion_id)
    ordered = sorted(options, key=lambda entry: entry.name != BASELINE)
    return tuple(_view(case, option, baseline) for option in ordered)


def differences_from_vote(case: ReviewCase) -> tuple[Difference, ...]:
    """Return where the fusion that is in use differs from the baseline, largest first."""
    baseline = case.fused_by(case.fuse(BASELINE).fusion_id)
    return find_differences(case.fused, baseline)


def _view(
    case: ReviewCase, option: MethodOption, baseline: NDArray[np.unsignedinteger]
) -> MethodView:
    """Return what one method makes of a case, or why it makes nothing of it."""
    fusion, words = None, ""
    if option.takes_long:
        fusion = case.fused_before(option.name)
        words = "" if fusion else "Not fused yet: it looks at all cases, or at every voxel."
    else:
        try:
            fusion = case.fuse(option.name)
        except AnnotatorError as error:
            words = str(error)
    if option.name == BASELINE:
        return MethodView(option=option, fusion=fusion, labels=baseline, is_baseline=True)
    labels = case.fused_by(fusion.fusion_id) if fusion else None
    return MethodView(
        option=option,
        fusion=fusion,
        labels=labels,
        words=words,
        differences=() if labels is None else find_differences(labels, baseline),
        n_newer=case.n_newer(fusion) if fusion else 0,
    )
