"""Commands by which a reviewer decides what was found in a tracing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.cli.command import Result
from annotator.cli.readings import parse_diagnosis
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress
    from annotator.session.trace_review import TraceReview


def decide(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Give a verdict on a place; the tracings themselves never change."""
    with Session.open(arguments.project) as session:
        review = _review(session, arguments, progress)
        taken_from = None
        if arguments.take is not None:
            taken_from = review.reading_of(arguments.take).annotation.annotation_id
        review.decide(
            arguments.place,
            arguments.verdict,
            reason=arguments.reason,
            comment=arguments.comment,
            node_id=arguments.node,
            to_id=arguments.to,
            annotation_id=taken_from,
        )
        left = review.undecided()
        n_nodes = len(review.adjudicated())
        n_before = len(review.tree)
    document = {
        "place": arguments.place,
        "verdict": arguments.verdict,
        "left": list(left),
        "n_nodes": n_nodes,
    }
    line = (
        f"Place {arguments.place}: {arguments.verdict}. {len(left)} places are left; "
        f"{n_nodes} nodes, {n_before} before."
    )
    return Result(document=document, lines=(line,))


def sign_off(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Make what the verdicts made of a tracing final; refused while places are left."""
    with Session.open(arguments.project) as session:
        review = _review(session, arguments, progress)
        diagnosis = parse_diagnosis(arguments.diagnosis, session.project().schema)
        signed = review.sign_off(diagnosis)
        n_nodes = len(session.store.signed_off_tree(signed.sign_off_id))
        stops = [stop.region for stop in review.stop_list()]
    document = {"sign_off": signed.sign_off_id, "n_nodes": n_nodes, "look_again": stops}
    line = f"Signed off: {n_nodes} nodes, {len(stops)} places to look at again."
    return Result(document=document, lines=(line,))


def _review(session: Session, arguments: argparse.Namespace, progress: Progress) -> TraceReview:
    reviewer = session.store.rater(arguments.reviewer)
    case = session.store.tracing_case(arguments.case)
    room = session.review_room(reviewer.rater_id)
    return room.open_tracing(case.case_id, base=arguments.base, progress=progress)
