"""Commands that train models on the readings of a project and let them read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.cli.readings import nothing_done, parse_settings
from annotator.domain.errors import AnnotatorError
from annotator.jobs.learning import told
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from annotator.api import Progress


def train(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Train a model on every case that two or more have read."""
    settings = parse_settings(arguments.settings)
    with Session.open(arguments.project) as session:
        fit = session.train(
            arguments.trainer,
            parameters=settings,
            target=arguments.target,
            group=arguments.group,
            include_models=arguments.models,
            progress=progress,
        )
        summary = told(session.store, fit)
        curve = None
        if arguments.curve:
            curve = str(session.save_curve_of_model(fit.fit_id, arguments.curve))
    document = {
        "trainer": arguments.trainer,
        "fit": fit.fit_id,
        "n_readings": len(fit.recipe.inputs),
        "summary": list(summary),
        "curve": curve,
    }
    lines = (
        *summary,
        *([f"Its curve is in {curve}."] if curve else []),
        f"Trained on {len(fit.recipe.inputs)} readings. Let it read cases with: annotator predict "
        f"{arguments.project} --fit {fit.fit_id[:12]}",
    )
    return Result(document=document, lines=lines)


def predict_by_fit(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Let a trained model read cases; fails where it can read none."""
    trust = parse_trust(arguments.trust)
    with Session.open(arguments.project) as session:
        made = session.predict_by_fit(
            arguments.fit, arguments.cases or None, trust=trust, progress=progress
        )
        titles = {case.case_id: case.title for case in session.cases()}
    lines = [_line(titles[entry["case"]], entry) for entry in made["readings"]]
    lines += [f"{titles[entry['case']]}: skipped: {entry['reason']}" for entry in made["skipped"]]
    document = {"fit": arguments.fit, "trust": trust, **made}
    return Result(document=document, lines=tuple(lines), error=nothing_done("read", made))


def _line(title: str, entry: dict[str, Any]) -> str:
    said = ["read"] if entry["annotation"] else []
    if entry["difficulty"] is not None:
        said.append(f"difficulty {entry['difficulty']:.2f}. {entry['why']}")
    return f"{title}: {', '.join(said)}"


def parse_trust(given: Sequence[str]) -> dict[str, float]:
    """Return ``RATER=WEIGHT`` words as weights by rater."""
    trust: dict[str, float] = {}
    for word in given:
        rater, equals, weight = word.rpartition("=")
        try:
            trust[rater] = float(weight)
        except ValueError:
            equals = ""
        if not equals or not rater:
            raise AnnotatorError(f"--trust needs RATER=WEIGHT, for example Abe=2, not {word!r}")
    return trust
