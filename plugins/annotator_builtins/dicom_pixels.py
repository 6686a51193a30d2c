"""The stored voxels of DICOM slices: copied where they are native, else decoded by pydicom."""

from __future__ import annotations

import contextlib
import hashlib
import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID, JPEGBaseline8Bit, JPEGLSLossless, JPEGLSNearLossless, RLELossless

from annotator.domain.errors import UnreadableError
from annotator_builtins.dicom_datasets import read_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from annotator_builtins.dicom_headers import Layout, SliceHeader
    from annotator_builtins.dicom_stack import Stack


FASTEST = {
    JPEGBaseline8Bit: "pillow",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    RLELossless: "pylibjpeg",
}
"""Decoders to try first where pydicom would begin with one that is slower."""


def native_dtype(layout: Layout) -> np.dtype[Any]:
    """Type of the stored values of a native grey slice, little-endian."""
    return np.dtype(f"<{'i' if layout.is_signed else 'u'}{layout.bits_allocated // 8}")


def read_native(item: SliceHeader, out: NDArray[Any]) -> None:
    """Fill ``out`` ``(y, x)`` with the stored bytes of a native slice; refuses a short file."""
    descriptor = os.open(item.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        view = out.data.cast("B")
        done = 0
        while done < len(view):
            got = os.preadv(descriptor, [view[done:]], item.pixel_offset + done)
            if got == 0:
                raise UnreadableError(f"{item.path}: cut off within its pixels")
            done += got
    finally:
        os.close(descriptor)
    clear_unused_bits(out, item)


def clear_unused_bits(voxels: NDArray[Any], item: SliceHeader) -> None:
    """Drop what lies outside the stored bits (overlays, missing signs), in place."""
    layout = item.layout
    stored = layout.bits_stored
    unused = layout.bits_allocated - stored
    if unused <= 0 or voxels.dtype.kind not in "iu":
        return
    low, high = (
        (-(1 << (stored - 1)), (1 << (stored - 1)) - 1)
        if layout.is_signed
        else (0, (1 << stored) - 1)
    )
    if not item.has_overlay_bits and voxels.min() >= low and voxels.max() <= high:
        return
    below = max(0, layout.high_bit + 1 - stored)
    above = layout.bits_allocated - stored - below
    np.left_shift(voxels, above, out=voxels)
    np.right_shift(voxels, above + below, out=voxels)


def stored_digest(item: SliceHeader) -> bytes:
    """Return a hash of a slice's pixels, to tell copies from other images of a position."""
    return hashlib.sha256(np.ascontiguousarray(read_slice(item)).data).digest()


def read_slice(item: SliceHeader) -> NDArray[Any]:
    """Return the stored voxels of one slice, ``(y, x)`` or ``(y, x, channel)``."""
    if item.pixel_offset >= 0:
        out = np.empty((item.layout.rows, item.layout.columns), native_dtype(item.layout))
        read_native(item, out)
        return out
    (frame,) = decode_frames((item,))
    return frame


def decode_frames(slices: Sequence[SliceHeader]) -> Iterator[NDArray[Any]]:
    """Decode slices of any transfer syntax in order, each file opened once in a row."""
    path, dataset = "", None
    for item in slices:
        if dataset is None or item.path != path:
            path, dataset = item.path, read_dataset(item.path, with_pixels=True)
        yield _decode(item, dataset)


def _decode(item: SliceHeader, dataset: Dataset) -> NDArray[Any]:
    syntax = UID(item.layout.transfer_syntax)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if "TransferSyntaxUID" not in dataset.file_meta:
                dataset.file_meta.TransferSyntaxUID = syntax
            frame = _decoded(dataset, syntax, item.frame)
            if item.layout.photometric == "PALETTE COLOR":
                frame = apply_color_lut(frame, dataset)
                if frame.dtype == np.uint16:
                    frame = (frame >> 8).astype(np.uint8)
    except MemoryError:
        raise UnreadableError(f"{item.path}: too little memory for its pixels") from None
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        words = words.removeprefix("Unable to decode as exceptions were raised by all available ")
        words = words.removeprefix("plugins: ")[:300]
        raise UnreadableError(
            f"{item.path}: its pixels ({syntax.name}) cannot be decoded: {words}"
        ) from error
    frame = _at_most_16_bits(frame) if frame.ndim == 3 else frame
    if frame.ndim == 2:
        frame = np.ascontiguousarray(frame)
        frame = frame if frame.flags.writeable else frame.copy()
        clear_unused_bits(frame, item)
    return frame.astype(frame.dtype.newbyteorder("<"), copy=False)


def _decoded(dataset: Dataset, syntax: UID, frame: int) -> NDArray[Any]:
    """Decode one frame, by the fastest decoder first, and by any other if that fails."""
    decoder = get_decoder(syntax)
    fastest = FASTEST.get(syntax, "")
    if fastest in decoder.available_plugins:
        with contextlib.suppress(Exception):
            return decoder.as_array(dataset, index=frame, decoding_plugin=fastest)[0]
    return decoder.as_array(dataset, index=frame)[0]


def _at_most_16_bits(frame: NDArray[Any]) -> NDArray[Any]:
    """Reduce colour of 32 bits a channel to 16."""
    if frame.dtype.itemsize == 4:
        return (frame >> 16).astype(np.uint16)
    return frame


def finish_slice(stack: Stack, number: int, frame: NDArray[Any]) -> NDArray[Any]:
    """Turn the stored voxels of a slice into those of the stack: converted, moved upright."""
    if stack.is_converted:
        slope, intercept = stack.slices[number].rescale
        frame = frame.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    if not stack.shifts_vox:
        return frame
    return _moved(stack, number, frame)


def _moved(stack: Stack, number: int, frame: NDArray[Any]) -> NDArray[Any]:
    """Shift a slice within its plane, linearly interpolated, on a canvas of padding."""
    down, right = stack.shifts_vox[number]
    pad = padding_value(stack, frame.dtype)
    shape = (*stack.geometry.shape[1:], *frame.shape[2:])
    out = np.full(shape, pad, dtype=np.float64)
    rows, columns = frame.shape[:2]
    y, x = int(down), int(right)
    fy, fx = down - y, right - x
    source = np.pad(
        frame.astype(np.float64),
        ((1, 1), (1, 1), *((0, 0),) * (frame.ndim - 2)),
        constant_values=pad,
    )
    blended = (1 - fy) * source[1:] + fy * source[:-1]
    blended = (1 - fx) * blended[:, 1:] + fx * blended[:, :-1]
    height, width = min(rows + 1, shape[0] - y), min(columns + 1, shape[1] - x)
    out[y : y + height, x : x + width] = blended[:height, :width]
    return np.rint(out).astype(frame.dtype) if frame.dtype.kind in "iu" else out.astype(frame.dtype)


def padding_value(stack: Stack, dtype: np.dtype[Any]) -> float:
    """Return the value for places that no slice covers: air for CT, else 0."""
    if stack.layout.modality != "CT":
        return 0.0
    slope, intercept = (1.0, 0.0) if stack.is_converted else stack.slices[0].rescale
    value = round((-1024 - intercept) / slope)
    if dtype.kind not in "iu":
        return float(value)
    limits = np.iinfo(dtype)
    return float(min(max(value, limits.min), limits.max))
