"""Files become series that stand beside a case."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.api import Skipped
from annotator.domain.companions import can_stand_beside, kind_by_files
from annotator.domain.errors import AnnotatorError, CancelledError
from annotator.jobs.importing import SCAN_SHARE, list_files, scan_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from annotator.api import FoundSeries, Progress
    from annotator.domain.companions import CompanionKind
    from annotator.domain.study import Case, Series
    from annotator.registry import Registry
    from annotator.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachReport:
    """What was put beside a case, and what was left out."""

    series: tuple[Series, ...]
    skipped: tuple[Skipped, ...]


def attach_files(
    store: Store,
    registry: Registry,
    case_id: str,
    paths: Sequence[str | Path],
    kind: CompanionKind | None,
    progress: Progress,
    *,
    actor: str,
) -> AttachReport:
    """Read files and put every series in them beside a case; they become no cases.

    ``kind`` says what they are to the case; by what the files say where it is None. What cannot
    stand there is left out and named.
    """
    case = store.study_case(case_id)
    files, skipped = list_files(paths)
    found, more = scan_files(
        registry.readers(), files, progress, broken=registry.broken_at("readers")
    )
    skipped.extend(more)
    kept: list[Series] = []
    for number, entry in enumerate(found):
        start = SCAN_SHARE + (1 - SCAN_SHARE) * number / len(found)
        progress(start, f"reading {entry.title}")
        try:
            kept.append(_keep(store, case, entry, kind, actor))
        except CancelledError:
            raise
        except Exception as error:  # one bad series may not stop the others
            reason = str(error) if isinstance(error, AnnotatorError) else repr(error)
            skipped.append(Skipped(path=os.path.commonpath(entry.paths), reason=reason))
    progress(1.0, f"{len(kept)} series")
    return AttachReport(series=tuple(kept), skipped=tuple(sorted(skipped, key=lambda e: e.path)))


def attach(
    store: Store, case: Case, series: Series, kind: CompanionKind | None, *, actor: str
) -> CompanionKind:
    """Put a series of the project beside a case, and return what it is to the case.

    Raises AnnotatorError where it cannot stand there, or where nothing says what it is.
    """
    own = store.series(case.series_ids[0])
    found = _kind(case, own, series, kind)
    store.attach_series(case.case_id, series.series_id, found, actor=actor)
    return found


def _keep(
    store: Store, case: Case, entry: FoundSeries, kind: CompanionKind | None, actor: str
) -> Series:
    content = entry.read(lambda _fraction, _message: None)
    own = store.series(case.series_ids[0])
    found = _kind(case, own, content.series, kind)
    store.add_series(content.series, content.voxels, actor=actor)
    store.attach_series(case.case_id, content.series.series_id, found, actor=actor)
    return content.series


def _kind(case: Case, own: Series, other: Series, kind: CompanionKind | None) -> CompanionKind:
    if own.series_id == other.series_id:
        raise AnnotatorError(f"this is the series that {case.title!r} itself is drawn on")
    if own.slide is not None or other.slide is not None:
        raise AnnotatorError("whole slides are not shown beside other images")
    if not can_stand_beside(own, other):
        raise AnnotatorError(
            f"a {other.kind} cannot stand beside {case.title!r}, a {own.kind}: volumes are "
            "compared with volumes, pictures with pictures, and videos with nothing"
        )
    found = kind or kind_by_files(own, other)
    if found is None:
        raise AnnotatorError(
            f"the files do not say what {other.description or other.modality!r} is to "
            f"{case.title!r}: say whether it is another series of the study (series) or an earlier "
            "study (prior)"
        )
    return found
