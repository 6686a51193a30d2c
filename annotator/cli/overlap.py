"""The command that asks for further raters where it pays."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.domain.quality import OverlapRule
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from annotator.api import Progress
    from annotator.session.overlap import FurtherReading


def overlap(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Show what the rule asks for and why; with ``--apply`` keep the rule and ask."""
    with Session.open(arguments.project) as session:
        rule = _changed(session.quality.overlap_rule or OverlapRule(), arguments)
        if arguments.apply:
            session.quality.set_overlap_rule(rule)
            planned = session.quality.assign_further(progress=progress)
        else:
            planned = session.quality.further_readings(rule, progress=progress)
        names = {rater.rater_id: rater.name for rater in session.people()}
    n_more = sum(len(entry.chosen) for entry in planned)
    n_missing = sum(entry.n_missing for entry in planned)
    document = {
        "rule": asdict(rule),
        "is_applied": bool(arguments.apply),
        "n_asked": n_more,
        "n_missing": n_missing,
        "cases": [_document(entry, names) for entry in planned],
    }
    verb = "asked" if arguments.apply else "would be asked (--apply asks)"
    lines = [_rule_words(rule), *(_line(entry, names) for entry in planned)]
    lines.append(f"{n_more} further readings {verb}.")
    if n_missing:
        lines.append(f"Nobody is left to ask for {n_missing} more.")
    return Result(document=document, lines=tuple(lines))


def _changed(rule: OverlapRule, arguments: argparse.Namespace) -> OverlapRule:
    given = {
        "first_raters": arguments.first,
        "at_most": arguments.most,
        "dice_below": arguments.dice,
        "boundary_above_mm": arguments.mm,
        "difficulty_above": arguments.difficulty,
        "in_regions": arguments.regions,
    }
    return replace(rule, **{name: value for name, value in given.items() if value is not None})


def _rule_words(rule: OverlapRule) -> str:
    asks = [f"mean Dice is below {rule.dice_below:g}"] if rule.dice_below else []
    if rule.boundary_above_mm is not None:
        asks.append(f"outlines lie more than {rule.boundary_above_mm:g} mm from the majority's")
    if rule.on_presence:
        asks.append("only some drew an object")
    if rule.on_diagnosis:
        asks.append("the diagnosis is disputed")
    what = "the disputed regions" if rule.in_regions else "the case"
    words = (
        f"{rule.first_raters} raters read every case; one more reads {what}, up to "
        f"{rule.at_most} in all, where {' or '.join(asks) or 'nothing'}."
    )
    if rule.difficulty_above is not None:
        words += (
            f" One more from the start where a model foretells a difficulty above "
            f"{rule.difficulty_above:g}."
        )
    return words


def _document(entry: FurtherReading, names: Mapping[str, str]) -> dict[str, Any]:
    need = entry.need
    return {
        "id": need.case.case_id,
        "title": need.case.title,
        "n_finished": need.evidence.n_finished,
        "n_waiting": need.evidence.n_waiting,
        "mean_dice": need.evidence.mean_dice,
        "boundary_mm": need.evidence.boundary_mm,
        "n_presence": need.evidence.n_presence,
        "diagnosis_disputed": need.evidence.diagnosis_disputed,
        "difficulty": need.evidence.difficulty,
        "n_more": need.decision.n_more,
        "why": need.decision.why,
        "raters": [names[rater_id] for rater_id, _ in entry.chosen],
        "regions": [[*low, *high] for low, high in need.regions],
    }


def _line(entry: FurtherReading, names: Mapping[str, str]) -> str:
    need = entry.need
    if not need.decision.n_more:
        return f"{need.case.title}: {need.decision.why}"
    who = ", ".join(names[rater_id] for rater_id, _ in entry.chosen) or "nobody is left"
    where = f" ({len(need.regions)} regions)" if need.regions else ""
    return f"{need.case.title}: {who}{where}: {need.decision.why}"
