"""Slabs of runs as bytes: their key, their compressed form, and the table that keeps them."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import zstandard
from sqlalchemy import insert, select

from annotator.analysis.runs import SlabRuns
from annotator.domain.errors import IntegrityError
from annotator.store.tables import slabs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

_LEVEL = 3
_KEYS_A_QUERY = 500
_RUN_BYTES = 6

_local = threading.local()
"""Compressors must not be shared between threads."""


@dataclass(frozen=True, slots=True)
class StoredSlab:
    """Where a slab lies in the table, and its key."""

    slab_id: int
    key: bytes


def slab_key(runs: SlabRuns) -> bytes:
    """Return the SHA-256 over the runs: all ends as little-endian uint32, all labels as uint16."""
    hashed = hashlib.sha256(_little(runs.ends, "<u4"))
    hashed.update(_little(runs.labels, "<u2"))
    return hashed.digest()


def pack(runs: SlabRuns) -> bytes:
    """Return the runs compressed: lengths as uint32 and labels as uint16, under zstd."""
    lengths = np.diff(runs.ends, prepend=np.uint32(0))
    return _compressor().compress(_little(lengths, "<u4") + _little(runs.labels, "<u2"))


def unpack(blob: bytes) -> SlabRuns:
    """Return the runs that `pack` compressed; IntegrityError where the bytes are something else."""
    try:
        content = _decompressor().decompress(blob)
    except zstandard.ZstdError as error:
        raise IntegrityError(f"a slab cannot be decompressed ({error})") from error
    n_runs, rest = divmod(len(content), _RUN_BYTES)
    if rest or not n_runs:
        raise IntegrityError(f"a slab holds {len(content)} bytes, which is no number of runs")
    lengths = np.frombuffer(content, "<u4", n_runs)
    return SlabRuns(
        lengths.cumsum(dtype=np.uint32), np.frombuffer(content, "<u2", n_runs, 4 * n_runs)
    )


def put(connection: Connection, runs: Iterable[SlabRuns]) -> tuple[StoredSlab, ...]:
    """Keep slabs, each content once, and return where they lie, in the order given."""
    ordered = [(slab_key(entry), entry) for entry in runs]
    known = find(connection, (key for key, _ in ordered))
    missing = {key: entry for key, entry in ordered if key not in known}
    if missing:
        added = connection.execute(
            insert(slabs).returning(slabs.c.slab_id, slabs.c.key),
            [{"key": key, "blob": pack(entry)} for key, entry in missing.items()],
        )
        known.update((bytes(key), slab_id) for slab_id, key in added)
    return tuple(StoredSlab(known[key], key) for key, _ in ordered)


def find(connection: Connection, keys: Iterable[bytes]) -> dict[bytes, int]:
    """Return the row of each key that is kept."""
    wanted = list(dict.fromkeys(keys))
    known: dict[bytes, int] = {}
    for start in range(0, len(wanted), _KEYS_A_QUERY):
        query = select(slabs.c.key, slabs.c.slab_id).where(
            slabs.c.key.in_(wanted[start : start + _KEYS_A_QUERY])
        )
        known.update((bytes(key), slab_id) for key, slab_id in connection.execute(query))
    return known


def get(connection: Connection, slab_ids: Iterable[int]) -> Mapping[int, SlabRuns]:
    """Return the runs of some rows."""
    wanted = list(dict.fromkeys(slab_ids))
    found: dict[int, SlabRuns] = {}
    for start in range(0, len(wanted), _KEYS_A_QUERY):
        query = select(slabs.c.slab_id, slabs.c.blob).where(
            slabs.c.slab_id.in_(wanted[start : start + _KEYS_A_QUERY])
        )
        found.update((slab_id, unpack(blob)) for slab_id, blob in connection.execute(query))
    return found


def _little(values: np.ndarray, dtype: str) -> bytes:
    return values.astype(dtype, copy=False).tobytes()


def _compressor() -> zstandard.ZstdCompressor:
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    found: zstandard.ZstdCompressor = _local.compressor
    return found


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    found: zstandard.ZstdDecompressor = _local.decompressor
    return found
