"""The plot of the report: Dice and size bias of each rater, per label. Imports matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("QtAgg", force=False)

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtCore import QEvent

from annotator.gui.theme import shown_tokens

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from annotator.session.report import RaterReport, RaterRow

MARKERS = "osD^vP*X"
COLORS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00", "#0072b2", "#f0e442", "#999999")


class ReportPlot(FigureCanvasQTAgg):
    """Two axes side by side: overlap with the consensus, and bias in size."""

    def __init__(self) -> None:
        self._report: RaterReport | None = None
        super().__init__(Figure(layout="constrained"))  # type: ignore[no-untyped-call]
        self.setMinimumHeight(220)
        self.setAccessibleName("Plot of the report")
        self.setToolTip("Left: overlap with the consensus. Right: bias in size. Bars: 95 %.")

    def show_report(self, report: RaterReport) -> None:
        """Draw a report in the colours of the theme."""
        self._report = report
        tokens = shown_tokens()
        figure = self.figure
        figure.clear()
        figure.set_facecolor(tokens.window)
        labels = sorted({(row.label, row.label_name) for row in report.rows})
        raters = list(dict.fromkeys(row.rater_name for row in report.rows))
        left, right = figure.subplots(1, 2, sharey=True)
        for place, (value, name) in enumerate(labels):
            rows = [row for row in report.rows if row.label == value]
            offset = 0.5 * ((place + 0.5) / len(labels) - 0.5)
            look = (COLORS[place % len(COLORS)], MARKERS[place % len(MARKERS)])
            _series(left, rows, raters, "dice", 1.0, offset, look, name)
            _series(right, rows, raters, "volume_bias", 100.0, offset, look, name)
        left.set_xlabel("Dice with the consensus")
        left.set_xlim(0, 1.02)
        right.set_xlabel("Size bias, %")
        right.axvline(0, color=tokens.muted, linewidth=1, linestyle="--")
        left.set_yticks(range(len(raters)), raters)
        left.set_ylim(len(raters) - 0.5, -0.5)
        for axes in (left, right):
            _dress(axes, tokens.panel, tokens.text, tokens.border)
        legend = right.legend(loc="best", fontsize="small")
        legend.get_frame().set(facecolor=tokens.panel, edgecolor=tokens.border)
        for text in legend.get_texts():
            text.set_color(tokens.text)
        self.draw_idle()  # type: ignore[no-untyped-call]

    def save(self, path: Path) -> None:
        """Write the plot; the file's ending says how."""
        self.figure.savefig(path, dpi=200)

    def changeEvent(self, event: QEvent) -> None:
        """Draw anew when the theme changes."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._report is not None:
            self.show_report(self._report)


def _series(
    axes: Axes,
    rows: list[RaterRow],
    raters: list[str],
    field: str,
    factor: float,
    offset: float,
    look: tuple[str, str],
    name: str,
) -> None:
    color, marker = look
    points = [(row, getattr(row, field)) for row in rows if getattr(row, field) is not None]
    axes.plot(
        [factor * value for _, value in points],
        [raters.index(row.rater_name) + offset for row, _ in points],
        linestyle="none",
        marker=marker,
        color=color,
        label=name,
    )
    for row, _ in points:
        interval = getattr(row, f"{field}_interval")
        if interval is not None:
            height = raters.index(row.rater_name) + offset
            axes.plot([factor * end for end in interval], [height, height], color=color)


def _dress(axes: Axes, back: str, text: str, border: str) -> None:
    axes.set_facecolor(back)
    axes.grid(visible=True, axis="x", color=border, linewidth=0.6)
    axes.tick_params(colors=text, labelsize="small")
    axes.xaxis.label.set_color(text)
    for spine in axes.spines.values():
        spine.set_color(border)
