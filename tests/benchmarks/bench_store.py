"""Save and open a 512 × 512 × 300 mask in a project, against nibabel's .nii.gz; stroke to disk.

Run as ``python tests/benchmarks/bench_store.py``. Every ratio is of one run, medians of repeats
that take turns; a save of the store waits for the disk (fsync), nibabel's does not.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel
import numpy as np
from scipy import ndimage

from annotator.analysis.runs import decode, encode
from annotator.api import series_id
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Label, LabelSchema
from annotator.domain.study import Series
from annotator.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.domain.study import Case

SHAPE = (300, 512, 512)
SCHEMA = LabelSchema(
    name="bench", title="Bench", labels=(Label(value=1, name="Organ", color="#e69f00"),)
)
RAGGEDNESS = 0.03
"""Noise on the level whose zero is the boundary: jitters it by a few voxels, leaves specks."""

COLD_STORE = """
import sys, time
begin = time.perf_counter()
from annotator.store import Store
from annotator.analysis.runs import decode
with Store.open(sys.argv[1]) as store:
    decode(store.annotation_mask(store.annotations()[0].annotation_id))
print(time.perf_counter() - begin)
"""
COLD_NIBABEL = """
import sys, time
begin = time.perf_counter()
import nibabel, numpy
numpy.asarray(nibabel.load(sys.argv[1]).dataobj)
print(time.perf_counter() - begin)
"""


def organ(shape: tuple[int, int, int], raggedness: float) -> NDArray[np.uint8]:
    """Return a dented ellipsoid ``(z, y, x)``, its boundary smooth or ragged."""
    rng = np.random.default_rng(0)
    dents = ndimage.gaussian_filter(rng.standard_normal((10, 10, 10)), 1.0)
    level = ndimage.zoom(dents / dents.std(), [size / 10 for size in shape], order=3) * 0.08
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, size) for size in shape], indexing="ij", sparse=True)
    level += 0.55 - np.sqrt((z / 1.1) ** 2 + y**2 + (0.9 * x) ** 2)
    if raggedness:
        noise = rng.standard_normal(shape, dtype=np.float32)
        level += raggedness * ndimage.gaussian_filter(noise, 0.7)
    mask: NDArray[np.uint8] = (level > 0).astype(np.uint8)
    return mask


_NEIGHBOURS = (
    (0, 0, -1), (0, 0, -2), (0, 0, -3), (0, -1, 0), (0, -1, -1), (0, -1, 1), (0, -1, -2),
    (0, -1, 2), (0, -2, 0), (0, -2, 1), (0, -2, -1), (-1, 0, 0), (-1, 0, 1), (-1, 1, 0),
    (-1, 0, -1), (-1, -1, 0),
)  # fmt: skip
"""Offsets ``(z, y, x)`` of what a coder has seen of this slice, and of the one before."""


def context_entropy_bytes(mask: NDArray[np.uint8]) -> float:
    """Return the entropy of each voxel given 16 neighbours: what an ideal coder of them needs."""
    context = np.zeros(mask.shape, np.uint32)
    for place, offset in enumerate(_NEIGHBOURS):
        context |= np.roll(mask, [-step for step in offset], (0, 1, 2)).astype(np.uint32) << place
    pairs = np.bincount((2 * context + mask).ravel(), minlength=1 << 17).reshape(-1, 2)
    share = pairs / np.maximum(pairs.sum(axis=1, keepdims=True), 1)
    return float(-(pairs * np.log2(np.where(share > 0, share, 1))).sum() / 8)


@dataclass(slots=True)
class Timings:
    """Seconds of repeats, by what was done."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def take(self, name: str, function: Callable[[], object]) -> None:
        """Run once and note how long it took."""
        begin = time.perf_counter()
        function()
        self.seconds.setdefault(name, []).append(time.perf_counter() - begin)

    def ms(self, *names: str) -> float:
        """Return the sum of medians, ms."""
        return 1e3 * sum(statistics.median(self.seconds[name]) for name in names)


def new_project(place: Path) -> tuple[Store, Case]:
    """Return a project with one case; its images are of no interest here."""
    store = Store.create(place, title="Bench", schema=SCHEMA, seed=1)
    voxels = np.zeros(SHAPE, np.int8)
    geometry = Geometry(shape=SHAPE)
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality="CT",
        description="bench",
        geometry=geometry,
        dtype="int8",
    )
    store.add_series(series, voxels, actor="system")
    return store, store.add_case("Bench", [series.series_id], actor="system")


def save(store: Store, case: Case, mask: NDArray[np.uint8], name: str) -> None:
    """Keep a mask as the reading of a new rater."""
    rater = store.add_rater(name, actor="system")
    store.add_annotation(case.case_id, rater.rater_id, encode(mask), Diagnosis(), actor="system")


def save_file(mask: NDArray[np.uint8], path: Path) -> None:
    """Write a mask as ``.nii.gz`` with nibabel."""
    nibabel.save(nibabel.Nifti1Image(mask, np.eye(4)), path)


def open_file(path: Path) -> NDArray[np.uint8]:
    """Read a mask with nibabel."""
    return np.asarray(nibabel.nifti1.Nifti1Image.from_filename(path).dataobj)


def open_mask(store: Store, annotation_id: str) -> NDArray[np.integer]:
    """Read a mask from the store as a dense array ``(z, y, x)``."""
    return decode(store.annotation_mask(annotation_id))


def save_and_open(directory: Path, mask: NDArray[np.uint8], n_repeats: int) -> None:
    """Print size and time of masks that are saved and opened, each repeat a mask of its own."""
    masks = [np.roll(mask, shift, axis=2) for shift in range(n_repeats)]
    timings = Timings()
    place = directory / "project"
    store, case = new_project(place)
    store.close()
    bare = (place / "project.sqlite").stat().st_size
    with Store.open(place) as store:
        for number, own in enumerate(masks):
            path = directory / f"{number}.nii.gz"
            timings.take("nibabel save", partial(save_file, own, path))
            timings.take("store save", partial(save, store, case, own, f"Rater {number}"))
        ids = [annotation.annotation_id for annotation in store.annotations()]
        for number, annotation_id in enumerate(ids):
            path = directory / f"{number}.nii.gz"
            timings.take("nibabel open", partial(open_file, path))
            timings.take("store open", partial(open_mask, store, annotation_id))
            timings.take("all runs", lambda: store.annotation_masks(ids))
        by_rater = {rater.rater_id: int(rater.name.split()[1]) for rater in store.raters()}
        for annotation in store.annotations():
            kept = decode(store.annotation_mask(annotation.annotation_id))
            np.testing.assert_array_equal(kept, masks[by_rater[annotation.rater_id]])
    kept_bytes = ((place / "project.sqlite").stat().st_size - bare) / n_repeats
    file_bytes = statistics.mean(
        (directory / f"{number}.nii.gz").stat().st_size for number in range(n_repeats)
    )
    n_runs = sum(len(slab.ends) for slab in encode(mask).slabs.values())
    show(f"runs {n_runs:,}; bytes a mask", file_bytes, kept_bytes)
    show("save, ms", timings.ms("nibabel save"), timings.ms("store save"))
    show("open, ms", timings.ms("nibabel open"), timings.ms("store open"))
    both = [timings.ms(f"{peer} save", f"{peer} open") for peer in ("nibabel", "store")]
    show("save + open, ms", both[0], both[1])
    opened = n_repeats * timings.ms("nibabel open")
    show(f"{n_repeats} masks open, ms (store: as runs)", opened, timings.ms("all runs"))
    cold = [
        1e3 * cold_s(COLD_NIBABEL, directory / "0.nii.gz"),
        1e3 * cold_s(COLD_STORE, place),
    ]
    show("first open of a new process, with imports, ms", cold[0], cold[1])
    strokes(place, mask, timings.ms("nibabel save"))


def strokes(place: Path, mask: NDArray[np.uint8], file_ms: float, n_strokes: int = 300) -> None:
    """Print how long a stroke of 64 voxels takes until it is on disk, encoding included."""
    live = mask.copy()
    rng = np.random.default_rng(2)
    seconds: list[float] = []
    with Store.open(place) as store:
        (case,) = store.cases()
        rater = store.add_rater("Drawer", actor="system")
        draft_id = store.open_draft(case.case_id, rater.rater_id, actor="system").draft_id
        whole = ((0, 0, 0), SHAPE)
        store.record_step(
            draft_id, tool="fill", box=whole, slabs=encode(live).slabs, actor="system"
        )
        for _ in range(n_strokes):
            z, y, x = (int(rng.integers(0, size - 8)) for size in SHAPE)
            live[z, y : y + 8, x : x + 8] = rng.integers(0, 2)
            box = ((z, y, x), (z + 1, y + 8, x + 8))
            begin = time.perf_counter()
            found = encode(live, [z]).slabs
            store.record_step(
                draft_id, tool="brush", box=box, slabs={z: found.get(z)}, actor="system"
            )
            seconds.append(time.perf_counter() - begin)
        np.testing.assert_array_equal(decode(store.draft_mask(draft_id)), live)
    for name, part in (("median", 50), ("p95", 95)):
        show(
            f"stroke of 64 voxels on disk, {name}, ms (peer: the whole file)",
            file_ms,
            1e3 * float(np.percentile(seconds, part)),
        )
    show("first stroke of a store, ms", file_ms, 1e3 * seconds[0])


def cold_s(program: str, path: Path) -> float:
    """Return the seconds that a program in a new process counts."""
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show(what: str, peer: float, ours: float) -> None:
    """Print one line of the table."""
    say(f"{what:<58}{peer:>14,.1f}{ours:>14,.1f}{peer / ours:>9.1f}×")


def main() -> None:
    """Measure smooth and ragged masks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    for name, raggedness in (("smooth", 0.0), ("ragged", RAGGEDNESS)):
        mask = organ(SHAPE, raggedness)
        say(f"\n{name}: {mask.mean():.1%} of 512 × 512 × 300")
        say(f"{'bytes for an ideal coder, 16 neighbours':<72}{context_entropy_bytes(mask):>14,.0f}")
        say(f"{'':<58}{'nibabel':>14}{'store':>14}{'ratio':>10}")
        with tempfile.TemporaryDirectory() as directory:
            save_and_open(Path(directory), mask, arguments.repeats)


if __name__ == "__main__":
    main()
