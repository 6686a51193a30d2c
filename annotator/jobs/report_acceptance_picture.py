"""The picture of what people made of models' drawings."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from annotator.jobs.report_acceptance import MEASURE_WORDS, parts_of
from annotator.jobs.report_panels import MARKERS, cut, panels_of, put_legend, put_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from annotator.jobs.acceptance_facts import AcceptanceReport, AnchoringFacts
    from annotator.jobs.agreement_facts import AgreementReport
    from annotator.jobs.report_panels import PictureStyle

_PARTS = ("kept", "other label", "removed", "added")
_HATCHES = ("", "..", "//", "xx")


def draw_acceptance(figure: Figure, report: AgreementReport, style: PictureStyle) -> None:
    """Draw what became of models' voxels, and what showing a model does to Dice."""
    draw_acceptance_of(figure, report.acceptance, style)


def draw_acceptance_of(figure: Figure, found: AcceptanceReport, style: PictureStyle) -> None:
    """Draw the same of what was gathered for itself."""
    bars, effects = bars_of(found), effects_of(found)
    panels = panels_of(figure, bool(bars) + bool(effects), style)
    if bars:
        _draw_bars(panels[0], bars, style)
    if effects:
        _draw_effects(panels[-1], effects, style)
    put_legend(figure, style)


def bars_of(found: AcceptanceReport) -> dict[str, tuple[float, ...]]:
    """Return percent of a model's voxels by what became of them, by model and structure."""
    sums: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    for row in found.accepted:
        sums[f"{cut(row.model_name)}\n{row.label_name}"].append(parts_of(row))
    shares = {}
    for name, parts in sums.items():
        total = np.sum(parts, axis=0)
        n_model = int(total[:3].sum())
        if n_model:
            shares[name] = tuple((100 * total / n_model).tolist())
    return shares


def effects_of(found: AcceptanceReport) -> tuple[AnchoringFacts, ...]:
    """Return the differences in Dice that have an interval."""
    return tuple(
        entry
        for entry in found.anchoring
        if entry.row.measure != "time" and entry.row.low is not None
    )


def has_content(found: AcceptanceReport) -> bool:
    """Whether there is anything to draw."""
    return bool(bars_of(found) or effects_of(found))


def height_in(found: AcceptanceReport) -> float:
    """Return how tall the picture is, inches."""
    names = {(entry.model_id, entry.row.label) for entry in effects_of(found)}
    return 1.4 + 0.5 * max(len(bars_of(found)), len(names), 1)


def _draw_bars(axes: Axes, bars: dict[str, tuple[float, ...]], style: PictureStyle) -> None:
    place = np.arange(len(bars))
    left = np.zeros(len(bars))
    for part, name in enumerate(_PARTS):
        width = np.array([shares[part] for shares in bars.values()])
        axes.barh(
            place,
            width,
            0.62,
            left=left,
            color=style.series[part],
            hatch=_HATCHES[part],
            edgecolor=style.text,
            linewidth=0.4,
            label=name,
        )
        left += width
    axes.axvline(100, color=style.muted, linewidth=0.8, linestyle=":")
    axes.set_yticks(place, list(bars))
    axes.invert_yaxis()
    axes.set_xlabel("% of what the model drew")
    put_title(axes, "Voxels of a model that was the start", style)


def _draw_effects(axes: Axes, effects: tuple[AnchoringFacts, ...], style: PictureStyle) -> None:
    names = list(dict.fromkeys(f"{cut(one.model_name)}\n{one.label_name}" for one in effects))
    axes.axvline(0, color=style.muted, linewidth=0.8)
    measures = ("model", "truth")
    for turn, measure in enumerate(measures):
        own = [one for one in effects if one.row.measure == measure]
        color = style.series[4 + turn]
        for one in own:
            y = names.index(f"{cut(one.model_name)}\n{one.label_name}") + 0.26 * turn - 0.13
            ends = np.array([one.row.low, one.row.high], np.float64)
            axes.plot(ends, [y, y], color=color, linewidth=1.4)
            axes.plot([one.row.difference], [y], color=color, marker=MARKERS[turn], markersize=5)
        if own:
            axes.plot(
                [],
                [],
                color=color,
                marker=MARKERS[turn],
                markersize=5,
                label=MEASURE_WORDS[measure],
            )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("Dice, shown less not shown")
    put_title(axes, "What showing a model does", style)
