"""What people made of models' drawings, as rows of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.session.quality_reports import (
    MEASURE_WORDS,
    difference_in_words,
    parts_of,
    said_of_acceptance,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.session.quality_reports import AcceptanceReport, AcceptedRow, TakenRow

__all__ = ["said_of_acceptance", "shown_rows", "taken_rows"]


def taken_rows(report: AcceptanceReport) -> list[tuple[str, ...]]:
    """Return a row for each person and model: what was taken, kept and added, and how long."""
    return [
        (
            row.rater_name,
            row.model_name,
            f"{row.n_taken} of {row.n_offered}",
            str(row.n_withheld),
            *_made_of(
                [
                    one
                    for one in report.accepted
                    if (one.rater_id, one.model_id) == (row.rater_id, row.model_id)
                ]
            ),
            *_times(row),
        )
        for row in report.taken
    ]


def shown_rows(report: AcceptanceReport) -> list[tuple[str, ...]]:
    """Return a row for each structure and measure that was read with and without a model."""
    return [
        (
            entry.model_name,
            entry.label_name or "Whole case",
            MEASURE_WORDS[entry.row.measure].capitalize(),
            *difference_in_words(entry),
        )
        for entry in report.anchoring
    ]


def _made_of(rows: Sequence[AcceptedRow]) -> tuple[str, str, str]:
    n_model = sum(row.n_model for row in rows)
    if not n_model:
        return "–", "–", "–"
    kept = sum(parts_of(row)[0] for row in rows)
    added = sum(parts_of(row)[3] for row in rows)
    moved = [row.moved_mm.value for row in rows if row.moved_mm.value is not None]
    return (
        f"{100 * kept / n_model:.0f} %",
        f"{100 * added / n_model:.0f} %",
        f"{sum(moved) / len(moved):.2f}" if moved else "–",
    )


def _times(row: TakenRow) -> tuple[str, str]:
    """Return the time with the model as a start, and without: not taken, or not offered."""
    known = [
        (mean.value, mean.n_cases)
        for mean in (row.untaken_s, row.withheld_s)
        if mean.value is not None
    ]
    n_others = sum(n for _, n in known)
    others = sum(value * n for value, n in known) / n_others if n_others else None
    with_it, without = (
        "–" if value is None else f"{value:.0f}" for value in (row.taken_s.value, others)
    )
    return with_it, without
