"""The two loops of stitching: sum weighed windows, tell which sum is the highest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annotator.analysis import kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Sums = NDArray[np.float32]

_MANY = 1 << 19
"""Values from which on two threads add faster than one."""


class Span(NamedTuple):
    """Columns of windows that are summed alike.

    They begin and stop at these columns of the windows, and lie in the sums from ``at`` on. What
    they are added to lies in the source from ``source_at`` on; they begin at 0 where that is None.
    """

    begin: int
    stop: int
    at: int
    source_at: int | None


class Rows(NamedTuple):
    """What a network gave for a part of a window, ``(label, z, y, x)``, and the part's weights."""

    values: Sums
    weight_z: Sums
    weight_y: Sums


def sum_windows(
    windows: Sequence[Rows],
    sums: Sums,
    source: Sums,
    spans: Sequence[Span],
    weight_x: Sums,
    least: float,
) -> None:
    """Write sums ``(label, z, y, x)``: what the source holds, and windows that are weighed.

    The weight of a voxel is the product of those along z, y and x, raised to ``least``. The source
    may be the sums themselves, or planes of the same memory that lie further on.
    """
    library = kernels.library()
    is_packed = all(
        one.strides[3] == 4 or one.shape[3] == 1
        for one in (sums, source, *(rows.values for rows in windows))
    )
    if library is None or not is_packed:
        _sum_in_numpy(windows, sums, source, spans, weight_x, least)
        return
    work = library.sum_windows
    come, to = _strides(source), _strides(sums)
    given = _strides(windows[0].values) if windows else to
    along_z, along_y = (
        [np.ascontiguousarray(weight) for weight in weights]
        for weights in ([one.weight_z for one in windows], [one.weight_y for one in windows])
    )
    places = np.array([(*span[:3], -1 if span[3] is None else span[3]) for span in spans], np.int64)

    def sum_part(low: int, high: int) -> None:
        shape = np.array((high - low, *sums.shape[1:3]), np.int64)
        work(
            kernels.addresses([one.values[low:] for one in windows]),
            kernels.addresses(along_z),
            kernels.addresses(along_y),
            len(windows),
            kernels.address(given),
            sums[low:].ctypes.data,
            kernels.address(to),
            source[low:].ctypes.data,
            kernels.address(come),
            kernels.address(places),
            len(places),
            kernels.address(shape),
            kernels.address(weight_x),
            least,
        )

    n_values = sums[0].size * max(1, len(windows))
    kernels.in_parts(sum_part, len(sums), _MANY // max(1, n_values) + 1)


def choose_highest(sums: Sums, chosen: NDArray[np.uint8], *, above: float | None = None) -> None:
    """Write which of the sums ``(label, z, y, x)`` is highest, the first of equals, ``(z, y, x)``.

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


def _sum_in_numpy(
    windows: Sequence[Rows],
    sums: Sums,
    source: Sums,
    spans: Sequence[Span],
    weight_x: Sums,
    least: float,
) -> None:
    for begin, stop, at, source_at in spans:
        own = sums[..., at : at + stop - begin]
        own[...] = 0 if source_at is None else source[..., source_at : source_at + stop - begin]
        for values, weight_z, weight_y in windows:
            both = weight_z[:, None, None] * weight_y[:, None]
            own += values[..., begin:stop] * np.maximum(
                both * weight_x[begin:stop], np.float32(least)
            )


def _choose_in_numpy(sums: Sums, chosen: NDArray[np.uint8], above: float | None) -> None:
    is_open = above is not None
    best = np.full(sums.shape[1:], above, np.float32) if is_open else sums[0].copy()
    chosen[...] = 0
    for label in range(0 if is_open else 1, len(sums)):
        is_higher = sums[label] > best
        chosen[is_higher] = label + is_open
        np.maximum(best, sums[label], out=best)
