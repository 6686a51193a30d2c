"""The parts of the report that hold tables and pictures."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from annotator.jobs.report_content import Drawing, Paragraph, Section, Sheet
from annotator.jobs.report_words import (
    NOTHING,
    REFERENCE_WORDS,
    TARGET_WORDS,
    counted_noun,
    day,
    ends,
    letters,
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

_MOST_ROWS = 60
_MOST_CASES = 25


def who(report: AgreementReport) -> Section:
    """Return who read how much, and when."""
    signs = letters(report)
    sheet = Sheet(
        caption="Raters, with the letter that stands for each in pictures",
        head=("Letter", "Rater", "Kind", "Readings", "First submitted", "Last submitted"),
        rows=tuple(
            (
                signs[rater.rater_id],
                rater.name,
                "model" if rater.is_model else "person",
                str(rater.n_readings),
                day(rater.first_at),
                day(rater.last_at),
            )
            for rater in report.about.raters
        ),
        n_names=2,
    )
    return Section(key="raters", title="Who read", blocks=(sheet,))


def agreement(report: AgreementReport) -> Section:
    """Return how far raters agree on each structure."""
    head = ("Structure", "Cases", "Dice", "IoU", "Agreed share", "Cohen's kappa", "Gwet's AC1")
    rows = [
        (
            report.label_name(row.label),
            str(row.dice.n_cases),
            *(
                mean_in_words(one, 2)
                for one in (row.dice, row.iou, row.agreed_share, row.kappa, row.ac1)
            ),
        )
        for row in report.labels
    ]
    apart = Sheet(
        caption="Distance between the outlines of two raters, mean over cases with 95 % interval",
        head=(
            "Structure",
            "Cases",
            "HD95, mm",
            "Mean surface distance, mm",
            f"Surface Dice at {number(report.about.tolerance_mm, 1)} mm",
        ),
        rows=tuple(
            (
                report.label_name(row.label),
                str(row.hd95_mm.n_cases),
                mean_in_words(row.hd95_mm, 1),
                mean_in_words(row.mean_surface_mm, 2),
                mean_in_words(row.surface_dice, 2),
            )
            for row in report.labels
            if row.hd95_mm.n_cases
        ),
    )
    dice = [(row.label, [one.dice for one in report.cases if one.label == row.label])
            for row in report.labels]  # fmt: skip
    spread = "; ".join(
        f"{report.label_name(label)}: from {number(min(own), 2)} to {number(max(own), 2)}, "
        f"median {number(float(np.median(own)), 2)}, {counted_noun(len(own), 'case')}"
        for label, own in dice
        if own
    )
    return Section(
        key="agreement",
        title="Agreement between raters",
        blocks=(
            Sheet(
                caption="Mean over cases of the mean over all pairs of raters, with 95 % interval",
                head=head,
                rows=tuple(rows),
            ),
            *((apart,) if apart.rows else ()),
            Drawing(
                key="cases",
                caption="How many cases have which mean Dice over their pairs of raters. Dashed: "
                "the median case.",
                in_words=f"Histograms of the mean Dice of a case. {spread}.",
            ),
        ),
    )


def pairs(report: AgreementReport) -> Section | None:
    """Return every two raters; None where there are only two, whom the section before compares."""
    if len(report.about.raters) < 3:
        return None
    has_mm = any(row.hd95_mm.n_cases for row in report.pairs)
    lowest = sorted(report.pairs, key=lambda row: (row.dice.value is None, row.dice.value or 0.0))
    shown = {id(row) for row in lowest[:_MOST_ROWS]}
    rows = []
    for row in report.pairs:
        if id(row) not in shown:
            continue
        cells = [
            report.label_name(row.label),
            two_raters(report, row.rater_a, row.rater_b),
            str(row.dice.n_cases),
            mean_in_words(row.dice, 2),
            number(row.iou.value, 2),
            number(row.kappa.value, 2),
            number(row.ac1.value, 2),
        ]
        if has_mm:
            cells += [
                number(row.hd95_mm.value, 1),
                number(row.mean_surface_mm.value, 2),
                number(row.surface_dice.value, 2),
            ]
        rows.append(tuple(cells))
    left = len(report.pairs) - len(rows)
    note = f"The {left} pairs that agree best are not shown." if left else ""
    known = [row for row in report.pairs if row.dice.value is not None]
    worst = min(known, key=lambda row: row.dice.value or 0.0)
    best = max(known, key=lambda row: row.dice.value or 0.0)
    return Section(
        key="pairs",
        title="Every two raters",
        blocks=(
            Drawing(
                key="pairs",
                caption="Mean Dice of every two raters over the cases that both read. The letters "
                "below are those beside the names.",
                in_words="Maps of the mean Dice of every two raters, which the table below lists. "
                f"Lowest: {report.rater_name(worst.rater_a)} and "
                f"{report.rater_name(worst.rater_b)} on {report.label_name(worst.label)}, "
                f"{number(worst.dice.value, 2)}. Highest: {report.rater_name(best.rater_a)} and "
                f"{report.rater_name(best.rater_b)} on {report.label_name(best.label)}, "
                f"{number(best.dice.value, 2)}.",
            ),
            Sheet(
                caption="Means over the cases that both read; Dice with 95 % interval",
                head=(
                    "Structure", "Raters", "Cases", "Dice", "IoU", "Cohen's kappa", "Gwet's AC1",
                    *(("HD95, mm", "Mean surface distance, mm", "Surface Dice") if has_mm else ()),
                ),
                rows=tuple(rows),
                n_names=2,
                note=note,
            ),
        ),
    )  # fmt: skip


def raters(report: AgreementReport) -> Section:
    """Return each rater against a reference."""
    rows = tuple(
        (
            report.label_name(row.label),
            report.rater_name(row.rater_id),
            REFERENCE_WORDS[row.reference],
            str(row.dice.n_cases),
            mean_in_words(row.dice, 2),
            percent(row.size_bias),
        )
        for row in sorted(
            report.raters,
            key=lambda row: (row.label, list(REFERENCE_WORDS).index(row.reference)),
        )
    )
    lines = "; ".join(
        f"{name} on {label}, {what}: {dice}" for label, name, what, _, dice, _ in rows
    )
    return Section(
        key="each-rater",
        title="Each rater",
        blocks=(
            Drawing(
                key="raters",
                caption="Mean Dice of each rater with what the marks below say, and its 95 % "
                "interval over cases.",
                in_words=f"Mean Dice with intervals. {lines}.",
            ),
            Sheet(
                caption="Each rater against a reference, with 95 % interval over cases",
                head=("Structure", "Rater", "Held against", "Cases", "Dice", "Size bias"),
                rows=rows,
                n_names=3,
                note="Size bias is the mean of (rater − reference) / reference: above 0 the rater "
                "draws larger.",
            ),
        ),
    )


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
    widest = sorted(row.pairs, key=lambda pair: -abs(pair.difference.bias.value))[:_MOST_ROWS]
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
                    for pair in row.pairs[:_MOST_ROWS]
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
        blocks.append(
            Sheet(
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
        )
    return Section(
        key="probabilities", title="Trust in fused probabilities",
        blocks=tuple(blocks),
    )  # fmt: skip


def over_time(report: AgreementReport) -> Section | None:
    """Return agreement over time; None where nobody read three cases."""
    rows = [row for row in report.drift if len(row.points) >= 3]
    if not rows:
        return None
    sheet = Sheet(
        caption="Change of Dice over ten readings, in the order of submission",
        head=("Rater", "Readings", "Mean Dice", "Change over ten readings", "95 % interval"),
        rows=tuple(
            (
                report.rater_name(row.rater_id),
                str(len(row.points)),
                number(float(np.mean([point.dice for point in row.points])), 2),
                NOTHING if row.slope is None else signed(row.slope.value, 3),
                NOTHING if row.slope is None else ends(row.slope.low, row.slope.high, 3),
            )
            for row in rows
        ),
        note="Dice with the majority of the other raters, mean over structures. Where the interval "
        "holds 0, a change is not shown. Harder cases that happen to come late look like a change.",
    )
    changed = [
        row for row in rows if row.slope is not None and not row.slope.low <= 0 <= row.slope.high
    ]
    names = ", ".join(report.rater_name(row.rater_id) for row in changed) or "none"
    return Section(
        key="time",
        title="Agreement over time",
        blocks=(
            Drawing(
                key="time",
                caption="Small marks are readings, lines are means of blocks of neighbouring "
                "readings. By week, where there are several: means with 95 % intervals over "
                "readings.",
                in_words="Dice of each rater with the majority of the others over the order of "
                f"reading. Raters whose agreement changed: {names}.",
            ),
            sheet,
        ),
    )


def groups(report: AgreementReport) -> Section | None:
    """Return people against models; None where there are no models."""
    if not report.groups:
        return None
    return Section(
        key="models",
        title="People and models",
        blocks=(
            Paragraph(
                text="Do the drawings of the models, taken together, look like those of the "
                "people? The nearest Dice asks whether somebody in the other group drew the same; "
                "the energy distance compares both groups as a whole."
            ),
            Sheet(
                caption="People against models, mean over cases with 95 % interval",
                head=("Structure", "Cases", "Nearest model of each person, Dice",
                      "Nearest person of each model, Dice", "Best pairing, Dice",
                      "Energy distance², biased", "Energy distance², unbiased"),
                rows=tuple(
                    (
                        report.label_name(row.label),
                        str(row.energy.n_cases),
                        mean_in_words(row.nearest_of_people, 2),
                        mean_in_words(row.nearest_of_models, 2),
                        mean_in_words(row.matched, 2),
                        mean_in_words(row.energy, 2),
                        mean_in_words(row.energy_unbiased, 2),
                    )
                    for row in report.groups
                ),
            ),
        ),
    )  # fmt: skip


def cases(report: AgreementReport) -> Section:
    """Return the structures and cases on which raters agree least."""
    shown = report.cases[:_MOST_CASES]
    largest: Counter[int] = Counter()
    for row in report.cases:
        largest[row.label] = max(largest[row.label], round(row.disputed_size))
    rows = []
    for row in shown:
        unit, factor = scaled_unit(row.unit, largest[row.label])
        digits = size_digits(largest[row.label] * factor)
        rows.append(
            (
                row.title,
                report.label_name(row.label),
                str(row.n_raters),
                number(row.dice, 2),
                f"{number(row.disputed_size * factor, digits)} {unit}",
            )
        )
    left = len(report.cases) - len(shown)
    return Section(
        key="cases",
        title="Where raters agree least",
        blocks=(
            Sheet(
                caption="Cases by the mean Dice of their pairs of raters, lowest first",
                head=("Case", "Structure", "Raters", "Mean Dice", "Drawn by some, not by all"),
                rows=tuple(rows),
                n_names=2,
                note=f"{left} more with a higher Dice." if left else "",
            ),
        ),
    )
