"""The table of how each rater compares with the consensus, on the screen and as a file."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

if TYPE_CHECKING:
    from pathlib import Path

    from annotator.session.report import RaterReport, RaterRow

Interval = tuple[float, float]
COLUMNS: tuple[tuple[str, str], ...] = (
    ("Rater", "Who read"),
    ("Label", "What was drawn"),
    ("Cases", "Cases that the figures come from"),
    ("Dice", "Overlap with the consensus, 0 to 1; mean over cases"),
    ("95 %", "Bootstrap interval of the Dice over cases"),
    ("Size bias", "How much larger (+) or smaller (−) than the consensus; mean over cases"),
    ("95 %", "Bootstrap interval of the size bias over cases"),
    ("Missed", "Objects of the consensus that the rater did not touch, of all"),
)


def row_words(row: RaterRow) -> tuple[str, ...]:
    """Return the cells of one rater and label as they are shown."""
    name = f"{row.rater_name} (model)" if row.is_model else row.rater_name
    return (
        name,
        row.label_name,
        str(row.n_cases),
        "–" if row.dice is None else f"{row.dice:.3f}",
        _range(row.dice_interval, "{:.2f}", 1.0),
        "–" if row.volume_bias is None else f"{100 * row.volume_bias:+.1f} %",
        _range(row.volume_bias_interval, "{:+.0f}", 100.0),
        f"{row.n_missed} of {row.n_objects}" if row.n_objects else "–",
    )


def write_csv(report: RaterReport, path: Path) -> None:
    """Write the table with full figures."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            (
                "rater",
                "is_model",
                "label",
                "label_name",
                "n_cases",
                "dice",
                "dice_low",
                "dice_high",
                "volume_bias",
                "volume_bias_low",
                "volume_bias_high",
                "n_objects",
                "n_missed",
            )
        )
        for row in report.rows:
            writer.writerow(
                (
                    row.rater_name,
                    row.is_model,
                    row.label,
                    row.label_name,
                    row.n_cases,
                    row.dice,
                    *(row.dice_interval or (None, None)),
                    row.volume_bias,
                    *(row.volume_bias_interval or (None, None)),
                    row.n_objects,
                    row.n_missed,
                )
            )


def empty_table() -> QTableWidget:
    """Return the table with its headings."""
    table = QTableWidget(0, len(COLUMNS))
    table.setAccessibleName("Raters against the consensus")
    table.setToolTip("One row a rater and label. Click a heading to sort.")
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setShowGrid(False)
    table.setTabKeyNavigation(False)
    table.verticalHeader().hide()
    header = table.horizontalHeader()
    for place, (title, tooltip) in enumerate(COLUMNS):
        item = QTableWidgetItem(title)
        item.setToolTip(tooltip)
        table.setHorizontalHeaderItem(place, item)
        header.setSectionResizeMode(place, QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return table


def _range(interval: Interval | None, form: str, factor: float) -> str:
    if interval is None:
        return "–"
    low, high = interval
    return f"{form.format(factor * low)} … {form.format(factor * high)}"
