"""The parts of the report on sizes, on answers and on fused probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.jobs.report_content import Drawing, Section, Sheet
from annotator.jobs.report_words import (
    MOST_ROWS,
    NOTHING,
    TARGET_WORDS,
    ends,
    mean_in_words,
    number,
    percent,
    scaled_unit,
    signed,
    size_digits,
    two_raters,
)

if TYPE_CHECKING:
    from annotator.analysis.bland_altman import Estimate
    from annotator.jobs.agreement_facts import AgreementReport, SizeRow


def sizes(report: AgreementReport) -> Section | None:
    """Return how far raters agree on sizes; None where nothing was drawn."""
    if not report.sizes:
        return None
    is_pair = len({point.rater_id for row in report.sizes for point in row.points}) == 2
    caption = (
        "Difference of the two raters against their mean, one mark a case. Line: bias; dashed: "
        "limits of agreement; shaded: their 95 % intervals."
        if is_pair
        else "How much larger or smaller each rater drew than the mean of the raters of that case, "
        "one mark a reading. Between the dashed lines 95 % of drawings are expected."
    )
    scatter = [row for row in report.sizes if row.scatter is not None]
    return Section(
        key="sizes",
        title="Agreement on size",
        blocks=(
            Drawing(
                key="sizes",
                caption=caption,
                in_words="Scatter plots of differences in size; the tables below hold their "
                "summary.",
            ),
            Sheet(
                caption="Intraclass correlation of sizes, with 95 % interval",
                head=(
                    "Structure", "Cases", "ICC(A,1), over cases", "ICC(A,1), F", "ICC(C,1), F",
                    "ICC(1,1), F", "ICC(A,k), F",
                ),
                rows=tuple(_icc_cells(report, row) for row in report.sizes),
                note="Cases that every rater read; ICC(1,1) uses every case with two readings.",
            ),
            Sheet(
                caption="Scatter within a case, with 95 % interval",
                head=("Structure", "Unit", "Cases", "Readings", "Within-case SD", "Repeatability"),
                rows=tuple(_scatter_cells(report, row) for row in scatter),
                n_names=2,
            ),
            *(_pair_sheet(report, row) for row in report.sizes if row.pairs),
        ),
    )  # fmt: skip


def _icc_cells(report: AgreementReport, row: SizeRow) -> tuple[str, ...]:
    forms = [row.icc.form(name) for name in ("A,1", "C,1", "1,1", "A,k")]
    return (
        report.label_name(row.label),
        str(row.icc.n_cases),
        mean_in_words(row.icc_bootstrap, 2),
        *(
            number(one.value, 2)
            + (f" ({ends(one.low, one.high, 2)})" if one.low is not None else "")
            for one in forms
        ),
    )


def _scatter_cells(report: AgreementReport, row: SizeRow) -> tuple[str, ...]:
    unit, factor, digits = _scale(row)
    found = row.scatter
    if found is None:
        return (report.label_name(row.label), unit, "0", "0", NOTHING, NOTHING)
    return (
        report.label_name(row.label),
        unit,
        str(found.n_cases),
        str(found.n_readings),
        _estimate(found.within_sd, factor, digits),
        _estimate(found.coefficient, factor, digits),
    )


def _pair_sheet(report: AgreementReport, row: SizeRow) -> Sheet:
    unit, factor, digits = _scale(row)
    widest = sorted(row.pairs, key=lambda pair: -abs(pair.difference.bias.value))[:MOST_ROWS]
    kept = [pair for pair in row.pairs if pair in widest]
    return Sheet(
        caption=f"{report.label_name(row.label)}: difference in size of two raters, {unit}, with "
        "95 % interval",
        head=(
            "Raters, first − second", "Cases", "Bias", "Lower limit", "Upper limit",
            "Proportional bias",
        ),
        rows=tuple(
            (
                two_raters(report, pair.rater_a, pair.rater_b, "−"),
                str(pair.difference.n_cases),
                _estimate(pair.difference.bias, factor, digits),
                _estimate(pair.difference.lower, factor, digits),
                _estimate(pair.difference.upper, factor, digits),
                NOTHING
                if pair.difference.slope is None
                else f"{signed(pair.difference.slope.value, 2)} "
                f"({ends(pair.difference.slope.low, pair.difference.slope.high, 2)})",
            )
            for pair in kept
        ),
        note="Proportional bias is the change of the difference for each unit of size; where its "
        "interval leaves out 0, the difference depends on size.",
    )  # fmt: skip


def _estimate(found: Estimate, factor: float, digits: int) -> str:
    return (
        f"{number(found.value * factor, digits)} "
        f"({ends(found.low * factor, found.high * factor, digits)})"
    )


def _scale(row: SizeRow) -> tuple[str, float, int]:
    """Return the unit of a structure's sizes, the factor that leads to it, and decimals."""
    largest = max(point.size for point in row.points)
    unit, factor = scaled_unit(row.unit, largest)
    return unit, factor, size_digits(largest * factor)


def questions(report: AgreementReport) -> Section | None:
    """Return the agreement on the questions of the form; None where none was answered twice."""
    if not report.questions:
        return None
    sheets: list[Sheet] = [
        Sheet(
            caption="Answers of all raters, with 95 % interval over cases",
            head=(
                "Question", "Cases", "Answers", "Same answer", "Fleiss' kappa",
                "Krippendorff's alpha", "Gwet's AC1",
            ),
            rows=tuple(
                (
                    row.title,
                    str(row.n_cases),
                    str(row.n_answers),
                    mean_in_words(row.agreement, 2),
                    mean_in_words(row.kappa, 2),
                    mean_in_words(row.alpha, 2),
                    mean_in_words(row.ac1, 2),
                )
                for row in report.questions
            ),
            note="“Same answer” is the share of pairs of raters; Fleiss' kappa is left out where "
            "cases have different numbers of answers.",
        )
    ]  # fmt: skip
    for row in report.questions:
        is_number = any(pair.kappa_linear is not None for pair in row.pairs)
        sheets.append(
            Sheet(
                caption=f"“{row.title}”, every two raters",
                head=(
                    "Raters", "Cases", "Same answer", "Cohen's kappa", "Gwet's AC1",
                    *(("Kappa, linear weights", "Kappa, quadratic weights") if is_number else ()),
                ),
                rows=tuple(
                    (
                        two_raters(report, pair.rater_a, pair.rater_b),
                        str(pair.n_cases),
                        number(pair.agreement, 2),
                        number(pair.kappa, 2),
                        number(pair.ac1, 2),
                        *(
                            (number(pair.kappa_linear, 2), number(pair.kappa_quadratic, 2))
                            if is_number
                            else ()
                        ),
                    )
                    for pair in row.pairs[:MOST_ROWS]
                ),
            )
        )  # fmt: skip
    return Section(key="answers", title="Agreement on the diagnosis", blocks=tuple(sheets))


def probabilities(report: AgreementReport) -> Section | None:
    """Return how far fused probabilities can be believed; None where there is nothing to test."""
    if not report.calibration:
        return None
    blocks: list[Drawing | Sheet] = [
        Drawing(
            key="reliability",
            caption="How often a voxel was so against how probable it was said to be; on the "
            "dotted line a probability can be taken at its word. Larger marks stand for more "
            "voxels.",
            in_words="Reliability curves. "
            + "; ".join(
                f"{report.label_name(row.label)}, {TARGET_WORDS[row.target]}: calibration error "
                f"{number(row.ece.value, 3)}"
                for row in report.calibration
            )
            + ".",
        ),
        Sheet(
            caption="Fused probability in the band around outlines, with 95 % interval over cases",
            head=("Structure", "Fused by", "Held against", "Cases", "ECE", "ACE", "Brier score",
                  "Log loss", "ECE, each rater"),
            rows=tuple(
                (
                    report.label_name(row.label),
                    row.method,
                    TARGET_WORDS[row.target],
                    str(row.ece.n_cases),
                    mean_in_words(row.ece),
                    number(row.ace.value),
                    number(row.brier.value),
                    number(row.log_loss.value),
                    number(row.ece_each.value),
                )
                for row in report.calibration
            ),
            n_names=3,
            note="ECE against raters takes the share of raters as what is so; “ECE, each rater” "
            "is the error against one rater at a time, averaged.",
        ),
    ]  # fmt: skip
    if report.fused:
        blocks.append(_fused_sheet(report))
    return Section(
        key="probabilities", title="Trust in fused probabilities",
        blocks=tuple(blocks),
    )  # fmt: skip


def _fused_sheet(report: AgreementReport) -> Sheet:
    return Sheet(
        caption="The fused map against the raters who were fused, with 95 % interval",
        head=(
            "Structure",
            "Fused by",
            "Cases",
            "Soft Dice",
            "CRPS of the size",
            "CRPS, share of the mean size",
        ),
        rows=tuple(
            (
                report.label_name(row.label),
                row.method,
                str(row.crps.n_cases),
                mean_in_words(row.soft_dice, 2),
                f"{mean_in_words(row.crps, size_digits(row.crps.value or 0.0))} {row.unit}",
                percent(row.relative_crps).replace("+", ""),
            )
            for row in report.fused
        ),
        n_names=2,
    )
