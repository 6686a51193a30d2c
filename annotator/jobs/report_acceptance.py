"""The part of the report on what people made of models' drawings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.jobs.report_content import Drawing, Paragraph, Section, Sheet
from annotator.jobs.report_words import (
    NOTHING,
    counted_noun,
    mean_in_words,
    number,
    signed,
)

if TYPE_CHECKING:
    from annotator.jobs.acceptance_facts import AcceptanceReport, AcceptedRow, AnchoringFacts
    from annotator.jobs.agreement_facts import AgreementReport, CaseMean

MEASURE_WORDS = {
    "model": "Dice with the model",
    "truth": "Dice with the truth",
    "time": "time at work, s",
}


def acceptance(report: AgreementReport) -> Section | None:
    """Return what became of models' drawings; None where nobody was offered one."""
    found = report.acceptance
    if not found.taken:
        return None
    sheets = [_taken_sheet(found)]
    sheets += [_accepted_sheet(found)] if found.accepted else []
    sheets += [_anchoring_sheet(found)] if found.anchoring else []
    return Section(
        key="acceptance",
        title="Models as a start",
        blocks=(
            *(Paragraph(text=sentence) for sentence in said_of_acceptance(found)),
            Drawing(
                key="acceptance",
                caption="Left: what became of the voxels that a model drew, and what was added, in "
                "percent of what it drew. Right, where cases were read without a model too: how "
                "much the Dice differs where it was shown, with 95 % intervals over cases.",
                in_words="Bars of what was kept, changed, removed and added, which the tables "
                "below list.",
            ),
            *sheets,
        ),
    )


def said_of_acceptance(found: AcceptanceReport) -> tuple[str, ...]:
    """Return what the numbers mean, in sentences."""
    n_offered = sum(row.n_offered for row in found.taken)
    n_taken = sum(row.n_taken for row in found.taken)
    said = [f"A model's drawing was taken as a start {n_taken} of {n_offered} times."]
    n_model = sum(row.n_model for row in found.accepted)
    if n_model:
        kept = sum(row.n_kept for row in found.accepted)
        said.append(f"Of the voxels that it had drawn, {100 * kept / n_model:.0f} % were kept.")
    shown = [entry for entry in found.anchoring if entry.row.is_shown]
    said += [_effect(entry) for entry in shown if _is_worth_saying(entry)]
    if found.anchoring and not any(entry.row.measure == "model" for entry in shown):
        said.append(
            "No difference between readings with and without a model is shown in how near they "
            "lie to it."
        )
    elif not found.anchoring:
        said.append(
            "Whether people are drawn towards a model shows only where a share of cases is read "
            "without it, by people who read others with it."
        )
    if found.n_unknown:
        tells = "reading does" if found.n_unknown == 1 else "readings do"
        said.append(f"{found.n_unknown} {tells} not tell what was offered.")
    return tuple(said)


def _is_worth_saying(entry: AnchoringFacts) -> bool:
    """Whether there is anything left of a difference once it is rounded."""
    return abs(entry.row.difference) >= (1.0 if entry.row.measure == "time" else 0.001)


def _effect(entry: AnchoringFacts) -> str:
    row = entry.row
    gap = number(abs(row.difference), 0 if row.measure == "time" else 3)
    more = row.difference > 0
    if row.measure == "time":
        return f"Shown {entry.model_name}, people took {gap} s {'more' if more else 'less'} a case."
    what = "to it" if row.measure == "model" else "to the truth"
    where = "nearer" if more else "farther from"
    if not more:
        what = what.removeprefix("to ")
    return (
        f"Shown {entry.model_name}, people draw {entry.label_name} {where} {what}: by {gap} in "
        f"Dice (95 % interval {signed(row.low)} to {signed(row.high)})."
    )


def _taken_sheet(found: AcceptanceReport) -> Sheet:
    return Sheet(
        caption="How often a model's drawing was taken as a start, and how long readings took",
        head=("Rater", "Model", "Offered", "Taken", "Read without",
              "Taken, s", "Not taken, s", "Read without, s"),
        rows=tuple(
            (
                row.rater_name,
                row.model_name,
                str(row.n_offered),
                str(row.n_taken),
                str(row.n_withheld),
                mean_in_words(row.taken_s, 0),
                mean_in_words(row.untaken_s, 0),
                mean_in_words(row.withheld_s, 0),
            )
            for row in found.taken
        ),
        n_names=2,
        note="Times are means, from opening a case to submitting it; pauses of more than a minute "
        "do not count. Who takes a drawing chooses to: easier cases may be taken more often.",
    )  # fmt: skip


def _accepted_sheet(found: AcceptanceReport) -> Sheet:
    return Sheet(
        caption="What became of a model's drawing where it was the start, % of its voxels",
        head=("Rater", "Model", "Structure", "Readings", "Kept", "Other label", "Removed",
              "Added", "Changed, mm³", "Surface moved, mm", "95 % of it, mm"),
        rows=tuple(
            (
                row.rater_name,
                row.model_name,
                row.label_name,
                str(row.n_readings),
                *(share_in_words(row, n) for n in parts_of(row)),
                _in_mm(row.mm3, row, 0),
                number(row.moved_mm.value, 2),
                number(row.moved_p95_mm.value, 1),
            )
            for row in found.accepted
        ),
        n_names=3,
        note="A voxel that was taken away and drawn again counts as kept. Means over readings of "
        "the volume that changed and of how far the surface lies from the model's.",
    )  # fmt: skip


def parts_of(row: AcceptedRow) -> tuple[int, int, int, int]:
    """Return voxels kept, now another label, removed and added."""
    return row.n_kept, row.n_changed, row.n_removed, row.n_added


def share_in_words(row: AcceptedRow, n_voxels: int) -> str:
    """Return voxels in percent of what the model drew; a dash where it drew nothing."""
    return f"{100 * n_voxels / row.n_model:.1f} %" if row.n_model else NOTHING


def _in_mm(mean: CaseMean, row: AcceptedRow, digits: int) -> str:
    """Return a size, a dash where nothing is known of lengths."""
    return number(mean.value, digits) if row.moved_mm.n_cases else NOTHING


def _anchoring_sheet(found: AcceptanceReport) -> Sheet:
    return Sheet(
        caption="Readings with a model against readings without it, with 95 % interval over cases",
        head=("Model", "Structure", "Measure", "Cases", "Readings", "With", "Without",
              "Difference"),
        rows=tuple(
            (
                entry.model_name,
                entry.label_name or "whole case",
                MEASURE_WORDS[entry.row.measure],
                str(entry.row.n_cases),
                f"{entry.row.n_with} and {entry.row.n_without}",
                *difference_in_words(entry),
            )
            for entry in found.anchoring
        ),
        n_names=3,
        note="Whom a model was shown on which case was drawn by lot"
        f" ({counted_noun(round(100 * found.share_without_model), 'percent', 'percent')} without); "
        "differences are within raters. The truth is what was signed off or is known of gold "
        "cases. What was signed off was made of these readings: it leans towards a model that "
        "many were shown.",
    )  # fmt: skip


def difference_in_words(entry: AnchoringFacts) -> tuple[str, str, str]:
    """Return the mean with the model, without it, and the difference with its interval."""
    row = entry.row
    digits = 0 if row.measure == "time" else 3
    gap = signed(row.difference, digits)
    if row.low is not None and row.high is not None:
        gap += f" ({signed(row.low, digits)} to {signed(row.high, digits)})"
    return number(row.mean_with, digits), number(row.mean_without, digits), gap
