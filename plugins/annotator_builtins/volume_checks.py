"""What the header of a volume file claims, held against the file, before memory is taken."""

from __future__ import annotations

import gzip
import math
import os
import re
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.domain.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

GZIP_RATIO = 1100
"""No gzip stream grows more than 1032 times."""
_GZIP_CHUNK = 1 << 22
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0])


def claimed_size(path: str, shape: Sequence[int], voxel_bytes: int) -> None:
    """Refuse a header that claims more voxels than the file can hold or memory can take."""
    claimed = math.prod(shape) * voxel_bytes
    data, is_compressed = _data_files(path)
    present = sum(os.path.getsize(name) for name in data)
    sides = " × ".join(f"{side:,}" for side in shape)
    if claimed > present * (GZIP_RATIO if is_compressed else 1):
        kind = "compressed " if is_compressed else ""
        raise UnreadableError(
            f"the header claims {sides} voxels ({claimed:,} bytes), but the {kind}file has only "
            f"{present:,} bytes: it is cut off or damaged"
        )
    refuse_too_large(sides, claimed)


def refuse_damaged_gzip(path: str) -> None:
    """Refuse a gzip file that is cut off or whose check sum is wrong.

    SimpleITK fills what is missing from a ``.nii.gz`` with zeros and says nothing.
    """
    try:
        with gzip.open(path) as stream:
            while stream.read(_GZIP_CHUNK):
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableError(f"the compressed file is cut off or damaged: {error}") from error
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror or error}") from error


def refuse_too_large(sides: str, claimed: int) -> None:
    """Refuse what is larger than the memory of this computer."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return
    if claimed > memory:
        raise UnreadableError(
            f"its {sides} voxels need {claimed:,} bytes; this computer has {memory:,} bytes of "
            "memory"
        )


def _data_files(path: str) -> tuple[tuple[str, ...], bool]:
    """Return the files that hold the voxels, and whether they are compressed."""
    name = path.lower()
    if name.endswith((".nii", ".nii.gz")):
        return (path,), name.endswith(".gz")
    with open(path, "rb") as stream:
        head = stream.read(1 << 16).decode("latin-1")
    if name.endswith((".nrrd", ".nhdr")):
        head = re.split(r"\r?\n\r?\n", head, maxsplit=1)[0]
        detached = re.search(r"(?im)^data ?file:\s*(.+?)\s*$", head)
        is_compressed = re.search(r"(?im)^encoding:\s*(gz|gzip|bz2|bzip2)\s*$", head) is not None
        is_text = re.search(r"(?im)^encoding:\s*(txt|text|ascii|hex)\s*$", head) is not None
        is_compressed = is_compressed or is_text
        named = detached.group(1) if detached else ""
    else:
        head = re.split(r"(?m)(?<=^ElementDataFile)\s*=\s*LOCAL", head, maxsplit=1)[0]
        detached = re.search(r"(?im)^ElementDataFile\s*=\s*(.+?)\s*$", head)
        is_compressed = re.search(r"(?im)^CompressedData\s*=\s*True", head) is not None
        named = detached.group(1) if detached else ""
    if not named:
        return (path,), is_compressed
    return _detached(path, named), is_compressed


def _detached(path: str, named: str) -> tuple[str, ...]:
    folder = Path(path).parent
    if "%" in named or named.upper().startswith("LIST"):
        return tuple(str(item) for item in folder.iterdir() if item.is_file())
    data = folder / named
    if not data.is_file():
        raise UnreadableError(f"its voxels should be in {named}, which is not beside it")
    return (str(data),)


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
    finest = float(np.linalg.norm(qform[:, :3], axis=0).min())
    if off.max() <= 0.01 * finest:
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
