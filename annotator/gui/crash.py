"""What happens when something goes wrong that nobody expected: say it, keep the drawing."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QMessageBox

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from annotator.gui.window import MainWindow


def install(window: MainWindow) -> Callable[[], None]:
    """Show unexpected errors in words from now on; returns what takes that back."""
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            before(kind, error, trace)
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        sys.stderr.write(details)
        show(window, error, details)

    sys.excepthook = hook

    def undo() -> None:
        sys.excepthook = before

    return undo


def show(window: MainWindow, error: BaseException, details: str) -> QMessageBox:
    """Say what went wrong, and that the drawing is safe; does not block the window."""
    safe = window.flush()
    box = QMessageBox(window)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("Something went wrong")
    box.setText(
        str(error)
        if isinstance(error, AnnotatorError)
        else "The program met an error that it was not prepared for."
    )
    box.setInformativeText(
        "Your drawing is on disk. You can go on; if it happens again, start the program anew."
        if safe is None
        else f"Your last strokes are kept in memory but not on disk yet: {safe}"
    )
    box.setDetailedText(details)
    box.setStandardButtons(QMessageBox.StandardButton.Ok)
    for button in box.buttons():
        button.setToolTip(button.text())
        button.setAccessibleName(button.text())
    box.open()
    return box
