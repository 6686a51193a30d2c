"""Cells in phase contrast that experts and crowd workers outlined: the BU-BIL library.

Gurari et al., WACV 2015. Ten images; five experts with two tools each, seven crowd workers, a gold
standard. The files of the second expert are the gold standard, pixel for pixel, and are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy.signal import fftconvolve

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_MARGIN = 12


def read_mask(path: Path) -> Mask:
    """Return what is drawn in a picture of two tones ``(y, x)``.

    Files are black on white, white on black, grey, RGB or RGBA: whatever is rarer along the border
    of the picture is drawn.
    """
    dark = np.asarray(Image.open(path).convert("RGBA").convert("L")) < 128
    border = np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]])
    return dark if border.mean() < 0.5 else ~dark


def experts(directory: Path, number: int) -> dict[str, Mask]:
    """Return the readings of an image by expert and tool, without those that are the gold."""
    gold = read_mask(directory / "GoldStandard" / f"seg_B{number:02d}.png")
    found = {
        path.parent.name: read_mask(path)
        for path in sorted((directory / "ExpertsAnnotations").glob(f"*/seg_B{number:02d}.png"))
    }
    return {name: mask for name, mask in found.items() if not np.array_equal(mask, gold)}


def crowd(directory: Path, number: int, onto: Mask) -> dict[str, Mask]:
    """Return the crowd's readings of an image, put in place.

    They come as a cut-out of the image, the same for all workers, at a place that no file tells.
    It is where their sum overlaps most with ``onto``, an expert's reading that is not the gold.
    """
    paths = sorted((directory / "CrowdsourcedAnnotations").glob(f"*/seg_B{number:02d}.png"))
    masks = {path.parent.name: read_mask(path) for path in paths}
    total = np.sum([mask.astype(np.float64) for mask in masks.values()], axis=0)
    room = [here - cut for here, cut in zip(onto.shape, total.shape, strict=True)]
    match = fftconvolve(onto.astype(np.float64), total[::-1, ::-1], mode="full")
    inside = match[
        total.shape[0] - 1 : total.shape[0] + room[0], total.shape[1] - 1 : total.shape[1] + room[1]
    ]
    row, column = (int(at) for at in np.unravel_index(inside.argmax(), inside.shape))
    placed = {}
    for name, mask in masks.items():
        placed[name] = np.zeros(onto.shape, np.bool_)
        placed[name][row : row + mask.shape[0], column : column + mask.shape[1]] = mask
    return placed


def gold(directory: Path, number: int) -> Mask:
    """Return the gold standard of an image."""
    return read_mask(directory / "GoldStandard" / f"seg_B{number:02d}.png")


def picture(directory: Path, number: int) -> NDArray[np.float32]:
    """Return the image ``(y, x)``."""
    return np.asarray(
        Image.open(directory / "RawImages" / f"B{number:02d}.png").convert("L"), np.float32
    )


def around(masks: list[Mask]) -> tuple[slice, slice]:
    """Return the part of the image around everything drawn, so that methods need not read all."""
    drawn = np.any(masks, axis=0)
    parts = []
    for axis, size in ((1, drawn.shape[0]), (0, drawn.shape[1])):
        at = np.flatnonzero(drawn.any(axis=axis))
        parts.append(slice(max(0, at[0] - _MARGIN), min(size, at[-1] + _MARGIN + 1)))
    return parts[0], parts[1]
