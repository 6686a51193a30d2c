"""Trees as bytes: their key, their compressed form, and the table that keeps them."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import zstandard
from sqlalchemy import insert, select

from annotator.analysis.tracing.editable import Nodes, TraceEdit, canonical
from annotator.analysis.tracing.tree import Tree
from annotator.domain.errors import IntegrityError
from annotator.store import slabs
from annotator.store.tables import trees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection, Row

_SIZE = struct.Struct("<Q")
_DTYPES = ("<i8", "<i4", "<f8", "<f8", "<i8")
_WIDTHS = (1, 1, 3, 1, 1)
_NODE_BYTES = sum(
    np.dtype(dtype).itemsize * width for dtype, width in zip(_DTYPES, _WIDTHS, strict=True)
)


def tree_key(tree: Tree) -> bytes:
    """Return the SHA-256 over a tree's columns, rows ascending by id.

    Ids, types, points, radii and parents' rows, one after the other, little-endian.
    """
    hashed = hashlib.sha256()
    for column, dtype in zip(_columns(canonical(tree)), _DTYPES, strict=True):
        hashed.update(np.ascontiguousarray(column, dtype).tobytes())
    return hashed.digest()


def pack(tree: Tree) -> bytes:
    """Return a tree compressed.

    Each column is kept as the differences between the bit patterns of one row and the next, byte
    by byte (all low bytes first), under zstd: neighbours are alike, and nothing is rounded.
    """
    return _pack(_columns(tree))


def unpack(blob: bytes) -> Tree:
    """Return the tree that `pack` compressed; IntegrityError where the bytes are something else."""
    ids, types, points, radii, parents = _unpack(_decompressed(blob))
    n_nodes = len(ids)
    if ((parents < -1) | (parents >= n_nodes)).any():
        raise IntegrityError("a tree has parents that are no rows of it")
    return Tree(ids=ids, types=types, points=points, radii=radii, parents=parents)


def pack_edit(edit: TraceEdit) -> bytes:
    """Return an edit compressed: its rows before, then those after."""
    parts = [_pack(_named_columns(nodes)) for nodes in (edit.before, edit.after)]
    return _SIZE.pack(len(parts[0])) + b"".join(parts)


def unpack_edit(content: bytes) -> TraceEdit:
    """Return the edit that `pack_edit` compressed; IntegrityError where it is something else."""
    if len(content) < _SIZE.size:
        raise IntegrityError("an edit of a tree is cut off")
    middle = _SIZE.size + _SIZE.unpack_from(content)[0]
    before, after = (
        Nodes(ids=ids, types=types, points=points, radii=radii, parent_ids=parent_ids)
        for ids, types, points, radii, parent_ids in (
            _unpack(_decompressed(part))
            for part in (content[_SIZE.size : middle], content[middle:])
        )
    )
    return TraceEdit(before=before, after=after)


def put(connection: Connection, tree: Tree) -> tuple[int, bytes]:
    """Keep a tree, each content once; return its row and its key."""
    ordered = canonical(tree)
    key = tree_key(ordered)
    known = connection.execute(select(trees.c.tree_id).where(trees.c.key == key)).scalar()
    if known is not None:
        return int(known), key
    tree_id: int = connection.execute(
        insert(trees)
        .values(key=key, blob=pack(ordered), n_nodes=len(ordered))
        .returning(trees.c.tree_id)
    ).scalar_one()
    return tree_id, key


def read(connection: Connection, tree_id: int) -> Tree:
    """Return one tree."""
    row = connection.execute(select(trees).where(trees.c.tree_id == tree_id)).first()
    if row is None:
        raise IntegrityError("a tree is gone from the project; run verify to see what else is")
    return of_row(row)


def of_row(row: Row[Any]) -> Tree:
    """Return the tree of a row; IntegrityError where it is damaged."""
    tree = unpack(row.blob)
    if len(tree) != row.n_nodes:
        raise IntegrityError(f"a tree holds {len(tree)} nodes; it had {row.n_nodes}")
    return tree


def _columns(tree: Tree) -> tuple[NDArray[Any], ...]:
    return tree.ids, tree.types, tree.points, tree.radii, tree.parents


def _named_columns(nodes: Nodes) -> tuple[NDArray[Any], ...]:
    return nodes.ids, nodes.types, nodes.points, nodes.radii, nodes.parent_ids


def _pack(columns: Sequence[NDArray[Any]]) -> bytes:
    planes = []
    for column, dtype in zip(columns, _DTYPES, strict=True):
        bits = np.ascontiguousarray(column, dtype).view(f"<u{np.dtype(dtype).itemsize}")
        steps = np.diff(bits, axis=0, prepend=np.zeros_like(bits[:1]))
        planes.append(steps.view(np.uint8).reshape(-1, bits.itemsize).T.tobytes())
    return slabs.compressor().compress(b"".join(planes))


def _unpack(content: bytes) -> tuple[NDArray[Any], ...]:
    n_nodes, left = divmod(len(content), _NODE_BYTES)
    if left:
        raise IntegrityError(f"a tree holds {len(content)} bytes, which is no number of nodes")
    columns: list[NDArray[Any]] = []
    start = 0
    for dtype, width in zip(_DTYPES, _WIDTHS, strict=True):
        itemsize = np.dtype(dtype).itemsize
        end = start + n_nodes * width * itemsize
        planes = np.frombuffer(content[start:end], np.uint8).reshape(itemsize, -1)
        steps = np.ascontiguousarray(planes.T).view(f"<u{itemsize}").reshape(n_nodes, width)
        bits = np.add.accumulate(steps, axis=0, dtype=steps.dtype)
        values = bits.view(dtype)
        columns.append(values if width > 1 else values[:, 0])
        start = end
    return tuple(columns)


def _decompressed(blob: bytes) -> bytes:
    try:
        return slabs.decompressor().decompress(blob)
    except zstandard.ZstdError as error:
        raise IntegrityError(f"a tree cannot be decompressed ({error})") from error
