"""The pictures of the agreement report, drawn on a matplotlib Figure in a light or dark style.

The same functions serve the file and a window. Colours are those of Okabe & Ito, which people with
any colour vision can tell apart; a shape or a letter always says the same as a colour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.jobs import report_acceptance_picture, report_marks_picture
from annotator.jobs.report_panels import (
    LIGHT,
    MARKERS,
    PictureStyle,
    columns_of,
    count_labels,
    cut,
    in_order,
    legend_height_in,
    look_of,
    panels_of,
    paper,
    put_legend,
    put_title,
    rows_of,
    scatter,
    short_name,
)
from annotator.jobs.report_words import REFERENCE_WORDS, TARGET_WORDS, letters, scaled_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from annotator.jobs.agreement_facts import (
        AgreementReport,
        CalibrationRow,
        RaterRow,
        Reference,
        SizeRow,
    )

WIDTH_IN = 7.2
_NUMBERED_RATERS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture: what it is called, how tall, how it is drawn, and whether there is anything.

    ``draw`` takes the figure, the report and the style; it must not write to the report.
    """

    key: str
    title: str
    draw: Callable[[Figure, AgreementReport, PictureStyle], None]
    height_in: Callable[[AgreementReport], float]
    has_content: Callable[[AgreementReport], bool]


def draw_raters(figure: Figure, report: AgreementReport, style: PictureStyle) -> None:
    """Draw each rater's Dice with its interval, a panel a structure."""
    shown = references_shown(report)
    raters = in_order(report, {row.rater_id for row in report.raters})
    labels = sorted({row.label for row in report.raters})
    panels = panels_of(figure, len(labels), style, share_y=True)
    for place, (axes, label) in enumerate(zip(panels, labels, strict=True)):
        for turn, reference in enumerate(shown):
            own = [
                row for row in report.raters if row.label == label and row.reference == reference
            ]
            _rater_points(axes, own, raters, style, turn, len(shown))
        put_title(axes, report.label_name(label), style)
        axes.set_xlabel("Dice")
        axes.set_yticks(range(len(raters)), [short_name(report, rater) for rater in raters])
        axes.set_ylim(len(raters) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0, labelleft=place % columns_of(len(labels)) == 0)
        axes.grid(visible=True, axis="x", color=style.grid, linewidth=0.7)
    for turn, reference in enumerate(shown):
        panels[0].plot([], [], **_rater_mark(turn, style), label=REFERENCE_WORDS[reference])
    put_legend(figure, style)
    lowest = min(
        end for row in report.raters for end in (row.dice.low, row.dice.value) if end is not None
    )
    for axes in panels:
        axes.set_xlim(max(0.0, math.floor(lowest * 10) / 10), 1.01)


def references_shown(report: AgreementReport) -> tuple[Reference, ...]:
    """Return what raters are held against in the picture: the best reference, and the others."""
    known = {row.reference for row in report.raters}
    best: tuple[Reference, ...] = ("signed-off", "fused")
    first = [reference for reference in best if reference in known][:1]
    return (*first, *(("others",) if "others" in known else ()))


def _rater_points(
    axes: Axes,
    rows: Sequence[RaterRow],
    raters: Sequence[str],
    style: PictureStyle,
    turn: int,
    n_turns: int,
) -> None:
    color = (style.strong, style.muted)[turn]
    for row in rows:
        height = raters.index(row.rater_id) + (0.26 * (turn - (n_turns - 1) / 2))
        if row.dice.low is not None and row.dice.high is not None:
            axes.plot([row.dice.low, row.dice.high], [height, height], color=color, linewidth=1.6)
        axes.plot(np.array([row.dice.value], np.float64), [height], **_rater_mark(turn, style))


def _rater_mark(turn: int, style: PictureStyle) -> dict[str, Any]:
    color = (style.strong, style.muted)[turn]
    return {
        "marker": "os"[turn],
        "markersize": 5.5,
        "markerfacecolor": color if turn == 0 else paper(style),
        "markeredgecolor": color,
        "color": color,
        "linestyle": "none",
    }


def draw_pairs(figure: Figure, report: AgreementReport, style: PictureStyle) -> None:
    """Draw the mean Dice of every two raters as a map, a panel a structure."""
    from matplotlib.colors import LinearSegmentedColormap

    raters = in_order(report, {one for row in report.pairs for one in (row.rater_a, row.rater_b)})
    labels = sorted({row.label for row in report.pairs})
    known = [row.dice.value for row in report.pairs if row.dice.value is not None]
    low = min(0.9, math.floor(min(known) * 10) / 10)
    colors = LinearSegmentedColormap.from_list("dice", list(style.shades))
    panels = panels_of(figure, len(labels), style, share_y=True)
    for place, (axes, label) in enumerate(zip(panels, labels, strict=True)):
        table = np.full((len(raters), len(raters)), np.nan)
        for row in report.pairs:
            if row.label == label and row.dice.value is not None:
                first, second = raters.index(row.rater_a), raters.index(row.rater_b)
                table[max(first, second), min(first, second)] = row.dice.value
        axes.imshow(table, cmap=colors, vmin=low, vmax=1.0, aspect="equal")
        if len(raters) <= _NUMBERED_RATERS:
            _write_numbers(axes, table, low, style)
        signs = [letters(report)[rater] for rater in raters]
        put_title(axes, report.label_name(label), style)
        axes.set_xticks(range(len(raters) - 1), signs[:-1])
        axes.set_yticks(range(1, len(raters)), [short_name(report, rater) for rater in raters[1:]])
        axes.set_xlim(-0.5, len(raters) - 1.5)
        axes.set_ylim(len(raters) - 0.5, 0.5)
        axes.tick_params(length=0, labelleft=place % columns_of(len(labels)) == 0)
        axes.spines[:].set_visible(False)


def _write_numbers(axes: Axes, table: NDArray[np.float64], low: float, style: PictureStyle) -> None:
    size = 8 if len(table) <= 8 else 6.5
    for row, column in zip(*np.nonzero(np.isfinite(table)), strict=True):
        value = float(table[row, column])
        is_high = (value - low) / (1.0 - low) > 0.55
        color = style.text if not is_high else ("#ffffff" if style is LIGHT else "#10202c")
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=size, color=color)


def draw_sizes(figure: Figure, report: AgreementReport, style: PictureStyle) -> None:
    """Draw how far each drawing's size lies from its case's, a panel a structure."""
    rows = report.sizes
    for axes, row in zip(panels_of(figure, len(rows), style), rows, strict=True):
        _size_panel(axes, row, report, style)
        put_title(axes, report.label_name(row.label), style)
    put_legend(figure, style)


def _size_panel(axes: Axes, row: SizeRow, report: AgreementReport, style: PictureStyle) -> None:
    raters = list(dict.fromkeys(point.rater_id for point in row.points))
    by_case: dict[str, dict[str, float]] = {}
    for point in row.points:
        by_case.setdefault(point.case_id, {})[point.rater_id] = point.size
    unit, factor = scaled_unit(row.unit, max(point.size for point in row.points))
    signs = letters(report)
    axes.axhline(0, color=style.muted, linewidth=0.8)
    if len(raters) == 2 and row.pairs:
        first, second = row.pairs[0].rater_a, row.pairs[0].rater_b
        both = [own for own in by_case.values() if first in own and second in own]
        mean = np.array([(own[first] + own[second]) / 2 for own in both]) * factor
        gap = np.array([own[first] - own[second] for own in both]) * factor
        scatter(axes, mean, gap, style.series[0], "o", None)
        found = row.pairs[0].difference
        for entry, dashes in ((found.bias, "-"), (found.lower, "--"), (found.upper, "--")):
            axes.axhline(entry.value * factor, color=style.strong, linewidth=1.2, linestyle=dashes)
            axes.axhspan(
                entry.low * factor, entry.high * factor, color=style.strong, alpha=0.12, linewidth=0
            )
        axes.set_ylabel(f"{signs[first]} − {signs[second]}, {unit}")
        axes.set_xlabel(f"mean of {signs[first]} and {signs[second]}, {unit}")
        return
    for rater_id in raters:
        own = [sizes for sizes in by_case.values() if rater_id in sizes and len(sizes) >= 2]
        mean = np.array([np.mean(list(sizes.values())) for sizes in own]) * factor
        gap = np.array([sizes[rater_id] for sizes in own]) * factor - mean
        if len(own):
            look = look_of(report, rater_id, style)
            scatter(
                axes, mean, gap, *look, f"{signs[rater_id]}  {cut(report.rater_name(rater_id))}"
            )
    if row.scatter is not None:
        k = row.scatter.n_readings / row.scatter.n_cases
        reach = 1.96 * row.scatter.within_sd.value * math.sqrt(1 - 1 / k) * factor
        for end in (-reach, reach):
            axes.axhline(end, color=style.strong, linewidth=1.2, linestyle="--")
    axes.set_ylabel(f"rater − case mean, {unit}")
    axes.set_xlabel(f"mean of the raters, {unit}")


def draw_reliability(figure: Figure, report: AgreementReport, style: PictureStyle) -> None:
    """Draw how often a label was there against how probable it was said to be."""
    rows = shown_calibration(report)
    labels = sorted({row.label for row in rows})
    for axes, label in zip(panels_of(figure, len(labels), style), labels, strict=True):
        axes.plot([0, 1], [0, 1], color=style.muted, linewidth=1, linestyle=":")
        for row in rows:
            if row.label == label:
                _reliability_line(axes, row, style)
        put_title(axes, report.label_name(label), style)
        axes.set_xlabel("probability that was said")
        axes.set_ylabel("share that was so")
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(-0.03, 1.03)
        axes.set_aspect("equal")
        axes.grid(visible=True, color=style.grid, linewidth=0.7)
    put_legend(figure, style)


def shown_calibration(report: AgreementReport) -> tuple[CalibrationRow, ...]:
    """Return the rows that are drawn: of each structure and target that of most cases."""
    found: dict[tuple[int, str], CalibrationRow] = {}
    for row in report.calibration:
        known = found.get((row.label, row.target))
        if known is None or row.ece.n_cases > known.ece.n_cases:
            found[row.label, row.target] = row
    return tuple(found.values())


def _reliability_line(axes: Axes, row: CalibrationRow, style: PictureStyle) -> None:
    place = list(TARGET_WORDS).index(row.target)
    color, marker = style.series[place], MARKERS[place]
    x, y = [one.confidence for one in row.bins], [one.frequency for one in row.bins]
    total = sum(one.n_voxels for one in row.bins)
    axes.plot(x, y, color=color, linewidth=1.2, linestyle=("-", "-", "--")[place])
    axes.scatter(
        x,
        y,
        s=[14 + 110 * math.sqrt(one.n_voxels / total) for one in row.bins],
        color=color,
        marker=marker,
        alpha=0.9,
        linewidths=0,
    )
    axes.plot([], [], color=color, marker=marker, markersize=5, label=TARGET_WORDS[row.target])


def draw_time(figure: Figure, report: AgreementReport, style: PictureStyle) -> None:
    """Draw each rater's agreement in the order of reading, and by week where there are several."""
    has_weeks = len(report.weeks) >= 2
    panels = panels_of(figure, 2 if has_weeks else 1, style)
    axes = panels[0]
    for row in report.drift:
        color, marker = look_of(report, row.rater_id, style)
        x = np.array([point.number for point in row.points], np.float64)
        y = np.array([point.dice for point in row.points], np.float64)
        axes.plot(x, y, linestyle="none", marker=marker, markersize=2.5, color=color, alpha=0.45)
        middle, mean = _blocks(x, y)
        name = f"{letters(report)[row.rater_id]}  {cut(report.rater_name(row.rater_id))}"
        axes.plot(middle, mean, color=color, marker=marker, markersize=4.5, label=name)
    put_title(axes, "In the order of reading", style)
    axes.set_xlabel("number of the reading")
    axes.set_ylabel("Dice with the majority of the others")
    axes.grid(visible=True, color=style.grid, linewidth=0.7)
    if has_weeks:
        _week_panel(panels[1], report, style)
    put_legend(figure, style)


def _week_panel(axes: Axes, report: AgreementReport, style: PictureStyle) -> None:
    place = np.arange(len(report.weeks))
    values = np.array([row.dice.value for row in report.weeks], np.float64)
    axes.plot(place, values, color=style.strong, marker="o", markersize=4.5)
    for x, row in zip(place.tolist(), report.weeks, strict=True):
        if row.dice.low is not None and row.dice.high is not None:
            axes.plot([x, x], [row.dice.low, row.dice.high], color=style.strong, linewidth=1.4)
    step = max(1, math.ceil(len(report.weeks) / 7))
    axes.set_xticks(
        place[::step], [row.week for row in report.weeks[::step]], rotation=30, ha="right"
    )
    put_title(axes, "By week", style)
    axes.set_xlabel("week from Monday")
    axes.grid(visible=True, axis="y", color=style.grid, linewidth=0.7)


def _blocks(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the means of up to eight blocks of neighbouring readings."""
    parts = np.array_split(np.arange(len(x)), max(1, min(8, len(x) // 3)))
    return (
        np.array([x[part].mean() for part in parts]),
        np.array([y[part].mean() for part in parts]),
    )


def draw_cases(figure: Figure, report: AgreementReport, style: PictureStyle) -> None:
    """Draw how many cases have which mean Dice, a panel a structure."""
    from matplotlib.ticker import MaxNLocator

    labels = sorted({row.label for row in report.cases})
    edges = np.linspace(0, 1, 21)
    for axes, label in zip(panels_of(figure, len(labels), style), labels, strict=True):
        dice = np.array([row.dice for row in report.cases if row.label == label])
        counts, _ = np.histogram(dice, edges)
        axes.bar(
            edges[:-1], counts, 0.05, align="edge", color=style.series[0], edgecolor=paper(style)
        )
        axes.axvline(float(np.median(dice)), color=style.text, linewidth=1.2, linestyle="--")
        put_title(axes, report.label_name(label), style)
        axes.set_xlabel("mean Dice of the pairs")
        axes.set_ylabel("cases")
        axes.set_xlim(0, 1)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(visible=True, axis="y", color=style.grid, linewidth=0.7)


PICTURES: tuple[Picture, ...] = (
    Picture(
        key="cases",
        title="How far raters agree, case by case",
        draw=draw_cases,
        height_in=lambda report: 2.2 * rows_of(count_labels(report.cases)),
        has_content=lambda report: bool(report.cases),
    ),
    Picture(
        key="pairs",
        title="Every two raters",
        draw=draw_pairs,
        height_in=lambda report: 2.6 * rows_of(count_labels(report.pairs)),
        has_content=lambda report: bool(report.pairs) and len(report.about.raters) > 2,
    ),
    Picture(
        key="raters",
        title="Each rater",
        draw=draw_raters,
        height_in=lambda report: (
            (0.9 + 0.3 * len(report.about.raters)) * rows_of(count_labels(report.raters))
        ),
        has_content=lambda report: bool(report.raters),
    ),
    Picture(
        key="sizes",
        title="Differences in size",
        draw=draw_sizes,
        height_in=lambda report: 2.9 * rows_of(len(report.sizes)) + legend_height_in(report),
        has_content=lambda report: bool(report.sizes),
    ),
    Picture(
        key="landmarks",
        title="Landmarks",
        draw=report_marks_picture.draw_landmarks,
        height_in=lambda report: (
            report_marks_picture.height_of_landmarks(report) + legend_height_in(report)
        ),
        has_content=report_marks_picture.has_landmarks,
    ),
    Picture(
        key="reliability",
        title="How far a fused probability can be believed",
        draw=draw_reliability,
        height_in=lambda report: 3.1 * rows_of(count_labels(report.calibration)) + 0.4,
        has_content=lambda report: bool(report.calibration),
    ),
    Picture(
        key="time",
        title="Agreement over time",
        draw=draw_time,
        height_in=lambda report: 2.9 + legend_height_in(report),
        has_content=lambda report: any(len(row.points) >= 3 for row in report.drift),
    ),
    Picture(
        key="acceptance",
        title="Models as a start",
        draw=report_acceptance_picture.draw_acceptance,
        height_in=lambda report: report_acceptance_picture.height_in(report.acceptance),
        has_content=lambda report: report_acceptance_picture.has_content(report.acceptance),
    ),
)
