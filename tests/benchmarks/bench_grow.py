"""Grow from seeds against ITK's fast GrowCut, SimpleITK's watershed and skimage's random walker.

Three labels in a noisy made image, with strokes in a few slices; the truth is known. All smooth by
one voxel. Times are of the processor. ``pip install itk-growcut`` for that peer; ``--walker`` adds
the random walker in the smallest image.
"""

from __future__ import annotations

import statistics
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from annotator.drawing.grow_from_seeds import GrowFromSeeds
from annotator.drawing.operation import Asked
from annotator.drawing.surface import Surface

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Image = NDArray[np.float32]
    Mask = NDArray[np.uint8]
    Peer = Callable[[Image, Mask], Mask]

SIZES = ((64, 64, 64), (128, 128, 128), (150, 256, 256))
NOISES = (15.0, 30.0, 45.0)
WHOLE = {"margin": 100.0}
SIGMA = 1.0
"""Voxels that each smooths by."""


def make(shape: tuple[int, int, int], noise: float) -> tuple[Image, Mask, Mask]:
    """Return an image of a bent body with an organ in it, the truth, and strokes."""
    random = np.random.default_rng(7)
    z, y, x = (
        np.linspace(-1, 1, size).reshape([-1 if i == axis else 1 for i in range(3)])
        for axis, size in enumerate(shape)
    )
    bumps = ndimage.zoom(random.normal(0, 0.12, (5, 5, 5)), np.array(shape) / 5, order=3)
    truth = np.where(np.sqrt(z**2 + y**2 + x**2) + bumps < 0.7, 2, 3).astype(np.uint8)
    truth[np.sqrt(1.5 * z**2 + (y - 0.1) ** 2 + (x + 0.15) ** 2) + 0.7 * bumps < 0.4] = 1
    values = ndimage.gaussian_filter(np.array([0, 120, 60, 0.0])[truth], 0.7)
    image = (values + random.normal(0, noise, shape)).astype(np.float32)
    strokes = np.zeros(shape, np.uint8)
    middle, sixth = shape[0] // 2, shape[0] // 6
    for axis, at in ((0, middle - sixth), (0, middle), (0, middle + sixth), (2, shape[2] // 2)):
        section, drawn = np.moveaxis(truth, axis, 0)[at], np.moveaxis(strokes, axis, 0)[at]
        for label in (1, 2, 3):
            depth = ndimage.distance_transform_edt(section == label)
            if depth.max() > 3:
                low = 4.0 if label == 3 else 0.55 * depth.max()
                drawn[(depth > low) & (depth < low + 2.5)] = label
    return image, truth, strokes


def dice(truth: Mask, found: Mask) -> float:
    """Return the mean over the three labels."""
    return statistics.mean(
        2
        * np.count_nonzero((truth == label) & (found == label))
        / (np.count_nonzero(truth == label) + np.count_nonzero(found == label))
        for label in (1, 2, 3)
    )


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what work returns and the seconds of the processor that it took."""
    begin = time.process_time()
    found = work()
    return found, time.process_time() - begin


def ours(image: Image, strokes: Mask) -> tuple[Mask, list[float]]:
    """Return labels, and seconds of the first run, after a stroke more, and one taken back."""
    mask = strokes.copy()
    surface = Surface(mask=mask, image=image)
    operation = GrowFromSeeds()
    asked = Asked(label=1, chosen=WHOLE)
    change, first = timed(lambda: operation.run(surface, asked))
    labels = mask.copy()
    (z0, y0, x0), (z1, y1, x1) = change.box
    labels[z0:z1, y0:y1, x0:x1] = change.labels
    at = labels.shape[0] // 3
    depth = ndimage.distance_transform_edt(labels[at] == 2)
    stroke = (depth > 0.7 * depth.max()) & (mask[at] == 0)
    mask[at][stroke] = 1
    _, more = timed(lambda: operation.run(surface, asked))
    mask[at][stroke] = 0
    _, back = timed(lambda: operation.run(surface, asked))
    return labels, [first, more, back]


def itk_growcut(image: Image, strokes: Mask) -> Mask:
    """Return ITK's labels, of the image smoothed as ours."""
    import itk

    smooth = itk.image_from_array(ndimage.gaussian_filter(image, SIGMA, truncate=3.0))
    seeds = itk.image_from_array(strokes)
    growcut = itk.FastGrowCut[type(smooth), type(seeds)].New()
    growcut.SetInput(smooth)
    growcut.SetSeedImage(seeds)
    growcut.Update()
    return np.asarray(itk.array_from_image(growcut.GetOutput()))


def watershed(image: Image, strokes: Mask) -> Mask:
    """Return SimpleITK's watershed from the strokes on the gradient."""
    import SimpleITK as sitk

    slope = sitk.GradientMagnitudeRecursiveGaussian(sitk.GetImageFromArray(image), SIGMA)
    seeds = sitk.GetImageFromArray(strokes)
    found = sitk.MorphologicalWatershedFromMarkers(slope, seeds, False, False)
    return np.asarray(sitk.GetArrayFromImage(found))


def walker(image: Image, strokes: Mask) -> Mask:
    """Return skimage's labels, of the image smoothed as ours."""
    from skimage.segmentation import random_walker

    smooth = ndimage.gaussian_filter(image, SIGMA, truncate=3.0)
    return np.asarray(random_walker(smooth, strokes, beta=130, mode="cg_j"), np.uint8)


def compare(shape: tuple[int, int, int], noise: float, peers: dict[str, Peer]) -> None:
    """Print how all do on one image."""
    image, truth, strokes = make(shape, noise)
    labels, (first, more, back) = ours(image, strokes)
    sys.stdout.write(
        f"{shape} noise {noise:g}: ours Dice {dice(truth, labels):.4f}, first {first:.2f} s, "
        f"a stroke more {more:.3f} s, taken back {back:.3f} s\n"
    )
    for name, peer in peers.items():
        found, taken = timed(lambda peer=peer: peer(image, strokes))  # type: ignore[misc]
        sys.stdout.write(
            f"    {name}: Dice {dice(truth, found):.4f}, {taken:.2f} s, "
            f"{taken / first:.1f}x ours, {taken / more:.0f}x a stroke more\n"
        )
        sys.stdout.flush()


def main() -> None:
    """Print the table."""
    peers: dict[str, Peer] = {"watershed": watershed}
    if find_spec("itk") is not None:
        peers["ITK GrowCut"] = itk_growcut
    image, _, strokes = make((16, 16, 16), 1.0)
    for peer in peers.values():
        peer(image, strokes)
    for shape in SIZES:
        small = {"walker": walker} if "--walker" in sys.argv and shape == SIZES[0] else {}
        for noise in NOISES if shape != SIZES[-1] else NOISES[1:2]:
            compare(shape, noise, {**peers, **small})


if __name__ == "__main__":
    main()
