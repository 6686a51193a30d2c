"""Which series stand beside cases; putting others there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.cli.command import Result
from annotator.domain.errors import AnnotatorError
from annotator.session.session import Session

if TYPE_CHECKING:
    import argparse

    from annotator.api import Progress
    from annotator.domain.companions import Companion
    from annotator.domain.study import Case


def companions(arguments: argparse.Namespace, progress: Progress) -> Result:
    """Attach or detach what is asked for, then list what stands beside the case, or beside all."""
    changes = bool(arguments.files or arguments.from_case or arguments.detach)
    if changes and arguments.case is None:
        raise AnnotatorError("name the case that the series are put beside")
    if arguments.kind and not (arguments.files or arguments.from_case):
        raise AnnotatorError("--as says what is attached: give --files or --from-case as well")
    skipped: list[dict[str, str]] = []
    with Session.open(arguments.project, read_only=not changes) as session:
        desk = session.companions
        if arguments.detach:
            desk.detach(arguments.case, arguments.detach)
        if arguments.from_case:
            desk.attach_case(arguments.case, arguments.from_case, arguments.kind)
        if arguments.files:
            report = desk.attach_files(arguments.case, arguments.files, arguments.kind, progress)
            skipped = [{"path": one.path, "reason": one.reason} for one in report.skipped]
            if not report.series:
                reason = f": {skipped[0]['path']}: {skipped[0]['reason']}" if skipped else ""
                raise AnnotatorError(f"nothing could be attached{reason}")
        chosen = (
            session.cases()
            if arguments.case is None
            else (session.store.study_case(arguments.case),)
        )
        listed = [(case, desk.of_case(case.case_id)) for case in chosen]
    lines = [f"skipped {one['path']}: {one['reason']}" for one in skipped]
    for case, found in listed:
        lines += _lines(case, found)
    return Result(
        document={
            "cases": [_case_document(case, found) for case, found in listed],
            "skipped": skipped,
        },
        lines=tuple(lines),
    )


def _lines(case: Case, found: tuple[Companion, ...]) -> list[str]:
    if not found:
        return [f"{case.title}: nothing stands beside it"]
    return [
        f"{case.title}: {one.title}  {one.series.modality}  {one.when}  "
        f"{one.series.series_id[:12]}{'  attached' if one.is_attached else ''}"
        for one in found
    ]


def _case_document(case: Case, found: tuple[Companion, ...]) -> dict[str, Any]:
    return {
        "id": case.case_id,
        "title": case.title,
        "companions": [
            {
                "series": one.series.series_id,
                "title": one.title,
                "kind": one.kind,
                "when": one.when,
                "modality": one.series.modality,
                "is_attached": one.is_attached,
            }
            for one in found
        ],
    }
