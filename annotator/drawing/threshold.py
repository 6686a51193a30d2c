"""Threshold: a label where the image has values of a range, set by hand or found by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.domain.errors import AnnotatorError
from annotator.drawing.edit import box_slices
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.operation import Asked, Change, Progress, share_of, trimmed, unwatched
from annotator.drawing.options import ChoiceOption, NumberOption, Option, SwitchOption
from annotator.drawing.scope import WHERE, box_of, moved, refuse_background, scope_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.surface import Surface

_SLAB = 16
"""Slices that are looked at at a time."""
_BINS = 1024


class Threshold:
    """Draws a label wherever the image has values of a range: in a slice, or in the volume.

    The limit that is found by itself is Otsu's (IEEE Transactions on Systems, Man and Cybernetics
    9, 1979): it parts the values of the slice or volume into two classes whose variances are least.
    """

    name: ClassVar[str] = "threshold"
    title: ClassVar[str] = "Threshold"
    explanation: ClassVar[str] = (
        "Draws the label wherever the image has values of a range. Otsu finds the limit between "
        "dark and bright by itself. The rules for all tools hold here as well: drawing only "
        "inside one label keeps the threshold inside it. Other labels stay, unless they are to go."
    )
    options: ClassVar[tuple[Option, ...]] = (
        ChoiceOption(
            key="range",
            title="Values",
            tooltip="A range that you set, or what lies on one side of a limit that is found.",
            default="otsu-bright",
            choices=(
                ("otsu-bright", "Bright ones (Otsu)"),
                ("otsu-dark", "Dark ones (Otsu)"),
                ("set", "Range as set"),
            ),
        ),
        NumberOption(
            key="low",
            title="Lowest value",
            tooltip="In the units of the image; it is drawn too.",
            default=100.0,
            minimum=-1e6,
            maximum=1e6,
            only_with=("range", ("set",)),
        ),
        NumberOption(
            key="high",
            title="Highest value",
            tooltip="In the units of the image; it is drawn too.",
            default=1000.0,
            minimum=-1e6,
            maximum=1e6,
            only_with=("range", ("set",)),
        ),
        WHERE,
        SwitchOption(
            key="replace",
            title="Instead of what is drawn",
            tooltip="On: the label goes where the image has other values. Off: it is added to.",
        ),
        SwitchOption(
            key="over_labels",
            title="Over other labels",
            tooltip="Draw also where another label is.",
        ),
    )
    needs_image: ClassVar[bool] = True
    is_live: ClassVar[bool] = False

    def run(self, surface: Surface, asked: Asked, progress: Progress = unwatched) -> Change | None:
        """Return the label over the box in which it becomes another.

        Raises AnnotatorError for a range that is empty, NothingToDoError where no voxel has such
        values.
        """
        refuse_background(asked.label)
        box = scope_of(surface, asked).box
        low, high = self._range(surface, asked, box, share_of(progress, 0.0, 0.4))
        before = surface.labels(box)
        labels = before.copy()
        n_met = 0
        for slab, inner in _slabs(box):
            values = surface.values(slab)
            is_met = (values >= low) & (values <= high)
            n_met += int(np.count_nonzero(is_met))
            part = labels[inner]
            is_own = part == asked.label
            if asked.chosen["replace"]:
                part[is_own & ~is_met] = 0
            if not asked.chosen["over_labels"]:
                is_met &= part == 0
            part[is_met] = asked.label
            progress(0.4 + 0.5 * (inner[0].stop or 0) / len(labels))
        if not n_met:
            raise NothingToDoError(f"No voxel has a value from {low:.4g} to {high:.4g}.")
        changed = box_of(labels != before)
        if changed is None:
            return None
        return trimmed(
            surface, Change(box=moved(changed, box[0]), labels=labels[box_slices(changed)])
        )

    def _range(
        self, surface: Surface, asked: Asked, box: Box, progress: Progress
    ) -> tuple[float, float]:
        if asked.chosen["range"] == "set":
            low, high = float(asked.chosen["low"]), float(asked.chosen["high"])
            if low > high:
                raise AnnotatorError(
                    f"The lowest value is {low:g} and the highest {high:g}: nothing lies between. "
                    "Set the lowest below the highest."
                )
            return low, high
        limit = np.float32(otsu_limit(surface, box, progress))
        if asked.chosen["range"] == "otsu-dark":
            return -np.inf, float(np.nextafter(limit, np.float32(-np.inf)))
        return float(limit), np.inf


def otsu_limit(surface: Surface, box: Box, progress: Progress = unwatched) -> float:
    """Return the lowest value of the brighter class over a box, modality units.

    Raises NothingToDoError where all values are the same.
    """
    from skimage.filters import threshold_otsu  # takes a while to import

    ends: list[tuple[float, float]] = []
    for slab, inner in _slabs(box):
        values = surface.values(slab)
        ends.append((float(np.nanmin(values)), float(np.nanmax(values))))
        progress(0.5 * (inner[0].stop or 0) / (box[1][0] - box[0][0]))
    low, high = min(one for one, _ in ends), max(other for _, other in ends)
    if not low < high:
        raise NothingToDoError(f"All values are {low:g} here: there is no limit between them.")
    counts: NDArray[np.int64] = np.zeros(_BINS, np.int64)
    edges = np.linspace(low, high, _BINS + 1)
    for slab, inner in _slabs(box):
        counts += np.histogram(surface.values(slab), bins=edges)[0]
        progress(0.5 + 0.5 * (inner[0].stop or 0) / (box[1][0] - box[0][0]))
    found = int(threshold_otsu(hist=(counts, np.arange(_BINS))))  # type: ignore[no-untyped-call]
    return float(edges[found + 1])


def _slabs(box: Box) -> Iterator[tuple[Box, tuple[slice, slice, slice]]]:
    """Yield parts of a box, some slices thick, and where they lie in it."""
    (z0, y0, x0), (z1, y1, x1) = box
    for first in range(z0, z1, _SLAB):
        stop = min(z1, first + _SLAB)
        inner = slice(first - z0, stop - z0), slice(None), slice(None)
        yield ((first, y0, x0), (stop, y1, x1)), inner
