"""Check and compare tracings in SWC files, step by step; no napari and no Qt in here."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.tracing.checks import CHECKS, Subject, ranked, without_echoes
from annotator.analysis.tracing.consensus import merge_trees
from annotator.analysis.tracing.match_findings import find_disputes
from annotator.analysis.tracing.metrics import measure
from annotator.analysis.tracing.swc import read_swc_file
from annotator.analysis.tracing.units import guess_unit, scale_um
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from annotator.analysis.tracing.swc import SwcFile
    from annotator.analysis.tracing.thresholds import Thresholds
    from annotator.analysis.tracing.tree import Tree
    from annotator.analysis.tracing.units import Unit
    from annotator.api.tracing import TracedImage
    from annotator.domain.tracing import TraceFinding

Step = tuple[float, str]
"""How far the work is, 0 to 1, and what is done now."""

SHOWN_METRICS = {
    "length_precision": "Shared",
    "length_recall": "Found",
    "esa": "ESA",
    "diadem": "DIADEM",
}
"""Key of a metric → its column in the table; a file holds all of them."""

COLUMNS = (
    "file", "check", "source", "severity", "node_id", "line", "x_um", "y_um", "z_um", "value",
    "threshold", "unit", "impact_um", "probability", "at_stake_um", "tracers_for",
    "tracers_against", "why",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadFile:
    """A tracing from a file in the image frame, and how its unit was found, in words."""

    name: str
    file: SwcFile
    told: str

    @property
    def tree(self) -> Tree:
        """The tree, µm."""
        return self.file.tree


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """A finding and the tracing that it is in."""

    tracing: ReadFile
    finding: TraceFinding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looked:
    """What comes of looking at tracings.

    Attributes
    ----------
    tracings : tuple of ReadFile
        In the order of the files.
    found : tuple of Found
        Most at stake first, over all files.
    metrics : tuple of dict
        Of each pair of tracings; empty where each was checked alone.
    consensus : Tree or None
        What tracers have in common; None where each was checked alone or nothing is shared.
    """

    tracings: tuple[ReadFile, ...]
    found: tuple[Found, ...]
    metrics: tuple[dict[str, Any], ...] = ()
    consensus: Tree | None = None


def read_files(
    paths: Sequence[Path], image: TracedImage | None, unit: Unit | None
) -> Generator[Step, None, tuple[ReadFile, ...]]:
    """Read files in this unit, or the one by which each fits the image.

    Without an image a file's numbers are taken as µm. Files of one name get a number after it.
    Raises AnnotatorError where a file is no SWC file or does not lie in the image.
    """
    read: list[ReadFile] = []
    names: set[str] = set()
    for path in paths:
        yield 0.0, f"Reading {path.name}"
        file, told = read_swc_file(path), "in µm"
        if image is not None:
            own, told = (unit, "") if unit else guess_unit(file.tree.points, image)
            if own == "voxel":
                file = read_swc_file(path, scale_um=scale_um(own, image))
        name, number = path.stem, 2
        while name in names:
            name, number = f"{path.stem} ({number})", number + 1
        names.add(name)
        read.append(ReadFile(name=name, file=file, told=told))
    return tuple(read)


def check_tracings(
    paths: Sequence[Path],
    image: TracedImage | None,
    unit: Unit | None,
    thresholds: Thresholds,
) -> Generator[Step, None, Looked]:
    """Ask every check of every file; may be left at any step. Returns what was found."""
    if not paths:
        raise AnnotatorError("no tracing to check; add an SWC file")
    tracings = yield from read_files(paths, image, unit)
    asked = [name for name, check in CHECKS.items() if image is not None or not check.needs_image]
    found: list[Found] = []
    for number, tracing in enumerate(tracings):
        subject = Subject(tree=tracing.tree, image=image, thresholds=thresholds)
        events: list[TraceFinding] = list(tracing.file.findings)
        for done, name in enumerate(asked):
            yield (number + done / len(asked)) / len(tracings), f"{tracing.name}: {name}"
            if len(tracing.tree):
                events += CHECKS[name].run(subject)
        found += [Found(tracing=tracing, finding=one) for one in ranked(without_echoes(events))]
    return Looked(tracings=tracings, found=_by_stake(found))


def compare_tracings(
    paths: Sequence[Path], image: TracedImage | None, unit: Unit | None, tolerance_um: float
) -> Generator[Step, None, Looked]:
    """Measure every pair, find where tracers differ, and merge them; may be left at any step."""
    if len(paths) < 2:
        raise AnnotatorError(f"comparing needs at least two tracings; {len(paths)} given")
    tracings = yield from read_files(paths, image, unit)
    trees = {tracing.name: tracing.tree for tracing in tracings}
    pairs = list(combinations(trees, 2))
    metrics: list[dict[str, Any]] = []
    for done, (one, other) in enumerate(pairs):
        yield done / (len(pairs) + 2), f"{one} against {other}"
        numbers = measure(trees[one], trees[other], tolerance=tolerance_um).numbers()
        metrics.append({"test": one, "reference": other, **numbers})
    yield len(pairs) / (len(pairs) + 2), "Where they differ"
    disputes = find_disputes(trees, tolerance=tolerance_um)
    yield (len(pairs) + 1) / (len(pairs) + 2), "What they have in common"
    merged = merge_trees(trees, tolerance=tolerance_um).tree
    found = [
        Found(tracing=tracing, finding=finding)
        for tracing in tracings
        for finding in disputes[tracing.name]
    ]
    return Looked(
        tracings=tracings,
        found=_by_stake(found),
        metrics=tuple(metrics),
        consensus=merged if len(merged) else None,
    )


def _by_stake(found: Sequence[Found]) -> tuple[Found, ...]:
    return tuple(sorted(found, key=lambda one: -one.finding.at_stake_um))


def rows_of(looked: Looked) -> list[dict[str, Any]]:
    """Return a row for each finding, with the keys of `COLUMNS`; None for what is no number."""
    rows: list[dict[str, Any]] = []
    for one in looked.found:
        finding = one.finding
        place = dict(zip(("x_um", "y_um", "z_um"), finding.point_um, strict=True))
        told = asdict(finding) | place
        told |= {"file": one.tracing.name, "at_stake_um": finding.at_stake_um}
        if finding.line is None:
            told["line"] = _line_of(one)
        rows.append({key: _finite(told[key]) for key in COLUMNS})
    return rows


def _line_of(found: Found) -> int | None:
    rows = np.flatnonzero(found.tracing.tree.ids == found.finding.node_id)
    return int(found.tracing.file.lines[rows[0]]) if len(rows) else None


def _finite(value: Any) -> Any:  # noqa: ANN401 - a cell of any kind
    return None if isinstance(value, float) and not math.isfinite(value) else value


def save(looked: Looked, path: Path) -> None:
    """Write what was found, as JSON where the name ends so, else as CSV.

    A comparison's JSON holds the metrics of every pair too.
    """
    rows = rows_of(looked)
    if path.suffix.lower() == ".json":
        document = {
            "files": [
                {"file": one.name, "n_nodes": len(one.tree), "read": one.told}
                for one in looked.tracings
            ],
            "findings": rows,
            "metrics": [
                {key: _finite(value) for key, value in row.items()} for row in looked.metrics
            ],
        }
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
        return
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for row in rows:
            cells = [row[key] for key in COLUMNS]
            writer.writerow([" ".join(one) if isinstance(one, tuple) else one for one in cells])
