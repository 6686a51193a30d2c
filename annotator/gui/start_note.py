"""What became of the model's drawing that a reading started from, said while it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from annotator.gui.background import Background
    from annotator.gui.mask_panel import MaskPanel
    from annotator.session.open_case import OpenCase

_KEY = "changed share"
_PAUSE_MS = 700


class StartNote(QObject):
    """Keeps the panel's words on the start up to date; counts on a worker thread, in pauses."""

    def __init__(self, background: Background, parent: QObject) -> None:
        super().__init__(parent)
        self._background = background
        self._opened: OpenCase | None = None
        self._panel: MaskPanel | None = None
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._count)

    def follow(self, opened: OpenCase | None, panel: MaskPanel | None) -> None:
        """Speak of this case from now on, or of none."""
        self._pause.stop()
        self._background.drop(_KEY)
        self._opened, self._panel = opened, panel
        self.show_start()

    def show_start(self) -> None:
        """Say anew what the reading started from, or offer what it can start from."""
        if self._opened is None or self._panel is None:
            return
        started_from = self._opened.drawing.draft.started_from_id
        self._panel.show_suggestions(self._opened.suggestions, started_from)
        if started_from is not None:
            self._count()

    def touch(self) -> None:
        """Count again when the hand rests: something was drawn, undone or done again."""
        opened, panel = self._opened, self._panel
        if opened is None or panel is None:
            return
        if opened.drawing.draft.started_from_id != panel.started_from:
            self.show_start()
        elif panel.started_from is not None:
            self._pause.start()

    def _count(self) -> None:
        opened, panel = self._opened, self._panel
        if opened is not None and panel is not None:
            # A number beside the drawing is not worth a message where it cannot be had.
            self._background.run(
                _KEY, opened.drawing.changed_share, panel.show_changed, lambda _: None
            )
