"""What a network gives for overlapping windows becomes a volume, without holding all of it.

Windows come layer after layer along one axis; of a layer, those that lie at the same columns follow
each other. A row of voxels is summed once for all windows of such a column that reach it, so that
sums are read and written half as often as windows: memory is what stitching waits for. Of a layer,
what the next one reaches again is carried on; the rest is held only as far as the columns under way
reach, and is handed over as soon as no window can change it. Sums of the whole volume are never
made: the most that is held is about half a window deep.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annotator.analysis.stitch_kernels import Rows, Span, choose_highest, sum_windows
from annotator.analysis.window_grid import axis_weights, least_weight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from annotator.analysis.window_grid import Place, WindowGrid
    from annotator.domain.reading import Box

    Sums = NDArray[np.float32]


class _Planes(NamedTuple):
    """Sums of some planes of a layer, ``(label, z, y, x)``, and what they go on from.

    They are planes ``first_a`` to ``stop_a`` of the windows. Columns of ``sums`` come round again
    after ``width``. ``source`` is what the layer before left there; None where it left nothing.
    """

    first_a: int
    stop_a: int
    sums: Sums
    source: Sums | None
    width: int


class _Waiting(NamedTuple):
    """A window ``(label, z, y, x)`` of the column under way, and its first row."""

    first_b: int
    values: Sums


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finished:
    """A part of the image that no window reaches any more; must be used before the next window.

    Attributes
    ----------
    box : Box
        Where it lies, half-open, ``(z, y, x)`` in the image.
    sums : ndarray
        What windows gave there times their weights, ``(label, z, y, x)`` float32.
    weights : ndarray or None
        The weights themselves, ``(z, y, x)``; 0 where every window was left out. None where they
        were not asked for.
    """

    box: Box
    sums: NDArray[np.float32]
    weights: NDArray[np.float32] | None

    @property
    def part(self) -> tuple[slice, slice, slice]:
        """The box as slices."""
        z, y, x = (slice(low, high) for low, high in zip(*self.box, strict=True))
        return z, y, x

    def write_highest(self, volume: NDArray[np.uint8], *, above: float | None = None) -> None:
        """Write into a volume ``(z, y, x)`` which label is highest, the first of equals.

        With ``above`` one more than that, and 0 where none is above it. 0 where every window was
        left out. Weights do not matter for it.
        """
        choose_highest(self.sums, volume[self.part], above=above)

    def values(self) -> NDArray[np.float32]:
        """Return the weighed means ``(label, z, y, x)``; 0 where every window was left out."""
        if self.weights is None:
            raise ValueError("the weights were not summed")
        found = np.zeros(self.sums.shape, np.float32)
        np.divide(self.sums, self.weights, out=found, where=self.weights > 0)
        return found


class Stitcher:
    """Takes windows in the order of `stitching_places` and hands over what is finished.

    Parameters
    ----------
    grid : WindowGrid
        Where they lie.
    n_labels : int
        Channels that the network gives out.
    finish : callable
        Is called with each finished part, in the thread that adds windows. Every voxel of the image
        is in one of them.
    weighed : bool
        Whether means will be asked for, not only which label is highest.
    """

    def __init__(
        self,
        grid: WindowGrid,
        n_labels: int,
        finish: Callable[[Finished], None],
        *,
        weighed: bool,
    ) -> None:
        self._grid = grid
        self._n_labels = n_labels
        self._finish = finish
        self._weighed = weighed
        self._layers = _layers_of(grid)
        self._held: Sums = np.empty((n_labels + weighed, self._layers.n_held), np.float32)
        self._weights = tuple(axis_weights(side) for side in grid.patch)
        self._least = least_weight(grid.patch)
        self._one = np.ones(grid.patch[2], np.float32)
        self._waiting: list[_Waiting] = []
        self._n_taken = 0

    @property
    def n_bytes(self) -> int:
        """Memory that sums are held in."""
        return int(self._held.nbytes)

    def add(self, values: NDArray[np.float32]) -> None:
        """Take what the network gives for the next window, ``(label, z, y, x)``.

        It must stay as it is until no further window of its column reaches it.
        """
        expected = (self._n_labels, *self._grid.patch)
        if values.shape != expected:
            raise ValueError(f"a window of shape {values.shape}; {expected} is needed")
        # Networks that take x first give out views with z contiguous.
        self._take(np.ascontiguousarray(values))

    def skip(self) -> None:
        """Leave out the next window: its voxels are told by the others that reach them."""
        self._take(None)

    def _take(self, values: Sums | None) -> None:
        layers = self._layers
        layer, column, row = layers.number(self._n_taken)
        first = layers.starts[2][row]
        is_last = row == layers.n_windows[2] - 1
        stop = layers.size[2] if is_last else layers.starts[2][row + 1]
        if values is not None:
            self._waiting.append(_Waiting(first, values))
        ends = {one.first_b + layers.patch[2] for one in self._waiting}
        for low, high in pairwise(sorted({first, stop, *(e for e in ends if first < e < stop)})):
            self._sum_rows(low, high, layer, column)
        self._waiting = [
            one for one in self._waiting if one.first_b + layers.patch[2] > stop and not is_last
        ]
        if is_last:
            self._hand_over(layer, column)
        self._n_taken += 1

    def _sum_rows(self, low: int, high: int, layer: int, column: int) -> None:
        """Sum rows from ``low`` to ``high`` of a column of windows, all of which are known."""
        layers = self._layers
        weight_z, weight_y, weight_x = self._weights
        for planes in layers.planes(self._held, layer):
            rows = []
            for one in self._waiting:
                if low < one.first_b + layers.patch[2]:
                    z, y = layers.part(
                        slice(planes.first_a, planes.stop_a),
                        slice(low - one.first_b, high - one.first_b),
                    )
                    rows.append(Rows(one.values[:, z, y], weight_z[z], weight_y[y]))
            inside = (slice(None), *layers.part(slice(None), slice(low, high)))
            for source, spans in layers.spans(planes, column):
                own, old, n = planes.sums[inside], source[inside], self._n_labels
                sum_windows(rows, own[:n], old[:n], spans, weight_x, self._least)
                if self._weighed:
                    shape = own[n:].shape[:3]
                    values = np.broadcast_to(self._one, (*shape, len(weight_x)))
                    ones = [row._replace(values=values) for row in rows]
                    sum_windows(ones, own[n:], old[n:], spans, weight_x, self._least)

    def _hand_over(self, layer: int, column: int) -> None:
        """Hand over what no window reaches after a column."""
        layers = self._layers
        first_c, stop_c = layers.finished_columns(column)
        for planes in layers.planes(self._held, layer):
            if planes.first_a < layers.n_finished[layer] or layer == layers.n_windows[0] - 1:
                for low, high in _unbroken(first_c, stop_c, planes.width):
                    at = low % planes.width
                    sums = planes.sums[..., at : at + high - low]
                    self._tell(sums, (layers.starts[0][layer] + planes.first_a, low, 0))

    def _tell(self, sums: Sums, first: Place) -> None:
        """Hand over what of sums, from plane, column and row ``first`` on, lies in the image."""
        begins = dict(zip(self._layers.order, first, strict=True))
        inside = []
        box = []
        for axis in range(3):
            begin, stop = begins[axis], begins[axis] + sums.shape[axis + 1]
            pad = self._grid.before[axis]
            low = max(begin, pad)
            high = min(stop, pad + self._grid.shape[axis])
            if low >= high:
                return
            inside.append(slice(low - begin, high - begin))
            box.append((low - pad, high - pad))
        (z0, z1), (y0, y1), (x0, x1) = box
        found = sums[(slice(None), *inside)]
        self._finish(
            Finished(
                box=((z0, y0, x0), (z1, y1, x1)),
                sums=found[: self._n_labels],
                weights=found[self._n_labels] if self._weighed else None,
            )
        )


def stitching_places(grid: WindowGrid) -> tuple[Place, ...]:
    """Return where windows begin, in the order in which they are to be added."""
    return tuple(grid.places(_layers_of(grid).order))


class _Layers:
    """How the sums are held where layers follow each other along an axis, z or y.

    ``a`` is that axis, ``b`` the other of both, ``c`` is x; windows come in the order a, c, b, and
    facts of the three are in that order. What layers hand on lies at the front of the memory;
    behind it, what the layer under way finishes, of which only as many columns are there as a
    window has: column c lies at ``c % patch``. Both are ``(label, z, y, x)``.
    """

    def __init__(self, grid: WindowGrid, axis: int) -> None:
        self.order = (axis, 2, 1 - axis)
        self.starts = tuple(grid.starts[one] for one in self.order)
        self.patch = tuple(grid.patch[one] for one in self.order)
        self.size = tuple(grid.padded[one] for one in self.order)
        self.n_windows = tuple(len(starts) for starts in self.starts)
        steps = [after - before for before, after in pairwise(self.starts[0])]
        # The last layer finishes as much as any other, and what it would have handed on.
        self.n_finished = [*steps, max(steps, default=self.patch[0])]
        self._deepest = max(self.n_finished)
        self._n_carried = self.patch[0] - min(self.n_finished)
        self._carried_size = self._n_carried * self.size[2] * self.size[1]
        self.n_held = self._carried_size + self._deepest * self.size[2] * self.patch[1]

    def number(self, window: int) -> tuple[int, int, int]:
        """Return layer, column and row of a window."""
        rest, row = divmod(window, self.n_windows[2])
        layer, column = divmod(rest, self.n_windows[1])
        if layer >= self.n_windows[0]:
            raise ValueError(f"there are no more than {window} windows")
        return layer, column, row

    def part(self, a: slice, b: slice) -> tuple[slice, slice]:
        """Return the slices along z and y."""
        return (a, b) if self.order[0] == 0 else (b, a)

    def planes(self, held: Sums, layer: int) -> Iterator[_Planes]:
        """Yield all sums of a layer, the first planes first.

        What the layer before left at plane a now lies at plane a of what is carried: where it is
        to be kept, it moves to the front, so the first planes have to be summed first.
        """
        carried = self._shaped(held[:, : self._carried_size], self._n_carried, self.size[1])
        front = self._shaped(held[:, self._carried_size :], self._deepest, self.patch[1])
        n_own = self.n_finished[layer]
        n_old = self.patch[0] - self.n_finished[layer - 1] if layer else 0
        for low, high in pairwise(sorted({0, n_own, n_old, self.patch[0]})):
            source = self._planes(carried, low, high) if high <= n_old else None
            if high <= n_own:
                own, width = self._planes(front, low, high), self.patch[1]
            else:
                own, width = self._planes(carried, low - n_own, high - n_own), self.size[1]
            yield _Planes(low, high, own, source, width)

    def _shaped(self, held: Sums, n_planes: int, width: int) -> Sums:
        z, y = (n_planes, self.size[2]) if self.order[0] == 0 else (self.size[2], n_planes)
        return held.reshape(len(held), z, y, width)

    def _planes(self, sums: Sums, low: int, high: int) -> Sums:
        return sums[(slice(None), *self.part(slice(low, high), slice(None)))]

    def spans(self, planes: _Planes, column: int) -> Iterator[tuple[Sums, list[Span]]]:
        """Yield what a column of windows adds to, and to which columns of it."""
        first = self.starts[1][column]
        stop = first + self.patch[1]
        carries = planes.source is not None
        reached = self.starts[1][column - 1] + self.patch[1] if column else first
        again = [
            Span(low - first, high - first, low % planes.width, low % planes.width)
            for low, high in _unbroken(first, reached, planes.width)
        ]
        new = [
            Span(low - first, high - first, low % planes.width, low if carries else None)
            for low, high in _unbroken(reached, stop, planes.width)
        ]
        if planes.source is None:
            yield planes.sums, again + new
        else:
            yield planes.sums, again
            yield planes.source, new

    def finished_columns(self, column: int) -> tuple[int, int]:
        """Return from where to where no window reaches after a column of them."""
        is_last = column == self.n_windows[1] - 1
        return self.starts[1][column], self.size[1] if is_last else self.starts[1][column + 1]


def _unbroken(low: int, stop: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of columns that lie together where they come round after ``width``."""
    while low < stop:
        high = min(stop, (low // width + 1) * width)
        yield low, high
        low = high


def _layers_of(grid: WindowGrid) -> _Layers:
    """Return the layers, along z or y, of which less is to be held."""
    return min((_Layers(grid, axis) for axis in (0, 1)), key=lambda one: one.n_held)
