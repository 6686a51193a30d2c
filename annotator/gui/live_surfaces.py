"""Surfaces of the labels of a live mask, worked out again beside the window when it changes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from annotator.analysis.label_surface import label_box, label_surface, vertex_normals
from annotator.drawing.edit import box_slices, join_boxes
from annotator.gui.background import Background

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.edit import Mask
    from annotator.drawing.label_layers import LabelLayers
    from annotator.gui.patient_frame import PatientFrame
    from annotator.gui.suggestion import Suggestion

T = TypeVar("T")

_PAUSE_S = 0.5
"""The mask is looked at again at most this often."""
_ROUNDS = 12
"""How often the light on a surface is smoothed."""
_KEY = "surface"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PatientSurface:
    """Triangles of a label: points and normals ``(n, 3)``, mm towards left, back, head.

    Seen from outside, the corners of each triangle ``(m, 3)`` go around against the clock.
    """

    points: NDArray[np.float32]
    normals: NDArray[np.float32]
    triangles: NDArray[np.uint32]


class SurfaceBook:
    """What a live mask held when it was looked at last, and what of it has changed since.

    Used by one thread at a time. Nothing but :meth:`note` reads the live mask. ``layers`` is given
    where labels of several groups may share a voxel.
    """

    def __init__(self, mask: Mask, frame: PatientFrame, layers: LabelLayers | None = None) -> None:
        self._mask = mask
        self._frame = frame
        self._layers = layers
        self.suggestion: Suggestion | None = None
        """What is seen in place of the mask; `note` the boxes of the old and the new one."""
        self._seen = np.zeros_like(mask)
        self._boxes: dict[int, Box] = {}

    def note(self, box: Box) -> list[int]:
        """Look at a box of the mask again; returns the labels that were changed there."""
        place = box_slices(box)
        now, before = self._mask[place].copy(), self._seen[place].copy()
        suggestion = self.suggestion  # read once: the window may take it away meanwhile
        if suggestion is not None:
            suggestion.paste(now, box)
        self._seen[place] = now
        if self._layers is None:
            return self._changed(box, now, before)
        parts = [
            self._changed(box, self._layers.labels(now, group), self._layers.labels(before, group))
            for group in self._layers.values.groups
        ]
        return sorted(label for changed in parts for label in changed)

    def _changed(self, box: Box, now: Mask, before: Mask) -> list[int]:
        """Return the labels that changed in a box, and keep where they are."""
        from scipy import ndimage  # takes a while to import

        differs = now != before
        counts = [np.bincount(labels[differs]) for labels in (now, before)]
        changed = sorted({int(label) for count in counts for label in np.flatnonzero(count)} - {0})
        found = ndimage.find_objects(now) if changed else []
        for label in changed:
            there = found[label - 1] if label <= len(found) else None
            if there is not None:
                part = _within(box, there)
                self._boxes[label] = join_boxes(self._boxes.get(label), part) or part
        return changed

    def surface(self, label: int) -> PatientSurface | None:
        """Return the surface of a label as it was seen; None where it is not drawn."""
        known = self._boxes.get(label)
        there = None if known is None else label_box(self._labels(known, label), label)
        if known is None or there is None:
            self._boxes.pop(label, None)
            return None
        box = self._boxes[label] = _within(known, there)
        spacing = self._frame.spacing_mm
        made = label_surface(self._labels(box, label), label, spacing)
        if made is None:
            return None
        normals = vertex_normals(made.points, made.triangles, _ROUNDS)
        points = made.points + np.array(box[0]) * np.array(spacing)
        triangles = made.triangles[:, ::-1] if self._frame.is_mirrored else made.triangles
        return PatientSurface(
            points=self._frame.from_mm(points),
            normals=np.ascontiguousarray(self._frame.from_mm(normals)),
            triangles=np.ascontiguousarray(triangles),
        )

    def _labels(self, box: Box, label: int) -> Mask:
        """Return what was seen of the group of a label over a box."""
        seen = self._seen[box_slices(box)]
        layers = self._layers
        return seen if layers is None else layers.labels(seen, layers.values.group_of(label))


class LiveSurfaces(QObject):
    """Works out the surfaces that changed, one after the other, while it is active."""

    changed = Signal(int, object)
    """A label and its PatientSurface, or None where it is not drawn any more."""
    busy_changed = Signal(bool)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = Background(self)
        self._book: SurfaceBook | None = None
        self._shape = (0, 0, 0)
        self._touched: Box | None = None
        self._waiting: list[int] = []
        self._is_active = self._is_running = self._is_busy = False
        self._looked_at = -_PAUSE_S
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._go_on)

    @property
    def is_busy(self) -> bool:
        """Whether what is shown is not what is drawn."""
        return self._is_busy

    def use(self, mask: Mask, frame: PatientFrame, layers: LabelLayers | None = None) -> None:
        """Follow another live mask ``(z, y, x)``."""
        self.clear()
        self._book, self._shape = SurfaceBook(mask, frame, layers), frame.shape
        self._looked_at = -_PAUSE_S
        self.touch(None)

    def clear(self) -> None:
        """Follow none; what is being worked out is for nobody."""
        self._background.drop(_KEY)
        self._timer.stop()
        self._book = self._touched = None
        self._waiting.clear()
        self._is_running = False
        self._tell_busy()

    def close(self) -> None:
        """Wait for what is being worked out, and end."""
        self.clear()
        self._background.close()

    def touch(self, box: Box | None) -> None:
        """Tell that the mask was written to in a box; None where it is not known where."""
        if self._book is not None:
            self._touched = join_boxes(self._touched, box or ((0, 0, 0), self._shape))
            self._plan()

    def suggest(self, suggestion: Suggestion | None) -> None:
        """Show what would be drawn, too; None shows what is drawn alone."""
        book = self._book
        if book is None or book.suggestion is suggestion:
            return
        before, book.suggestion = book.suggestion, suggestion
        for shown in (before, suggestion):
            if shown is not None:
                self.touch(shown.change.box)

    def set_active(self, on: bool) -> None:
        """Work, or put off what is to be done until the surfaces are seen again."""
        self._is_active = on
        self._plan()

    def _plan(self) -> None:
        self._tell_busy()
        if not self._is_busy or self._is_running or self._timer.isActive():
            return
        due = 0.0 if self._waiting else self._looked_at + _PAUSE_S - time.monotonic()
        self._timer.start(max(0, int(due * 1000)))

    def _go_on(self) -> None:
        book = self._book
        if book is None or self._is_running or not self._is_active:
            return
        is_due = time.monotonic() - self._looked_at >= _PAUSE_S or not self._waiting
        if self._touched is not None and is_due:
            box, self._touched = self._touched, None
            self._looked_at = time.monotonic()
            self._run(partial(book.note, box), self._noted)
        elif self._waiting:
            label = self._waiting.pop(0)
            self._run(partial(book.surface, label), partial(self._made, label))

    def _run(self, work: Callable[[], T], done: Callable[[T], None]) -> None:
        self._is_running = True
        self._background.run(_KEY, work, done, self._fail)

    def _noted(self, labels: list[int]) -> None:
        self._waiting += [label for label in labels if label not in self._waiting]
        self._end()

    def _made(self, label: int, surface: PatientSurface | None) -> None:
        self.changed.emit(label, surface)
        self._end()

    def _fail(self, error: Exception) -> None:
        self.failed.emit(error)
        self._end()

    def _end(self) -> None:
        self._is_running = False
        self._plan()

    def _tell_busy(self) -> None:
        has_work = self._touched is not None or bool(self._waiting) or self._is_running
        is_busy = has_work and self._is_active
        if is_busy != self._is_busy:
            self._is_busy = is_busy
            self.busy_changed.emit(is_busy)


def _within(box: Box, place: tuple[slice, ...]) -> Box:
    """Return slices of a box as a box of the whole."""
    z, y, x = (start + part.start for start, part in zip(box[0], place, strict=True))
    z1, y1, x1 = (start + part.stop for start, part in zip(box[0], place, strict=True))
    return (z, y, x), (z1, y1, x1)
