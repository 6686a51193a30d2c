"""Operations on a liver in a mask of 300 x 512 x 512 against SimpleITK, at the same result.

SimpleITK is given the box around the label with the margin that it needs, which a caller has to
find first, and, with ``--whole``, the whole mask. Times are of the clock and, in brackets, of the
processor: SimpleITK uses all cores, ours one.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from annotator.drawing.edit import box_slices
from annotator.drawing.operation import Asked
from annotator.drawing.options import with_defaults
from annotator.drawing.scope import box_of
from annotator.drawing.surface import Surface
from annotator.drawing.tools import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.drawing.edit import Mask

SHAPE = (300, 512, 512)
SPACING = (1.25, 0.75, 0.75)
REPEATS = 3


def make_mask() -> Mask:
    """Return a liver of two lobes with label 1, vessels and crumbs, tumours 2 and a kidney 3."""
    rng = np.random.default_rng(5)
    mask: Mask = np.zeros(SHAPE, np.uint8)
    z, y, x = (np.arange(n, dtype=np.float32) * s for n, s in zip(SHAPE, SPACING, strict=True))
    z, y, x = z[:, None, None], y[:, None], x

    def ball(at: tuple[float, ...], radii: tuple[float, ...]) -> NDArray[np.bool_]:
        first, second, third = (
            ((along - centre) / radius) ** 2
            for along, centre, radius in zip((z, y, x), at, radii, strict=True)
        )
        return np.asarray(first + second + third < 1)

    liver = ball((190, 190, 130), (70, 75, 68)) | ball((200, 160, 210), (40, 45, 70))
    mask[liver] = 1
    rough = ndimage.gaussian_filter(rng.standard_normal((75, 128, 128)).astype(np.float32), 1)
    mask[(np.kron(rough, np.ones((4, 4, 4), np.float32)) > 0.45) & liver] = 0
    mask[ball((230, 200, 120), (18, 15, 15)) & (mask > 0)] = 2
    mask[ball((120, 260, 150), (50, 26, 28)) & (mask == 0)] = 3
    crumbs = rng.integers(0, SHAPE, (4000, 3))
    mask[tuple(crumbs.T)] = 1
    return mask


def ours(mask: Mask, name: str, chosen: dict[str, Any]) -> Mask:
    """Return the mask after an operation on label 1."""
    asked = Asked(label=1, chosen=with_defaults(OPERATIONS[name].options, chosen))
    change = OPERATIONS[name].run(Surface(mask=mask, spacing_mm=SPACING), asked)
    after = mask.copy()
    if change is not None:
        after[box_slices(change.box)] = change.labels
    return after


def picture(array: NDArray[Any]) -> Any:  # noqa: ANN401 - SimpleITK has no types
    """Return an array as an image with its spacing."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING[::-1])
    return image


def near(region: NDArray[np.bool_], mm: float) -> NDArray[np.bool_]:
    """Return what lies at most so far from a region."""
    found = sitk.SignedMaurerDistanceMap(picture(region.view(np.uint8)), False, False, True)
    return np.asarray(sitk.GetArrayViewFromImage(found) <= mm) | region


def median(region: NDArray[np.bool_], mm: float) -> NDArray[np.bool_]:
    """Return the binary median."""
    reach = [int(mm / step) for step in SPACING[::-1]]
    found = sitk.BinaryMedian(picture(region.view(np.uint8)), reach, 1.0, 0.0)
    return np.asarray(sitk.GetArrayViewFromImage(found) > 0)


def largest(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest island."""
    parts = sitk.ConnectedComponent(picture(region.view(np.uint8)), False)
    ranked = sitk.RelabelComponent(parts)
    return np.asarray(sitk.GetArrayViewFromImage(ranked) == 1)


def without_holes(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the region with its cavities."""
    found = sitk.BinaryFillhole(picture(region.view(np.uint8)), False, 1.0)
    return np.asarray(sitk.GetArrayViewFromImage(found) > 0)


def together(labels: Mask, mm: float) -> Mask:
    """Return labels smoothed together by SimpleITK's recursive Gaussian, an approximation."""
    shares = []
    for value in (1, 2, 3):
        image = sitk.Cast(picture((labels == value).view(np.uint8)), sitk.sitkFloat32)
        shares.append(sitk.GetArrayFromImage(sitk.SmoothingRecursiveGaussian(image, mm)))
    best: Mask = np.argmax(np.stack(shares), axis=0).astype(np.uint8) + 1
    best[sum(shares) <= 0.5] = 0
    return best


def reshaped(region: NDArray[np.bool_], before: Mask) -> Mask:
    """Return labels where label 1 has another shape."""
    return np.where(region, 1, np.where(before == 1, 0, before)).astype(np.uint8)


WAYS: list[tuple[str, str, dict[str, Any], float, Callable[[Mask], Mask]]] = [
    (
        "margin of 5 mm",
        "margin",
        {"what": "grow", "mm": 5.0},
        5.0,
        lambda part: reshaped(near(part == 1, 5.0), part),
    ),
    (
        "margin of 20 mm",
        "margin",
        {"what": "grow", "mm": 20.0},
        20.0,
        lambda part: reshaped(near(part == 1, 20.0), part),
    ),
    (
        "shrink by 3 mm",
        "margin",
        {"what": "shrink", "mm": 3.0},
        2.0,
        lambda part: reshaped(~near(part != 1, 3.0), part),
    ),
    (
        "closing of 3 mm",
        "smooth",
        {"method": "closing", "mm": 3.0},
        5.0,
        lambda part: reshaped(~near(~near(part == 1, 3.0), 3.0), part),
    ),
    (
        "median of 2 mm",
        "smooth",
        {"method": "median", "mm": 2.0},
        2.0,
        lambda part: reshaped(median(part == 1, 2.0), part),
    ),
    (
        "largest island",
        "islands",
        {"what": "largest"},
        0.0,
        lambda part: reshaped(largest(part == 1), part),
    ),
    (
        "fill holes",
        "fill holes",
        {"over_labels": True},
        0.0,
        lambda part: np.where(without_holes(part == 1), 1, part).astype(np.uint8),
    ),
    (
        "three labels together",
        "smooth",
        {"method": "joint", "mm": 2.0},
        6.0,
        lambda part: together(part, 2.0),
    ),
]


def timed(work: Callable[[], Mask], repeats: int) -> tuple[Mask, float, float]:
    """Return the result and the median times of the clock and of the processor, s."""
    clock, processor = [], []
    for _ in range(repeats):
        begin = time.perf_counter(), time.process_time()
        result = work()
        clock.append(time.perf_counter() - begin[0])
        processor.append(time.process_time() - begin[1])
    return result, statistics.median(clock), statistics.median(processor)


def boxed(mask: Mask, mm: float, is_all: bool) -> tuple[slice, ...]:
    """Return the slices of the box around label 1, or all labels, with a margin and a voxel."""
    found = box_of(mask != 0 if is_all else mask == 1)
    if found is None:
        raise RuntimeError("nothing is drawn")
    return tuple(
        slice(max(0, a - int(mm / s) - 2), min(n, b + int(mm / s) + 2))
        for a, b, s, n in zip(*found, SPACING, SHAPE, strict=True)
    )


def main() -> None:
    """Print the table."""
    dense = make_mask()
    main_part = largest(dense == 1)
    crumbled = dense.copy()
    dense[(dense == 1) & ~main_part] = 0
    n_ml = np.count_nonzero(dense == 1) * float(np.prod(SPACING)) / 1000
    sys.stdout.write(f"label 1 has {n_ml:.0f} ml; seconds of the clock (of the processor)\n")
    for title, name, chosen, mm, peer in WAYS:
        mask = crumbled if name == "islands" else dense
        result, clock, processor = timed(lambda m=mask, n=name, c=chosen: ours(m, n, c), REPEATS)  # type: ignore[misc]
        place = boxed(mask, mm, chosen.get("method") == "joint")
        places = [place, (slice(None),) * 3] if "--whole" in sys.argv else [place]
        sys.stdout.write(f"  {title:22s} {clock:6.2f} ({processor:6.2f})")
        for where in places:
            other, clock_2, processor_2 = timed(
                lambda p=peer, m=mask, w=where: p(m[w]),  # type: ignore[misc]
                1,
            )
            n_other = np.count_nonzero(other != result[where])
            sys.stdout.write(
                f" | {clock_2:6.2f} ({processor_2:6.2f}) {clock_2 / clock:5.1f}x "
                f"({processor_2 / processor:5.1f}x), {n_other} voxels differ"
            )
        sys.stdout.write("\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
