"""How well a detector of contour errors finds them: errors put in, and those of real raters.

``python docs/studies/contour_errors.py --data DIR --output docs/studies/contour-errors.json``
writes the numbers of docs/studies/contour-errors.md. ``DIR`` holds ``bu-bil/`` and
``hippocampus/``. Each of five seeds draws other errors and tests another fifth of the cases.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from contour_errors_sets import WRONGS, Planted, TrueCase, cells, hippocampi, plant, real
from scipy import ndimage

from annotator.analysis.contour_deviation import signed_deviation_mm
from annotator.analysis.contour_events import find_stretches, true_stretches
from annotator.analysis.contour_faults import FAULT_KINDS
from annotator.analysis.contour_scores import (
    ScoredContour,
    alerts_per_mm,
    detect,
    found_stretches,
    threshold_at,
)
from annotator.api import no_progress
from annotator_recipes.contour_recipe import ContourNetDetector, ContourParameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.contour_faults import FaultKind

    Scores = NDArray[np.float64]
    Scorer = Callable[[Planted], Scores]

PARTS = ("hippocampus", "cells", "cells, real raters", "cells, kinds never seen")
N_SEEDS = 5
N_DRAWS = 2000
LEAST_POINTS = 10
"""A real rater's stretch that is shorter is no event of its own."""
SMOOTH: tuple[FaultKind, ...] = ("bulge", "dent", "shifted")
OTHER: tuple[FaultKind, ...] = ("jagged", "leak", "missed")


def main() -> None:
    """Run all parts and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    for name in arguments.parts:
        start = time.process_time()
        found[name] = study(name, arguments.data)
        found[name]["cpu_s"] = round(time.process_time() - start, 1)
        arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(name, json.dumps(found[name], indent=1), flush=True)  # noqa: T201


def study(part: str, data: Path) -> dict[str, Any]:
    """Run one part."""
    if part == "hippocampus":
        volumes = hippocampi(data / "hippocampus")
        return study_planted(volumes, "hippocampus", FAULT_KINDS, FAULT_KINDS)
    drawn = cells(data / "bu-bil")
    if part == "cells, real raters":
        return study_real(drawn)
    if part == "cells, kinds never seen":
        return study_planted(drawn, "cells", SMOOTH, OTHER)
    return study_planted(drawn, "cells", FAULT_KINDS, FAULT_KINDS)


def study_planted(
    cases: Sequence[TrueCase],
    which: str,
    learned: Sequence[FaultKind],
    tested: Sequence[FaultKind],
) -> dict[str, Any]:
    """Learn from errors of some kinds, look for those of others, in cases never seen."""
    wrongs = WRONGS[which]
    tally = Tally(wrongs.tolerance_mm)
    for seed in range(N_SEEDS):
        random = np.random.default_rng(seed)
        train, test = fold(cases, seed)
        lessons = [one for case in train for one in plant(case, wrongs, random, learned)]
        asked = [one for case in test for one in plant(case, wrongs, random, tested)]
        tally.learn_and_score(lessons, asked, seed, planted_baselines(cases))
    return tally.told()


def study_real(cases: Sequence[TrueCase]) -> dict[str, Any]:
    """Learn from what people drew beside the gold standard, look for it in other cells."""
    tolerance_mm = WRONGS["cells"].tolerance_mm
    tally = Tally(tolerance_mm)
    people = {case.name: real(case) for case in cases}
    for seed in range(N_SEEDS):
        train, test = fold(cases, seed)
        lessons = [one for case in train for one in people[case.name].values()]
        asked = []
        others: dict[int, Scores] = {}
        for case in test:
            for name, one in people[case.name].items():
                off = one.lesson.deviation_mm
                stretches = true_stretches(one.points, off, tolerance_mm)
                group = "crowd" if name.startswith("mturk") else "expert"
                faults = tuple(
                    (group, each.rows) for each in stretches if len(each.rows) >= LEAST_POINTS
                )
                asked.append(Planted(lesson=one.lesson, points=one.points, faults=faults))
                others[id(one.lesson)] = from_others(case, name, one)
        scorers = image_baselines() | {
            "distance to the majority of the other experts": lambda one, others=others: others[
                id(one.lesson)
            ]
        }
        tally.learn_and_score(lessons, asked, seed, scorers)
    return tally.told()


def fold(cases: Sequence[TrueCase], seed: int) -> tuple[list[TrueCase], list[TrueCase]]:
    """Return the cases to learn from, and the fifth that is tested: each case once."""
    order = np.random.default_rng(2026).permutation(len(cases))
    test = {int(at) for at in order[seed::N_SEEDS]}
    return (
        [case for at, case in enumerate(cases) if at not in test],
        [case for at, case in enumerate(cases) if at in test],
    )


class Tally:
    """What several methods found, case by case, over all seeds."""

    def __init__(self, tolerance_mm: float) -> None:
        self._tolerance_mm = tolerance_mm
        self._hits: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
        self._kinds: dict[str, list[bool]] = defaultdict(list)
        self._points: dict[str, list[Any]] = defaultdict(list)
        self._app: list[dict[str, float]] = []
        self._asked: list[ScoredContour] = []
        self._bins: list[NDArray[np.float64]] = []
        self._right_way: list[float] = []

    def learn_and_score(
        self,
        lessons: Sequence[Planted],
        asked: Sequence[Planted],
        seed: int,
        baselines: Mapping[str, Scorer],
    ) -> None:
        """Train a detector, and ask it and others of contours of other cases."""
        detector = ContourNetDetector()
        learned = detector.learn(
            [one.lesson for one in lessons],
            ContourParameters(tolerance_mm=self._tolerance_mm),
            seed=seed,
            progress=no_progress,
        ).content
        judged = {id(one): detector.judge(learned, one.lesson.drawn, no_progress) for one in asked}
        scorers: dict[str, Scorer] = {
            "detector": lambda one: np.asarray(
                judged[id(one)].too_far_out + judged[id(one)].too_far_in, np.float64
            ),
            **baselines,
        }
        for name, scorer in scorers.items():
            scored = [self._scored(one, scorer(one)) for one in asked]
            threshold = threshold_at(scored)
            self._points[name].append(detect(scored, threshold))
            for one, contour in zip(asked, scored, strict=True):
                hits = found_stretches(contour, threshold).tolist()
                self._hits[name][one.lesson.drawn.name] += hits
                if name == "detector":
                    for (kind, _), hit in zip(one.faults, hits, strict=True):
                        self._kinds[kind].append(hit)
            if name == "detector":
                self._as_used(asked, scored, judged, threshold)

    def _scored(self, one: Planted, score: Scores) -> ScoredContour:
        return ScoredContour(
            score=score,
            is_wrong=np.abs(one.lesson.deviation_mm) > self._tolerance_mm,
            size_mm=one.points.size_mm,
            stretches=tuple(rows for _, rows in one.faults),
        )

    def _as_used(
        self,
        asked: Sequence[Planted],
        scored: Sequence[ScoredContour],
        judged: Mapping[int, Any],
        threshold: float,
    ) -> None:
        """Count what a reviewer gets: stretches of probability one half, and how sure they are."""
        at_half = detect(scored, 0.5)
        self._asked += scored
        n_alerts = n_true = 0
        for one, contour in zip(asked, scored, strict=True):
            said = judged[id(one)]
            for stretch in find_stretches(
                one.points,
                said.too_far_out,
                said.too_far_in,
                least=0.5,
                least_points=4,
            ):
                n_alerts += 1
                n_true += bool(contour.is_wrong[stretch.rows].mean() >= 0.5)
            is_hit = contour.is_wrong & (contour.score >= threshold)
            way = np.sign(said.too_far_out - said.too_far_in)[is_hit]
            self._right_way += (way == np.sign(one.lesson.deviation_mm[is_hit])).tolist()
        self._app.append(
            {
                "found": at_half.found or 0.0,
                "point_recall": at_half.point_recall or 0.0,
                "false_alerts": at_half.false_alerts or 0.0,
                "n_alerts": n_alerts,
                "n_true": n_true,
            }
        )
        score = np.concatenate([one.score for one in scored])
        wrong = np.concatenate([one.is_wrong for one in scored])
        own = np.minimum((score * 10).astype(int), 9)
        self._bins.append(
            np.stack([np.bincount(own, values, 10) for values in (np.ones(len(own)), score, wrong)])
        )

    def told(self) -> dict[str, Any]:
        """Return the numbers over all seeds."""
        count, said, wrong = np.sum(self._bins, axis=0)
        error = float(np.abs(said - wrong).sum() / count.sum())
        n_alerts = sum(int(one["n_alerts"]) for one in self._app)
        return {
            "at 2 % false alerts": {
                name: {
                    "found": interval(list(hits.values())),
                    "n_errors": sum(len(one) for one in hits.values()),
                    "by_seed": [round(one.found or 0.0, 3) for one in self._points[name]],
                    "point_recall": mean(one.point_recall for one in self._points[name]),
                    "precision": mean(one.precision for one in self._points[name]),
                }
                for name, hits in self._hits.items()
            },
            "detector by kind": {
                kind: [round(float(np.mean(hits)), 3), len(hits)]
                for kind, hits in sorted(self._kinds.items())
            },
            "right direction": round(float(np.mean(self._right_way)), 3),
            "at probability 0.5": {
                "found": mean(one["found"] for one in self._app),
                "point_recall": mean(one["point_recall"] for one in self._app),
                "false_alerts": mean(one["false_alerts"] for one in self._app),
                "n_alerts": n_alerts,
                "right_alerts": round(sum(one["n_true"] for one in self._app) / n_alerts, 3)
                if n_alerts
                else None,
                "alerts_per_100_mm": round(100 * alerts_per_mm(n_alerts, self._asked), 3),
            },
            "calibration error": round(error, 4),
            "reliability": [
                [int(n), round(a / max(n, 1), 3), round(b / max(n, 1), 3)]
                for n, a, b in zip(count, said, wrong, strict=True)
            ],
        }


def planted_baselines(cases: Sequence[TrueCase]) -> dict[str, Scorer]:
    """Return what needs no learning; the distance to people where people drew the case."""
    scorers = image_baselines()
    by_name = {case.name: case for case in cases}
    if any(case.readings for case in cases):
        scorers["distance to the majority of the experts"] = lambda one: from_others(
            by_name[one.lesson.drawn.name], "", one
        )
    return scorers


def image_baselines() -> dict[str, Scorer]:
    """Return two that look at the image along the normal."""
    return {"weak edge": lambda one: along(one)[0], "edge elsewhere": lambda one: along(one)[1]}


def along(one: Planted) -> tuple[Scores, Scores]:
    """Return how weak the edge at each point is, and how far off the strongest one lies."""
    points, image = one.points, one.lesson.drawn.image
    finest = min(points.spacing_mm)
    off = finest * np.linspace(-24, 24, 49) if points.is_flat else finest * np.linspace(-5, 5, 21)
    place = points.at_mm[:, None] + off[None, :, None] * points.normal[:, None]
    voxels = np.moveaxis(place / np.asarray(points.spacing_mm), -1, 0)
    profile = ndimage.map_coordinates(image, voxels, order=1, mode="nearest")
    width = 2.0 * (2.0 if points.is_flat else 1.0)
    slope = np.abs(ndimage.gaussian_filter1d(profile, width, axis=1, order=1, mode="nearest"))
    weak = -slope[:, len(off) // 2] / np.median(slope[:, len(off) // 2])
    return weak, np.abs(off[slope.argmax(axis=1)])


def from_others(case: TrueCase, name: str, one: Planted) -> Scores:
    """Return how far each point lies from the majority of the experts, without the drawer."""
    person = name.split("_")[0]
    others = [
        mask > 0
        for other, mask in case.readings.items()
        if other.startswith("Person") and other.split("_")[0] != person
    ]
    majority = np.mean(others, axis=0) > 0.5
    return np.abs(signed_deviation_mm(one.points, majority))


def interval(hits: Sequence[Sequence[bool]]) -> list[float]:
    """Return the share that is found and its 95 % interval, cases drawn anew."""
    random = np.random.default_rng(0)
    found = np.array([sum(one) for one in hits], np.float64)
    asked = np.array([len(one) for one in hits], np.float64)
    drawn = random.integers(0, len(hits), (N_DRAWS, len(hits)))
    shares = found[drawn].sum(axis=1) / np.maximum(asked[drawn].sum(axis=1), 1.0)
    low, high = np.percentile(shares, (2.5, 97.5))
    return [round(float(one), 3) for one in (found.sum() / asked.sum(), low, high)]


def mean(values: Any) -> float:  # noqa: ANN401 - numbers, some None
    """Return the mean over seeds."""
    return round(float(np.mean([value for value in values if value is not None])), 3)


if __name__ == "__main__":
    main()
