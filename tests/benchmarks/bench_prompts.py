"""Clicks and boxes against known labels: Dice after 1, 3 and 5 clicks, and time to an answer.

``python tests/benchmarks/bench_prompts.py [--data DIR] [--medsam]`` prints tables; with ``--sizes``
only what one click draws of made things of known size and contrast. Peers get the
region that the first click gives, the same seeds and the edge of the region as background. A
simulated person clicks the middle of the object, then the middle of the largest error.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from skimage.graph import MCP_Geometric
from skimage.segmentation import random_walker, watershed

from annotator.analysis.phantom_shapes import lesions_case, organ_case
from annotator.analysis.prompt_region import cut_region
from annotator.analysis.simulate_outline import smooth_noise
from annotator.api import Prompt, no_progress
from annotator_builtins.region_prompt import REACH, RegionPrompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Voxel = tuple[int, int, int]
    Mask = NDArray[np.bool_]
    Spacing = tuple[float, float, float]
    Answer = Callable[["Subject", list[Prompt]], Mask]

DATA = Path(__file__).parents[3] / "shared" / "data"
SAMPLE = Path(__file__).parents[2] / "resources" / "sample"
N_CLICKS = 5
N_HIPPOCAMPUS = 6
RADII_MM = (3, 5, 8, 14, 24)
CONTRASTS = (0.8, 2.0, 5.0)
N_SEEDS = 12


class Subject(NamedTuple):
    """An image with a true object."""

    group: str
    image: NDArray[np.float32]
    spacing_mm: Spacing
    truth: Mask


def subjects(data: Path) -> list[Subject]:
    """Return phantoms, and of the real images those that are here."""
    found = []
    for seed in range(4):
        organ = organ_case(seed=seed)
        found.append(Subject("organ, made", organ.image, organ.spacing_mm, organ.truth == 1))
    for seed in range(10, 14):
        lesions = lesions_case(seed=seed)
        parts, n_parts = ndimage.label(lesions.truth > 0)
        if n_parts:
            largest = int(np.bincount(parts.ravel())[1:].argmax()) + 1
            found.append(
                Subject("lesion, made", lesions.image, lesions.spacing_mm, parts == largest)
            )
    for path in sorted((data / "hippocampus" / "imagesTr").glob("*.nii.gz"))[:N_HIPPOCAMPUS]:
        found.append(_pair("hippocampus, MR", path, path.parents[1] / "labelsTr" / path.name))
    cord = data / "spinal-cord"
    if cord.is_dir():
        found.append(_pair("spinal cord, MR", cord / "t2.nii.gz", cord / "t2_seg-manual.nii.gz"))
        found.append(_pair("spinal cord, MR", cord / "t2s.nii.gz", cord / "t2s_seg.nii.gz"))
    for name in ("chest-ct-1", "chest-ct-2"):
        found.append(_lung_mass(name))
    return found


def _pair(group: str, image: Path, label: Path) -> Subject:
    read, mask = sitk.ReadImage(str(image)), sitk.ReadImage(str(label))
    x, y, z = read.GetSpacing()
    values = sitk.GetArrayFromImage(read).astype(np.float32)
    return Subject(group, values, (z, y, x), sitk.GetArrayFromImage(mask) > 0)


def _lung_mass(name: str) -> Subject:
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(SAMPLE / name))
    read = sitk.ReadImage(files)
    drawn = sitk.ReadImage(str(SAMPLE / "readings" / f"{name}.nrrd"))
    # Where the two grids run in different directions, the reading is brought to the image's.
    drawn = sitk.Resample(drawn, read, sitk.Transform(), sitk.sitkNearestNeighbor)
    x, y, z = read.GetSpacing()
    mask = sitk.GetArrayFromImage(drawn)
    return Subject(
        "lung mass, CT", sitk.GetArrayFromImage(read).astype(np.float32), (z, y, x), mask > 0
    )


def click(voxel: Voxel, *, is_positive: bool) -> Prompt:
    """Return a click."""
    return Prompt(kind="click", is_positive=is_positive, voxels=(voxel,))


def middle(mask: Mask, spacing_mm: Spacing) -> Voxel:
    """Return the voxel that lies deepest inside."""
    places = np.argwhere(mask)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    part = np.pad(mask[tuple(slice(*ends) for ends in zip(low, high, strict=True))], 1)
    depth = ndimage.distance_transform_edt(part, sampling=spacing_mm)
    z, y, x = (np.array(np.unravel_index(int(depth.argmax()), depth.shape)) - 1 + low).tolist()
    return z, y, x


def next_click(subject: Subject, drawn: Mask) -> Prompt | None:
    """Return a click into the largest error, or None where there is none."""
    best: tuple[int, Prompt] | None = None
    for errors, is_positive in ((subject.truth & ~drawn, True), (drawn & ~subject.truth, False)):
        if not errors.any():
            continue
        parts, _ = ndimage.label(errors)
        sizes = np.bincount(parts.ravel())[1:]
        largest = int(sizes.argmax())
        if best is None or sizes[largest] > best[0]:
            at = middle(parts == largest + 1, subject.spacing_mm)
            best = (int(sizes[largest]), click(at, is_positive=is_positive))
    return None if best is None else best[1]


def dice(one: Mask, other: Mask) -> float:
    """Return the overlap of two masks."""
    return float(2 * (one & other).sum() / max(int(one.sum() + other.sum()), 1))


def ours(subject: Subject, prompts: list[Prompt]) -> Mask:
    """Ask the built-in model."""
    taken = RegionPrompt(is_3d=True).take_in(subject.image, subject.spacing_mm, no_progress)
    answer = taken.answer(tuple(prompts))
    found = np.zeros(subject.truth.shape, np.bool_)
    found[tuple(slice(*ends) for ends in zip(*answer.box, strict=True))] = answer.mask
    return found


def _in_region(
    solve: Callable[[NDArray[np.float32], NDArray[np.int32], Spacing], Mask],
) -> Answer:
    """Return a peer that answers in the region around the clicks, with its edge as background."""

    def answer(subject: Subject, prompts: list[Prompt]) -> Mask:
        places = np.array([prompt.voxels[0] for prompt in prompts])
        reach = np.ceil(REACH * min(subject.spacing_mm) / np.array(subject.spacing_mm))
        low = np.maximum(places.min(axis=0) - reach, 0).astype(int)
        high = np.minimum(places.max(axis=0) + reach + 1, subject.truth.shape).astype(int)
        box = (tuple(low.tolist()), tuple(high.tolist()))
        region = cut_region(subject.image, subject.spacing_mm, box)
        seeds = np.full(region.shape, 2, np.int32)
        seeds[1:-1, 1:-1, 1:-1] = 0
        for prompt in prompts:
            seeds[tuple(region.to_grid(np.array(prompt.voxels))[0])] = (
                1 if prompt.is_positive else 2
            )
        mask = solve(region.values[..., 0], seeds, region.spacing_mm)
        spread = region.to_image(mask.astype(np.float32)) > 0.5
        found = np.zeros(subject.truth.shape, np.bool_)
        found[tuple(slice(*ends) for ends in zip(low, high, strict=True))] = spread
        return found

    return answer


def _gradient(values: NDArray[np.float32], spacing_mm: Spacing) -> NDArray[np.float32]:
    least = min(spacing_mm)
    parts = [
        np.gradient(values, axis=axis) * (least / mm)
        for axis, mm in enumerate(spacing_mm)
        if values.shape[axis] > 1
    ]
    return np.asarray(np.sqrt(np.sum(np.square(parts), axis=0)), np.float32)


def geodesic(values: NDArray[np.float32], seeds: NDArray[np.int32], mm: Spacing) -> Mask:
    """Return what is nearer to the object by paths that avoid edges (scikit-image's MCP)."""
    cost = _gradient(values, mm) + 0.005
    paths = [
        MCP_Geometric(cost, sampling=mm).find_costs(np.argwhere(seeds == value).tolist())[0]
        for value in (1, 2)
    ]
    return np.asarray(paths[0] < paths[1], np.bool_)


def flooded(values: NDArray[np.float32], seeds: NDArray[np.int32], mm: Spacing) -> Mask:
    """Return scikit-image's watershed of the gradient."""
    labels = watershed(_gradient(values, mm), seeds)  # type: ignore[no-untyped-call]
    return np.asarray(labels == 1, np.bool_)


def walked(values: NDArray[np.float32], seeds: NDArray[np.int32], mm: Spacing) -> Mask:
    """Return scikit-image's random walker, by conjugate gradients."""
    labels = random_walker(values, seeds, beta=130, mode="cg_j", tol=1e-2, prob_tol=1.0, spacing=mm)
    return np.asarray(labels == 1, np.bool_)


METHODS: dict[str, Answer] = {
    "built-in": ours,
    "geodesic distance (MCP)": _in_region(geodesic),
    "watershed": _in_region(flooded),
    "random walker (scikit-image)": _in_region(walked),
}


def play(subject: Subject, answer: Answer) -> tuple[list[float], list[float]]:
    """Return Dice after each click, and the processor's seconds for each answer."""
    prompts = [click(middle(subject.truth, subject.spacing_mm), is_positive=True)]
    overlaps, times = [], []
    for _ in range(N_CLICKS):
        start = time.process_time()
        drawn = answer(subject, prompts)
        times.append(time.process_time() - start)
        overlaps.append(dice(drawn, subject.truth))
        following = next_click(subject, drawn)
        if following is None:
            break
        prompts.append(following)
    return overlaps + overlaps[-1:] * (N_CLICKS - len(overlaps)), times


def clicks_table(found: Sequence[Subject]) -> None:
    """Print Dice after 1, 3 and 5 clicks by group, and time."""
    groups = list(dict.fromkeys(subject.group for subject in found))
    _row("method", *groups, "p50 ms", "p95 ms")
    _row(*["---"] * (len(groups) + 3))
    for name, answer in METHODS.items():
        played = [(subject.group, *play(subject, answer)) for subject in found]
        cells = []
        for group in groups:
            own = [overlaps for other, overlaps, _ in played if other == group]
            cells.append(" / ".join(f"{np.mean([one[n] for one in own]):.2f}" for n in (0, 2, 4)))
        times = sorted(1000 * one for _, _, taken in played for one in taken)
        at = min(len(times) - 1, int(0.95 * len(times)))
        _row(name, *cells, f"{statistics.median(times):.0f}", f"{times[at]:.0f}")


def made_thing(radius_mm: float, contrast: float, seed: int) -> Subject:
    """Return a blurred ellipsoid, so many deviations above noise that is half fine, half coarse."""
    random = np.random.default_rng((seed, round(radius_mm), round(10 * contrast)))
    spacing_mm = (2.0, 1.0, 1.0)
    rows = max(72, round(4 * radius_mm))
    shape = (max(16, round(2 * radius_mm)), rows, rows)
    middle_mm = (np.array(shape) - 1) / 2 * spacing_mm + random.uniform(-3, 3, 3)
    radii_mm = radius_mm * random.uniform(0.8, 1.2, 3)
    axes = np.ogrid[tuple(slice(size) for size in shape)]
    squared = sum(
        ((axis * mm - at) / radius) ** 2
        for axis, mm, at, radius in zip(axes, spacing_mm, middle_mm, radii_mm, strict=True)
    )
    width_vox = [max(1.0, 0.4 * radius_mm / mm) for mm in spacing_mm]
    truth = np.sqrt(squared) + 0.05 * smooth_noise(shape, width_vox, random) < 1
    fine = random.standard_normal(shape)
    coarse = smooth_noise(shape, [4.0 / mm for mm in spacing_mm], random)
    image = ndimage.gaussian_filter(truth.astype(float), [1.0, 2.0, 2.0])
    image += (0.6 * fine + 0.8 * coarse) / contrast
    return Subject("", image.astype(np.float32), spacing_mm, np.asarray(truth, np.bool_))


def off_middle(mask: Mask, spacing_mm: Spacing, seed: int) -> Voxel:
    """Return a voxel at least half as deep inside as the deepest."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    places = np.argwhere(depth >= 0.5 * depth.max())
    z, y, x = places[np.random.default_rng(seed).integers(len(places))].tolist()
    return z, y, x


def sizes_table() -> None:
    """Print Dice of one click, into the middle and off it, with and without a choice of size.

    The same click twice is followed along edges only, as a drawing of several hints is.
    """
    _row(
        "radius, mm", "contrast", "edges only", "size chosen", "edges only, off", "size chosen, off"
    )
    _row(*["---"] * 6)
    times: list[float] = []
    for radius_mm in RADII_MM:
        for contrast in CONTRASTS:
            overlaps: list[list[float]] = [[], [], [], []]
            for seed in range(N_SEEDS):
                subject = made_thing(radius_mm, contrast, seed)
                spots = (
                    middle(subject.truth, subject.spacing_mm),
                    off_middle(subject.truth, subject.spacing_mm, seed),
                )
                for number, spot in enumerate(spots):
                    prompt = click(spot, is_positive=True)
                    for way, prompts in enumerate(([prompt, prompt], [prompt])):
                        start = time.process_time()
                        drawn = ours(subject, prompts)
                        times.append(1000 * (time.process_time() - start))
                        overlaps[2 * number + way].append(dice(drawn, subject.truth))
            _row(f"{radius_mm}", f"{contrast}", *(f"{np.mean(one):.2f}" for one in overlaps))
    own = sorted(times[1::2])
    longest = own[int(0.95 * len(own))]
    sys.stdout.write(f"ms: {statistics.median(own):.0f}, 95 % within {longest:.0f}\n")


def largest_slice(subject: Subject) -> tuple[int, Prompt]:
    """Return the slice of the object's largest cut across the coarsest axis, and a box there."""
    plane = int(np.argmax(subject.spacing_mm))
    across = tuple(axis for axis in range(3) if axis != plane)
    index = int(subject.truth.sum(axis=across).argmax())
    places = np.argwhere(subject.truth)
    places = places[places[:, plane] == index]
    low, high = (tuple(end.tolist()) for end in (places.min(axis=0), places.max(axis=0)))
    return index, Prompt(kind="box", is_positive=True, voxels=(low, high), plane=plane)


def boxes_table(found: Sequence[Subject], *, with_medsam: bool) -> None:
    """Print Dice on the slice of one exact box, and how long first and further answers take."""
    from annotator_networks.lite_medsam import LiteMedSam

    models = {"built-in, slice": RegionPrompt(is_3d=False)}
    if with_medsam:
        models["LiteMedSAM"] = LiteMedSam()  # type: ignore[assignment]
    groups = list(dict.fromkeys(subject.group for subject in found))
    _row("model", *groups, "first answer, ms", "further answer, ms")
    _row(*["---"] * (len(groups) + 3))
    for name, model in models.items():
        overlaps: dict[str, list[float]] = {group: [] for group in groups}
        first: list[float] = []
        further: list[float] = []
        for subject in found:
            index, box = largest_slice(subject)
            taken = model.take_in(subject.image, subject.spacing_mm, no_progress)
            for times in (first, further):
                start = time.process_time()
                answer = taken.answer((box,))
                times.append(1000 * (time.process_time() - start))
            whole = np.zeros(subject.truth.shape, np.bool_)
            whole[tuple(slice(*ends) for ends in zip(*answer.box, strict=True))] = answer.mask
            cut = [np.take(mask, [index], box.plane) for mask in (whole, subject.truth)]
            overlaps[subject.group].append(dice(cut[0], cut[1]))
        cells = [f"{np.mean(overlaps[group]):.2f}" for group in groups]
        _row(name, *cells, f"{statistics.median(first):.0f}", f"{statistics.median(further):.1f}")


def _row(*cells: str) -> None:
    sys.stdout.write("| " + " | ".join(cells) + " |\n")
    sys.stdout.flush()


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--medsam", action="store_true")
    parser.add_argument("--sizes", action="store_true")
    given = parser.parse_args()
    if given.sizes:
        sizes_table()
        return
    found = subjects(given.data)
    clicks_table(found)
    sys.stdout.write("\n")
    boxes_table(found, with_medsam=given.medsam)


if __name__ == "__main__":
    main()
