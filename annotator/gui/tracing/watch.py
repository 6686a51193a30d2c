"""What looks wrong in the tracing that is worked on, kept up to date while it is edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from annotator.analysis.tracing.editable import TraceEdit
    from annotator.analysis.tracing.recheck import Checked
    from annotator.domain.tracing import TraceFinding
    from annotator.gui.background import Background
    from annotator.session.tracing import OpenTracing

_KEY = "check tracing"
_PAUSE_MS = 1500
_MANY = 5000
"""Edited nodes from which on only the whole check asks again."""


class TraceWatch(QObject):
    """Checks a tracing whole on a worker thread, and after each edit at once where it was edited.

    Emits ``changed`` with the findings, and ``checking`` with whether a whole check is under way.
    """

    changed = Signal(object)
    checking = Signal(bool)
    failed = Signal(object)

    def __init__(self, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._opened: OpenTracing | None = None
        self._checked: Checked | None = None
        self._n_edits = 0
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self.check)

    def follow(self, opened: OpenTracing | None) -> None:
        """Look at this tracing from now on, or at none."""
        self._pause.stop()
        self._background.drop(_KEY)
        self._opened, self._checked = opened, None
        self.changed.emit(())
        if opened is not None:
            self.check()

    def edited(self, edit: TraceEdit | None) -> None:
        """Ask again where something was edited; None where the whole tree is another one."""
        from annotator.analysis.tracing.recheck import recheck

        opened = self._opened
        if opened is None:
            return
        self._n_edits += 1
        if edit is None:
            self._checked = None
            self.changed.emit(())
            self.check()
            return
        n_edited = len(edit.before) + len(edit.after)
        # Of nothing, nothing is known that a first part could be compared with.
        if self._checked is not None and len(self._checked.ids) and n_edited <= _MANY:
            self._checked = recheck(opened.drawing.tree, edit, self._checked)
            self.changed.emit(self._checked.findings)
        self._pause.start()

    def check(self) -> None:
        """Check the tracing whole, as it is now."""
        opened = self._opened
        if opened is None:
            return
        # The worker gets the tree of this moment, which no edit changes any more.
        tree, image, n_edits = opened.drawing.tree.tree(), opened.image, self._n_edits

        def work() -> Checked:
            from annotator.analysis.tracing.checks import check_tree
            from annotator.analysis.tracing.recheck import remember

            return remember(tree, check_tree(tree, image))

        def show(checked: Checked) -> None:
            self.checking.emit(False)
            if n_edits == self._n_edits:
                self._checked = checked
                self.changed.emit(checked.findings)
            else:
                self._pause.start()

        def fail(error: Exception) -> None:
            self.checking.emit(False)
            self.failed.emit(error)

        self.checking.emit(True)
        self._background.run(_KEY, work, show, fail)

    def findings(self) -> tuple[TraceFinding, ...]:
        """Return what is known now."""
        return () if self._checked is None else self._checked.findings
