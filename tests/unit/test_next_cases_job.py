"""What of a project the order of unread cases is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.next_cases import GainWeights
from annotator.analysis.runs import encode
from annotator.api import no_progress, series_id
from annotator.domain.errors import UnknownNameError
from annotator.domain.fit import FitRecipe, Forecast
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.study import Series
from annotator.jobs.next_cases import find_next_cases, image_numbers, small_image
from annotator.store.prediction_maps import PredictionMap
from tests.unit.project_builder import SHAPE, add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.session.session import Session

pytestmark = pytest.mark.unit

ONLY_UNSURE = GainWeights(uncertainty=1, difficulty=0, diversity=0)
ONLY_HARD = GainWeights(uncertainty=0, difficulty=1, diversity=0)
ONLY_DIVERSE = GainWeights(uncertainty=0, difficulty=0, diversity=1)
DRAWN = ((1, 3, 3), (3, 8, 8))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        for number in range(5):
            add_case(opened, number)
        yield opened


def ids(session: Session) -> list[str]:
    return [case.case_id for case in session.cases()]


def predict(session: Session, name: str, doubts: list[float]) -> None:
    """Let a model read cases; it is as unsure as told at every voxel that it drew."""
    known = {rater.name: rater for rater in session.store.raters()}
    model = known.get(name) or session.store.add_rater(name, is_model=True, actor="system")
    mask = block(DRAWN)
    for case_id, doubt in zip(ids(session), doubts, strict=False):
        levels = np.full(SHAPE, 1 + round(254 * doubt), np.uint8)
        kept = PredictionMap(kind="uncertainty", label=0, content=encode(levels))
        session.store.add_prediction(case_id, model.rater_id, encode(mask), [kept], actor="system")


def order(session: Session, weights: GainWeights | None = None) -> list[str]:
    found = find_next_cases(session.store, no_progress, weights=weights)
    return [entry.case_id for entry in found.cases]


def test_cases_that_a_model_is_unsure_of_come_first(session: Session) -> None:
    cases = ids(session)
    predict(session, "Net", [0.1, 0.9, 0.3, 0.7, 0.5])
    assert order(session, ONLY_UNSURE) == [cases[place] for place in (1, 3, 4, 2, 0)]
    found = find_next_cases(session.store, no_progress, weights=ONLY_UNSURE, n=2)
    assert (found.model, found.n_read, found.n_unread) == ("Net", 0, 5)
    assert [entry.uncertainty for entry in found.cases] == [1.0, 0.75]
    predict(session, "Other", [0.9, 0.1])
    assert order(session, ONLY_UNSURE)[0] == cases[1], "the one that has read most counts"
    by_other = find_next_cases(session.store, no_progress, model="Other", weights=ONLY_UNSURE)
    assert by_other.cases[0].case_id == cases[0]
    with pytest.raises(UnknownNameError, match="Net"):
        find_next_cases(session.store, no_progress, model="nobody")


def test_without_maps_models_that_differ_tell_doubt(session: Session) -> None:
    cases = ids(session)
    for name, high in (("A", 8), ("B", 9)):
        model = session.store.add_rater(name, is_model=True, actor="system")
        for place, case_id in enumerate(cases):
            mask = block(((1, 3, 3), (3, 8, high - (place == 2) * 3 * (name == "A"))))
            session.store.add_annotation(
                case_id, model.rater_id, encode(mask), Diagnosis(), actor="system"
            )
    assert order(session, ONLY_UNSURE)[0] == cases[2]


def test_foretold_disputes_count_and_read_cases_are_left_out(session: Session) -> None:
    cases = ids(session)
    recipe = FitRecipe(kind="trainer", name="difficulty", version="1", inputs=())
    fit = session.store.add_fit(recipe, content=b"", summary=(), actor="system")
    for place, case_id in enumerate(cases):
        session.store.put_forecast(
            Forecast(case_id=case_id, fit_id=fit.fit_id, difficulty=0.1 * place, why="x"),
            actor="system",
        )
    assert order(session, ONLY_HARD) == cases[::-1]
    ada = session.add_rater("Ada")
    session.store.add_annotation(
        cases[4], ada.rater_id, encode(block(DRAWN)), Diagnosis(), actor="system"
    )
    assert order(session, ONLY_HARD) == cases[3::-1]
    assert session.quality.next_cases(1).n_read == 1
    session.assign(first=order(session, ONLY_HARD))
    worklist = [entry.case_id for entry in session.rater_room("Ada").worklist()]
    assert worklist[:4] == cases[3::-1]


def test_images_unlike_those_that_were_read_come_first(session: Session) -> None:
    """Bright images on one side, dark ones on the other; a dark one was read."""
    store = session.store
    for number in range(6):
        random = np.random.default_rng(100 + number)
        voxels = random.integers(0, 50, (6, 20, 20), dtype=np.int16)
        if number % 2:
            voxels[:, :, :10] += 900
        geometry = Geometry(shape=(6, 20, 20), spacing_mm=(2.0, 1.0, 1.0))
        series = Series(
            series_id=series_id(geometry, voxels),
            kind="volume",
            modality="CT",
            description="made",
            geometry=geometry,
            dtype="int16",
        )
        store.add_series(series, voxels, actor="system")
        store.add_case(f"Made {number}", [series.series_id], actor="system")
    ada = session.add_rater("Ada")
    for case in session.cases():
        if case.title.startswith("Case") or case.title == "Made 0":
            mask = encode(np.zeros(store.series(case.series_ids[0]).geometry.shape, np.uint8))
            store.add_annotation(case.case_id, ada.rater_id, mask, Diagnosis(), actor="system")
    titles = {case.case_id: case.title for case in session.cases()}
    found = [titles[case_id] for case_id in order(session, ONLY_DIVERSE)]
    assert int(found[0].removeprefix("Made ")) % 2 == 1, found


def test_a_small_image_is_the_same_whatever_the_grid(session: Session) -> None:
    case = session.cases()[0]
    series = session.store.series(case.series_ids[0])
    z, y, x = np.mgrid[:8, :16, :16]
    plain = small_image((z + y + x).astype(np.float64), series)
    assert plain.shape == (4, 8, 8)
    finer = (z + y + x).astype(np.float64).repeat(2, 0).repeat(2, 1).repeat(2, 2)
    np.testing.assert_allclose(small_image(finer, series), plain)
    colour = np.repeat((z + y + x)[..., None], 3, axis=3)
    np.testing.assert_allclose(small_image(colour, series), plain)
    flat = small_image((y + x)[:1].astype(np.int16), series)
    np.testing.assert_allclose(flat[0], flat[3])
    assert np.isfinite(image_numbers(flat, series)).all()


def test_an_empty_project_has_no_next_case(tmp_path: Path) -> None:
    with make_session(tmp_path) as empty:
        found = empty.quality.next_cases()
    assert (found.cases, found.n_unread, found.model) == ((), 0, None)
