"""The two loops of stitching: add a weighed window to sums, tell which sum is the highest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis import kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Sums = NDArray[np.float32]

_MANY = 1 << 19
"""Values from which on two threads add faster than one."""


def add_weighed(
    given: Sums | None, sums: Sums, weights: tuple[Sums, Sums, Sums], least: float
) -> None:
    """Add what a network gave to sums, both ``(label, a, b, c)``; weights alone where None.

    The weight of a voxel is the product of its three, raised to ``least``.
    """
    library = kernels.library()
    is_packed = sums.strides[3] == 4 and (given is None or given.strides[3] == 4)
    if library is None or not is_packed:
        _add_in_numpy(given, sums, weights, least)
        return
    add = library.add_window
    a, b, c = (np.ascontiguousarray(weight) for weight in weights)
    to = _strides(sums)
    come = to if given is None else _strides(given)

    def add_part(low: int, high: int) -> None:
        shape = np.array((high - low, *sums.shape[1:]), np.int64)
        add(
            None if given is None else given[low:].ctypes.data,
            kernels.address(come),
            sums[low:].ctypes.data,
            kernels.address(to),
            kernels.address(shape),
            kernels.address(a),
            kernels.address(b),
            kernels.address(c),
            least,
        )

    kernels.in_parts(add_part, len(sums), _MANY // max(1, sums[0].size) + 1)


def choose_highest(sums: Sums, chosen: NDArray[np.uint8], *, above: float | None = None) -> None:
    """Write which of the sums ``(label, a, b, c)`` is highest, the first of equals, ``(a, b, c)``.

    With ``above`` one more than that, and 0 where none is above it.
    """
    library = kernels.library()
    if library is None or sums.strides[3] != 4:
        _choose_in_numpy(sums, chosen, above)
        return
    choose = library.choose_highest
    come, to = _strides(sums), np.array(chosen.strides, np.int64)

    def choose_part(low: int, high: int) -> None:
        shape = np.array((len(sums), high - low, *sums.shape[2:]), np.int64)
        choose(
            sums[:, low:].ctypes.data,
            kernels.address(come),
            kernels.address(shape),
            above is not None,
            above or 0.0,
            chosen[low:].ctypes.data,
            kernels.address(to),
        )

    kernels.in_parts(choose_part, sums.shape[1], _MANY // max(1, sums[:, 0].size) + 1)


def _strides(array: Sums) -> NDArray[np.int64]:
    return np.array(array.strides, np.int64) // 4


def _add_in_numpy(
    given: Sums | None, sums: Sums, weights: tuple[Sums, Sums, Sums], least: float
) -> None:
    a, b, c = weights
    for place in range(sums.shape[1]):
        weight = np.maximum((a[place] * b)[:, None] * c, np.float32(least))
        for label in range(len(sums)):
            sums[label, place] += weight if given is None else given[label, place] * weight


def _choose_in_numpy(sums: Sums, chosen: NDArray[np.uint8], above: float | None) -> None:
    is_open = above is not None
    best = np.full(sums.shape[1:], above, np.float32) if is_open else sums[0].copy()
    chosen[...] = 0
    for label in range(0 if is_open else 1, len(sums)):
        is_higher = sums[label] > best
        chosen[is_higher] = label + is_open
        np.maximum(best, sums[label], out=best)
