"""Fusing the stored readings of a case, with what the method needs to know of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import decode
from annotator.api import no_progress, series_id
from annotator.domain.errors import AnnotatorError
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.study import Series
from annotator.jobs.comparing import compare_cases, compare_labels
from tests.unit.project_builder import block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.domain.study import Case, SeriesKind
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

SHAPE = (20, 60, 60)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        for name in ("Ann", "Bob", "Cy"):
            opened.add_rater(name)
        yield opened


def add(session: Session, geometry: Geometry, kind: SeriesKind = "volume") -> Case:
    """Add a case of a grid with three readings of a ball-like block."""
    voxels = np.zeros(geometry.shape, np.uint8)
    series = Series(
        series_id=series_id(geometry, voxels),
        kind=kind,
        modality="OT",
        description="",
        geometry=geometry,
        dtype="uint8",
    )
    session.store.add_series(series, voxels, actor="system")
    number = len(session.cases())
    case = session.store.add_case(f"Case {number}", [series.series_id], actor="system")
    for shift, name in enumerate(("Ann", "Bob", "Cy")):
        last = geometry.shape[0]
        mask = block(((0, 20, 20 + shift), (last, 30, 30)), geometry.shape)
        session.add_reading(case.case_id, name, mask, geometry, Diagnosis())
    return case


def test_staple_looks_at_the_surroundings_of_the_drawings(session: Session) -> None:
    """An empty field of view around the object must not change what STAPLE thinks of raters."""
    case = add(session, Geometry(shape=SHAPE))
    near = session.fuse(case.case_id, "staple")
    far = session.fuse(case.case_id, "staple", {"region": "full"})
    assert not [words for words in near.warnings if "full field of view" in words]
    specificity = {entry.rater_id: entry.specificity for entry in near.performance}
    for entry in far.performance:
        found = specificity[entry.rater_id]
        assert found is not None
        assert entry.specificity is not None
        assert found <= entry.specificity
    assert min(value for value in specificity.values() if value is not None) < 0.999
    assert decode(session.store.fusion_labels(near.fusion_id)).any()


def test_lengths_are_in_the_unit_that_is_known(session: Session) -> None:
    flat = Geometry(shape=(1, 60, 60))
    add(session, replace(flat, spacing_mm=(1.0, 0.5, 0.5)))
    add(session, replace(flat, is_calibrated=False), "picture")
    add(session, Geometry(shape=(5, 60, 60)), "video")
    found = compare_cases(session.store, session.cases(), no_progress, include_models=False)
    in_mm, in_px = (
        [[pair.hd95_mm for pair in case.pairs] for case in found],
        [[pair.hd95_px for pair in case.pairs] for case in found],
    )
    nothing = [None] * 3
    assert (in_mm[1], in_mm[2], in_px[0], in_px[2]) == (nothing, nothing, nothing, nothing)
    assert sorted(filter(None, in_mm[0])) == [0.5, 0.5, 1.0]
    assert sorted(filter(None, in_px[1])) == [1.0, 1.0, 2.0]
    (label,) = [entry for entry in compare_labels(found) if entry.label == 1]
    assert (label.n_cases, label.n_cases_hd95) == (3, 1)
    assert label.hd95_mm == pytest.approx(2 / 3)


def test_diagnoses_are_compared_over_the_chosen_cases(session: Session) -> None:
    chosen = add(session, Geometry(shape=(1, 60, 60)))
    other = add(session, Geometry(shape=(1, 60, 61)))
    for case, answers in ((chosen, ("yes", "yes", "no")), (other, ("no", "no", "no"))):
        geometry = session.store.series(case.series_ids[0]).geometry
        for name, answer in zip(("Ann", "Bob", "Cy"), answers, strict=True):
            mask = block(((0, 20, 20), (1, 30, 30)), geometry.shape)
            said = Diagnosis(answers=(("dx", answer),))
            session.add_reading(case.case_id, name, mask, geometry, said)
    ((both,), (one,)) = (
        session.compare_diagnoses(),
        session.compare_diagnoses([chosen.case_id]),
    )
    assert (both.n_cases, one.n_cases) == (2, 1)
    assert (both.n_answers, one.n_answers) == (6, 3)


def test_a_method_that_fails_is_named(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    case = add(session, Geometry(shape=(1, 60, 60)))
    method = session.registry.fusion_method("majority")

    def fail(*_: object) -> None:
        raise ZeroDivisionError("no votes")

    monkeypatch.setattr(type(method), "fuse", fail)
    with pytest.raises(AnnotatorError, match="failed on 'Case 0': ZeroDivisionError: no votes"):
        session.fuse(case.case_id, "majority")


def test_weights_are_given_and_told_by_name(session: Session) -> None:
    case = add(session, Geometry(shape=SHAPE))
    weights = {"Ann": 0.0, "Bob": 0.0, "Cy": 1.0}
    fusion = session.fuse(case.case_id, "weighted-vote", {"weights": weights})
    labels = decode(session.store.fusion_labels(fusion.fusion_id))
    np.testing.assert_array_equal(labels, block(((0, 20, 22), (20, 30, 30)), SHAPE))
    ids = {rater.rater_id for rater in session.store.raters()}
    assert not any(rater_id in text for text in fusion.warnings for rater_id in ids)
    with pytest.raises(AnnotatorError, match="weights"):
        session.fuse(case.case_id, "weighted-vote", {"wieghts": weights})
