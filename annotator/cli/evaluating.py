"""The command that judges a reader or a trained model by a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.cli.numbers import interval_words, number
from annotator.domain.errors import AnnotatorError
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress


def evaluate(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Judge a reader or a trained model by what was signed off, a rater or a fusion."""
    if (arguments.model is None) == (arguments.fit is None):
        raise AnnotatorError(
            "evaluate needs --model RATER or --fit ID: a rater of the project, or what "
            "`annotator train` trained"
        )
    with Session.open(arguments.project) as session:
        document = session.evaluate(
            reader=arguments.model,
            fit_id=arguments.fit,
            against=arguments.against,
            tolerance_mm=arguments.tolerance,
            with_learned=arguments.with_learned,
            progress=progress,
        )
        schema = session.project().schema
        names = {label.value: label.name for label in schema.labels}
        titles = {case.case_id: case.title for case in session.cases()}
    lines = [f"{document['reader']} against {document['against']}"]
    lines += [line for case in document["cases"] for line in _case_lines(case, names)]
    lines += [f"{titles[one['case']]}: left out: {one['reason']}" for one in document["left_out"]]
    lines += _summary_lines(document, names)
    return Result(document=document, lines=tuple(lines))


def _case_lines(case: dict[str, Any], names: dict[int, str]) -> list[str]:
    learned = " (it learned from this case)" if case["is_learned"] else ""
    return [
        f"{case['title']}{learned}: {names[one['label']]}: Dice {number(one['dice'])}, "
        f"surface Dice {number(one['surface_dice'])}, HD95 {number(one['hd95_mm'])} mm, "
        f"volume {one['difference_mm3']:+.0f} mm³"
        for one in case["labels"]
    ]


def _summary_lines(document: dict[str, Any], names: dict[int, str]) -> list[str]:
    if not document["summary"]:
        return [
            "No case counts in a summary: the model learned from all of them; --with-learned "
            "counts them"
        ]
    found = []
    for one in document["summary"]:
        dice = _words(one["dice"])
        distance = _words(one["hd95_mm"])
        found.append(
            f"{names[one['label']]} over {one['n_cases']} cases: mean Dice {dice}, HD95 "
            f"{distance} mm"
        )
    return found


def _words(interval: dict[str, Any] | None) -> str:
    if interval is None:
        return "unknown (fewer than two cases)"
    from annotator.analysis.bootstrap import Interval

    return f"{interval['value']:.3f}{interval_words(Interval(**interval))}"
