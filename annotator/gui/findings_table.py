"""The table of disputed regions of one case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.gui.region_table import RegionTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qtpy.QtWidgets import QWidget

    from annotator.domain.review import Finding, Verdict
    from annotator.domain.schema import LabelSchema

COLUMNS: tuple[tuple[str, str], ...] = (
    ("#", "Number of the region, 1 the most disputed"),
    ("Label", "What is disputed"),
    (
        "Kind",
        "Whole: some raters drew it and others did not. Edge: they differ on its border. Doubt: "
        "all agree, but a check of labels rejects it. Line: all agree, but a detector of contour "
        "errors holds the line wrong.",
    ),
    ("mm³", "Size of the region"),
    ("For | not", "Raters who drew it | who left it out, by letter"),
    ("mm", "Largest distance between two raters' contours here; of a line, how far off it is held"),
    ("Verdict", "What you decided"),
)

KINDS = {"presence": "whole", "boundary": "edge", "rejected": "doubt", "contour": "line"}


def verdict_words(verdict: Verdict | None, letters: Mapping[str, str]) -> str:
    """Say a verdict in one or two words, for example ``accept B``."""
    if verdict is None:
        return "open"
    if verdict.choice == "rater":
        return f"accept {letters.get(verdict.rater_id or '', '?')}"
    return {"fusion": "fused", "none": "none", "redraw": "redrawn"}[verdict.choice]


def size_words(size_mm3: float) -> str:
    """Write a volume with as many digits as mean something."""
    return f"{size_mm3:,.0f}" if size_mm3 >= 100 else f"{size_mm3:.3g}"


def _letters(rater_ids: Sequence[str], letters: Mapping[str, str]) -> str:
    return "".join(sorted(letters.get(rater_id, "?") for rater_id in rater_ids)) or "–"


class FindingsTable(RegionTable):
    """One row a disputed region, worst first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            COLUMNS,
            (0, 3, 5),
            "Disputed regions",
            "Disputed regions, worst first. Pick one and all views go there.",
            parent,
        )

    def set_findings(
        self,
        findings: Sequence[Finding],
        schema: LabelSchema,
        letters: Mapping[str, str],
        verdicts: Mapping[int, Verdict],
    ) -> None:
        """Show the regions of a case, in the order given."""
        rows: list[tuple[int, Sequence[str], str, str]] = []
        for finding in findings:
            label = schema.label(finding.label)
            name = label.name if label else f"label {finding.label}"
            distance = finding.max_distance_mm
            cells = (
                str(finding.region),
                name,
                KINDS[finding.kind],
                size_words(finding.size_mm3),
                f"{_letters(finding.raters_for, letters)} | "
                f"{_letters(finding.raters_against, letters)}",
                "–" if distance is None else f"{distance:.1f}",
                verdict_words(verdicts.get(finding.region), letters),
            )
            rows.append((finding.region, cells, finding.why, label.color if label else ""))
        self.set_rows(rows)

    def set_units(self, *, is_calibrated: bool) -> None:
        """Name the units: mm where the image is calibrated, else pixels."""
        for place, unit in (
            (3, "mm³" if is_calibrated else "px"),
            (5, "mm" if is_calibrated else "px"),
        ):
            item = self.horizontalHeaderItem(place)
            if item is not None:
                item.setText(unit)
