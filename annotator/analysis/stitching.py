"""What a network gives for overlapping windows becomes a volume, without holding all of it.

Windows come layer after layer along one axis. Of a layer, what the next one reaches again is
carried on; the rest is held only as far as the row of windows under way reaches, and is handed over
as soon as no window can change it. A volume of sums, ``(label, z, y, x)``, is never made: the most
that is held is about half a window deep.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from annotator.analysis.stitch_kernels import add_weighed, choose_highest
from annotator.analysis.window_grid import axis_weights, least_weight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from annotator.analysis.window_grid import Place, WindowGrid
    from annotator.domain.reading import Box

    Sums = NDArray[np.float32]


class _Piece(NamedTuple):
    """A part of the sums, ``(label, a, b, c)``, and where it lies in the layer under way."""

    sums: Sums
    first_a: int
    first_b: int


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
        self._held: Sums = np.zeros((n_labels + weighed, self._layers.n_held), np.float32)
        self._n_taken = 0

    @property
    def n_bytes(self) -> int:
        """Memory that sums are held in."""
        return int(self._held.nbytes)

    def add(self, values: NDArray[np.float32]) -> None:
        """Take what the network gives for the next window, ``(label, z, y, x)``."""
        expected = (self._n_labels, *self._grid.patch)
        if values.shape != expected:
            raise ValueError(f"a window of shape {values.shape}; {expected} is needed")
        self._take(values)

    def skip(self) -> None:
        """Leave out the next window: its voxels are told by the others that reach them."""
        self._take(None)

    def _take(self, values: NDArray[np.float32] | None) -> None:
        layers = self._layers
        place = layers.number(self._n_taken)
        layer, row, column = place
        if column == 0:
            for sums, source in layers.entering(self._held, layer, row):
                # Label by label: numpy would copy all of it first, for fear that both overlap.
                for label, own in enumerate(sums):
                    own[...] = 0 if source is None else source[label]
        if values is not None:
            self._add(values, layer, row, column)
        if column == layers.n_windows[2] - 1:
            for piece in layers.leaving(self._held, layer, row):
                self._hand_over(piece, layer)
        self._n_taken += 1

    def _add(self, values: NDArray[np.float32], layer: int, row: int, column: int) -> None:
        layers = self._layers
        # Networks that take x first give out views with z contiguous.
        given = layers.turned(np.ascontiguousarray(values))
        least = least_weight(self._grid.patch)
        weights = [axis_weights(self._grid.patch[axis]) for axis in layers.order]
        first_b, first_c = layers.starts[1][row], layers.starts[2][column]
        stop_c = first_c + layers.patch[2]
        for piece in layers.pieces(self._held, layer, first_b, first_b + layers.patch[1]):
            _, n_a, n_b, _ = piece.sums.shape
            a = slice(piece.first_a, piece.first_a + n_a)
            b = slice(piece.first_b - first_b, piece.first_b - first_b + n_b)
            own = weights[0][a], weights[1][b], weights[2]
            sums = piece.sums[..., first_c:stop_c]
            add_weighed(given[:, a, b], sums[: self._n_labels], own, least)
            if self._weighed:
                add_weighed(None, sums[self._n_labels :], own, least)

    def _hand_over(self, piece: _Piece, layer: int) -> None:
        layers = self._layers
        low = (layers.starts[0][layer] + piece.first_a, piece.first_b, 0)
        ranges = {
            axis: (begin, begin + size)
            for axis, begin, size in zip(layers.order, low, piece.sums.shape[1:], strict=True)
        }
        sums = layers.turned(piece.sums)
        inside = []
        box = []
        for axis in range(3):
            begin, stop = ranges[axis]
            pad = self._grid.before[axis]
            first = max(begin, pad)
            last = min(stop, pad + self._grid.shape[axis])
            if first >= last:
                return
            inside.append(slice(first - begin, last - begin))
            box.append((first - pad, last - pad))
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

    ``a`` is that axis, ``b`` the other of both, ``c`` is x. What layers hand on lies at the front
    of the memory, ``(a, b, c)``; behind it, what the layer under way finishes, of which only as
    many planes along b are there as a window has: plane b lies at ``b % patch``.
    """

    def __init__(self, grid: WindowGrid, axis: int) -> None:
        self.order = (axis, 1 - axis, 2)
        self.starts = tuple(grid.starts[one] for one in self.order)
        self.patch = tuple(grid.patch[one] for one in self.order)
        self._size = tuple(grid.padded[one] for one in self.order)
        self.n_windows = tuple(len(starts) for starts in self.starts)
        steps = [after - before for before, after in pairwise(self.starts[0])]
        # The last layer finishes as much as any other, and what it would have handed on.
        self._n_finished = [*steps, max(steps, default=self.patch[0])]
        self._deepest = max(self._n_finished)
        self._n_carried = self.patch[0] - min(self._n_finished)
        self._carried_size = self._n_carried * self._size[1] * self._size[2]
        self.n_held = self._carried_size + self._deepest * self.patch[1] * self._size[2]

    def number(self, window: int) -> tuple[int, int, int]:
        """Return layer, row and column of a window."""
        rest, column = divmod(window, self.n_windows[2])
        layer, row = divmod(rest, self.n_windows[1])
        if layer >= self.n_windows[0]:
            raise ValueError(f"there are no more than {window} windows")
        return layer, row, column

    def turned(self, values: Sums) -> Sums:
        """Return ``(label, z, y, x)`` as ``(label, a, b, c)``, or the other way round."""
        return values if self.order[0] == 0 else values.swapaxes(1, 2)

    def pieces(self, held: Sums, layer: int, first_b: int, stop_b: int) -> Iterator[_Piece]:
        """Yield all that is held of the planes of a layer, from ``first_b`` on."""
        carried, front = self._parts(held)
        n_finished = self._n_finished[layer]
        for low, high in self._unbroken(first_b, stop_b):
            at = low % self.patch[1]
            yield _Piece(front[:, :n_finished, at : at + high - low], 0, low)
        n_more = self.patch[0] - n_finished
        if n_more:
            yield _Piece(carried[:, :n_more, first_b:stop_b], n_finished, first_b)

    def entering(self, held: Sums, layer: int, row: int) -> Iterator[tuple[Sums, Sums | None]]:
        """Yield the sums that a row of windows reaches first, and what they begin with."""
        first_b = 0 if row == 0 else self.starts[1][row - 1] + self.patch[1]
        stop_b = self.starts[1][row] + self.patch[1]
        carried, front = self._parts(held)
        n_old = self.patch[0] - self._n_finished[layer - 1] if layer else 0
        n_own = self._n_finished[layer]
        n_first = min(n_old, n_own)
        for low, high in self._unbroken(first_b, stop_b):
            at = low % self.patch[1]
            own = front[:, :, at : at + high - low]
            yield own[:, :n_first], carried[:, :n_first, low:high]
            yield own[:, n_first:n_own], None
        planes = carried[:, :, first_b:stop_b]
        n_rest = n_old - n_first
        if n_rest:
            yield planes[:, :n_rest], planes[:, n_first:n_old]
        yield planes[:, n_rest:], None

    def leaving(self, held: Sums, layer: int, row: int) -> Iterator[_Piece]:
        """Yield the sums that no window reaches after a row."""
        is_last = row == self.n_windows[1] - 1
        first_b = self.starts[1][row]
        stop_b = self._size[1] if is_last else self.starts[1][row + 1]
        for piece in self.pieces(held, layer, first_b, stop_b):
            if piece.first_a == 0 or layer == self.n_windows[0] - 1:
                yield piece

    def _parts(self, held: Sums) -> tuple[Sums, Sums]:
        n_labels = len(held)
        carried = held[:, : self._carried_size]
        front = held[:, self._carried_size :]
        return (
            carried.reshape(n_labels, self._n_carried, self._size[1], self._size[2]),
            front.reshape(n_labels, self._deepest, self.patch[1], self._size[2]),
        )

    def _unbroken(self, first_b: int, stop_b: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges of planes that lie together in memory."""
        while first_b < stop_b:
            high = min(stop_b, (first_b // self.patch[1] + 1) * self.patch[1])
            yield first_b, high
            first_b = high


def _layers_of(grid: WindowGrid) -> _Layers:
    """Return the layers, along z or y, of which less is to be held."""
    return min((_Layers(grid, axis) for axis in (0, 1)), key=lambda one: one.n_held)
