"""Where a grid of voxels lies in the patient."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

Direction = tuple[float, float, float, float, float, float, float, float, float]
IDENTITY: Direction = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """The grid of a series.

    Attributes
    ----------
    shape : tuple of int
        Voxels along ``(z, y, x)``; a picture has ``z == 1``.
    spacing_mm : tuple of float
        Distance between voxel centres along ``(z, y, x)``, mm.
    origin_mm : tuple of float
        Centre of voxel ``(0, 0, 0)`` in LPS mm, ``(x, y, z)``.
    direction : tuple of float
        Row-major 3 x 3 matrix in LPS; its columns are the unit vectors along the array's
        x, y and z axes, as in ITK.
    is_calibrated : bool
        False where the file gave no spacing (photographs): the 1.0 mm is then a stand-in, and
        lengths are shown in pixels.
    is_time : bool
        True where the first axis is the time of a video.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: Direction = IDENTITY
    is_calibrated: bool = True
    is_time: bool = False

    @property
    def n_voxels(self) -> int:
        """Voxels in the grid."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel, mm³."""
        return self.spacing_mm[0] * self.spacing_mm[1] * self.spacing_mm[2]

    @property
    def is_volume(self) -> bool:
        """Whether the grid is more than one slice of space."""
        return self.shape[0] > 1 and not self.is_time

    def to_lps_mm(self, index: tuple[float, float, float]) -> tuple[float, float, float]:
        """Return the LPS position ``(x, y, z)`` in mm of the array index ``(z, y, x)``."""
        scaled = [index[2 - axis] * self.spacing_mm[2 - axis] for axis in range(3)]
        x, y, z = (
            self.origin_mm[row]
            + sum(self.direction[3 * row + column] * scaled[column] for column in range(3))
            for row in range(3)
        )
        return (x, y, z)

    def differences(self, other: Geometry, *, tolerance: float = 0.05) -> tuple[str, ...]:
        """Say in words where two grids differ; empty when they are the same grid.

        They are the same where no corner of the grid, the outer edges of its voxels, lies further
        off than ``tolerance`` of a voxel: a small turn or stretch adds up over many voxels.
        """
        found: list[str] = []
        if self.shape != other.shape:
            found.append(f"shape (z, y, x) is {other.shape}, not {self.shape}")
        parts = (
            (
                replace(self, spacing_mm=other.spacing_mm),
                f"spacing is {_mm(other.spacing_mm)}, not {_mm(self.spacing_mm)}",
            ),
            (
                replace(self, origin_mm=other.origin_mm),
                f"origin is {_mm(other.origin_mm)}, not {_mm(self.origin_mm)}",
            ),
            (replace(self, direction=other.direction), "the axes point in other directions"),
        )
        found += [words for part, words in parts if self._farthest_corner_vox(part) > tolerance]
        off_vox = self._farthest_corner_vox(other)
        if off_vox > tolerance:
            found.append(f"the farthest corner lies {off_vox:.2g} voxels off")
        return tuple(found)

    def _farthest_corner_vox(self, other: Geometry) -> float:
        """Return how far a corner of this grid lies off in another one, in voxels of this grid."""
        farthest = 0.0
        edges_z, edges_y, edges_x = ((-0.5, size - 0.5) for size in self.shape)
        for corner in product(edges_z, edges_y, edges_x):
            here, there = self.to_lps_mm(corner), other.to_lps_mm(corner)
            for column in range(3):
                along_mm = sum(
                    self.direction[3 * row + column] * (there[row] - here[row]) for row in range(3)
                )
                farthest = max(farthest, abs(along_mm) / self.spacing_mm[2 - column])
        return farthest


def _mm(values: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ") mm"
