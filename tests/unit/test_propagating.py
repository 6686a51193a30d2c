from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.analysis.bent_phantoms import bent_pair
from annotator.analysis.network_output import unquantised
from annotator.analysis.runs import decode
from annotator.api import Plugin, Propagated, no_progress, series_id
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.geometry import Geometry
from annotator.domain.study import Series
from annotator.jobs.handlers import propagate
from annotator_builtins.registration import RegistrationParameters
from tests.contract.propagator_contract import dice
from tests.unit.project_builder import make_session

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.analysis.bent_phantoms import BentPair
    from annotator.domain.study import Case
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

SHAPE = (8, 24, 20)
FAST = {"rounds": 15}


def add(session: Session, title: str, image: NDArray[np.float32], modality: str = "MR") -> Case:
    voxels = np.round(1000 * image).astype(np.int16)
    geometry = Geometry(shape=SHAPE)
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality=modality,
        description=title,
        geometry=geometry,
        dtype="int16",
    )
    session.store.add_series(series, voxels, actor="system")
    return session.store.add_case(title, [series.series_id], actor="system")


def drawn_project(path: Path) -> tuple[Session, BentPair]:
    """Return a project whose case One was drawn by Abe; Two is One bent, Three a CT."""
    pair = bent_pair(SHAPE, seed=1, reach_mm=2.0)
    session = make_session(path)
    for title, image, modality in (
        ("One", pair.source, "MR"),
        ("Two", pair.target, "MR"),
        ("Three", pair.target + 1, "CT"),
    ):
        add(session, title, image, modality)
    session.add_rater("Abe")
    session.add_rater("Baum")
    session.add_reading("One", "Abe", pair.source_mask, Geometry(shape=SHAPE))
    return session, pair


def ask(session: Session, **given: object) -> dict[str, Any]:
    """Do the job here and now."""
    wanted = {"case": "One", "method": "registration", "parameters": FAST} | given
    return propagate(session.store, session.registry, wanted, no_progress)


def test_a_finished_case_is_drawn_on_the_others_by_a_model(tmp_path: Path) -> None:
    session, pair = drawn_project(tmp_path)
    with session:
        made = session.propagate("One", parameters=FAST)
        (found,), (skipped,) = made["readings"], made["skipped"]
        assert found["case"] == session.store.case("Two").case_id
        assert skipped["case"] == session.store.case("Three").case_id
        assert "brightness" in skipped["reason"]
        annotation = session.store.annotation(found["annotation"])
        rater = session.store.rater(annotation.rater_id)
        assert rater.is_model
        assert rater.name == made["reader"] == "Propagated from One (Registration 1)"
        mask = decode(session.store.annotation_mask(found["annotation"]))
        assert dice(mask, pair.target_mask) > 0.85
        kept = session.store.prediction_map(found["annotation"], "uncertainty", 0)
        assert kept is not None
        doubt = unquantised(decode(kept))
        assert found["doubtful"] == pytest.approx((doubt[mask > 0] > 0.5).mean(), abs=0.05)
        assert doubt[mask > 0].mean() > 2 * doubt[mask == 0].mean()
        assert found["error_mm"] >= 0
        assert (
            made["source"]
            == session.store.annotations(session.store.case("One").case_id)[0].annotation_id
        )
        again = ask(session, cases=["Two"])
        assert again["readings"][0]["annotation"] == found["annotation"]
        assert not session.store.verify()


def test_what_cannot_be_meant_is_told(tmp_path: Path) -> None:
    session, pair = drawn_project(tmp_path)
    with session:
        with pytest.raises(AnnotatorError, match="Baum has submitted"):
            ask(session, rater="Baum")
        with pytest.raises(AnnotatorError, match="nobody has submitted a reading of 'Two'"):
            ask(session, case="Two")
        with pytest.raises(AnnotatorError, match="finished case itself"):
            ask(session, cases=["One"])
        with pytest.raises(UnknownNameError, match="propagator"):
            ask(session, method="registratoin")
        with pytest.raises(AnnotatorError, match="no parameter 'round'"):
            ask(session, parameters={"round": 3})
        session.add_reading("One", "Baum", pair.source_mask, Geometry(shape=SHAPE))
        with pytest.raises(AnnotatorError, match="Abe, Baum have read 'One'"):
            ask(session, cases=["Two"])
        ask(session, cases=["Two"], rater="Baum")
        with pytest.raises(AnnotatorError, match="is a model"):
            ask(session, case="Two", cases=["One"], rater="Propagated from One (Registration 1)")


class Wrong:
    """A propagator whose answers do not fit."""

    name = "wrong"
    title = "Wrong"
    version = "1"

    parameters: type[BaseModel] = RegistrationParameters

    def __init__(self, answer: Propagated | Exception) -> None:
        self._answer = answer

    def refuses(self, source: Series, target: Series) -> str | None:
        return None

    def take_in(self, *_: object) -> Wrong:
        return self

    def carry(self, *_: object) -> Propagated:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (ValueError("boom"), "Wrong failed on 'Two': ValueError: boom"),
        ((1, 2, 3), "mask of shape"),
        (SHAPE, "label values \\[9\\]"),
    ],
)
def test_a_plugin_that_errs_is_named(
    tmp_path: Path, answer: Exception | tuple[int, int, int], told: str
) -> None:
    wrong: Propagated | Exception
    if isinstance(answer, tuple):
        wrong = Propagated(
            mask=np.full(answer, 9, np.uint8), error_mm=np.zeros(answer, np.float32), folded=0.0
        )
    else:
        wrong = answer
    session, _ = drawn_project(tmp_path)
    with session:
        session.registry.register(Plugin(name="wrong", propagators=(lambda: Wrong(wrong),)))
        with pytest.raises(AnnotatorError, match=told):
            ask(session, method="wrong", cases=["Two"], parameters={})
        names = {rater.name for rater in session.store.raters()}
        assert names == {"Abe", "Baum"}
