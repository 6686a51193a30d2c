"""Series beside the case that is drawn on: which there are, and one or two of them in view."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QSplitter

from annotator.gui.buttons import Button
from annotator.gui.companion_pane import CompanionPane, LoadedSeries
from annotator.gui.window_level import first_window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.companions import Companion
    from annotator.gui.background import Background
    from annotator.gui.canvas import Canvas
    from annotator.gui.canvas_holder import CanvasHolder
    from annotator.session.open_case import OpenCase

LAYOUT = "beside"
NOTHING = (
    "No other series of this study or patient is known. Series are put beside a case on the "
    "project page."
)


class BesideDesk(QObject):
    """Shows companions of the open case at the right of the canvas, in the layout ``beside``.

    Emits ``told`` with words for the person and ``changed`` where actions may do other things.
    """

    told = Signal(str)
    changed = Signal()
    register_wanted = Signal(str, str)
    """Case and series that are to be laid on each other."""

    def __init__(self, holder: CanvasHolder, background: Background, parent: QObject) -> None:
        super().__init__(parent)
        self._holder = holder
        self._background = background
        self._canvas: Canvas | None = None
        self._opened: OpenCase | None = None
        self._is_wanted = False
        self._side: QSplitter | None = None
        self.companions: tuple[Companion, ...] = ()
        self.panes: tuple[CompanionPane, ...] = ()

    @property
    def is_shown(self) -> bool:
        """Whether a series is in view beside the case."""
        return self._canvas is not None and self._canvas.layout_name == LAYOUT

    @property
    def pane(self) -> CompanionPane | None:
        """The pane that keys mean; None where none is in view."""
        return self.panes[0] if self.is_shown and self.panes else None

    def connect_canvas(self, canvas: Canvas) -> None:
        """Listen to a canvas; once, when it is made."""
        canvas.layout_changed.connect(self._laid_out)

    def begin(self, canvas: Canvas, opened: OpenCase) -> None:
        """Look what there is beside a case, and show it where it was shown beside the last one."""
        self._canvas, self._opened = canvas, opened
        canvas.offer_companion(False)
        self._background.run("companions", opened.companions, self._offer)

    def end(self) -> None:
        """Let the case go."""
        self._background.drop("companions")
        self._opened = None
        self.companions = ()
        for pane in self.panes:
            pane.end()
        if self._side is not None:
            self._side.hide()
        if self._canvas is not None:
            self._canvas.offer_companion(False)
            if self.is_shown:
                self._canvas.set_layout("three")

    def switch(self) -> None:
        """Show the case beside another series, or alone."""
        if self._canvas is None:
            return
        if self.is_shown:
            self._canvas.set_layout("three")
        elif self.companions:
            self._canvas.set_layout(LAYOUT)
        else:
            self.told.emit(NOTHING)

    def turn(self) -> None:
        """Work in the next plane."""
        if self._canvas is not None:
            self._canvas.turn()

    def next(self) -> None:
        """Show the next series in the first pane."""
        if self.pane is not None:
            self.pane.choose(self.pane.list.currentIndex() + 1)

    def register(self, pane: CompanionPane) -> None:
        """Ask for the series of a pane to be laid on the case."""
        if self._opened is not None and pane.loaded is not None:
            series_id = pane.loaded.companion.series.series_id
            self.register_wanted.emit(self._opened.case.case_id, series_id)

    def use_registration(
        self, case_id: str, series_id: str, rigid: Sequence[Sequence[float]]
    ) -> None:
        """Link a series by what a registration found, where its case is still open."""
        if self._opened is not None and self._opened.case.case_id == case_id:
            for pane in self.panes:
                pane.register(series_id, np.array(rigid))

    def show_second(self, on: bool) -> None:
        """Show two series, one above the other, or one."""
        if len(self.panes) < 2:
            return
        first, second = self.panes
        second.setVisible(on)
        self.more.setText("One series" if on else "Two series")
        for pane in self.panes:
            pane.is_level = not on
        if on and second.loaded is None:
            second.choose(first.list.currentIndex() + 1)
        elif not on:
            second.let_go()
        first.follow()

    def _offer(self, found: tuple[Companion, ...]) -> None:
        canvas, opened = self._canvas, self._opened
        if canvas is None or opened is None:
            return
        self.companions = found
        canvas.offer_companion(bool(found))
        for pane in self.panes:
            pane.begin(opened.series, found)
        if found and self._is_wanted:
            canvas.set_layout(LAYOUT)
        self.changed.emit()

    def _laid_out(self, name: str) -> None:
        opened = self._opened
        if opened is None:
            return
        self._is_wanted = name == LAYOUT
        if self._is_wanted:
            self._make_panes(opened)
            first, second = self.panes
            if first.loaded is None:
                first.choose(0)
            second.hide()
            self.more.setVisible(len(self.companions) > 1)
            self.show_second(False)
        if self._side is not None:
            self._side.setVisible(self._is_wanted)
        self.changed.emit()

    def _make_panes(self, opened: OpenCase) -> None:
        if self.panes or self._canvas is None:
            return
        self._side = QSplitter(Qt.Orientation.Vertical)
        self._side.setHandleWidth(2)
        self._side.setChildrenCollapsible(False)
        made = []
        for number in range(2):
            pane = CompanionPane(self._canvas, self._background, f"companion {number}")
            self._listen(pane, f"companion series {number}")
            pane.begin(opened.series, self.companions)
            self._side.addWidget(pane)
            made.append(pane)
        self.panes = tuple(made)
        self.more = Button(
            "Two series",
            "Show a second series below the first.",
            lambda: self.show_second(self.panes[1].isHidden()),
        )
        made[0].header.addWidget(self.more)
        self._holder.put_beside(self._side)

    def _listen(self, pane: CompanionPane, key: str) -> None:
        pane.chosen.connect(lambda companion: self._load(pane, key, companion))
        pane.register_wanted.connect(lambda: self.register(pane))

    def _load(self, pane: CompanionPane, key: str, companion: Companion) -> None:
        opened = self._opened
        if opened is None:
            return
        series = companion.series
        # Hounsfield units are the same in every CT: what the case is seen in suits its companion.
        is_ct = series.modality == opened.series.modality == "CT"
        shown = self._canvas.window_values if is_ct and self._canvas is not None else None

        def work() -> LoadedSeries:
            voxels = opened.companion_voxels(series.series_id)
            window = first_window(voxels, series)
            if window is not None and shown is not None:
                window = window.at(*shown)
            return LoadedSeries(companion=companion, voxels=voxels, window=window)

        pane.say("Reading the images…")
        self._background.run(
            key, work, pane.show_series, lambda error: pane.say(f"It cannot be shown: {error}")
        )
