"""What the header of a volume file says of its grid, where that needs a word."""

from __future__ import annotations

import gzip
import math
import os
import struct
from typing import TYPE_CHECKING

import numpy as np

from annotator.domain.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])


def refuse_too_large(shape: Sequence[int], voxel_bytes: int) -> None:
    """Refuse what is larger than the memory of this computer."""
    claimed = math.prod(shape) * voxel_bytes
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return
    if claimed > memory:
        sides = " × ".join(f"{side:,}" for side in shape)
        raise UnreadableError(
            f"its {sides} voxels need {claimed:,} bytes; this computer has {memory:,} bytes of "
            "memory"
        )


def refuse_shear(direction: NDArray[np.float64]) -> None:
    """Refuse axes that are not perpendicular: no grid of ours can hold them rightly."""
    off = np.abs(direction.T @ direction - np.eye(3))
    if off.max() > 1e-3:
        angle = math.degrees(math.asin(min(1.0, float(np.triu(off, 1).max()))))
        raise UnreadableError(
            f"its axes are not perpendicular (sheared by {angle:.2g}°); resample it to an upright "
            "grid first"
        )


def nifti_notes(path: str, header: Mapping[str, str], axes: NDArray[np.float64]) -> tuple[str, ...]:
    """Say where the two positions that a NIfTI header may give (sform, qform) disagree.

    ``axes`` is what SimpleITK made of them: LPS steps in mm along x, y, z and the origin, (3, 4).
    """
    sform, qform = _sform(header), _qform(header, _qfac(path))
    if sform is None and qform is None:
        return ("The file says nothing of its position: left, right, head and feet are unknown.",)
    if sform is None or qform is None:
        return ()
    off = np.abs(sform - qform)
    # A quaternion in single precision turns a long step by more than 1 % of a short one.
    lengths = np.linalg.norm(qform[:, :3], axis=0)
    if (off <= 0.01 * np.append(lengths, lengths.min())).all():
        return ()
    to_sform, to_qform = (np.abs(RAS_TO_LPS @ one - axes).max() for one in (sform, qform))
    used = "sform" if to_sform < to_qform else "qform"
    steps = sform[:, :3] / np.linalg.norm(sform[:, :3], axis=0)
    sheared = np.abs(steps.T @ steps - np.eye(3)).max() > 1e-3
    why = "The sform is sheared, which a grid cannot hold. " if sheared else ""
    return (
        f"The header gives two positions (sform, qform) that differ by up to {off.max():.3g} mm. "
        f"{why}The {used} was used.",
    )


def nifti_shear(header: Mapping[str, str]) -> None:
    """Refuse a NIfTI file whose only position is sheared, with the angle."""
    sform = _sform(header)
    if sform is not None:
        refuse_shear(sform[:, :3] / np.linalg.norm(sform[:, :3], axis=0))


def _sform(header: Mapping[str, str]) -> NDArray[np.float64] | None:
    if header.get("sform_code", "0") == "0":
        return None
    rows = [header.get(key, "").split() for key in ("srow_x", "srow_y", "srow_z")]
    matrix = np.array(rows, dtype=np.float64)
    return matrix if matrix.shape == (3, 4) and np.abs(matrix[:, :3]).sum(axis=0).all() else None


def _qfac(path: str) -> float:
    """Read whether the qform's third axis is turned round; SimpleITK does not pass that on."""
    opener = gzip.open if path.lower().endswith(".gz") else open
    with opener(path, "rb") as stream:
        head = stream.read(112)
    (size,) = struct.unpack_from("<i", head)
    order = "<" if size in (348, 540) else ">"
    is_second = struct.unpack_from(order + "i", head)[0] == 540
    (qfac,) = struct.unpack_from(
        order + ("d" if is_second else "f"), head, 104 if is_second else 76
    )
    return -1.0 if qfac < 0 else 1.0


def _qform(header: Mapping[str, str], qfac: float) -> NDArray[np.float64] | None:
    if header.get("qform_code", "0") == "0":
        return None
    b, c, d = (float(header[f"quatern_{axis}"]) for axis in "bcd")
    a = math.sqrt(max(0.0, 1 - b * b - c * c - d * d))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    sides = np.array([float(header[f"pixdim[{axis}]"]) for axis in (1, 2, 3)])
    sides[2] *= qfac
    offset = np.array([[float(header[f"qoffset_{axis}"])] for axis in "xyz"])
    return np.hstack([rotation * sides, offset])
