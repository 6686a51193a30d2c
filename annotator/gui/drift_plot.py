"""Each rater's results on gold cases in the order of reading. Imports matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("QtAgg", force=False)

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtCore import QEvent

from annotator.gui.report_plot import COLORS, MARKERS
from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from qtpy.QtGui import QWheelEvent

    from annotator.session.quality_reports import GoldReport

HEIGHT = 240


class DriftPlot(FigureCanvasQTAgg):
    """A line a rater: Dice on one gold case after the other."""

    def __init__(self) -> None:
        self._report: GoldReport | None = None
        super().__init__(Figure(layout="constrained"))  # type: ignore[no-untyped-call]
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName("Results on gold cases over time")
        self.setToolTip("Dice with the truth, in the order in which each rater read.")

    def show_report(self, report: GoldReport) -> None:
        """Draw a report in the colours of the theme."""
        self._report = report
        tokens = shown_tokens()
        figure = self.figure
        figure.clear()
        figure.set_facecolor(tokens.window)
        axes = figure.subplots()
        axes.set_facecolor(tokens.window)
        for place, rater in enumerate(report.raters):
            if not rater.dice:
                continue
            axes.plot(
                np.arange(1, len(rater.dice) + 1),
                rater.dice,
                marker=MARKERS[place % len(MARKERS)],
                color=COLORS[place % len(COLORS)],
                linewidth=1.4,
                markersize=5,
                label=rater.rater.name,
            )
        axes.set_xlabel("Gold case, in the order of reading", color=tokens.text)
        axes.set_ylabel("Dice with the truth", color=tokens.text)
        axes.set_ylim(None, 1.02)
        axes.locator_params(axis="x", integer=True)
        axes.tick_params(colors=tokens.text)
        for spine in axes.spines.values():
            spine.set_color(tokens.border)
        if axes.lines:
            legend = axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
            for text in legend.get_texts():
                text.set_color(tokens.text)
        self.draw_idle()  # type: ignore[no-untyped-call]

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page."""
        event.ignore()

    def changeEvent(self, event: QEvent) -> None:
        """Draw in the colours of the theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._report is not None:
            self.show_report(self._report)
