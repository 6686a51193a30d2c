"""Interpolation between slices against ITK's morphological one and plain signed distances.

Slices are left out of masks and filled again: hippocampus by hand, along each axis, and spinal cord
(``../shared/data``, where it is); lungs and bones by thresholds, and bodies, of the two sample CTs;
tubes that cross a stack obliquely. ``pip install itk-morphologicalcontourinterpolation`` for ITK's.
Times are of the processor. ``--surface`` tells how well surfaces through contours do.
"""

from __future__ import annotations

import statistics
import sys
import time
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from annotator.analysis.runs import encode
from annotator.analysis.surface import surface_distances
from annotator.analysis.votes import merge_votes
from annotator.drawing.interpolation import Interpolation
from annotator.drawing.operation import Asked, apply
from annotator.drawing.surface import Surface

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Mask = NDArray[np.uint8]
    Spacing = tuple[float, float, float]
    Fill = Callable[[Mask, Spacing], Mask]

DATA = Path(__file__).parents[3] / "shared" / "data"
SAMPLE = Path(__file__).parents[2] / "resources" / "sample"
EVERY = (2, 3, 5, 8)


class Subject(NamedTuple):
    """A mask ``(slice, y, x)``."""

    group: str
    mask: Mask
    spacing_mm: Spacing


def by_hand() -> Iterator[Subject]:
    """Give masks drawn by hand, along each axis."""
    paths = sorted((DATA / "hippocampus" / "labelsTr").glob("*.nii.gz"))[:6]
    for path in [*paths, *(DATA / "spinal-cord").glob("t2_seg-manual.nii.gz")]:
        image = sitk.ReadImage(str(path))
        mask, spacing = sitk.GetArrayFromImage(image).astype(np.uint8), image.GetSpacing()[::-1]
        for axis in range(3):
            turned = np.ascontiguousarray(np.moveaxis(mask, axis, 0))
            steps = [step for other, step in enumerate(spacing) if other != axis]
            group = "spinal cord" if "seg" in path.name else "hippocampus"
            yield Subject(group, turned[drawn_slices(turned)], (spacing[axis], *steps))


def drawn_slices(mask: Mask) -> slice:
    """Return from the first to the last slice with anything in it."""
    places = np.flatnonzero(mask.any(axis=(1, 2)))
    return slice(places[0], places[-1] + 1)


def of_ct() -> Iterator[Subject]:
    """Give what thresholds find in the sample CTs."""
    for name in ("chest-ct-1", "chest-ct-2"):
        image = sitk.ReadImage([str(path) for path in sorted((SAMPLE / name).glob("*.dcm"))])
        values = sitk.GetArrayFromImage(image).astype(np.float32)
        opened = [ndimage.binary_opening(one > -400, iterations=2) for one in values]
        body = np.stack([ndimage.binary_fill_holes(one) for one in opened])
        smooth = ndimage.gaussian_filter(values, (0, 1, 1))
        disc = np.ones((1, 3, 3), bool)
        mask = body & ndimage.binary_opening(smooth < -500, disc)
        tissues = mask.astype(np.uint8)
        tissues[body & ~mask & ndimage.binary_opening(smooth > 180, disc)] = 2
        spacing = image.GetSpacing()[::-1]
        yield Subject("lungs and bones", tissues, spacing)
        yield Subject("body", body.astype(np.uint8), spacing)


def tubes() -> Subject:
    """Return two tubes, one bent, that part on their way."""
    z, y, x = np.ogrid[:41, :96, :96]
    beside = (y - 20 - 1.3 * z) ** 2
    bent = beside + (x - 40 - 10 * np.sin(z / 7)) ** 2 < 36
    mask = np.where(bent, 1, np.where(beside + (x - 40 + 0.9 * z) ** 2 < 25, 2, 0))
    return Subject("oblique tubes", mask.astype(np.uint8), (1.0, 1.0, 1.0))


def ours(sparse: Mask, spacing_mm: Spacing) -> Mask:
    """Return the mask with our suggestion applied."""
    surface = Surface(mask=sparse.copy(), spacing_mm=spacing_mm)
    change = Interpolation().run(surface, Asked(label=1))
    if change is not None:
        apply(surface, change)
    return surface.mask.astype(np.uint8)


def morphological(sparse: Mask, spacing_mm: Spacing) -> Mask:
    """Return ITK's, as 3D Slicer fills between slices."""
    import itk

    image = itk.image_from_array(sparse)
    between = itk.MorphologicalContourInterpolator.New(image)
    between.SetAxis(2)
    between.Update()
    return np.asarray(itk.array_from_image(between.GetOutput())).copy()


def plain(sparse: Mask, spacing_mm: Spacing) -> Mask:
    """Return signed distances by SimpleITK, mixed; the deepest label counts."""
    found, deepest = sparse.copy(), np.zeros(sparse.shape, np.float32)
    for label in np.unique(sparse[sparse > 0]).tolist():
        places = np.flatnonzero((sparse == label).any(axis=(1, 2))).tolist()
        depths = {at: signed_depth(sparse[at] == label, spacing_mm[1:]) for at in places}
        for first, last in pairwise(places):
            for at in range(first + 1, last):
                share = (at - first) / (last - first)
                depth = (1 - share) * depths[first] + share * depths[last]
                is_deeper = depth > deepest[at]
                deepest[at][is_deeper], found[at][is_deeper] = depth[is_deeper], label
    return found


def signed_depth(inside: NDArray[np.bool_], steps: tuple[float, float]) -> NDArray[np.float32]:
    """Return how far inside, as seen from both sides: the border lies between pixels."""
    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    image.SetSpacing(steps[::-1])
    other = sitk.GetImageFromArray((~inside).astype(np.uint8))
    other.SetSpacing(steps[::-1])
    out, back = (
        sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(some, False, False, True))
        for some in (image, other)
    )
    return np.asarray(np.maximum(back, 0) - np.maximum(out, 0))


def scores(truth: Mask, found: Mask, spacing_mm: Spacing) -> tuple[float, float]:
    """Return Dice and the mean distance of surfaces, mm: means over labels; NaN if none met."""
    dices, distances = [], []
    votes = merge_votes([encode(truth), encode(found)], labels=[1, 2])
    for label in np.unique(truth[truth > 0]).tolist():
        one, other = truth == label, found == label
        dices.append(2 * np.count_nonzero(one & other) / (one.sum() + other.sum()))
        mean = surface_distances(votes, label, spacing_mm)[0].mean_mm
        if mean is not None:
            distances.append(mean)
    return statistics.mean(dices), statistics.mean(distances) if distances else float("nan")


def compare(subjects: list[Subject], fills: dict[str, Fill], every: int) -> None:
    """Print a row for each group and way."""
    for group in dict.fromkeys(subject.group for subject in subjects):
        for name, fill in fills.items():
            rows, taken = [], 0.0
            for subject in subjects:
                kept = list(range(0, len(subject.mask), every))
                if subject.group != group or len(kept) < 2:
                    continue
                sparse = np.zeros_like(subject.mask)
                sparse[kept] = subject.mask[kept]
                begin = time.process_time()
                found = fill(sparse, subject.spacing_mm)
                taken += time.process_time() - begin
                left_out = [at for at in range(kept[-1]) if at % every]
                gaps = subject.mask.copy()
                gaps[kept], found[kept] = 0, 0
                part = slice(0, left_out[-1] + 1)
                rows.append(scores(gaps[part], found[part], subject.spacing_mm))
            if rows:
                dice, distance = np.nanmean(rows, axis=0)
                sys.stdout.write(
                    f"every {every}: {group:16s} {name:14s} Dice {dice:.4f}, surface "
                    f"{distance:.3f} mm, {taken:.2f} s, n {len(rows)}\n"
                )
                sys.stdout.flush()


def many_gaps() -> Subject:
    """Return two organs of 512 × 512 with 100 gaps."""
    z, y, x = np.ogrid[:201, :512, :512]
    radius = 90 + 20 * np.cos(z / 30)
    mask = np.where((y - 250 - 20 * np.sin(z / 20)) ** 2 + (x - 200) ** 2 < radius**2, 1, 0)
    mask[(y - 250) ** 2 + (x - 390 + 0.2 * z) ** 2 < 60**2] = 2
    return Subject("512 x 512, 100 gaps", mask.astype(np.uint8), (1.0, 0.8, 0.8))


def surfaces() -> None:
    """Print how well surfaces through every eighth slice along each axis do."""
    for subject in by_hand():
        truth = (subject.mask > 0).astype(np.uint8)
        sparse = np.zeros_like(truth)
        for axis in range(3):
            for at in range(drawn_slices(np.moveaxis(truth, axis, 0)).start + 3, 999, 8):
                if at < truth.shape[axis]:
                    np.moveaxis(sparse, axis, 0)[at] = np.moveaxis(truth, axis, 0)[at]
        surface = Surface(mask=sparse, spacing_mm=subject.spacing_mm)
        begin = time.process_time()
        change = Interpolation().run(surface, Asked(label=1, chosen={"mode": "surface"}))
        taken = time.process_time() - begin
        if change is not None:
            apply(surface, change)
        dice, distance = scores(truth, sparse, subject.spacing_mm)
        sys.stdout.write(
            f"through contours: {subject.group:16s} Dice {dice:.4f}, surface {distance:.3f} mm, "
            f"{taken:.2f} s\n"
        )


def main() -> None:
    """Print the tables."""
    fills: dict[str, Fill] = {"ours": ours, "plain": plain}
    if find_spec("itk") is not None:
        fills["morphological"] = morphological
    sparse = tubes().mask
    sparse[1::2] = 0
    for fill in fills.values():
        fill(sparse, (1.0, 1.0, 1.0))
    compare([many_gaps()], fills, 2)
    subjects = [*by_hand(), *of_ct(), tubes()]
    for every in EVERY:
        compare(subjects, fills, every)
    if "--surface" in sys.argv:
        surfaces()


if __name__ == "__main__":
    main()
