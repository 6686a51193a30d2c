"""The part of the report on marks: landmarks in mm, and lines, areas and boxes as matched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.analysis.mark_agreement import WITHIN
from annotator.jobs.report_content import Drawing, Section, Sheet
from annotator.jobs.report_words import (
    MOST_ROWS,
    NOTHING,
    counted_noun,
    drawn_pixels,
    ends,
    mean_in_words,
    number,
    signed,
    two_raters,
)

if TYPE_CHECKING:
    from annotator.analysis.agreement_icc import IccTable
    from annotator.analysis.bland_altman import Estimate
    from annotator.jobs.agreement_facts import AgreementReport
    from annotator.jobs.mark_facts import MarkPair, MarkRow

_WITHIN_HEADS = tuple(f"Within {limit:g}" for limit in WITHIN)


def marks(report: AgreementReport) -> Section | None:
    """Return how far raters agree on marks; None where nobody marked anything."""
    found = report.marks
    if found.is_empty:
        return None
    blocks: list[Drawing | Sheet] = []
    if any(row.points for row in found.landmarks):
        blocks.append(_drawing(report))
    if found.landmarks:
        blocks += [
            _landmark_sheet(report),
            _landmark_rater_sheet(report),
            _coordinate_sheet(report),
        ]
    if found.matched:
        blocks += [_mark_sheet(report), _mark_pair_sheet(report)]
    return Section(
        key="marks",
        title="Agreement on marks",
        blocks=tuple(
            block for block in blocks if not (isinstance(block, Sheet) and not block.rows)
        ),
    )


def summary_of_marks(report: AgreementReport) -> tuple[str, ...]:
    """Return one sentence for each landmark and each kind of other marks."""
    return (
        *(
            f"{row.title}: two raters set it {mean_in_words(row.distance, 2)} "
            f"{drawn_pixels(row.unit)} apart on average over "
            f"{counted_noun(row.n_cases, 'case')}; {row.n_missing} of {row.n_read} readings "
            "lack it."
            for row in report.marks.landmarks
            if row.distance.value is not None
        ),
        *(
            f"{_what(row)}: of the marks of two raters a share (F1) of "
            f"{mean_in_words(row.f1, 2)} mean the same."
            for row in report.marks.matched
            if row.f1.value is not None
        ),
    )


def methods_of_marks(report: AgreementReport) -> str:
    """Return how marks were compared; nothing where there are none."""
    found = report.marks
    if found.is_empty:
        return ""
    text = ""
    if found.landmarks:
        text = (
            "Landmarks were compared by name, in mm in the patient (in pixels in images without a "
            "scale and in videos). Their consensus is the geometric median of the raters' places; "
            "each rater was held against the consensus of the other raters. A landmark that a "
            "rater left out counts as missing and in no distance. "
        )
    if found.matched:
        text += (
            "Other marks were compared with those of the same kind, name and label. Points, lines, "
            "angles and areas of two raters were paired one to one, as many as lie no farther than "
            f"{number(found.limit, 1)} mm (pixels) apart and then with the least sum of distances "
            "(assignment problem); lines and outlines by their mean distance. Boxes were paired "
            "for the largest sum of intersection over union."
        )
    return text.strip()


def _drawing(report: AgreementReport) -> Drawing:
    far = "; ".join(
        f"{row.title}: mean {number(row.to_consensus.value, 2)} {row.unit}"
        for row in report.marks.landmarks
        if row.points
    )
    return Drawing(
        key="landmarks",
        caption="How far each rater's landmark lies from the geometric median of its case, one "
        "mark a reading. Line: median; dashed: what 95 % do not exceed.",
        in_words=f"Distances of landmarks to their consensus. {far}.",
    )


def _landmark_sheet(report: AgreementReport) -> Sheet:
    return Sheet(
        caption="Landmarks: distance between two raters, and to the consensus of the other raters",
        head=(
            "Landmark", "Unit", "Cases", "Missing", "Distance, mean of cases", "SD", "Median",
            "95th percentile", "To the consensus of all", *_WITHIN_HEADS,
        ),
        rows=tuple(
            (
                row.title,
                row.unit,
                str(row.n_cases),
                f"{row.n_missing} of {row.n_read}",
                mean_in_words(row.distance, 2),
                number(row.spread.sd, 2),
                number(row.spread.median, 2),
                number(row.spread.p95, 2),
                mean_in_words(row.to_consensus, 2),
                *(_share(share) for share in row.within),
            )
            for row in report.marks.landmarks
        ),
        n_names=2,
        note="Within: share of places no farther than so much from the consensus of the other "
        "raters. SD, median and percentile are of all pairs of raters together.",
    )  # fmt: skip


def _landmark_rater_sheet(report: AgreementReport) -> Sheet:
    rows = [
        (
            row.title,
            report.rater_name(one.rater_id),
            f"{one.n_missing} of {one.n_read}",
            mean_in_words(one.distance, 2),
            _share(one.within[0]),
            *(
                (NOTHING,) * 3
                if one.offset is None
                else tuple(_estimate(part) for part in one.offset)
            ),
        )
        for row in report.marks.landmarks
        for one in row.raters
    ]
    left, back, head = _axes(report)
    return Sheet(
        caption="Each rater against the consensus of the other raters, with 95 % interval",
        head=("Landmark", "Rater", "Missing", "Distance", _WITHIN_HEADS[0], left, back, head),
        rows=tuple(rows[:MOST_ROWS]),
        n_names=2,
        note="The last three columns are the mean offset of the rater along the axes: where an "
        "interval leaves out 0, the rater sets the landmark to one side."
        + (f" {len(rows) - MOST_ROWS} rows are not shown." if len(rows) > MOST_ROWS else ""),
    )


def _axes(report: AgreementReport) -> tuple[str, str, str]:
    axes = {row.axes for row in report.marks.landmarks}
    if len(axes) == 1:
        (found,) = axes
        return found
    return "x", "y", "z"


def _coordinate_sheet(report: AgreementReport) -> Sheet:
    return Sheet(
        caption="Intraclass correlation of the coordinates, ICC(A,1), with 95 % interval",
        head=("Landmark", "Cases", *_axes(report)),
        rows=tuple(
            (row.title, str(row.icc[0].n_cases), *(_icc(table) for table in row.icc))
            for row in report.marks.landmarks
            if any(table.form("A,1").value is not None for table in row.icc)
        ),
        note="Cases in which every rater set it. Patients lie apart by far more than raters do, so "
        "that these are near 1: read them beside the distances.",
    )


def _mark_sheet(report: AgreementReport) -> Sheet:
    return Sheet(
        caption="Points, lines, angles, areas and boxes, as matched between two raters",
        head=(
            "Marks", "Cases", "Marks set", "F1", "Distance of matched marks",
            "Overlap of matched boxes", "ICC(A,1) of size",
        ),
        rows=tuple(
            (
                _what(row),
                str(row.n_cases),
                str(row.n_marks),
                mean_in_words(row.f1, 2),
                NOTHING if row.kind == "box" else f"{mean_in_words(row.compared, 2)} {row.unit}",
                mean_in_words(row.compared, 2) if row.kind == "box" else NOTHING,
                NOTHING if row.icc is None else _icc(row.icc),
            )
            for row in report.marks.matched
        ),
        note="The size of a line is its length, of an angle its degrees, of an area its area.",
    )  # fmt: skip


def _mark_pair_sheet(report: AgreementReport) -> Sheet:
    rows = [_pair_cells(report, row, pair) for row in report.marks.matched for pair in row.pairs]
    return Sheet(
        caption="The same for every two raters; sizes: first − second with limits of agreement",
        head=(
            "Marks", "Raters", "Cases", "Matched", "Precision", "Recall", "F1",
            "Distance or overlap", "Difference in size",
        ),
        rows=tuple(rows[:MOST_ROWS]),
        n_names=2,
        note="Precision and recall hold the second rater against the first."
        + (f" {len(rows) - MOST_ROWS} rows are not shown." if len(rows) > MOST_ROWS else ""),
    )  # fmt: skip


def _pair_cells(report: AgreementReport, row: MarkRow, pair: MarkPair) -> tuple[str, ...]:
    difference = NOTHING
    if pair.difference is not None:
        unit = {"length": row.unit, "angle": "°", "area": f"{row.unit}²", None: ""}[row.size]
        lower, upper = pair.difference.lower.value, pair.difference.upper.value
        bias = signed(pair.difference.bias.value, 2)
        difference = f"{bias} ({ends(lower, upper, 2)}) {unit}"
    return (
        _what(row),
        two_raters(report, pair.rater_a, pair.rater_b),
        str(pair.n_cases),
        f"{pair.n_matched} of {pair.n_a} and {pair.n_b}",
        number(pair.precision, 2),
        number(pair.recall, 2),
        number(pair.f1, 2),
        number(pair.compared, 2),
        difference,
    )


def _what(row: MarkRow) -> str:
    """Return what marks are about in words: kind, name and label."""
    words = row.kind.capitalize()
    if row.name:
        words += f" “{row.name}”"
    if row.label:
        words += f" of {row.label_name or f'label {row.label}'}"
    return words if row.unit == "mm" else f"{words} ({row.unit})"


def _share(share: float | None) -> str:
    return NOTHING if share is None else f"{number(100 * share, 0)} %"


def _estimate(found: Estimate) -> str:
    return f"{signed(found.value, 2)} ({ends(found.low, found.high, 2)})"


def _icc(table: IccTable) -> str:
    found = table.form("A,1")
    interval = "" if found.low is None else f" ({ends(found.low, found.high, 3)})"
    return number(found.value, 3) + interval
