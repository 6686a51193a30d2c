"""The picture of landmarks: how far raters set them from their consensus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.jobs.report_panels import (
    cut,
    in_order,
    look_of,
    panels_of,
    put_legend,
    put_title,
    scatter,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from annotator.jobs.agreement_facts import AgreementReport
    from annotator.jobs.mark_facts import LandmarkRow
    from annotator.jobs.report_panels import PictureStyle


def draw_landmarks(figure: Figure, report: AgreementReport, style: PictureStyle) -> None:
    """Draw the distance of every landmark of every reading to its consensus, a line a landmark."""
    by_unit = _by_unit(report)
    panels = panels_of(figure, len(by_unit), style)
    for axes, (unit, rows) in zip(panels, by_unit.items(), strict=True):
        raters = in_order(report, {point.rater_id for row in rows for point in row.points})
        for turn, rater_id in enumerate(raters):
            found = [
                (point.distance, height + 0.5 * ((turn + 1) / (len(raters) + 1) - 0.5))
                for height, row in enumerate(rows)
                for point in row.points
                if point.rater_id == rater_id
            ]
            x, y = np.array(found, np.float64).T
            color, marker = look_of(report, rater_id, style)
            scatter(axes, x, y, color, marker, cut(report.rater_name(rater_id)))
        _finish(axes, rows, unit, style)
    put_legend(figure, style)


def has_landmarks(report: AgreementReport) -> bool:
    """Whether there is anything to draw."""
    return bool(_by_unit(report))


def height_of_landmarks(report: AgreementReport) -> float:
    """Return how tall the picture is, inches, without its legend."""
    return 1.1 + 0.42 * max((len(rows) for rows in _by_unit(report).values()), default=0)


def _finish(axes: Axes, rows: list[LandmarkRow], unit: str, style: PictureStyle) -> None:
    """Draw median and 95th percentile of each landmark, and dress the axes."""
    for height, row in enumerate(rows):
        distances = np.array([point.distance for point in row.points])
        for value, dashes in ((np.median(distances), "-"), (np.percentile(distances, 95), "--")):
            axes.plot(
                [value, value],
                [height - 0.36, height + 0.36],
                color=style.strong,
                linewidth=1.5,
                linestyle=dashes,
            )
    axes.set_yticks(range(len(rows)), [cut(row.title) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"distance to the consensus, {unit}")
    axes.grid(visible=True, axis="x", color=style.grid, linewidth=0.7)
    put_title(axes, f"Landmarks, {unit}", style)


def _by_unit(report: AgreementReport) -> dict[str, list[LandmarkRow]]:
    found: dict[str, list[LandmarkRow]] = {}
    for row in report.marks.landmarks:
        if row.points:
            found.setdefault(row.unit, []).append(row)
    return found
