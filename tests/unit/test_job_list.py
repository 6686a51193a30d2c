"""Jobs in words, clearing them away, and the models of a project as they are listed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from annotator.analysis.runs import encode
from annotator.api import ModelCard, Plugin
from annotator.domain.reading import Diagnosis
from annotator.session.job_list import clear_jobs, job_lines, told_by_reading
from annotator.session.model_comparison import Drawing, models_on_case
from tests.unit.project_builder import SHAPE, add_case, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from annotator.session.session import Session

pytestmark = pytest.mark.unit

LEFT = block(((0, 1, 1), (2, 5, 5)))
BOTH = LEFT | block(((0, 7, 7), (2, 9, 9)))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        add_case(opened, 1)
        add_case(opened, 2)
        yield opened


def end(session: Session, kind: str, state: str, result: object = None, error: str = "") -> int:
    job = session.store.add_job(kind, {"model": "m"}, actor="system")
    session.store.claim_job(job.job_id)
    session.store.finish_job(job.job_id, state=state, result=result or {}, error=error)  # type: ignore[arg-type]
    return job.job_id


def test_jobs_are_told_in_words_newest_first(session: Session) -> None:
    skipped = [{"case": "a", "reason": "no CT"}, {"case": "b", "reason": "no CT"}]
    made = {"annotations": [{"case": "c", "annotation": "x"}], "skipped": skipped}
    end(session, "predict", "done", made)
    end(session, "export", "failed", error="the disk is full")
    end(session, "train", "cancelled")
    session.store.add_job("fuse", {"method": "staple"}, actor="system")
    fuse, train, export, predict = job_lines(session.store)
    assert (fuse.what, fuse.state, fuse.outcome) == ("Fusion: staple", "queued", "")
    assert train.outcome == "It was cancelled."
    assert export.outcome == "The disk is full."
    assert predict.outcome == "Read one case; 2 cases left out. Left out 2 times: no CT"
    assert predict.parameters == {"model": "m"}


def test_clearing_keeps_what_runs_and_loses_nothing(session: Session) -> None:
    waiting = session.store.add_job("fuse", {}, actor="system")
    ended = end(session, "export", "done", {"files": [], "directory": "/out", "skipped": []})
    clear_jobs(session.store, actor="system")
    assert [line.job_id for line in job_lines(session.store)] == [waiting.job_id]
    both = [line.job_id for line in job_lines(session.store, with_cleared=True)]
    assert both == [ended, waiting.job_id]
    later = end(session, "export", "failed", error="no")
    assert [line.job_id for line in job_lines(session.store)] == [later, waiting.job_id]
    assert session.store.verify() == ()


def test_whatever_a_reading_had_to_do_without_is_told() -> None:
    made = [{"case": "a", "device": "CPU", "notes": ["smaller windows were taken"]}] * 2
    result = {"annotations": made, "skipped": [], "notes": ["smaller windows were taken"]}
    assert told_by_reading(result) == [
        "Read 2 cases.",
        "It ran on: CPU.",
        "Smaller windows were taken.",
    ]
    many = {"readings": [{"case": "a", "notes": [f"note {n}" for n in range(9)]}]}
    assert told_by_reading(many)[-1] == "4 more notes of this kind."


def read_by_model(
    session: Session, case_id: str, name: str, mask: NDArray[np.unsignedinteger]
) -> None:
    store = session.store
    known = [rater for rater in store.raters() if rater.name == name]
    rater = known[0] if known else store.add_rater(name, is_model=True, actor="system")
    store.add_annotation(case_id, rater.rater_id, encode(mask), Diagnosis(), actor="system")


def test_models_are_listed_with_what_they_have_read(session: Session) -> None:
    class Everything:
        name = "everything"
        version = "3"
        card = ModelCard(
            title="Everything",
            what_it_draws="All of it.",
            works_on="CT",
            limits="Many.",
            licence="MIT",
        )
        parameters = session.registry.model("body").parameters

        def refuses(self, *_: object) -> None: ...

        def predict(self, *_: object) -> None: ...

    session.registry.register(Plugin(name="own", models=(Everything,)))  # type: ignore[arg-type]
    first, second = session.cases()
    read_by_model(session, first.case_id, "Everything 3", LEFT)
    read_by_model(session, second.case_id, "Everything 2", LEFT)
    entry = next(one for one in session.models() if one.key == "everything")
    assert entry.kind == "built-in"
    assert entry.read == {first.case_id}, "not by another version"
    assert entry.last_used > "2000"
    assert ("Limits", "Many.") in entry.card
    assert json.dumps(dict(entry.card)), "plain words"


def test_models_on_a_case_are_held_against_each_other(session: Session) -> None:
    case, other = session.cases()
    read_by_model(session, case.case_id, "A 1", LEFT)
    read_by_model(session, case.case_id, "B 1", BOTH)
    found = models_on_case(session.store, case.case_id, reference=None)
    assert [one.title for one in found.drawings] == ["A 1", "B 1"]
    n_left, n_both = int(LEFT.sum()), int(BOTH.sum())
    assert found.n_voxels(1) == (n_left, n_both)
    assert found.dice(1, 0, 1) == pytest.approx(2 * n_left / (n_left + n_both))
    assert found.dice(2, 0, 1) is None, "neither drew it"
    assert found.labels == (1,)
    truth = Drawing(title="Signed off", mask=BOTH)
    held = models_on_case(session.store, case.case_id, reference=truth)
    assert held.has_reference
    assert held.dice(1, 1, 2) == 1.0
    nothing = models_on_case(session.store, other.case_id, reference=None)
    assert nothing.drawings == ()
    assert nothing.voxels.shape == SHAPE
