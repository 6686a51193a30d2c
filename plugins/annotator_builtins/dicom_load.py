"""A stack of DICOM slices read into one array, with the facts of its series."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.api import ReadSeries, combined_series_id, slice_digest
from annotator.domain.errors import UnreadableError
from annotator.domain.study import Series
from annotator_builtins.dicom_datasets import read_dataset
from annotator_builtins.dicom_facts import display, source
from annotator_builtins.dicom_pixels import (
    decode_frames,
    finish_slice,
    read_native,
    read_slice,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.api import Progress
    from annotator_builtins.dicom_stack import Stack

BATCH = 8
"""Slices that one thread reads between two calls of progress."""
THREADS = min(4, os.cpu_count() or 1)


def first_slice(stack: Stack) -> NDArray[Any]:
    """Return the voxels of slice 0 without reading the others."""
    with _words_for_failures(stack):
        return finish_slice(stack, 0, read_slice(stack.slices[0]))


def load_stack(stack: Stack, progress: Progress) -> ReadSeries:
    """Read all slices of a stack; raises UnreadableError, or CancelledError through progress."""
    progress(0.0, f"Reading {len(stack.slices)} slices")
    with _words_for_failures(stack):
        voxels, digests = _voxels(stack, progress)
    header = read_dataset(stack.slices[0].path)
    shown = display(stack, header)
    identity = combined_series_id(
        stack.geometry,
        voxels.dtype,
        voxels.shape,
        digests,
        rescale=(shown.slope, shown.intercept),
        source_uid=stack.layout.series_uid,
    )
    return ReadSeries(
        series=Series(
            series_id=identity,
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


@contextlib.contextmanager
def _words_for_failures(stack: Stack) -> Iterator[None]:
    """Say in words what a disk or memory did."""
    try:
        yield
    except OSError as error:
        where = error.filename or stack.slices[0].path
        raise UnreadableError(f"{where}: cannot be read: {error.strerror or error}") from error
    except MemoryError as error:
        size = stack.geometry.n_voxels * stack.layout.bits_allocated // 8
        raise UnreadableError(f"too little memory for {size:,} bytes of voxels") from error


def _voxels(stack: Stack, progress: Progress) -> tuple[NDArray[Any], list[bytes]]:
    """Read and hash all slices, and tell progress of each batch."""
    n = len(stack.slices)
    digests: list[bytes] = []
    is_native = all(item.pixel_offset >= 0 for item in stack.slices)
    out, batches = _native_batches(stack) if is_native else _decoded_batches(stack)
    with contextlib.closing(batches):
        for part in batches:
            digests += part
            progress(len(digests) / n, f"Reading slices: {len(digests)} of {n}")
    return out, digests


Batches = Generator[list[bytes], None, None]
"""Fills an array slice by slice, and gives the digests of the slices that are there."""


def _native_batches(stack: Stack) -> tuple[NDArray[Any], Batches]:
    """Read several slices at once: neither disk nor hash needs Python's lock."""
    slices, n = stack.slices, len(stack.slices)
    first = finish_slice(stack, 0, read_slice(slices[0]))
    out: NDArray[Any] = np.empty((n, *first.shape), first.dtype)
    is_plain = not stack.is_converted and not stack.shifts_vox

    def read(batch: range) -> list[bytes]:
        for number in batch:
            if is_plain:
                read_native(slices[number], out[number])
            else:
                out[number] = finish_slice(stack, number, read_slice(slices[number]))
        return [slice_digest(out[number]) for number in batch]

    def batches() -> Batches:
        pool = ThreadPoolExecutor(max_workers=THREADS)
        try:
            yield from pool.map(read, (range(i, min(i + BATCH, n)) for i in range(0, n, BATCH)))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    return out, batches()


def _decoded_batches(stack: Stack) -> tuple[NDArray[Any], Batches]:
    """Decode slice after slice: the decoders hold Python's lock."""
    frames = enumerate(decode_frames(stack.slices))
    _, frame = next(frames)
    first = finish_slice(stack, 0, frame)
    out: NDArray[Any] = np.empty((len(stack.slices), *first.shape), first.dtype)

    def batches() -> Batches:
        out[0] = first
        yield [slice_digest(first)]
        for number, frame in frames:
            out[number] = _same_kind(stack, number, finish_slice(stack, number, frame), out)
            yield [slice_digest(out[number])]

    return out, batches()


def _same_kind(stack: Stack, number: int, frame: NDArray[Any], out: NDArray[Any]) -> NDArray[Any]:
    if frame.shape != out.shape[1:] or frame.dtype != out.dtype:
        raise UnreadableError(
            f"{stack.slices[number].path}: slice {number + 1} holds {frame.dtype} {frame.shape}, "
            f"not {out.dtype} {out.shape[1:]} as the first"
        )
    return frame
