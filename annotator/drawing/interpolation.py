"""Interpolate: what lies between drawn slices, or inside contours that were drawn in any planes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.edit import box_slices
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.operation import Change, share_of, trimmed, unwatched
from annotator.drawing.options import ChoiceOption, with_defaults
from annotator.drawing.scope import Scope, box_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.drawing.edit import Mask
    from annotator.drawing.operation import Asked, Progress
    from annotator.drawing.options import Option
    from annotator.drawing.surface import Surface


class Interpolation:
    """Fills what was left out between slices; what is drawn is never changed."""

    name: ClassVar[str] = "interpolate"
    title: ClassVar[str] = "Interpolate"
    explanation: ClassVar[str] = (
        "Draw a structure in some slices of one view and leave slices out: they are filled by the "
        "shapes between. Or draw it in a few slices of several views, and a surface is laid "
        "through the contours. What you drew is never changed."
    )
    options: ClassVar[tuple[Option, ...]] = (
        ChoiceOption(
            key="mode",
            title="From",
            tooltip="Between slices fills the gaps in the view that was drawn in last; through "
            "contours lays a surface through what was drawn in any of the three views.",
            default="slices",
            choices=(("slices", "Between slices"), ("surface", "Through contours of all views")),
        ),
        ChoiceOption(
            key="labels",
            title="Labels",
            tooltip="All that are drawn, or the label in hand alone.",
            default="all",
            choices=(("all", "All labels"), ("one", "The label in hand")),
        ),
    )
    needs_image: ClassVar[bool] = False
    is_live: ClassVar[bool] = True

    def run(self, surface: Surface, asked: Asked, progress: Progress = unwatched) -> Change | None:
        """Return labels for the slices without them, or for the inside of the surface."""
        chosen = with_defaults(self.options, asked.chosen)
        scope = Scope(surface=surface, box=surface.whole, plane=None)
        only = asked.label if chosen["labels"] == "one" else None
        box = scope.box_around(only) if only is not None else scope.box_around_all()
        # A copy: who draws goes on meanwhile.
        drawn = surface.labels(box).copy()
        fill = _between_slices if chosen["mode"] == "slices" else _through_contours
        labels = fill(drawn, _Task(surface.spacing_mm, asked.plane, only), progress)
        return trimmed(surface, Change(box=box, labels=labels))


@dataclass(frozen=True, slots=True)
class _Task:
    """What is filled: one label or, where ``only`` is None, all."""

    spacing_mm: tuple[float, float, float]
    plane: int
    only: int | None

    def wants(self, label: int) -> bool:
        """Tell whether a label is filled."""
        return label != 0 and self.only in (None, label)


def _between_slices(drawn: Mask, task: _Task, progress: Progress) -> Mask:
    """Return the labels with all gaps along the plane's axis filled."""
    # brings scipy, which takes a while to import
    from annotator.drawing.interpolation_sections import blends_between

    turned = np.moveaxis(drawn, task.plane, 0)
    down, right = (step for axis, step in enumerate(task.spacing_mm) if axis != task.plane)
    gaps = _gaps(turned, task)
    if not gaps:
        what = "No label" if task.only is None else f"Label {task.only}"
        raise NothingToDoError(
            f"{what} is drawn in two slices of this view with slices left out between them: draw "
            "it in at least two, a few apart. Or choose the surface through contours of all views."
        )
    filled = turned.copy()
    deepest: dict[int, NDArray[np.float32]] = {}
    for done, (label, first, last) in enumerate(gaps):
        progress(done / len(gaps))
        shares = [(at - first) / (last - first) for at in range(first + 1, last)]
        found = blends_between(turned[first] == label, turned[last] == label, shares, (down, right))
        for at, blends in enumerate(found, first + 1):
            for blend in blends:
                deep = deepest.setdefault(at, np.zeros(turned.shape[1:], np.float32))[blend.window]
                free = (turned[at][blend.window] == 0) & (blend.depth > deep)
                deep[free] = blend.depth[free]
                filled[at][blend.window][free] = label
    return np.moveaxis(filled, 0, task.plane)


def _gaps(turned: Mask, task: _Task) -> list[tuple[int, int, int]]:
    """Return label, last slice before and first slice after each gap, labels ascending."""
    drawn_in: dict[int, list[int]] = defaultdict(list)
    for at, section in enumerate(turned):
        for label in np.flatnonzero(np.bincount(section.reshape(-1))).tolist():
            if task.wants(label):
                drawn_in[label].append(at)
    return [
        (label, first, last)
        for label, places in sorted(drawn_in.items())
        for first, last in pairwise(places)
        if last - first > 1
    ]


def _through_contours(drawn: Mask, task: _Task, progress: Progress) -> Mask:
    """Return the labels with the inside of each label's surface filled."""
    # brings scipy, which takes a while to import
    from annotator.drawing.interpolation_surface import depths_through

    counts = np.bincount(drawn.reshape(-1))
    labels = [label for label in np.flatnonzero(counts).tolist() if task.wants(label)]
    filled = drawn.copy()
    deepest = np.zeros(drawn.shape, np.float32)
    n_found = 0
    for done, label in enumerate(labels):
        found = box_of(drawn == label)
        if found is None:
            continue
        window = box_slices(found)
        part = share_of(progress, done / len(labels), (done + 1) / len(labels))
        depth = depths_through(drawn[window] == label, task.spacing_mm, part)
        if depth is None:
            continue
        n_found += 1
        free = (drawn[window] == 0) & (depth > deepest[window])
        deepest[window][free] = depth[free]
        filled[window][free] = label
    if not n_found:
        raise NothingToDoError(
            "A surface needs contours in at least two slices: draw the structure filled in a few "
            "slices of two or three views."
        )
    return filled
