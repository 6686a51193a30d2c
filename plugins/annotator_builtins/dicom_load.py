"""A stack of DICOM slices read into one array, with the facts of its series."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.api import ReadSeries, series_id
from annotator.domain.errors import UnreadableError
from annotator.domain.study import Series
from annotator_builtins.dicom_facts import display, source
from annotator_builtins.dicom_headers import read_dataset
from annotator_builtins.dicom_pixels import (
    decode_frames,
    finish_slice,
    native_dtype,
    read_native,
    read_slice,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator_builtins.dicom_stack import Stack

PROGRESS_STEP = 16


def first_slice(stack: Stack) -> NDArray[Any]:
    """Return the voxels of slice 0 without reading the others."""
    return _told(lambda: finish_slice(stack, 0, read_slice(stack.slices[0])), stack)


def load_stack(stack: Stack, progress: Progress) -> ReadSeries:
    """Read all slices of a stack; raises UnreadableError, or CancelledError through progress."""
    voxels = _told(lambda: _voxels(stack, progress), stack)
    header = read_dataset(stack.slices[0].path)
    shown = display(stack, header)
    return ReadSeries(
        series=Series(
            series_id=series_id(stack.geometry, voxels),
            kind=stack.kind,
            modality=stack.layout.modality,
            description=shown.description,
            geometry=stack.geometry,
            dtype=voxels.dtype.name,
            n_channels=voxels.shape[3] if voxels.ndim == 4 else 1,
            slope=shown.slope,
            intercept=shown.intercept,
            windows=shown.windows,
            paths=tuple(os.path.abspath(item.path) for item in stack.slices),
            dicom=source(stack, header),
            notes=stack.notes + shown.notes,
        ),
        voxels=voxels,
    )


def _told(read: Any, stack: Stack) -> Any:
    """Call ``read`` and turn what a disk or memory may do into words."""
    try:
        return read()
    except OSError as error:
        where = error.filename or stack.slices[0].path
        raise UnreadableError(f"{where}: cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        size = stack.geometry.n_voxels * stack.layout.bits_allocated // 8
        raise UnreadableError(f"too little memory for {size:,} bytes of voxels") from error


def _voxels(stack: Stack, progress: Progress) -> NDArray[Any]:
    if all(item.pixel_offset >= 0 for item in stack.slices):
        return _native_voxels(stack, progress)
    out: NDArray[Any] | None = None
    for number, frame in enumerate(decode_frames(stack.slices)):
        _tell(progress, number, len(stack.slices))
        done = finish_slice(stack, number, frame)
        if out is None:
            out = np.empty((len(stack.slices), *done.shape), done.dtype)
        if done.shape != out.shape[1:] or done.dtype != out.dtype:
            raise UnreadableError(
                f"{stack.slices[number].path}: slice {number + 1} holds {done.dtype} {done.shape}, "
                f"not {out.dtype} {out.shape[1:]} as the first"
            )
        out[number] = done
    if out is None:
        raise UnreadableError("the series has no slices")
    return out


def _native_voxels(stack: Stack, progress: Progress) -> NDArray[Any]:
    layout = stack.layout
    n = len(stack.slices)
    dtype = native_dtype(layout)
    if not stack.is_converted and not stack.shifts_vox:
        out = np.empty((n, layout.rows, layout.columns), dtype)
        for number, item in enumerate(stack.slices):
            _tell(progress, number, n)
            read_native(item, out[number])
        return out
    out = np.empty(stack.geometry.shape, np.float32 if stack.is_converted else dtype)
    for number, item in enumerate(stack.slices):
        _tell(progress, number, n)
        out[number] = finish_slice(stack, number, read_slice(item))
    return out


def _tell(progress: Progress, number: int, total: int) -> None:
    if number % PROGRESS_STEP == 0:
        progress(number / total, f"Reading slices: {number} of {total}")
