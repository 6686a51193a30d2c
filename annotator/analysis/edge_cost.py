"""What a way along the edges of an image costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.path_tree import StepCost

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.path_tree import Pixel

WEIGHTS = (0.3, 0.2, 0.5)
"""Of gradient, zero crossing and direction; they add up to 1."""
LEAST = 0.2
"""Per mm on a perfect edge: a way round along one may be six times as long as a leap."""
N_TURNS = 64
"""Directions that are told apart, over half a turn."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edges:
    """What is known of the edges of a slice, ``(row, column)`` each.

    Attributes
    ----------
    strength : ndarray
        Length of the gradient, values per mm, float32.
    slope : tuple of ndarray
        The gradient along rows' and columns' axis, values per mm, float32.
    crosses : ndarray
        Whether the Laplacian changes its sign here, as it does at the top of a gradient, bool.
    turns : ndarray
        Number of the direction that the edge runs in, of ``N_TURNS``, uint8.
    spacing_mm : tuple of float
        Of rows and columns.
    """

    strength: NDArray[np.float32]
    slope: tuple[NDArray[np.float32], NDArray[np.float32]]
    crosses: NDArray[np.bool_]
    turns: NDArray[np.uint8]
    spacing_mm: tuple[float, float]

    def cut(self, rows: slice, columns: slice) -> Edges:
        """Return a part of the slice."""
        down, right = self.slope
        return Edges(
            strength=self.strength[rows, columns],
            slope=(down[rows, columns], right[rows, columns]),
            crosses=self.crosses[rows, columns],
            turns=self.turns[rows, columns],
            spacing_mm=self.spacing_mm,
        )


def measure_edges(
    values: NDArray[np.float32], spacing_mm: tuple[float, float], sigma_mm: float
) -> Edges:
    """Return the edges of a slice ``(row, column)`` after a Gaussian of ``sigma_mm``.

    What is no finite number counts as 0.
    """
    from scipy import ndimage  # scipy takes a while to import

    smooth = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    if sigma_mm > 0:
        smooth = ndimage.gaussian_filter(smooth, [sigma_mm / step for step in spacing_mm])
    down, right = (_slope(smooth, axis, step) for axis, step in enumerate(spacing_mm))
    curve = _bend(smooth, 0, spacing_mm[0]) + _bend(smooth, 1, spacing_mm[1])
    return Edges(
        strength=np.hypot(down, right),
        slope=(down, right),
        crosses=_zero_crossings(curve, smooth),
        turns=_turns(down, right),
        spacing_mm=spacing_mm,
    )


def step_cost(edges: Edges, reference: float) -> StepCost:
    """Return what each step costs where an edge of strength ``reference`` is meant.

    After Mortensen and Barrett 1998 (Interactive segmentation with intelligent scissors, Graphical
    Models and Image Processing 60(5), 349-384): a weighted sum of gradient, Laplacian zero
    crossing and direction, the latter the mean angle between the step and the edges at both of
    its ends. Unlike there, gradients count relative to that of the edge that is followed (their
    training, with one sample), so that a stronger edge beside it is no cheaper; a zero crossing
    counts as far as there is a gradient, since noise crosses everywhere; and costs are sums over
    millimetres, not pixels.
    """
    share = np.minimum(edges.strength / np.float32(max(reference, 1e-12)), np.float32(1))
    gradient, crossing, _ = WEIGHTS
    cost: NDArray[np.float32] = np.float32(gradient + crossing + LEAST) - share * (
        np.float32(gradient) + np.float32(crossing) * edges.crosses
    )
    return StepCost(
        cost=cost,
        spacing_mm=edges.spacing_mm,
        turns=edges.turns,
        across=_across(edges.spacing_mm),
    )


def snap(edges: Edges, pixel: Pixel, reach: int) -> Pixel:
    """Return the pixel on an edge, of the strongest gradient, at most ``reach`` pixels away.

    On an edge are zero crossings and tops of the gradient; without that the flank of a stronger
    edge beside would be taken. Where there is none, the strongest gradient counts.
    """
    low = [max(0, at - reach) for at in pixel]
    rows, columns = (
        np.arange(first, min(size, at + reach + 1))
        for first, at, size in zip(low, pixel, edges.strength.shape, strict=True)
    )
    row, column = (places.ravel() for places in np.meshgrid(rows, columns, indexing="ij"))
    across = _across_edge(edges, row, column)
    on_edge = across.here >= np.maximum(across.before, across.behind)
    on_edge |= edges.crosses[row, column]
    best = int(np.argmax(across.here * np.where(on_edge, np.float32(1), np.float32(1e-3))))
    return int(row[best]), int(column[best])


def sharpen(edges: Edges, way: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a way ``(n, 2)`` moved from centres of pixels to where the gradient is greatest.

    At most half a pixel along the gradient, by a parabola through its length at, before and
    behind the pixel (Devernay 1995, INRIA report 2724).
    """
    across = _across_edge(edges, way[:, 0], way[:, 1])
    bend = across.before - 2 * across.here + across.behind
    shift = 0.5 * (across.before - across.behind) / np.where(bend < 0, bend, -np.inf)
    moved: NDArray[np.float64] = way + across.unit * np.clip(shift, -0.5, 0.5)[:, None]
    return moved


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _AcrossEdge:
    """Length of the gradient at pixels, and one pixel downhill and uphill of each.

    ``unit`` ``(n, 2)`` is one pixel uphill.
    """

    here: NDArray[np.float32]
    before: NDArray[np.float32]
    behind: NDArray[np.float32]
    unit: NDArray[np.float32]


def _across_edge(edges: Edges, row: NDArray[np.int64], column: NDArray[np.int64]) -> _AcrossEdge:
    from scipy import ndimage

    here = edges.strength[row, column]
    unit = np.stack([slope[row, column] for slope in edges.slope], axis=1)
    unit /= np.maximum(here, 1e-12)[:, None]
    before, behind = (
        ndimage.map_coordinates(
            edges.strength,
            [row + side * unit[:, 0], column + side * unit[:, 1]],
            order=1,
            mode="nearest",
        )
        for side in (-1, 1)
    )
    return _AcrossEdge(here=here, before=before, behind=behind, unit=unit)


def _turns(down: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the number of the direction a quarter of a turn from the gradient."""
    turn = np.arctan2(right, -down)
    turn *= np.float32(N_TURNS / np.pi)
    turn += np.float32(N_TURNS + 0.5)
    number: NDArray[np.uint8] = turn.astype(np.uint8) % np.uint8(N_TURNS)
    return number


def _across(spacing_mm: tuple[float, float]) -> NDArray[np.float32]:
    """Return what each of the four steps costs on an edge of each direction."""
    row_mm, column_mm = spacing_mm
    steps = np.array([[0, column_mm], [row_mm, column_mm], [row_mm, 0], [row_mm, -column_mm]])
    turn = np.arange(N_TURNS)[:, None] * np.pi / N_TURNS
    between = np.abs(turn - np.arctan2(steps[:, 0], steps[:, 1])) % np.pi
    angle = np.minimum(between, np.pi - between)
    across: NDArray[np.float32] = (WEIGHTS[2] * angle / (np.pi / 2)).astype(np.float32)
    return across


def _slope(values: NDArray[np.float32], axis: int, step_mm: float) -> NDArray[np.float32]:
    """Return central differences per mm; 0 at the edge of the image."""
    slope = np.zeros_like(values)
    along, given = np.moveaxis(slope, axis, 0), np.moveaxis(values, axis, 0)
    if len(given) > 2:
        np.subtract(given[2:], given[:-2], out=along[1:-1])
        along[1:-1] *= np.float32(0.5 / step_mm)
    return slope


def _bend(values: NDArray[np.float32], axis: int, step_mm: float) -> NDArray[np.float32]:
    bend = np.zeros_like(values)
    along, given = np.moveaxis(bend, axis, 0), np.moveaxis(values, axis, 0)
    if len(given) > 2:
        np.add(given[2:], given[:-2], out=along[1:-1])
        along[1:-1] -= 2 * given[1:-1]
        along[1:-1] *= np.float32(1 / step_mm**2)
    return bend


def _zero_crossings(curve: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the pixel nearer to 0 of each pair where the curve turns down on the way up.

    Where it turns up the gradient is least and not greatest: that is no edge (Clark 1989, IEEE
    Transactions on Pattern Analysis and Machine Intelligence 11(1), 43-57).
    """
    crosses = np.zeros(curve.shape, np.bool_)
    size = np.abs(curve)
    for axis in range(2):
        signed, sizes = np.moveaxis(curve, axis, 0), np.moveaxis(size, axis, 0)
        height, found = np.moveaxis(values, axis, 0), np.moveaxis(crosses, axis, 0)
        is_up = signed > 0
        turns = (is_up[1:] != is_up[:-1]) & (is_up[:-1] == (height[1:] > height[:-1]))
        first_is_nearer = sizes[:-1] <= sizes[1:]
        found[:-1] |= turns & first_is_nearer
        found[1:] |= turns & ~first_is_nearer
    return crosses
