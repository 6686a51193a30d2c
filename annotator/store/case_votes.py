"""Vote histograms of cases: how often raters voted in each way, small enough to read them all.

Before each stands how far the raters agree, so that many cases are compared without counting again.
"""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import zstandard
from sqlalchemy import LargeBinary, and_, bindparam, case, delete, exists, func, insert, select

from annotator.domain.errors import IntegrityError
from annotator.domain.review import VoteSummary
from annotator.store import cases
from annotator.store.slabs import compressor, decompressor
from annotator.store.tables import annotation_table, case_votes, raters, repeat_cases
from annotator.store.tables import cases as case_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from annotator.store.database import Change

_FORMAT = 1
_HEADER = struct.Struct("<BHIH")
"""The format, and how many raters, patterns and labels."""
_SUMMARISED = 2
_SUMMARY = struct.Struct("<BHddd")
"""What a histogram begins with since it is summarised: how many raters, and three measures."""
_LABEL, _COUNT = np.dtype("<u2"), np.dtype("<i8")

_later = annotation_table.alias("later")
_is_latest = ~exists().where(
    and_(
        _later.c.case_id == annotation_table.c.case_id,
        _later.c.rater_id == annotation_table.c.rater_id,
        _later.c.revision > annotation_table.c.revision,
    )
)
# Built once: putting a statement together costs more than running it.
_AFTER = (
    select(
        case_table.c.case_id,
        case_table.c.title,
        case_votes.c.findings_key,
        func.substr(case_votes.c.content, 1, _SUMMARY.size, type_=LargeBinary),
    )
    .outerjoin_from(case_table, case_votes)
    .where(case_table.c.case_id > bindparam("after"))
    .where(case_table.c.case_id.not_in(select(repeat_cases.c.case_id)))
    .order_by(case_table.c.case_id)
    .limit(bindparam("most"))
)
_READINGS = (
    select(
        annotation_table.c.case_id,
        func.aggregate_strings(
            case((raters.c.is_model, None), else_=annotation_table.c.annotation_id), " "
        ),
        func.aggregate_strings(
            case((raters.c.is_model, annotation_table.c.annotation_id), else_=None), " "
        ),
    )
    .join_from(annotation_table, raters, annotation_table.c.rater_id == raters.c.rater_id)
    .where(annotation_table.c.case_id > bindparam("after"))
    .where(annotation_table.c.case_id <= bindparam("last"))
    .where(_is_latest)
    .group_by(annotation_table.c.case_id)
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredVotes:
    """A case, the readings that count now, and the vote histogram that is kept of it.

    Attributes
    ----------
    annotation_ids, model_ids : tuple of str
        Latest readings of persons, and of models.
    findings_key : str or None
        The readings that the histogram is of; None where none is kept.
    n_readings : int
        How many they were; 0 where that is not known.
    summary : VoteSummary or None
        How far they agree; None where no histogram is kept, or one of an older program.
    """

    case_id: str
    title: str
    annotation_ids: tuple[str, ...]
    model_ids: tuple[str, ...]
    findings_key: str | None
    n_readings: int
    summary: VoteSummary | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredHistogram:
    """How often the raters of a case voted in each way.

    Attributes
    ----------
    places : ndarray
        Place of each rater's label in ``labels``, ``(pattern, rater)``, uint8 or uint16.
    counts : ndarray
        Voxels of each pattern, ``(pattern,)`` int64.
    labels : tuple of int
        Labels that may occur, ascending, 0 first.
    """

    places: NDArray[np.uint8 | np.uint16]
    counts: NDArray[np.int64]
    labels: tuple[int, ...]


def pack(
    patterns: NDArray[np.uint16],
    counts: NDArray[np.int64],
    labels: Sequence[int],
    summary: VoteSummary,
) -> bytes:
    """Return a summary and, compressed, its histogram: header, labels, counts, places of labels."""
    place_type = _place_type(len(labels))
    places = np.searchsorted(np.asarray(labels), patterns).astype(place_type)
    n_patterns, n_raters = patterns.shape
    measures = (summary.mean_dice, summary.kappa, summary.entropy_bits)
    return _SUMMARY.pack(
        _SUMMARISED, n_raters, *(math.nan if value is None else value for value in measures)
    ) + compressor().compress(
        _HEADER.pack(_FORMAT, n_raters, n_patterns, len(labels))
        + np.asarray(labels, _LABEL).tobytes()
        + counts.astype(_COUNT).tobytes()
        + places.tobytes()
    )


def unpack(content: bytes) -> StoredHistogram:
    """Return the histogram of either format; IntegrityError where bytes are something else."""
    start = _SUMMARY.size if content[:1] == bytes([_SUMMARISED]) else 0
    try:
        return _unpacked(decompressor().decompress(content[start:]))
    except (zstandard.ZstdError, struct.error) as error:
        raise IntegrityError(f"a vote histogram cannot be decompressed ({error})") from error


def _unpacked(found: bytes) -> StoredHistogram:
    form, n_raters, n_patterns, n_labels = _HEADER.unpack_from(found)
    place_type = _place_type(n_labels)
    start = _HEADER.size + _LABEL.itemsize * n_labels
    middle = start + _COUNT.itemsize * n_patterns
    size = middle + place_type.itemsize * n_patterns * n_raters
    if form != _FORMAT or len(found) != size or not n_labels:
        raise IntegrityError(f"a vote histogram of format {form} holds {len(found)} bytes")
    labels = np.frombuffer(found, _LABEL, n_labels, _HEADER.size)
    counts = np.frombuffer(found, _COUNT, n_patterns, start)
    places: NDArray[np.uint8 | np.uint16]
    places = np.frombuffer(found, place_type, n_patterns * n_raters, middle)
    # Copied: where they lie in the bytes is no place for numbers that a kernel reads.
    return StoredHistogram(
        places=places.reshape(n_patterns, n_raters).copy(),
        counts=counts.copy(),
        labels=tuple(labels.tolist()),
    )


def _summary(beginning: bytes | None) -> tuple[int, VoteSummary | None]:
    if beginning is None or beginning[:1] != bytes([_SUMMARISED]):
        return 0, None
    if len(beginning) != _SUMMARY.size:
        raise IntegrityError(f"a vote histogram has only {len(beginning)} bytes")
    _, n_raters, dice, kappa, entropy = _SUMMARY.unpack(beginning)
    return n_raters, VoteSummary(
        mean_dice=None if math.isnan(dice) else dice,
        kappa=None if math.isnan(kappa) else kappa,
        entropy_bits=entropy,
    )


def _place_type(n_labels: int) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
    return np.dtype("u1") if n_labels <= 1 << 8 else np.dtype("<u2")


def put(change: Change, case_id: str, findings_key: str, content: bytes) -> None:
    """Replace the histogram of a case by a packed one."""
    owner = cases.read(change.connection, case_id).case_id
    known = change.connection.execute(
        select(case_votes).where(case_votes.c.case_id == owner)
    ).first()
    if known is not None and (known.findings_key, known.content) == (findings_key, content):
        return
    change.connection.execute(delete(case_votes).where(case_votes.c.case_id == owner))
    change.connection.execute(
        insert(case_votes).values(case_id=owner, findings_key=findings_key, content=content)
    )
    change.log(
        "put votes",
        case_id=owner,
        findings_key=findings_key,
        content_sha256=content_digest(content),
    )


def content_digest(content: bytes) -> str:
    """Return what the audit log keeps of a histogram (hex)."""
    return hashlib.sha256(content).hexdigest()


def read(connection: Connection, case_id: str) -> StoredHistogram | None:
    """Return the histogram of a case, or None where none is kept."""
    content = connection.execute(
        select(case_votes.c.content).where(case_votes.c.case_id == case_id)
    ).scalar()
    return None if content is None else unpack(content)


def after(connection: Connection, case_id: str, most: int) -> tuple[StoredVotes, ...]:
    """Return the first cases whose id is larger, by id, without repeats; at most so many."""
    rows = connection.execute(_AFTER, {"after": case_id, "most": most}).all()
    if not rows:
        return ()
    readings = {
        owner: (tuple((people or "").split()), tuple((models or "").split()))
        for owner, people, models in connection.execute(
            _READINGS, {"after": case_id, "last": rows[-1].case_id}
        )
    }
    found = []
    for owner, title, findings_key, beginning in rows:
        people, models = readings.get(owner, ((), ()))
        n_readings, summary = _summary(beginning)
        found.append(
            StoredVotes(
                case_id=owner,
                title=title,
                annotation_ids=people,
                model_ids=models,
                findings_key=findings_key,
                n_readings=n_readings,
                summary=summary,
            )
        )
    return tuple(found)
