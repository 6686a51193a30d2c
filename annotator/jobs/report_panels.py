"""What all pictures of the agreement report share: their style, panels and marks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotator.jobs.report_words import letters

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from annotator.jobs.agreement_facts import AgreementReport

MARKERS = "osD^vP*X<>hd"
_MOST_COLUMNS = 3
_MANY_POINTS = 2000
_LONGEST_NAME = 28
_LEGEND_LETTERS = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureStyle:
    """Colours of a picture: ``back`` may be ``none``; ``series`` are for raters."""

    back: str
    text: str
    muted: str
    grid: str
    strong: str
    series: tuple[str, ...]
    shades: tuple[str, str]
    """The colours of the lowest and the highest value of a map."""


LIGHT = PictureStyle(
    back="none",
    text="#1d2329",
    muted="#5b6670",
    grid="#d9dee3",
    strong="#0b5d92",
    series=("#0072b2", "#d55e00", "#009e73", "#b3568f", "#a86f00", "#2f8fc4", "#6a6f00", "#555555"),
    shades=("#eef3f7", "#0b4a75"),
)
DARK = PictureStyle(
    back="none",
    text="#e8ecef",
    muted="#a3adb6",
    grid="#3a434b",
    strong="#6fc1f2",
    series=("#56b4e9", "#e69f00", "#2fc79a", "#e59cc6", "#f0e442", "#ff8a4c", "#9fb8ff", "#bbbbbb"),
    shades=("#20303d", "#8fd0fa"),
)


def panels_of(
    figure: Figure, n_panels: int, style: PictureStyle, *, share_y: bool = False
) -> list[Axes]:
    """Return so many axes in rows of three, dressed in the style."""
    figure.clear()
    figure.set_layout_engine("constrained")
    figure.set_facecolor(style.back)
    columns = columns_of(n_panels)
    grid = figure.subplots(rows_of(n_panels), columns, squeeze=False, sharey=share_y).reshape(-1)
    for spare in grid[n_panels:]:
        spare.remove()
    found = list(grid[:n_panels])
    for axes in found:
        _dress(axes, style)
    return found


def _dress(axes: Axes, style: PictureStyle) -> None:
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    axes.tick_params(colors=style.text, labelsize=8)
    axes.xaxis.label.set(color=style.text, fontsize=8.5)
    axes.yaxis.label.set(color=style.text, fontsize=8.5)
    axes.spines[:].set_color(style.grid)
    axes.spines[["top", "right"]].set_visible(False)


def put_title(axes: Axes, text: str, style: PictureStyle) -> None:
    """Write what a panel is about above it."""
    axes.set_title(text, color=style.text, fontsize=9.5, fontweight="bold")


def put_legend(figure: Figure, style: PictureStyle) -> None:
    """Explain the marks of all panels once, below them, where nothing lies underneath."""
    found: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if not found:
        return
    longest = max(len(label) for label in found)
    columns = max(1, min(len(found), _LEGEND_LETTERS // (longest + 5)))
    legend = figure.legend(
        list(found.values()), list(found), loc="outside lower center", fontsize=8, ncols=columns,
        frameon=False, handletextpad=0.5, columnspacing=1.4,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_color(style.text)


def scatter(
    axes: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    color: str,
    marker: str,
    label: str | None,
) -> None:
    """Draw points; very many are kept as dots, which take less room than instructions."""
    axes.plot(
        x, y, linestyle="none", marker=marker, markersize=3.5, color=color, alpha=0.75,
        markeredgewidth=0, label=label, rasterized=len(x) > _MANY_POINTS,
    )  # fmt: skip


def look_of(report: AgreementReport, rater_id: str, style: PictureStyle) -> tuple[str, str]:
    """Return colour and marker of a rater: the same in every picture."""
    place = [rater.rater_id for rater in report.about.raters].index(rater_id)
    return style.series[place % len(style.series)], MARKERS[place % len(MARKERS)]


def short_name(report: AgreementReport, rater_id: str) -> str:
    """Return a name that fits beside an axis, with the letter of the rater."""
    return f"{cut(report.rater_name(rater_id))}  {letters(report)[rater_id]}"


def cut(name: str) -> str:
    """Return a name, its end left out where it is long."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"


def paper(style: PictureStyle) -> str:
    """Return the colour of what lies behind a picture."""
    return "#ffffff" if style is LIGHT else "#14191e"


def in_order(report: AgreementReport, rater_ids: set[str]) -> list[str]:
    """Return these raters in the order of the report."""
    return [one.rater_id for one in report.about.raters if one.rater_id in rater_ids]


def rows_of(n_panels: int) -> int:
    """Return how many rows so many panels make."""
    return max(1, math.ceil(n_panels / columns_of(n_panels)))


def columns_of(n_panels: int) -> int:
    """Return how many panels stand side by side: four make a square."""
    return 2 if n_panels == 4 else min(_MOST_COLUMNS, max(1, n_panels))


def legend_height_in(report: AgreementReport) -> float:
    """Return how tall the names of all raters below a picture are, inches."""
    return 0.2 * math.ceil(len(report.about.raters) / 3)


def count_labels(rows: Sequence[Any]) -> int:
    """Return how many structures the rows are about."""
    return len({row.label for row in rows})
