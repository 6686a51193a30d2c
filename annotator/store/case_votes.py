"""Vote histograms of cases: how often raters voted in each way, small enough to read them all."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import zstandard
from sqlalchemy import bindparam, delete, insert, select

from annotator.domain.errors import IntegrityError
from annotator.store import cases
from annotator.store.slabs import compressor, decompressed
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
_LABEL, _COUNT = np.dtype("<u2"), np.dtype("<i8")

# Built once: putting a statement together costs more than running it.
_AFTER = (
    select(
        case_table.c.case_id, case_table.c.title, case_votes.c.findings_key, case_votes.c.content
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
        annotation_table.c.rater_id,
        annotation_table.c.annotation_id,
        raters.c.is_model,
    )
    .join_from(annotation_table, raters, annotation_table.c.rater_id == raters.c.rater_id)
    .where(annotation_table.c.case_id > bindparam("after"))
    .where(annotation_table.c.case_id <= bindparam("last"))
    .order_by(annotation_table.c.case_id, annotation_table.c.rater_id, annotation_table.c.revision)
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredVotes:
    """A case, the readings that count now, and the vote histogram that is kept of it.

    Attributes
    ----------
    annotation_ids, model_ids : tuple of str
        Latest readings of persons, and of models.
    findings_key : str or None
        The readings that the histogram is of; None where none is kept, and the rest is empty.
    places : ndarray
        Place of each rater's label in ``labels``, ``(pattern, rater)``, uint8 or uint16.
    counts : ndarray
        Voxels of each pattern, ``(pattern,)`` int64.
    labels : tuple of int
        Labels that may occur, ascending, 0 first.
    """

    case_id: str
    title: str
    annotation_ids: tuple[str, ...]
    model_ids: tuple[str, ...]
    findings_key: str | None
    places: NDArray[np.uint8 | np.uint16]
    counts: NDArray[np.int64]
    labels: tuple[int, ...]


_Histogram = tuple["NDArray[np.uint8 | np.uint16]", "NDArray[np.int64]", tuple[int, ...]]
_NOTHING: _Histogram = (
    np.zeros((0, 0), np.uint8),
    np.zeros(0, np.int64),
    (),
)


def pack(patterns: NDArray[np.uint16], counts: NDArray[np.int64], labels: Sequence[int]) -> bytes:
    """Return a histogram compressed: header, labels, counts, and the places of the labels."""
    place_type = _place_type(len(labels))
    places = np.searchsorted(np.asarray(labels), patterns).astype(place_type)
    n_patterns, n_raters = patterns.shape
    return compressor().compress(
        _HEADER.pack(_FORMAT, n_raters, n_patterns, len(labels))
        + np.asarray(labels, _LABEL).tobytes()
        + counts.astype(_COUNT).tobytes()
        + places.tobytes()
    )


def unpack(contents: Sequence[bytes]) -> list[_Histogram]:
    """Return places, counts and labels of each; IntegrityError where bytes are something else."""
    try:
        return [_unpacked(found) for found in decompressed(contents)]
    except (zstandard.ZstdError, struct.error) as error:
        raise IntegrityError(f"a vote histogram cannot be decompressed ({error})") from error


def _unpacked(found: bytes) -> _Histogram:
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
    return places.reshape(n_patterns, n_raters).copy(), counts.copy(), tuple(labels.tolist())


def _place_type(n_labels: int) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
    return np.dtype("u1") if n_labels <= 1 << 8 else np.dtype("<u2")


def put(change: Change, case_id: str, findings_key: str, content: bytes) -> None:
    """Replace the histogram of a case by a packed one."""
    case = cases.read(change.connection, case_id)
    known = change.connection.execute(
        select(case_votes).where(case_votes.c.case_id == case.case_id)
    ).first()
    if known is not None and (known.findings_key, known.content) == (findings_key, content):
        return
    change.connection.execute(delete(case_votes).where(case_votes.c.case_id == case.case_id))
    change.connection.execute(
        insert(case_votes).values(case_id=case.case_id, findings_key=findings_key, content=content)
    )
    change.log(
        "put votes",
        case_id=case.case_id,
        findings_key=findings_key,
        content_sha256=content_digest(content),
    )


def content_digest(content: bytes) -> str:
    """Return what the audit log keeps of a histogram (hex)."""
    return hashlib.sha256(content).hexdigest()


def after(connection: Connection, case_id: str, most: int) -> tuple[StoredVotes, ...]:
    """Return the first cases whose id is larger, by id, without repeats; at most so many."""
    rows = connection.execute(_AFTER, {"after": case_id, "most": most}).all()
    if not rows:
        return ()
    latest: dict[str, dict[str, tuple[str, bool]]] = {}
    for owner, rater_id, annotation_id, is_model in connection.execute(
        _READINGS, {"after": case_id, "last": rows[-1].case_id}
    ).all():
        latest.setdefault(owner, {})[rater_id] = (annotation_id, is_model)
    kept = iter(unpack([row.content for row in rows if row.content is not None]))
    found = []
    for owner, title, findings_key, content in rows:
        readings = latest.get(owner, {}).values()
        places, counts, labels = _NOTHING if content is None else next(kept)
        found.append(
            StoredVotes(
                case_id=owner,
                title=title,
                annotation_ids=tuple([entry for entry, is_model in readings if not is_model]),
                model_ids=tuple([entry for entry, is_model in readings if is_model]),
                findings_key=findings_key,
                places=places,
                counts=counts,
                labels=labels,
            )
        )
    return tuple(found)
