"""The parts of the report that hold tables and pictures."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from annotator.jobs.report_content import Drawing, Paragraph, Section, Sheet
from annotator.jobs.report_words import (
    MOST_ROWS,
    NOTHING,
    REFERENCE_WORDS,
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
    from annotator.jobs.agreement_facts import AgreementReport, PairRow

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
    apart = _distance_sheet(report)
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


def _distance_sheet(report: AgreementReport) -> Sheet:
    return Sheet(
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


def pairs(report: AgreementReport) -> Section | None:
    """Return every two raters; None where there are only two, whom the section before compares."""
    if len(report.about.raters) < 3:
        return None
    has_mm = any(row.hd95_mm.n_cases for row in report.pairs)
    lowest = sorted(report.pairs, key=lambda row: (row.dice.value is None, row.dice.value or 0.0))
    shown = {id(row) for row in lowest[:MOST_ROWS]}
    rows = [_pair_cells(report, row, has_mm=has_mm) for row in report.pairs if id(row) in shown]
    left = len(report.pairs) - len(rows)
    note = f"The {left} pairs that agree best are not shown. " if left else ""
    if has_mm and report.about.n_surface_cases < report.about.n_cases:
        note += f"Distances are of {report.about.n_surface_cases} cases, drawn by lot."
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


def _pair_cells(report: AgreementReport, row: PairRow, *, has_mm: bool) -> tuple[str, ...]:
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
    return tuple(cells)


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
