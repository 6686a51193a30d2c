"""A series beside a case with its header: which one, how it is linked, what is seen of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPoint, QPointF, Qt, QTimer, Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from annotator.gui.buttons import Button, label
from annotator.gui.companion_link import CompanionLink, CompanionPicture, frame_words
from annotator.gui.companion_view import CompanionView, Look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from qtpy.QtGui import QShowEvent

    from annotator.domain.companions import Companion
    from annotator.domain.study import Series
    from annotator.gui.background import Background
    from annotator.gui.canvas import Canvas
    from annotator.gui.planes import Plane
    from annotator.gui.view_camera import ViewCamera
    from annotator.gui.window_level import WindowLevel

_LABELS_MS = 60
"""How long the labels may lag behind what is drawn."""
_NOT_LINKED = "Not linked. Bring the crosshair to the same place as on the left, then Align here."
_NOT_LINKED_FLAT = "Not linked. Drag it to where it matches the case on the left, then Align here."
_OUTSIDE = "Outside this series: nothing was recorded here."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedSeries:
    """A series that is shown: its voxels ``(z, y, x[, channel])`` and its first window."""

    companion: Companion
    voxels: NDArray[Any]
    window: WindowLevel | None


class CompanionPane(QWidget):
    """Follows the view in hand of a canvas while it is linked; moves by itself while it is not.

    What was set by hand is remembered for each series until another case opens.
    """

    chosen = Signal(object)
    """The Companion that is wanted."""
    register_wanted = Signal()

    def __init__(
        self, canvas: Canvas, background: Background, key: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("companion")
        self._canvas = canvas
        self._background = background
        self._key = key
        self._own: Series | None = None
        self._companions: tuple[Companion, ...] = ()
        self._links: dict[str, CompanionLink] = {}
        self.loaded: LoadedSeries | None = None
        self.link: CompanionLink | None = None
        self.is_linked = True
        self.shows_labels = False
        self.is_level = True
        """Whether places stand as high on the screen as in the view of the case."""
        self._place = np.zeros(3)
        self._plane: Plane | None = None
        self._camera: ViewCamera | None = None
        self._is_cutting = False
        self._is_stale = False
        self.view = CompanionView()
        self._make_header()
        self._connect()
        self._labels_soon = QTimer(self, singleShot=True, interval=_LABELS_MS)
        self._labels_soon.timeout.connect(self._show_labels)

    def _make_header(self) -> None:
        self.list = QComboBox()
        self.list.setAccessibleName("Series beside the case")
        self.list.setToolTip("Series of the same study, and earlier studies (Alt+N: next).")
        self.list.setMinimumContentsLength(8)
        self.list.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.list.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.linked = Button(
            "Linked",
            "Follow the case: the same place, plane, zoom and slice (Alt+U). "
            "Let go, it is moved by itself.",
            lambda: self.set_linked(not self.is_linked),
        )
        self.linked.setCheckable(True)
        self.linked.setChecked(True)
        self.align = Button(
            "Align here",
            "What is at this crosshair lies at the crosshair of the case: keep it so, and link "
            "again (Alt+A).",
            self.align_here,
        )
        self.register_button = Button(
            "Register",
            "Lay it on the case as a whole, by what both show. Only the link is moved and turned; "
            "no image is changed.",
            lambda: self.register_wanted.emit(),
        )
        self.reset = Button(
            "Reset", "Link by what the files say, without a shift.", self.straighten
        )
        self.labels = Button(
            "Drawing",
            "Show what is drawn on the case over this series too (Alt+D). It is not drawn on.",
            lambda: self.show_labels(not self.shows_labels),
        )
        self.labels.setCheckable(True)
        self.about = label("", "small", wrap=True)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.list, 1)
        for button in (self.linked, self.align, self.register_button, self.reset, self.labels):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            second.addWidget(button)
        second.addStretch(1)
        header = QVBoxLayout()
        header.setContentsMargins(8, 4, 8, 4)
        header.setSpacing(4)
        for row in (first, second):
            row.setSpacing(4)
            header.addLayout(row)
        header.addWidget(self.about)
        self.header = first
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(header)
        layout.addWidget(self.view, 1)

    def _connect(self) -> None:
        view, canvas = self.view, self._canvas
        self.list.activated.connect(self._choose)
        view.pointed.connect(self._point)
        view.stepped.connect(self._step)
        view.zoomed.connect(self._zoom)
        view.panned.connect(self._pan)
        view.windowed.connect(self._drag_window)
        view.resized.connect(self.follow)
        canvas.position_changed.connect(self.follow)
        canvas.looked.connect(self.follow)
        canvas.mask_touched.connect(self._touch)
        canvas.cursor_moved.connect(self._show_pointer)

    # which series

    def begin(self, own: Series, companions: Sequence[Companion]) -> None:
        """Offer the companions of another case."""
        self.end()
        self._own, self._companions = own, tuple(companions)
        self.view.pans_with_left = self._is_flat
        for one in companions:
            self.list.addItem(f"{one.title} · {one.when}")
            self.list.setItemData(
                self.list.count() - 1, f"{one.title}, {one.when}", Qt.ItemDataRole.ToolTipRole
            )

    def end(self) -> None:
        """Let the case go."""
        self._own, self._companions = None, ()
        self._links.clear()
        self.list.clear()
        self.let_go()

    def let_go(self) -> None:
        """Let the series go."""
        self._background.drop(self._key)
        self._is_cutting = self._is_stale = False
        self.loaded = self.link = None
        self.view.show_picture(None, None)
        self.view.words = ()

    def choose(self, place: int) -> None:
        """Ask for a companion by its place in the list."""
        if self._companions:
            self.list.setCurrentIndex(place % len(self._companions))
            self._choose(self.list.currentIndex())

    def _choose(self, place: int) -> None:
        self._canvas.setFocus()  # the keys are those of tools again
        self.chosen.emit(self._companions[place])

    def say(self, words: str) -> None:
        """Say why there is nothing to see."""
        self.let_go()
        self.about.setText(words)
        self.about.show()

    def show_series(self, loaded: LoadedSeries) -> None:
        """Show a series, linked as it was left."""
        own = self._own
        if own is None:
            return
        self.let_go()
        self.loaded = loaded
        series = loaded.companion.series
        known = self._links.get(series.series_id)
        self.link = CompanionLink.between(own, series) if known is None else known
        self.list.setCurrentIndex(
            next(
                number
                for number, one in enumerate(self._companions)
                if one.series.series_id == series.series_id
            )
        )
        self.set_linked(True)

    def showEvent(self, event: QShowEvent) -> None:
        """Look where the case is looked at by now."""
        super().showEvent(event)
        self.follow()

    # linking

    def set_linked(self, on: bool) -> None:
        """Follow the case, or stay and be moved by itself."""
        self.is_linked = on
        self.linked.setChecked(on)
        self.linked.setText("Linked" if on else "Link")
        self.align.setVisible(not on)
        self.register_button.setVisible(on)
        self._say_link()
        self.follow()

    def align_here(self) -> None:
        """Take the place under this crosshair for the one under the crosshair of the case."""
        if self.link is None or self.is_linked:
            return
        moved = self._place - np.array(self._canvas.position, float)
        if self._is_flat:
            moved += self._panned()
        self._keep(self.link.shifted(moved))
        self.set_linked(True)

    @property
    def _is_flat(self) -> bool:
        """Whether the case is a single slice, which has no crosshair: it is aligned by dragging."""
        return self._own is not None and not self._own.geometry.is_volume

    def _panned(self) -> NDArray[np.float64]:
        """Return how far this view looks beside where the case is looked at, in its voxels."""
        plane, camera = self._plane, self._camera
        if plane is None or camera is None:
            return np.zeros(3)
        there = self._levelled(self._canvas.view_in_hand.camera, +1)
        here, away = (one.to_slice(one.size[0] / 2, one.size[1] / 2) for one in (camera, there))
        moved: NDArray[np.float64] = np.subtract(
            plane.to_index(*here, 0.0), plane.to_index(*away, 0.0)
        )
        return moved

    def straighten(self) -> None:
        """Link by what the files say."""
        if self._own is not None and self.loaded is not None:
            self._keep(CompanionLink.between(self._own, self.loaded.companion.series))
            self.set_linked(True)

    def register(self, series_id: str, rigid: NDArray[np.float64]) -> None:
        """Link a series by a rigid 4 x 4 matrix from places of the case to its own, LPS mm."""
        for one in self._companions:
            if self._own is not None and one.series.series_id == series_id:
                link = CompanionLink.between(self._own, one.series, rigid)
                self._links[series_id] = link
                if self.loaded is not None and self.loaded.companion == one:
                    self.link = link
                    self.set_linked(True)

    def _keep(self, link: CompanionLink) -> None:
        self.link = link
        if self.loaded is not None:
            self._links[self.loaded.companion.series.series_id] = link

    def _say_link(self) -> None:
        own, loaded, link = self._own, self.loaded, self.link
        if own is None or loaded is None or link is None:
            return
        moved = link.words(own)
        files = "" if link.rigid is not None else frame_words(own, loaded.companion.series)
        aside = _NOT_LINKED_FLAT if self._is_flat else _NOT_LINKED
        self.about.setText(f"{moved} {files}".strip() if self.is_linked else aside)
        self.about.setVisible(bool(self.about.text()))
        self.reset.setEnabled(bool(moved) or not self.is_linked)
        self.register_button.setEnabled(not self._is_flat)

    # what is seen

    def follow(self) -> None:
        """Look where the case is looked at, or, on its own, at the plane that it shows."""
        if self.link is None or not self.isVisible():
            return
        view = self._canvas.view_in_hand
        if self.is_linked:
            self._place = np.array(self._canvas.position, float)
        if self.is_linked or self._plane is not view.plane or self._camera is None:
            self._plane = view.plane
            self._camera = self._levelled(view.camera, +1)
        size = (self.view.width(), self.view.height())
        self._camera = self._camera.resized(size)
        self._refresh()

    def _levelled(self, camera: ViewCamera, sense: int) -> ViewCamera:
        """Return a camera of the case for this view, or (-1) one of this view for the case."""
        view = self._canvas.view_in_hand
        if not self.is_level:
            return camera
        here = self.view.mapToGlobal(QPoint(0, 0)).y() + self.view.height() / 2
        there = view.mapToGlobal(QPoint(0, 0)).y() + view.height() / 2
        row, column = camera.centre_mm
        return replace(camera, centre_mm=(row + sense * (here - there) / camera.zoom, column))

    def _refresh(self) -> None:
        """Cut again, beside the window; what is asked for meanwhile is cut when that is done."""
        plane, camera, link, loaded = self._plane, self._camera, self.link, self.loaded
        if plane is None or camera is None or link is None or loaded is None:
            return
        self.view.camera = camera
        self.view.cross = None if self._is_flat else plane.to_screen(self._place.tolist())
        self._labels_soon.start()
        self.view.update()
        if self._is_cutting:
            self._is_stale = True
            return
        index = float(self._place[plane.axis])
        self._is_cutting, self._is_stale = True, False
        self._background.run(
            self._key,
            lambda: link.cut(plane, index, camera, loaded.voxels),
            self._show,
            self._could_not_cut,
        )

    def _show(self, picture: CompanionPicture) -> None:
        self._is_cutting = False
        loaded = self.loaded
        if loaded is None:
            return
        self.view.banner = "" if picture.inside.any() else _OUTSIDE
        self._say_series(loaded)
        self.view.show_picture(picture, None if loaded.window is None else loaded.window.limits)
        if self._is_stale:
            self._refresh()

    def _could_not_cut(self, error: Exception) -> None:
        self.say(f"This series cannot be shown: {error}")

    def _say_series(self, loaded: LoadedSeries) -> None:
        when = loaded.companion.when
        self.view.words = (when[:1].upper() + when[1:], loaded.companion.title)
        self.view.window_text = "" if loaded.window is None else loaded.window.text

    def _drag_window(self, moved: QPointF) -> None:
        loaded = self.loaded
        if loaded is not None and loaded.window is not None:
            window = loaded.window.dragged(moved.x(), moved.y())
            self.loaded = replace(loaded, window=window)
            self._say_series(self.loaded)
            self.view.tone(window.limits)

    # the labels of the case

    def show_labels(self, on: bool) -> None:
        """Show what is drawn on the case over the series, or do not."""
        self.shows_labels = on
        self.labels.setChecked(on)
        self._show_labels()

    def _touch(self, _box: object) -> None:
        if self.shows_labels and self.isVisible() and not self._labels_soon.isActive():
            self._labels_soon.start()

    def _show_labels(self) -> None:
        plane, surface = self._plane, self._canvas.surface
        if plane is None or surface is None:
            return
        index = round(float(self._place[plane.axis]))
        is_inside = 0 <= index < plane.n_slices
        section = plane.cut(surface.mask, index) if self.shows_labels and is_inside else None
        look = Look(self._canvas.label_colors, is_contour=self._canvas.shows_contours)
        self.view.show_labels(plane, section, look)

    def _show_pointer(self, place: tuple[int, int, int] | None) -> None:
        if self.isVisible() and self._plane is not None:
            is_shown = place is not None and self.is_linked
            self.view.pointer = self._plane.to_screen(place) if place and is_shown else None
            self.view.update()

    # hands on this view

    def _point(self, at: QPointF) -> None:
        """Bring the crosshair there: of both, or of this one alone."""
        plane, camera = self._plane, self._camera
        if plane is None or camera is None:
            return
        row, column = camera.to_slice(at.x(), at.y())
        place = plane.to_index(row, column, float(self._place[plane.axis]))
        if self.is_linked:
            self._canvas.set_position([round(value) for value in place])
        else:
            self._place = np.array(place)
            self._refresh()

    def _step(self, steps: int) -> None:
        plane, link = self._plane, self.link
        if self.is_linked:
            self._canvas.step_slices(steps)
        elif plane is not None and link is not None:
            mm = link.step_mm[plane.axis]
            self._place = self._place.copy()
            self._place[plane.axis] += steps * mm / link.spacing_mm[plane.axis]
            self._refresh()

    def _zoom(self, factor: float, at: QPointF) -> None:
        if self._camera is not None:
            self._look(self._camera.zoomed(factor, at.x(), at.y()))

    def _pan(self, moved: QPointF) -> None:
        if self._camera is not None:
            self._look(self._camera.moved(moved.x(), moved.y()))

    def _look(self, camera: ViewCamera) -> None:
        if self.is_linked:
            view = self._canvas.view_in_hand
            size = (view.width(), view.height())
            view.look(self._levelled(camera, -1).resized(size))
        else:
            self._camera = camera
            self._refresh()
