"""The compiled library of loops, where there is one; without it numpy does the same work.

Built from ``kernels.c`` when the program is installed (``hatch_build.py``). It is reached through
ctypes, which lets other threads run meanwhile. ``ANNOTATOR_KERNELS=off`` leaves it alone.
"""

from __future__ import annotations

import ctypes
import os
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

VERSION = 5
"""Must be that of ``kernels.c``: a library left over from another one is not used."""
N_THREADS = min(2, os.cpu_count() or 1)
"""More do not pay: these loops wait for memory."""

_LIBRARY = {"win32": "_kernels.dll", "darwin": "_kernels.dylib"}.get(sys.platform, "_kernels.so")
_SIGNATURES = {
    "annotator_version": "i",
    "unpack_slabs": " ppppppl pp",
    "encode_slabs": "l pi lll p ll pppp",
    "decode_slabs": "l pplpp i llll p",
    "merge_runs": "l l ppppppppp l u p lllll ppppp",
    "spread_runs": "l pplp llll pppp",
    "paint_runs": "l pplp i lllll l pll",
    "bound_runs": "l pplp ll pp",
    "count_near_runs": "l pplp ll ppl",
    "mark_surfaces": " ppi ll pi",
    "find_nearest": " pipl pl ul p",
    "sum_by_rank": " ppi pl p ll pp lp",
    "summarise_votes": "l piplll p",
    "sum_windows": " pppip pp pp pi ppf",
    "choose_highest": " pp p if pp",
    "count_byte": "l pl i",
    "parse_swc": "l pl i p l ppppp ppp",
    "link_nodes": "l pp lll pp",
    "measure_depths": "l pl p",
    "order_by_depth": "l pll p",
    "add_upwards": " ppp l p",
    "number_subtrees": " ppl p pp",
    "list_children": " pl pp",
    "measure_edges": " ppl pp",
    "mark_nodes": " pppp pp pp l pp p",
    "find_same_places": "l pl p",
    "sweep_brush": "l pii pp i",
    "pair_edges": "l pppp pp l ddddd p",
    "visit_nodes": "l pl p",
    "count_parts": "l ppl d",
    "measure_apart": "l ppll ppll dd pp",
    "pair_critical": "l ppl ppl d p",
    "take_edges": "l pppl pppl d ppp",
    "grow_fill": " ppp",
    "grow_open": "p ppp",
    "grow_seeds": "l ppi",
    "grow_around": " ppp",
    "grow_on": "l pl",
    "grow_close": " p",
    "grow_labels": " ppip",
    "section_distances": "l pll dd p",
    "add_moved": " pll ddd p",
    "grow_tree": "l ppp ll dd dd l pp",
    "count_sides": "l pi ll",
    "trace_outlines": "l pi ll pppp",
}
"""Function → what it returns (nothing where blank), then its arguments."""
_TYPES = {
    "p": ctypes.c_void_p,
    "i": ctypes.c_int32,
    "l": ctypes.c_int64,
    "u": ctypes.c_uint64,
    "f": ctypes.c_float,
    "d": ctypes.c_double,
}


class _State:
    library: ctypes.CDLL | None = None
    is_off = os.environ.get("ANNOTATOR_KERNELS", "").lower() in {"off", "0", "no"}


def library() -> ctypes.CDLL | None:
    """Return the library, or None where it is missing, of another version or switched off."""
    return None if _State.is_off else _State.library


@contextmanager
def without_kernels() -> Iterator[None]:
    """Do everything in numpy meanwhile, in all threads."""
    before, _State.is_off = _State.is_off, True
    try:
        yield
    finally:
        _State.is_off = before


def address(array: NDArray[np.generic]) -> ctypes.c_void_p:
    """Return where a contiguous array lies; the caller keeps it alive."""
    try:
        # Twice as fast as asking numpy, which small work notices.
        return ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(array.data)))
    except (TypeError, ValueError):  # not writable, without items, or in Fortran's order
        return ctypes.c_void_p(array.ctypes.data)


def addresses(arrays: Sequence[NDArray[np.generic]]) -> ctypes.Array[ctypes.c_void_p]:
    """Return where contiguous arrays lie, as an array of pointers."""
    return (ctypes.c_void_p * len(arrays))(*[array.ctypes.data for array in arrays])


def in_parts(work: Callable[[int, int], object], n_items: int, smallest: int) -> None:
    """Do ``work(low, high)`` for parts of ``n_items`` at once, none smaller than ``smallest``."""
    n_parts = max(1, min(N_THREADS, n_items // max(1, smallest)))
    if n_parts == 1:
        work(0, n_items)
        return
    bounds = [n_items * part // n_parts for part in range(n_parts + 1)]
    others = [_helpers().submit(work, *bounds[part : part + 2]) for part in range(1, n_parts)]
    try:
        work(bounds[0], bounds[1])
    finally:
        wait(others)
    for other in others:
        other.result()


@cache
def _helpers() -> ThreadPoolExecutor:
    """Return the threads that take other parts: starting them each time costs more than small work.

    Work must not ask for parts of its own, which would wait for these threads on one of them.
    """
    return ThreadPoolExecutor(max(1, N_THREADS - 1), thread_name_prefix="kernels")


def _load() -> ctypes.CDLL | None:
    if sys.byteorder != "little" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    try:
        found = ctypes.CDLL(str(Path(__file__).with_name(_LIBRARY)))
        for name, signature in _SIGNATURES.items():
            function = getattr(found, name)
            function.restype = _TYPES.get(signature[0])
            function.argtypes = [_TYPES[letter] for letter in signature[1:].replace(" ", "")]
        if found.annotator_version() != VERSION:
            return None
    except (OSError, AttributeError):
        return None
    return found


_State.library = _load()
