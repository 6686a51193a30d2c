"""Agreement in many cases: from stored masks against nibabel and numpy, and from stored histograms.

The cases are made of ``--sets`` different sets of ten readings on 512 x 512 x 300: the readings of
``bench_fusion.py``, shifted. From masks, ours reads, merges and summarises every case of a project;
the peer opens ten .nii.gz files a case and works out the mean Dice of 45 pairs, kappa and entropy
on dense arrays, for ``--peer-cases`` of the cases, whose time is taken times the share. The
dashboard then summarises 10,000 cases from histograms like theirs.

``python tests/benchmarks/bench_cohort.py [--cases 200] [--peer-cases 10] [--sets 10]``
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from sqlalchemy import insert

from annotator.analysis.overlap import summarise
from annotator.analysis.runs import MaskRuns, encode
from annotator.analysis.votes import merge_votes
from annotator.api import series_id
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import Label, LabelSchema
from annotator.domain.study import Series
from annotator.jobs.cohort import CaseAgreement, Cohort, summarise_cohort
from annotator.jobs.readings import findings_key
from annotator.store import Store
from annotator.store.case_votes import pack
from annotator.store.tables import annotation_table, case_series, case_votes, cases
from tests.benchmarks.reading_sets import (
    N_RATERS,
    SHAPE,
    SPACING,
    peak_mb,
    readings,
    row,
    say,
    timed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from annotator.domain.reading import Rater

N_DASHBOARD = 10_000
SCHEMA = LabelSchema(
    name="bench", title="Bench", labels=(Label(value=1, name="Organ", color="#e69f00"),)
)


def sets_of_readings(n_sets: int) -> Iterator[list[NDArray[np.uint8]]]:
    """Yield sets of ten masks, each shifted within the volume."""
    base = readings(0.0)
    for number in range(n_sets):
        shift = (3 * number - 15, 7 * number - 35, 20 - 5 * number)
        yield [np.roll(mask, shift, axis=(0, 1, 2)) for mask in base]


def new_project(location: Path) -> tuple[Store, str, list[Rater]]:
    """Return a project with a series and ten raters."""
    store = Store.create(location, title="Bench", schema=SCHEMA)
    geometry, voxels = Geometry(shape=SHAPE, spacing_mm=SPACING), np.zeros(SHAPE, np.uint8)
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality="CT",
        description="",
        geometry=geometry,
        dtype="uint8",
    )
    store.add_series(series, voxels, actor="system")
    raters = [store.add_rater(f"rater {number}", actor="system") for number in range(N_RATERS)]
    return store, series.series_id, raters


def fill(
    store: Store, series: str, raters: Sequence[Rater], n_cases: int, directory: Path, n_sets: int
) -> list[list[MaskRuns]]:
    """Add cases with their readings, and write the files of each set; return the sets as runs."""
    import nibabel

    coded: list[list[MaskRuns]] = []
    for number, masks in enumerate(sets_of_readings(n_sets)):
        coded.append([encode(mask) for mask in masks])
        for place, mask in enumerate(masks):
            image = nibabel.Nifti1Image(mask, np.eye(4))
            nibabel.save(image, directory / f"{number}-{place}.nii.gz")
    case_ids = add_cases(store, series, n_cases)
    for number, case_id in enumerate(case_ids):
        for rater, runs in zip(raters, coded[number % n_sets], strict=True):
            store.add_annotation(case_id, rater.rater_id, runs, Diagnosis(), actor="system")
    return coded


def add_cases(store: Store, series: str, n_cases: int) -> list[str]:
    """Put cases into the tables that all show one series, which a project would call one case."""
    ids = [f"{number:08x}" for number in range(n_cases)]
    with store._database.alter() as connection:
        connection.execute(
            insert(cases),
            [{"case_id": own, "title": f"case {own}", "created_at": ""} for own in ids],
        )
        connection.execute(
            insert(case_series),
            [{"case_id": own, "position": 0, "series_id": series} for own in ids],
        )
    return ids


def peer_case(paths: Sequence[Path]) -> tuple[float, float, float]:
    """Return mean Dice, kappa and entropy of a case with nibabel and numpy."""
    import nibabel

    images: list[Any] = [nibabel.load(path) for path in paths]
    masks = [np.asarray(image.dataobj) for image in images]
    sizes = [np.count_nonzero(mask) for mask in masks]
    dice = [
        2 * np.count_nonzero(masks[first] & masks[second]) / (sizes[first] + sizes[second])
        for first, second in itertools.combinations(range(len(masks)), 2)
    ]
    tally = np.zeros(masks[0].shape, np.uint8)
    for mask in masks:
        tally += mask
    n = len(masks)
    share = tally / n
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.nan_to_num(share * np.log2(share)) - np.nan_to_num(
            (1 - share) * np.log2(1 - share)
        )
    votes = tally.astype(np.float64)
    observed = float((votes**2 + (n - votes) ** 2 - n).mean()) / (n * (n - 1))
    expected = float(share.mean() ** 2 + (1 - share.mean()) ** 2)
    return float(np.mean(dice)), (observed - expected) / (1 - expected), float(entropy.mean())


def from_masks(directory: Path, n_cases: int, n_peer: int, n_sets: int) -> list[list[MaskRuns]]:
    """Measure a project whose histograms are not kept yet."""
    store, series, raters = new_project(directory / "project")
    coded = fill(store, series, raters, n_cases, directory, n_sets)
    store.close()
    with Store.open(directory / "project", read_only=True) as kept:
        begin = time.perf_counter()
        cohort = summarise_cohort(kept, recompute=True)
        seconds = time.perf_counter() - begin
    by_title = {case.title: case for case in cohort.cases}
    assert len(by_title) == n_cases
    begin, error = time.perf_counter(), 0.0
    for number in range(n_peer):
        paths = [directory / f"{number % n_sets}-{rater}.nii.gz" for rater in range(N_RATERS)]
        theirs = peer_case(paths)
        error = max(
            error,
            *(
                abs(a - b)
                for a, b in zip(_numbers(by_title[f"case {number:08x}"]), theirs, strict=True)
            ),
        )
    peer = (time.perf_counter() - begin) * n_cases / n_peer
    note = "" if n_peer == n_cases else f" (from {n_peer})"
    row(f"nibabel and numpy, {n_cases} cases of ten readings{note}", peer)
    row(f"ours, {n_cases} cases from the project", seconds, peer, f"largest difference {error:.1e}")
    with Store.open(directory / "project") as kept:
        summarise_cohort(kept, recompute=True)
        again, seconds = timed(lambda: summarise_cohort(kept), 5)
    assert again.cases == cohort.cases
    row(f"ours, {n_cases} cases from the histograms kept of them", seconds, peer)
    return coded


def _numbers(case: CaseAgreement) -> tuple[float, float, float]:
    return case.mean_dice or 0.0, case.kappa or 0.0, case.entropy_bits


def dashboard(directory: Path, coded: Sequence[Sequence[MaskRuns]], n_cases: int) -> None:
    """Measure a project of many cases whose histograms are kept.

    Their rows are put into the tables at once: adding 100,000 readings one by one takes an hour.
    """
    store, series, raters = new_project(directory / f"dashboard {n_cases}")
    contents = []
    for masks in coded:
        votes = merge_votes(masks, labels=[1])
        places = np.searchsorted(votes.labels, votes.patterns).astype(np.uint8)
        summary = summarise(places, votes.counts, votes.labels)
        contents.append(pack(votes.patterns, votes.counts, votes.labels, summary))
    case = store.add_case("of the one mask", [series], actor="system")
    store.add_annotation(case.case_id, raters[0].rater_id, coded[0][0], Diagnosis(), actor="system")
    rows: dict[str, list[dict[str, object]]] = {"readings": [], "votes": []}
    for number, case_id in enumerate(add_cases(store, series, n_cases)):
        ids = [f"{number:056x}{rater:08x}" for rater in range(N_RATERS)]
        rows["readings"] += [
            {
                "annotation_id": annotation_id,
                "case_id": case_id,
                "series_id": series,
                "rater_id": rater.rater_id,
                "revision": 1,
                "diagnosis": "{}",
                "mask_id": 1,
                "created_at": "",
            }
            for annotation_id, rater in zip(ids, raters, strict=True)
        ]
        rows["votes"].append(
            {
                "case_id": case_id,
                "findings_key": findings_key(ids),
                "content": contents[number % len(contents)],
            }
        )
    with store._database.alter() as connection:
        for table, content in zip((annotation_table, case_votes), rows.values(), strict=True):
            connection.execute(insert(table), content)
    rows.clear()
    found: Cohort
    found, seconds = timed(lambda: summarise_cohort(store), 5)
    assert len(found.cases) == n_cases
    grown = peak_mb(lambda: summarise_cohort(store))
    size = sum(map(len, contents)) / len(contents) / 1024
    note = f"{grown:.0f} MB; {size:.1f} kB a histogram"
    row(f"dashboard of {n_cases} cases of ten readings", seconds, note=note)
    store.close()


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--peer-cases", type=int, default=10)
    parser.add_argument("--sets", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        say(f"{given.cases} cases of {given.sets} sets of ten readings, {SHAPE} voxels")
        coded = from_masks(place, given.cases, min(given.peer_cases, given.cases), given.sets)
        for n_cases in (N_DASHBOARD // 10, N_DASHBOARD):
            dashboard(place, coded, n_cases)


if __name__ == "__main__":
    main()
