"""Shapes between two drawn slices: signed distances, laid over each other where shapes have moved.

Each shape of one slice is matched with those of the next that it overlaps, or else with the nearest
one. Matched shapes are moved towards each other by how far their centres lie apart, and the signed
distances [1]_ of both are mixed on the way. What has no counterpart ends half way.

References
----------
.. [1] Raya SP, Udupa JK. Shape-based interpolation of multidimensional objects. IEEE Transactions
   on Medical Imaging 9(1), 1990.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.analysis import kernels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Slice2D = NDArray[np.bool_]
    Parts = NDArray[np.signedinteger]
    Step = tuple[float, float]

_TOUCHING = np.ones((3, 3), bool)
_RIM = 2
_FAR = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blend:
    """A shape between two slices: how far inside it each pixel of ``window`` lies, mm."""

    window: tuple[slice, slice]
    depth: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Match:
    """Shapes that go over into each other, ``(y, x)``; None where there is no counterpart."""

    first: Slice2D | None
    second: Slice2D | None
    n_shapes: int


def blends_between(
    first: Slice2D, second: Slice2D, shares: Sequence[float], step_mm: Step
) -> list[list[Blend]]:
    """Return what lies between two slices ``(y, x)``, for each share of the way, 0 to 1.

    Where a pixel is inside of several shapes, the greater depth counts; it is above 0 inside.
    """
    found: list[list[Blend]] = [[] for _ in shares]
    rows, columns = _window((first, second), 0)
    for match in _matched(first[rows, columns], second[rows, columns]):
        for place, blend in enumerate(_blends(match, shares, step_mm)):
            window = (_moved(blend.window[0], rows.start), _moved(blend.window[1], columns.start))
            found[place].append(Blend(window=window, depth=blend.depth))
    return found


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


def _matched(first: Slice2D, second: Slice2D) -> list[_Match]:
    parts, n_first = ndimage.label(first, _TOUCHING)
    others, n_second = ndimage.label(second, _TOUCHING)
    common = (parts > 0) & (others > 0)
    pairs = parts[common].astype(np.int64) * (n_second + 1) + others[common]
    group = list(range(n_first + n_second + 1))
    for pair in np.flatnonzero(np.bincount(pairs)).tolist():
        one, other = divmod(pair, n_second + 1)
        old, new = group[n_first + other], group[one]
        group = [new if name == old else name for name in group]
    members: dict[int, tuple[list[int], list[int]]] = {}
    for number in range(1, len(group)):
        is_second = number > n_first
        place = members.setdefault(group[number], ([], []))[is_second]
        place.append(number - n_first * is_second)
    matched = [both for both in members.values() if all(both)]
    alone = [[both[side][0] for both in members.values() if not both[1 - side]] for side in (0, 1)]
    for one, other in _nearest_pairs(parts, alone[0], others, alone[1]):
        matched.append(([one], [other]))
        alone[0].remove(one)
        alone[1].remove(other)
    matched += [([one], []) for one in alone[0]] + [([], [other]) for other in alone[1]]
    return [
        _Match(
            first=_any_of(parts, n_first, ones) if ones else None,
            second=_any_of(others, n_second, twos) if twos else None,
            n_shapes=len(ones) + len(twos),
        )
        for ones, twos in matched
    ]


def _any_of(parts: Parts, n_parts: int, wanted: list[int]) -> Slice2D:
    chosen = np.zeros(n_parts + 1, bool)
    chosen[wanted] = True
    return np.asarray(chosen[parts])


def _nearest_pairs(
    parts: Parts,
    ones: list[int],
    others: Parts,
    twos: list[int],
) -> list[tuple[int, int]]:
    """Return pairs whose centres lie no farther apart than twice both radii, nearest first."""
    if not ones or not twos:
        return []
    centres = [
        np.array(ndimage.center_of_mass(np.ones(image.shape), image, names))
        for image, names in ((parts, ones), (others, twos))
    ]
    radii = [
        np.sqrt(np.bincount(image.reshape(-1))[names] / math.pi)
        for image, names in ((parts, ones), (others, twos))
    ]
    apart = np.linalg.norm(centres[0][:, None] - centres[1][None], axis=2)
    apart[apart > _FAR * (radii[0][:, None] + radii[1][None])] = np.inf
    pairs = []
    while np.isfinite(apart.min()):
        one, two = (int(at) for at in np.unravel_index(apart.argmin(), apart.shape))
        pairs.append((ones[one], twos[two]))
        apart[one], apart[:, two] = np.inf, np.inf
    return pairs


def _blends(match: _Match, shares: Sequence[float], step_mm: Step) -> list[Blend]:
    """Return one blend for each share of the way."""
    drawn = [side for side in (match.first, match.second) if side is not None]
    move = _move(match)
    rim = _RIM + math.ceil(max(abs(value) for value in move))
    window = _window(drawn, rim)
    inner = tuple(slice(rim, -rim) for _ in range(2))
    fields = [depths_inside(np.pad(side[window], rim), step_mm) for side in drawn]
    found = []
    for share in shares:
        if len(fields) == 2:
            depth = np.zeros_like(fields[0])
            _add_moved(fields[0], (share * move[0], share * move[1]), 1 - share, depth)
            back = share - 1
            _add_moved(fields[1], (back * move[0], back * move[1]), share, depth)
        else:
            gone = share if match.second is None else 1 - share
            depth = (1 - gone) * fields[0] - gone * fields[0].max()
        found.append(Blend(window=window, depth=depth[inner].astype(np.float32, copy=False)))
    return found


def _move(match: _Match) -> tuple[float, float]:
    """Return how far the second shape lies from the first, pixels down and to the right.

    Shapes that part or join share a centre only roughly: the more they overlap as they are, the
    less they are moved.
    """
    if match.first is None or match.second is None:
        return 0.0, 0.0
    down, right = (
        float(np.mean(to) - np.mean(of))
        for of, to in zip(np.nonzero(match.first), np.nonzero(match.second), strict=True)
    )
    if match.n_shapes > 2:
        n_common = np.count_nonzero(match.first & match.second)
        least = min(np.count_nonzero(match.first), np.count_nonzero(match.second))
        down, right = (value * (1 - n_common / least) for value in (down, right))
    return down, right


def _window(drawn: Sequence[Slice2D], rim: int) -> tuple[slice, slice]:
    """Return the smallest window around all, and a bit more where there is room."""
    joined = drawn[0] if len(drawn) == 1 else drawn[0] | drawn[1]
    bounds = []
    for axis in (0, 1):
        taken = np.flatnonzero(joined.any(axis=1 - axis))
        low, high = int(taken[0]) - rim, int(taken[-1]) + 1 + rim
        bounds.append(slice(max(0, low), min(joined.shape[axis], high)))
    return bounds[0], bounds[1]


def depths_inside(inside: Slice2D, step_mm: Step) -> NDArray[np.float32]:
    """Return how far inside each pixel lies, mm, negative outside; there must be both."""
    library = kernels.library()
    if library is None:
        depth = ndimage.distance_transform_edt(inside, step_mm)
        depth -= ndimage.distance_transform_edt(~inside, step_mm)
        return depth.astype(np.float32)
    inside = np.ascontiguousarray(inside)
    depths = np.empty(inside.shape, np.float32)
    done = library.section_distances(
        kernels.address(inside.view(np.uint8)), *inside.shape, *step_mm, kernels.address(depths)
    )
    if done < 0:
        raise MemoryError
    return depths


def _add_moved(
    field: NDArray[np.float32], move: Step, share: float, to: NDArray[np.float32]
) -> None:
    """Add a share of a field, moved by pixels down and to the right, to another one."""
    library = kernels.library()
    if library is not None:
        library.add_moved(kernels.address(field), *field.shape, *move, share, kernels.address(to))
        return
    whole = [math.floor(value) for value in move]
    parts = [value - floor for value, floor in zip(move, whole, strict=True)]
    for far in itertools.product((0, 1), (0, 1)):
        weight = share * math.prod(
            part if is_far else 1 - part for part, is_far in zip(parts, far, strict=True)
        )
        rows, columns = (
            np.clip(np.arange(size) - floor - is_far, 0, size - 1)
            for size, floor, is_far in zip(field.shape, whole, far, strict=True)
        )
        to += np.float32(weight) * field[np.ix_(rows, columns)]
