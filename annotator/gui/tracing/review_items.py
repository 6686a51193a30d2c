"""The table of what was found in a tracing, most at stake first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.gui.region_table import RegionTable
from annotator.gui.tracing.shown import SEVERITY_COLORS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qtpy.QtWidgets import QWidget

    from annotator.domain.trace_review import TraceItem, TraceVerdict

COLUMNS: tuple[tuple[str, str], ...] = (
    ("#", "Number of the place, 1 the one with most at stake"),
    ("What", "What found it; the colour is how severe it is: error red, warning orange, hint blue"),
    ("Value", "What was measured | from where on that is reported"),
    ("µm", "Cable at stake: what hangs on it, times how likely it is an error"),
    ("Verdict", "What you decided"),
)


def number_words(value: float | None) -> str:
    """Write a measured number with as many digits as mean something; a dash for none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}"


def value_words(value: float | None, threshold: float | None) -> str:
    """Write what was measured and, where there is one, the limit beside it."""
    limit = "" if threshold is None else f" | {number_words(threshold)}"
    return number_words(value) + limit


def stake_words(length_um: float) -> str:
    """Write a length of cable in whole µm."""
    return f"{length_um:,.0f}" if length_um >= 1 else "<1"


def check_words(item: TraceItem) -> str:
    """Say what found a place, and how many others found it too."""
    names = list(dict.fromkeys(reason.check for reason in item.reasons))
    others = f" +{len(names) - 1}" if names[1:] else ""
    return names[0].replace("-", " ") + others


def verdict_words(verdict: TraceVerdict | None, letters: Mapping[str, str]) -> str:
    """Say a verdict in one or two words; ``letters`` by annotation id."""
    if verdict is None:
        return "open"
    if verdict.choice == "take":
        return f"take {letters.get(verdict.annotation_id or '', '?')}"
    return {"keep": "kept", "cut": "cut", "connect": "moved", "uncertain": "unsure"}[verdict.choice]


class ItemsTable(RegionTable):
    """One row a place, most at stake first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            COLUMNS,
            (0, 2, 3),
            "Places to decide on",
            "What was found, most at stake first. Pick one and all views go there.",
            parent,
        )

    def set_items(
        self,
        items: Sequence[TraceItem],
        verdicts: Mapping[int, TraceVerdict],
        letters: Mapping[str, str],
    ) -> None:
        """Show the places of a case, in the order given."""
        rows: list[tuple[int, Sequence[str], str, str]] = []
        for item in items:
            worst = item.reasons[0]
            cells = (
                str(item.region),
                check_words(item),
                value_words(worst.value, worst.threshold),
                stake_words(item.at_stake_um),
                verdict_words(verdicts.get(item.region), letters),
            )
            tooltip = f"{item.severity.capitalize()}: {worst.why}"
            rows.append((item.region, cells, tooltip, SEVERITY_COLORS[item.severity]))
        self.set_rows(rows)
