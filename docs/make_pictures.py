"""Draw the pictures of the user guide anew, by driving the real window under a virtual display."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from qtpy.QtWidgets import QApplication, QWidget

from annotator.demo.display import SCREEN, virtual_display, work_through
from annotator.demo.hand import Hand
from annotator.demo.project import build_sample_project
from annotator.demo.readings import FUNDUS, REVIEWER
from annotator.gui import theme
from annotator.gui.app import application
from annotator.gui.export_dialog import ExportDialog
from annotator.gui.methods_dialog import MethodsDialog
from annotator.gui.quality_dialog import QualityDialog
from annotator.gui.settings import Settings
from annotator.gui.window import MainWindow

PICTURES = Path(__file__).parent / "pictures"
STEPS = {
    "start": "start", "people": "project", "worklist": "worklist", "draw": "polygon-drawn",
    "diagnosis": "diagnosis-filled-in", "model": "started-from-the-model", "queue": "queue",
    "region": "hardest-case", "heat": "disagreement", "redraw": "redraw", "keys": "keys",
    "final": "final-diagnosis", "report": "report-on-raters", "export": "export",
    "methods": "methods", "belief": "belief", "agreement": "agreement", "rules": "rules",
}  # fmt: skip
"""Name of a picture in the guide → the step of the session that it shows."""
SIZE = (1200, 750)


def look_around(project: Path, out: Path) -> None:
    """Take what the demonstration does not: start, keys, redrawing, an export with a plain path."""
    application()
    theme.apply(application(), Settings().theme, 1.0)
    window = MainWindow(Settings(), build_demo=build_sample_project)
    review, people = window.review, window.project.people
    hand = Hand(window, out, lambda _: None)
    window.setGeometry(application().primaryScreen().geometry())
    window.show()
    hand.picture("start")
    window.door.open(str(project))
    hand.wait(lambda: people.buttons, "the project")
    assert window.session is not None
    hand.click(people.buttons[window.session.store.rater(REVIEWER).rater_id, "review"])
    hand.wait(lambda: review.queue.cases.count(), "the queue")
    ExportDialog("/data/lungs/export", window).open()
    _take_dialog(hand, out / "00-export.png")
    window.show_shortcuts()
    _take_dialog(hand, out / "00-keys.png")
    review.open(next(row.key for row in review.queue.cases.rows() if row.title == FUNDUS))
    hand.wait(lambda: review.desk and review.desk.current, "a disputed region")
    hand.key("5")
    hand.picture("belief")
    review.on_desk(lambda desk: desk.toggle("belief"))
    review.compare_methods()
    hand.wait(lambda: any(one.cards for one in window.findChildren(MethodsDialog)), "the methods")
    _take_dialog(hand, out / "00-methods.png")
    hand.key("R")
    review.on_desk(lambda desk: desk.canvas.frame(desk.case.findings[0].box))
    hand.picture("redraw")
    review.on_desk(lambda desk: desk.end_redraw(keep=False))
    window.open_report()
    hand.wait(lambda: window.report.plot, "the report")
    window.report.tabs.setCurrentIndex(1)
    hand.wait(lambda: window.report.agreement.report, "the comparison")
    hand.picture("agreement")
    window.back()
    window.back()
    window.errands.keep_quality()
    hand.wait(lambda: window.findChild(QualityDialog), "the rules")
    _take_dialog(hand, out / "00-rules.png")
    window.close()


def _take_dialog(hand: Hand, path: Path) -> None:
    hand.settle()
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, QWidget)
    dialog.grab().save(str(path))
    dialog.close()


def main() -> None:
    """Build the sample project, work on it, and keep the pictures that the guide shows."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as base, virtual_display(SCREEN) as environment:
        project, seen = Path(base) / "sample", Path(base) / "seen"
        build_sample_project(project)
        work_through(project, print)
        subprocess.run([sys.executable, __file__, project, seen], env=environment, check=True)
        for name, step in STEPS.items():
            found = [
                *seen.glob(f"??-{step}.png"),
                *(project / "screenshots").glob(f"??-{step}.png"),
            ]
            with Image.open(found[0]) as taken:
                picture = taken.convert("RGB")
            picture.thumbnail(SIZE, Image.Resampling.LANCZOS)
            small = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=2)
            small.save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    look_around(*map(Path, sys.argv[1:])) if len(sys.argv) > 1 else main()
