"""Models and jobs in the window: list, card, run on cases, follow, cancel, run again, clear."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest
from pydantic import BaseModel, Field
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from annotator.domain.errors import AnnotatorError
from annotator.domain.schema import Label
from annotator.gui.case_choice import CaseChoice
from annotator.gui.jobs_dialog import JobsDialog
from annotator.gui.models_dialog import ModelsDialog
from annotator.gui.pace import Pace, in_words
from annotator.gui.parameter_form import ParameterForm
from annotator.gui.propagate_dialog import PropagateDialog
from annotator.gui.run_dialog import RunDialog
from annotator.session.session import Session
from tests.gui.small_project import READERS, SCHEMA, add_case, make_project
from tests.gui.steps import JOB_MS, PATIENCE_MS, open_project, press
from tests.gui.widget_walk import cut_off, unnamed

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QDialog, QWidget

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui

LEFT = Qt.MouseButton.LeftButton
CTRL = Qt.KeyboardModifier.ControlModifier


def sound(dialog: QDialog, qtbot: QtBot) -> None:
    """Check that everything has a name and fits."""
    qtbot.waitExposed(dialog)
    qtbot.wait(30)
    assert unnamed(dialog) == [], dialog.windowTitle()
    assert cut_off(dialog) == [], dialog.windowTitle()


@pytest.fixture
def body_project(tmp_path: Path) -> Path:
    """Return a project with two cases, in which a body can be drawn."""
    body = Label(value=3, name="Body", color="#999999")
    schema = replace(SCHEMA, labels=(*SCHEMA.labels, body))
    with Session.create(tmp_path / "body", title="Bodies", schema=schema) as session:
        for number in range(2):
            add_case(session, number)
        session.add_rater("Dr Adams")
    return tmp_path / "body"


@pytest.fixture
def models(window: MainWindow, qtbot: QtBot, body_project: Path) -> ModelsDialog:
    open_project(window, qtbot, body_project)
    press(window, Qt.Key.Key_M, CTRL)
    (dialog,) = window.findChildren(ModelsDialog)
    qtbot.waitUntil(lambda: dialog.table.rowCount() > 0, timeout=PATIENCE_MS)
    return dialog


def open_run(dialog: ModelsDialog, qtbot: QtBot, name: str) -> RunDialog:
    dialog.table.choose(name)
    QTest.mouseClick(dialog.run, LEFT)
    qtbot.waitUntil(lambda: bool(dialog.findChildren(RunDialog)), timeout=PATIENCE_MS)
    return dialog.findChildren(RunDialog)[-1]


def open_jobs(window: MainWindow, qtbot: QtBot) -> JobsDialog:
    window.activateWindow()
    press(window, Qt.Key.Key_J, CTRL)
    (jobs,) = window.findChildren(JobsDialog)
    return jobs


def test_models_are_listed_with_their_cards(
    window: MainWindow, qtbot: QtBot, models: ModelsDialog
) -> None:
    sound(models, qtbot)
    models.table.choose("lungs")
    assert models.entry is not None
    assert models.entry.kind == "built-in"
    words = [label.text() for label in models.card.findChildren(type(models.words))]
    assert models.entry.title in words
    assert dict(models.entry.card)["Limits"] in words
    assert not models.remove.isEnabled(), "what comes with the program stays"
    press(window, Qt.Key.Key_M, CTRL)
    assert len(window.findChildren(ModelsDialog)) == 1, "one is enough"
    models.reject()
    qtbot.waitUntil(lambda: window.errands.models.list is None, timeout=PATIENCE_MS)


def test_a_model_reads_the_cases_that_are_ticked(
    window: MainWindow, qtbot: QtBot, models: ModelsDialog
) -> None:
    session = window.session
    assert session is not None
    second = session.cases()[1]
    run = open_run(models, qtbot, "body")
    sound(run, qtbot)
    assert run.run.text() == "Run on 2 cases"
    QTest.keyClick(run.cases.some, Qt.Key.Key_Space)
    assert not run.run.isEnabled(), "nothing is ticked"
    run.cases.choose({second.case_id})
    assert run.run.text() == "Run on one case"
    opening = run.form.fields["opening_mm"]
    opening.setValue(1.0)  # type: ignore[attr-defined]
    assert run.form.values() == {"opening_mm": 1.0}
    QTest.mouseClick(run.run, LEFT)
    qtbot.waitUntil(lambda: run.progress.isVisible() or run.words.isVisible(), timeout=PATIENCE_MS)
    qtbot.waitUntil(run.words.isVisible, timeout=JOB_MS)
    assert run.words.text().startswith("Read one case.")
    assert [entry.case_id for entry in session.store.annotations()] == [second.case_id]
    assert session.jobs.jobs()[-1].parameters.count("opening_mm") == 1
    assert run.cases.new.text() == "Cases that it has not read yet (1)"
    qtbot.waitUntil(lambda: "Read one case" in window.notice.words.text(), timeout=PATIENCE_MS)
    qtbot.waitUntil(
        lambda: models.entry is not None and models.entry.read == {second.case_id},
        timeout=PATIENCE_MS,
    )
    sound(run, qtbot)
    jobs = open_jobs(window, qtbot)
    qtbot.waitUntil(lambda: jobs.table.rowCount() == 1, timeout=PATIENCE_MS)
    sound(jobs, qtbot)
    assert "Read one case." in jobs.detail.text()
    QTest.mouseClick(jobs.again, LEFT)
    qtbot.waitUntil(lambda: len(session.jobs.jobs()) == 2, timeout=PATIENCE_MS)
    again, before = session.jobs.jobs()[-1], session.jobs.jobs()[0]
    assert again.parameters == before.parameters
    session.jobs.wait(again.job_id)
    assert len(session.store.annotations()) == 1, "the same reading is not kept twice"


def test_a_model_that_fits_no_case_says_why(qtbot: QtBot, models: ModelsDialog) -> None:
    run = open_run(models, qtbot, "vessels")
    QTest.mouseClick(run.run, LEFT)
    qtbot.waitUntil(run.words.isVisible, timeout=JOB_MS)
    assert run.words.text().startswith("Read 0 cases; 2 cases left out.")
    assert "does not fit 'Chest 0'" in run.words.text()
    assert run.run.isEnabled(), "other cases can be tried"


def test_a_drawing_is_carried_to_another_case(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    make_project(tmp_path / "two", n_cases=2, with_readings=True)
    open_project(window, qtbot, tmp_path / "two")
    session = window.session
    assert session is not None
    press(window, Qt.Key.Key_P, CTRL | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: bool(window.findChildren(PropagateDialog)), timeout=PATIENCE_MS)
    (dialog,) = window.findChildren(PropagateDialog)
    sound(dialog, qtbot)
    first, second = session.cases()
    assert dialog.source.count() == 1, "nobody has drawn on the other"
    dialog.drawing.setCurrentText(READERS[2])
    assert dialog.method.currentData() == "registration", "what trains nothing comes first"
    dialog.method.setCurrentIndex(dialog.method.findData("registration"))
    assert dialog.cases.chosen() == (second.case_id,)
    QTest.mouseClick(dialog.run, LEFT)
    qtbot.waitUntil(dialog.words.isVisible, timeout=JOB_MS)
    assert dialog.words.text().startswith("Read one case.")
    (drawn,) = session.store.annotations(second.case_id)
    rater = session.store.rater(drawn.rater_id)
    assert rater.is_model
    assert rater.name.startswith(f"Propagated from {first.title}")


def test_jobs_are_filtered_cancelled_and_cleared(
    window: MainWindow, qtbot: QtBot, project: Path
) -> None:
    open_project(window, qtbot, project)
    session = window.session
    assert session is not None
    failed = session.store.add_job("predict", {"model": "body"}, actor="system")
    session.store.claim_job(failed.job_id)
    session.store.finish_job(failed.job_id, state="failed", result={}, error="none of that name")
    waiting = session.store.add_job("predict", {"model": "body"}, actor="system")
    jobs = open_jobs(window, qtbot)
    qtbot.waitUntil(lambda: jobs.table.rowCount() == 2, timeout=PATIENCE_MS)
    assert jobs.table.key == str(waiting.job_id), "the newest comes first"
    QTest.mouseClick(jobs.cancel, LEFT)
    qtbot.waitUntil(lambda: jobs.again.isEnabled(), timeout=PATIENCE_MS)
    jobs.filter.setCurrentIndex(jobs.filter.findText("Failed"))
    assert jobs.table.key == str(failed.job_id)
    assert "None of that name." in jobs.detail.text()
    QTest.keyClick(jobs.filter, Qt.Key.Key_Up)
    QTest.mouseClick(jobs.clear, LEFT)
    qtbot.waitUntil(jobs.none.isVisible, timeout=PATIENCE_MS)
    jobs.filter.setCurrentIndex(0)
    jobs.cleared.setChecked(True)
    qtbot.waitUntil(lambda: jobs.table.rowCount() == 2, timeout=PATIENCE_MS)
    window.back()
    qtbot.waitUntil(lambda: not window.findChildren(JobsDialog), timeout=PATIENCE_MS)


class Settings(BaseModel):
    n_rounds: int = Field(default=5, ge=1, le=9, description="rounds over all slices")
    rate: float = Field(default=3e-3, gt=0, le=1)
    kind: Literal["soft", "hard"] = "soft"
    is_quick: bool = False
    words: tuple[str, ...] = ("a", "b")
    limit: float | None = None
    weights: dict[str, float] = Field(default_factory=dict)
    name: str = ""


def test_a_form_gives_on_what_differs_from_the_defaults(qtbot: QtBot) -> None:
    form = ParameterForm(Settings)
    qtbot.addWidget(form)
    form.show()
    assert form.values() == {}
    fields: dict[str, QWidget] = form.fields
    assert fields["n_rounds"].isVisible()
    assert not fields["words"].isVisible(), "folded"
    QTest.mouseClick(form.more, LEFT)
    assert fields["words"].isVisible()
    assert "Rounds over all slices" in fields["n_rounds"].toolTip()
    fields["n_rounds"].setValue(40)  # type: ignore[attr-defined]
    fields["rate"].setValue(0.0007)  # type: ignore[attr-defined]
    fields["kind"].setCurrentIndex(1)  # type: ignore[attr-defined]
    QTest.keyClick(fields["is_quick"], Qt.Key.Key_Space)
    for name, text in (("words", "c, d"), ("limit", "2.5"), ("weights", '{"x": 2}')):
        fields[name].setText(text)  # type: ignore[attr-defined]
    assert Settings.model_validate(form.values()).model_dump() == {
        "n_rounds": 9,
        "rate": 0.0007,
        "kind": "hard",
        "is_quick": True,
        "words": ("c", "d"),
        "limit": 2.5,
        "weights": {"x": 2.0},
        "name": "",
    }
    fields["weights"].setText("{x: 2")  # type: ignore[attr-defined]
    with pytest.raises(AnnotatorError, match="weights cannot be read"):
        form.values()


def test_cases_are_chosen_in_three_ways(qtbot: QtBot, window: MainWindow, project: Path) -> None:
    open_project(window, qtbot, project)
    assert window.session is not None
    cases = window.session.cases()
    ids = tuple(case.case_id for case in cases)
    choice = CaseChoice(cases, window)
    choice.set_done({ids[0]})
    assert choice.chosen() == ids[1:], "what is still to do is offered first"
    choice.all.setChecked(True)
    assert choice.chosen() == ids
    choice.choose({ids[0]})
    assert choice.chosen() == ids[:1]
    choice.set_done(ids)
    assert not choice.new.isEnabled()
    assert choice.all.isChecked()


def test_the_time_that_is_left_is_told_by_the_pace() -> None:
    now = [0.0]
    pace = Pace(lambda: now[0])
    assert pace.words(0.0) == ""
    now[0] = 1.0
    assert pace.left_s(0.1) is None, "too soon to tell"
    now[0] = 10.0
    assert pace.left_s(0.25) == pytest.approx(30.0)
    assert pace.words(0.25) == "about 30 s left"
    assert pace.left_s(0.1) is None, "it began anew"
    assert [in_words(s) for s in (1, 100, 3000, 7200)] == [
        "about 5 s",
        "about 2 min",
        "about 0.8 h",
        "about 2.0 h",
    ]
