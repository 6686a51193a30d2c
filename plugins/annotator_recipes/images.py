"""Cases as square working pixels that a network reads, and the way back to the grid.

A picture is one slice; a volume is read slice by slice. Working pixels are square in mm, whatever
the grid; making them averages, so that nothing thin is lost between samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from annotator.api import CaseVotes, CaseWindow
    from annotator.domain.reading import Box

    Floats = NDArray[np.float32]

_PERCENTILES = (1.0, 99.0)
_FARTHEST = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where square working pixels lie over a slice.

    Attributes
    ----------
    shape : tuple of int
        The slice, ``(y, x)`` voxels.
    spacing_mm : tuple of float
        Its ``(y, x)`` distance between voxel centres.
    centre : tuple of float
        Middle of the working pixels, ``(y, x)`` in voxels of the slice.
    step_mm : float
        Side of a working pixel.
    size : int
        Working pixels along each side.
    """

    shape: tuple[int, int]
    spacing_mm: tuple[float, float]
    centre: tuple[float, float]
    step_mm: float
    size: int

    @classmethod
    def around(
        cls,
        shape: tuple[int, int],
        spacing_mm: tuple[float, float],
        *,
        size: int,
        centre: tuple[float, float] | None = None,
        field_mm: float | None = None,
    ) -> Frame:
        """Return a frame of a side of ``field_mm``; the whole slice, unless told otherwise."""
        middle = ((shape[0] - 1) / 2, (shape[1] - 1) / 2)
        whole_mm = max(shape[0] * spacing_mm[0], shape[1] * spacing_mm[1])
        return cls(
            shape=shape,
            spacing_mm=spacing_mm,
            centre=middle if centre is None else centre,
            step_mm=(whole_mm if field_mm is None else field_mm) / size,
            size=size,
        )

    def to_working(self, values: Floats, *, beyond: Literal["edge", "nothing"]) -> Floats:
        """Return ``(…, y, x)`` of the grid as ``(…, size, size)``, averaged over working pixels.

        Beyond the slice lies its edge, or 0.
        """
        rows, columns = (self._overlaps(axis, beyond) for axis in (0, 1))
        return np.asarray(rows @ (values @ columns.T), np.float32)

    def to_grid(self, values: Floats) -> Floats:
        """Return ``(…, size, size)`` on the grid ``(…, y, x)``, linear between working pixels.

        What sums to 1 still does; beyond the working pixels the outermost hold.
        """
        rows, columns = (self._interpolation(axis) for axis in (0, 1))
        return np.asarray(rows @ (values @ columns.T), np.float32)

    def _overlaps(self, axis: int, beyond: Literal["edge", "nothing"]) -> Floats:
        """Return which part of each working pixel each voxel along an axis covers."""
        ratio = self.step_mm / self.spacing_mm[axis]
        middle = self.centre[axis] + (np.arange(self.size) - (self.size - 1) / 2) * ratio
        upper = np.arange(self.shape[axis]) + 0.5
        lower = upper - 1.0
        if beyond == "edge":
            lower[0], upper[-1] = -np.inf, np.inf
        start, stop = middle[:, None] - ratio / 2, middle[:, None] + ratio / 2
        covered = np.minimum(stop, upper) - np.maximum(start, lower)
        return np.asarray(covered.clip(0.0) / ratio, np.float32)

    def _interpolation(self, axis: int) -> Floats:
        """Return how much each working pixel says of each voxel along an axis."""
        ratio = self.spacing_mm[axis] / self.step_mm
        offset = (np.arange(self.shape[axis]) - self.centre[axis]) * ratio
        at = (offset + (self.size - 1) / 2).clip(0, self.size - 1)
        return np.asarray((1.0 - np.abs(at[:, None] - np.arange(self.size))).clip(0.0), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CaseSlices:
    """Slices of a case on working pixels.

    Attributes
    ----------
    places : tuple of int
        Where the slices lie along z in the grid, ascending.
    slice_mm, thickness_mm : float
        Distance between neighbouring slices of the grid, and how much of the case each slice that
        was read stands for, along z.
    image : ndarray
        ``(slice, channel, size, size)`` float32, dark to bright about -1 to 1.
    shares : ndarray
        How much of each working pixel each rater gave each label,
        ``(slice, rater, label, size, size)`` float32 without background.
    frame : Frame
        Where the working pixels lie in ``box``.
    box : Box
        The part of the grid that was read.
    """

    case_id: str
    rater_ids: tuple[str, ...]
    places: tuple[int, ...]
    slice_mm: float
    thickness_mm: float
    image: Floats
    shares: Floats
    frame: Frame
    box: Box


def drawn_extent_mm(case: CaseVotes) -> float:
    """Return the longer side, within slices, of the box around everything drawn."""
    (_, y0, x0), (_, y1, x1) = case.window(0).box
    return max((y1 - y0) * case.spacing_mm[1], (x1 - x0) * case.spacing_mm[2])


def channels_of(cases: Iterable[CaseVotes]) -> int:
    """Return 3 where any case is in colour, else 1."""
    return max((3 if case.window(0).image.ndim == 4 else 1) for case in cases)


def as_channels(image: Floats, n_channels: int) -> Floats:
    """Return ``(z, y, x[, channel])`` as ``(z, channel, y, x)``: grey repeated, colour averaged."""
    if image.ndim == 3:
        return np.repeat(image[:, None], n_channels, axis=1)
    colour = np.moveaxis(image[..., :3], -1, 1)
    if n_channels == 1 or colour.shape[1] < 3:
        grey = colour[:, :1] if colour.shape[1] < 3 else colour.mean(axis=1, keepdims=True)
        return np.repeat(np.asarray(grey, np.float32), n_channels, axis=1)
    return colour


def normalise_intensity(image: Floats) -> Floats:
    """Return an image with its 1st percentile at -1 and its 99th at 1, cut at -2 and 2."""
    low, high = np.percentile(image, _PERCENTILES)
    half = max(float(high - low) / 2, 1e-6)
    scaled = (image - np.float32((low + high) / 2)) / np.float32(half)
    return np.asarray(scaled.clip(-_FARTHEST, _FARTHEST), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How cases are read: the same for every case that a network learns from, and afterwards.

    ``labels`` are label values without background; at most ``n_slices`` of a case are read, as
    ``size`` × ``size`` working pixels with ``n_channels`` (3 for colour, 1 for grey).
    """

    labels: tuple[int, ...]
    size: int
    n_slices: int
    n_channels: int


def labels_of(cases: Iterable[CaseVotes]) -> tuple[int, ...]:
    """Return every label value that may occur in any case, ascending, without background."""
    return tuple(sorted({label for case in cases for label in case.votes.labels} - {0}))


def read_drawn(case: CaseVotes, sampling: Sampling, field_mm: float) -> CaseSlices:
    """Return slices on which something is drawn, around the middle of what is drawn.

    They are evenly spaced. The field is the same for every case, so that sizes can be compared.
    """
    drawn = case.window(0).box
    in_plane = min(case.spacing_mm[1:])
    margin = int(np.ceil(field_mm / 2 / in_plane)) + 1
    window = case.window(margin)
    (z0, y0, x0), _ = window.box
    n_drawn = drawn[1][0] - drawn[0][0]
    places = _spread(drawn[0][0], drawn[1][0], sampling.n_slices)
    frame = Frame.around(
        (window.index.shape[1], window.index.shape[2]),
        (case.spacing_mm[1], case.spacing_mm[2]),
        size=sampling.size,
        centre=(
            (drawn[0][1] + drawn[1][1] - 1) / 2 - y0,
            (drawn[0][2] + drawn[1][2] - 1) / 2 - x0,
        ),
        field_mm=field_mm,
    )
    return _slices(
        case,
        window,
        frame,
        places=places,
        rows=[place - z0 for place in places],
        thickness_mm=case.spacing_mm[0] * n_drawn / len(places),
        sampling=sampling,
    )


def read_whole(case: CaseVotes, sampling: Sampling) -> CaseSlices:
    """Return whole slices, every one or evenly spaced over the case.

    Where there are too many, three in four are among those on which something is drawn.
    """
    n_slices = sampling.n_slices
    window = case.window(None)
    drawn = case.window(0).box
    n_all = case.shape[0]
    if n_all <= n_slices:
        places = tuple(range(n_all))
    else:
        inside = _spread(drawn[0][0], drawn[1][0], max(1, 3 * n_slices // 4))
        places = tuple(sorted({*inside, *_spread(0, n_all, max(1, n_slices - len(inside)))}))
    frame = Frame.around(
        (case.shape[1], case.shape[2]), (case.spacing_mm[1], case.spacing_mm[2]), size=sampling.size
    )
    return _slices(
        case,
        window,
        frame,
        places=places,
        rows=list(places),
        thickness_mm=case.spacing_mm[0] * n_all / len(places),
        sampling=sampling,
    )


def _slices(
    case: CaseVotes,
    window: CaseWindow,
    frame: Frame,
    *,
    places: tuple[int, ...],
    rows: Sequence[int],
    thickness_mm: float,
    sampling: Sampling,
) -> CaseSlices:
    image = normalise_intensity(as_channels(window.image, sampling.n_channels))
    labels = sampling.labels
    n_raters = len(case.votes.rater_ids)
    shares = np.zeros((len(rows), n_raters, len(labels), frame.size, frame.size), np.float32)
    says = case.votes.patterns[:, :, None] == np.asarray(labels, np.uint16)
    for number, row in enumerate(rows):
        # A pattern per pixel becomes (rater, label, y, x).
        drawn = np.moveaxis(says[window.index[row]], (2, 3), (0, 1)).astype(np.float32)
        shares[number] = frame.to_working(drawn, beyond="nothing")
    return CaseSlices(
        case_id=case.case_id,
        rater_ids=case.votes.rater_ids,
        places=places,
        slice_mm=case.spacing_mm[0],
        thickness_mm=thickness_mm,
        image=frame.to_working(image[list(rows)], beyond="edge"),
        shares=shares,
        frame=frame,
        box=window.box,
    )


def _spread(start: int, stop: int, n_wanted: int) -> tuple[int, ...]:
    """Return at most ``n_wanted`` evenly spaced integers of a range, the middle ones of parts."""
    n_taken = min(n_wanted, stop - start)
    return tuple(
        start + int((number + 0.5) * (stop - start) / n_taken) for number in range(n_taken)
    )


def image_slices(
    image: Floats, spacing_mm: tuple[float, float, float], *, size: int, n_channels: int
) -> tuple[Floats, Frame]:
    """Return every slice of an image ``(z, y, x[, channel])`` whole, ``(z, channel, size, size)``.

    The same working pixels as `read_whole`.
    """
    frame = Frame.around((image.shape[1], image.shape[2]), spacing_mm[1:], size=size)
    scaled = normalise_intensity(as_channels(image, n_channels))
    return frame.to_working(scaled, beyond="edge"), frame
