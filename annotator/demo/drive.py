"""A short real session on the sample project, by mouse and keys, for machines without a display.

Run as ``python -m annotator.demo.drive PROJECT``; tells each step, then a report as JSON.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtWidgets import QApplication, QLabel

from annotator.analysis.outline import outlines
from annotator.analysis.runs import decode
from annotator.demo.hand import Hand
from annotator.demo.project import build_sample_project
from annotator.demo.readings import CT_AUTHOR, CT_LARGE, FUNDUS, GUEST, REVIEWER
from annotator.domain.errors import AnnotatorError
from annotator.gui import theme
from annotator.gui.answer_fields import RadioField
from annotator.gui.app import application
from annotator.gui.export_dialog import ExportDialog
from annotator.gui.settings import Settings
from annotator.gui.window import MainWindow
from annotator.session.open_case import OpenCase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.gui.diagnosis_form import DiagnosisForm
    from annotator.gui.rater_room import RaterRoomPanel
    from annotator.gui.slice_view import SliceView
    from annotator.session.review_case import ReviewCase
    from annotator.session.tracing import OpenTracing

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier
FORMATS = ("nifti", "dicom-seg", "csv", "json")
MASS_KEY, MASS_REACH = "2", 2


class Drive:
    """The session: a rater reads one case, a reviewer decides one, and everything is exported."""

    def __init__(self, project: Path, window: MainWindow, hand: Hand) -> None:
        self._project = project
        self._window = window
        self._hand = hand
        self.report: dict[str, Any] = {}

    def run(self) -> None:
        """Do it all; raises AnnotatorError where a step does not do what it should."""
        hand, window = self._hand, self._window
        window.door.open(str(self._project))
        hand.wait(lambda: window.project.people.buttons, "the people of the project")
        hand.picture("project")
        self.read()
        self.look_at_fundus()
        self.review()
        self.look_at_report()
        self.report["exports"] = [self.export(form) for form in FORMATS]
        self.report["screenshots"] = hand.taken

    # the rater

    def read(self) -> None:
        """Draw the mass of the larger chest CT, answer the questions, submit."""
        hand, rater = self._hand, self._window.rater
        self._enter(GUEST, "read")
        hand.wait(lambda: rater.worklist.cases.count(), "the worklist")
        hand.picture("worklist")
        self._next_case_until(CT_LARGE)
        hand.key(MASS_KEY)
        hand.picture("case opened")
        mask = self._own_mask()
        truth = self._mask_of(CT_AUTHOR)
        view = self._axial()
        first = view.index
        self._polygon(view, truth[first], value=2)
        hand.wait(lambda: mask[first].any(), "the polygon in the mask")
        hand.picture("polygon drawn")
        for _ in range(MASS_REACH):
            hand.key("Up")
            self._polygon(view, truth[view.index], value=2)
        hand.key("B")
        for _ in range(6):
            hand.key("BracketRight")
        rows, columns = truth[view.index].nonzero()
        middle = (float(rows.mean()), float(columns.mean()))
        before = int(mask.sum())
        self._stroke(view, [(middle[0] + 12, middle[1] + step) for step in range(-18, 19, 3)])
        hand.wait(lambda: int(mask.sum()) != before, "the stroke in the mask")
        hand.picture("stroke drawn")
        hand.key("Z")
        hand.wait(lambda: int(mask.sum()) == before, "the stroke taken back")
        hand.picture("stroke taken back")
        self._answer(rater.panel.form if rater.panel else None, ("Yes", "Good"))
        hand.picture("diagnosis filled in")
        opened = rater.open_case
        if opened is None:
            raise AnnotatorError("the case was closed before it was submitted")
        hand.wait(lambda: opened.drawing.is_saved, "the last stroke on disk")
        hand.key("Return", CTRL)
        if rater.panel is not None and rater.panel.is_asking():
            hand.click(rater.panel.confirm)
        hand.wait(lambda: rater.open_case is None, "the reading to be submitted")
        self.report["submitted"] = opened.case.title
        hand.picture("submitted")

    def look_at_fundus(self) -> None:
        """Start the fundus photograph from the model's vessels, and leave it unfinished."""
        hand, window = self._hand, self._window
        self._next_case_until(FUNDUS)
        mask = self._own_mask()
        panel = window.rater.panel
        if panel is None:
            raise AnnotatorError("no labels are shown beside the case")
        hand.picture("fundus opened")
        titles = [entry[1] for entry in window.rater.open_case.suggestions]  # type: ignore[union-attr]
        button = next(
            found
            for found in panel.findChildren(type(panel.submit))
            if any(title in (found.text() + found.toolTip()) for title in titles)
        )
        hand.click(button)
        hand.wait(lambda: mask.any(), "the model's vessels in the mask")
        hand.picture("started from the model")
        hand.key("Left", ALT)
        hand.wait(lambda: window.room_name == "project", "the project page")

    # the reviewer

    def review(self) -> None:
        """Decide every region of the hardest case, take one verdict back, sign off."""
        hand, window, review = self._hand, self._window, self._window.review
        self._enter(REVIEWER, "review")
        hand.wait(lambda: review.queue.cases.count(), "the queue")
        hand.picture("queue")
        hand.key("N", SHIFT)
        hand.wait(
            lambda: review.desk is not None and review.desk.current is not None, "a disputed case"
        )
        hand.picture("hardest case")
        case = review.case
        if case is None:
            raise AnnotatorError("no case is open in the reviewer's room")
        hand.key("2")
        hand.picture("disagreement")
        hand.key("2")
        n_open = len(case.open_regions())
        hand.key("A")
        hand.wait(lambda: len(case.open_regions()) == n_open - 1, "the region accepted")
        hand.picture("region accepted")
        hand.key("U")
        hand.wait(lambda: len(case.open_regions()) == n_open, "the verdict taken back")
        hand.picture("verdict taken back")
        for number in range(n_open):
            hand.key(str(1 + number % 2), ALT)
            hand.key("AMB"[number % 3])
            left = n_open - number - 1
            hand.wait(partial(_has_left, case, left), "the next verdict")
        hand.picture("all regions decided")
        self._answer(review.desk.panel.final.form if review.desk else None, ("Yes", "Good"))
        hand.picture("final diagnosis")
        hand.key("Return", CTRL)
        hand.wait(
            lambda: window.session and window.session.store.adjudication(case.case.case_id),
            "the case to be signed off",
        )
        self.report["signed_off"] = case.case.title
        self.report["regions_decided"] = n_open
        hand.picture("signed off")

    def look_at_report(self) -> None:
        """Open the report on the raters."""
        hand, window = self._hand, self._window
        hand.key("R", CTRL)
        hand.wait(lambda: window.room_name == "report", "the report")
        hand.wait(lambda: not window.background.is_waiting("report"), "the report's numbers")
        hand.picture("report on raters")

    # export

    def export(self, form: str) -> str:
        """Export everything in a format by the dialog; returns the directory."""
        hand, window = self._hand, self._window
        directory = self._project / "export" / form
        window.notice.hide()
        trouble: list[str] = []

        def fill() -> None:
            dialog = QApplication.activeModalWidget()
            if not isinstance(dialog, ExportDialog):
                return
            look.stop()
            try:
                self._fill_export(dialog, form, directory)
            except AnnotatorError as error:
                trouble.append(str(error))
            if dialog.isVisible():
                trouble.append("the export dialog did not close")
                dialog.reject()

        # The dialog waits for an answer inside the key press: somebody has to look in meanwhile.
        look = QTimer(window)
        look.timeout.connect(fill)
        look.start(400)
        hand.key("E", CTRL)
        look.stop()
        if trouble:
            raise AnnotatorError(trouble[0])
        hand.wait(lambda: window.notice.isVisible(), f"the export as {form}")
        words = " ".join(part.text() for part in window.notice.findChildren(QLabel))
        if not directory.is_dir() or not any(directory.iterdir()):
            raise AnnotatorError(f"the export as {form} did not work: {words}")
        return str(directory)

    def _fill_export(self, dialog: ExportDialog, form: str, directory: Path) -> None:
        hand = self._hand
        hand.click(dialog.buttons[form])
        dialog.directory.clear()
        hand.write(dialog.directory, str(directory))
        if form == FORMATS[0]:
            hand.picture("export")
        hand.click(dialog.go)

    # parts of steps

    def _enter(self, person: str, what: str) -> None:
        session = self._window.session
        if session is None:
            raise AnnotatorError("no project is open")
        rater_id = session.store.rater(person).rater_id
        self._hand.click(self._window.project.people.buttons[rater_id, what])
        room = "rater" if what == "read" else "review"
        self._hand.wait(lambda: self._window.room_name == room, f"the room of {person}")

    def _next_case_until(self, words: str) -> None:
        """Press N until the case is open whose title holds these words."""
        rater = self._window.rater
        for _ in range(4):
            before = rater.open_case
            self._hand.settle()
            self._hand.key("N")
            self._hand.wait(partial(_shows_another, rater, before), "the next case")
            if rater.open_case is not None and words in rater.open_case.case.title:
                self._hand.settle()
                return
        raise AnnotatorError(f"no case {words!r} came by")

    def _own_mask(self) -> NDArray[Any]:
        opened = self._window.rater.open_case
        if not isinstance(opened, OpenCase):
            raise AnnotatorError("no case to draw on is open")
        return opened.drawing.mask

    def _mask_of(self, person: str) -> NDArray[Any]:
        """Return another reading of the open case: the demo must know where to draw."""
        session, opened = self._window.session, self._window.rater.open_case
        if session is None or opened is None:
            raise AnnotatorError("no case is open")
        rater_id = session.store.rater(person).rater_id
        for annotation in session.store.annotations(opened.case.case_id):
            if annotation.rater_id == rater_id:
                return decode(session.store.annotation_mask(annotation.annotation_id))
        raise AnnotatorError(f"{person} has not read {opened.case.title}")

    def _axial(self) -> SliceView:
        canvas = self._window.rater.holder.canvas
        if canvas is None:
            raise AnnotatorError("no canvas is shown")
        return next(view for view in canvas.views if view.plane.axis == 0)

    def _at(self, view: SliceView, row: float, column: float) -> QPoint:
        return view.to_screen((float(view.index), row, column)).toPoint()

    def _polygon(self, view: SliceView, section: NDArray[Any], *, value: int) -> None:
        """Click along the outline of a slice ``(rows, columns)`` and close the polygon."""
        found = [line for line in outlines(section) if line.label == value]
        if not found:
            return
        points = max(found, key=lambda line: len(line.points)).points
        self._hand.key("P")
        for row, column in points[:: max(1, len(points) // 14)]:
            self._hand.click(view.overlay, self._at(view, float(row), float(column)))
        self._hand.key("Return")

    def _stroke(self, view: SliceView, path: Sequence[tuple[float, float]]) -> None:
        self._hand.drag(view.overlay, [self._at(view, row, column) for row, column in path])

    def _answer(self, form: DiagnosisForm | None, titles: Sequence[str]) -> None:
        """Click an answer of each question, and say how sure."""
        if form is None:
            raise AnnotatorError("no diagnosis form is shown")
        fields = form.findChildren(RadioField)
        for field, title in zip(fields, titles, strict=True):
            self._hand.click_button(field, title)
        form.comment.setFocus()
        self._hand.write(form.comment, "Demonstration, no clinician's diagnosis.")
        self._window.setFocus()


def main(words: Sequence[str]) -> int:
    """Drive the window on the project that is named; return the exit code."""
    project = Path(words[0])
    app = application()
    settings = Settings()
    theme.apply(app, settings.theme, settings.font_scale)
    window = MainWindow(settings, build_demo=build_sample_project)
    hand = Hand(window, project / "screenshots", _tell)
    drive = Drive(project, window, hand)
    window.setGeometry(app.primaryScreen().geometry())
    window.show()
    window.activateWindow()
    try:
        drive.run()
    except AnnotatorError as error:
        hand.picture("broken off")
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        window.close()
        window.shut_down()
    sys.stdout.write(json.dumps(drive.report) + "\n")
    return 0


def _has_left(case: ReviewCase, n_regions: int) -> bool:
    return len(case.open_regions()) == n_regions


def _shows_another(rater: RaterRoomPanel, before: OpenCase | OpenTracing | None) -> bool:
    return rater.open_case is not None and rater.open_case is not before


def _tell(words: str) -> None:
    sys.stdout.write(f"  {words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
