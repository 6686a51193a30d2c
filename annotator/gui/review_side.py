"""The right side of the reviewer's room: the panel of what is open, or nothing."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QWidget

WIDTH = 424


class ReviewSide(QWidget):
    """Holds one panel at a time; hidden without one."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumWidth(WIDTH)
        self._panel: QWidget | None = None
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    def show_panel(self, panel: QWidget) -> None:
        """Show a panel, which is dropped before the next."""
        self._panel = panel
        self._layout.addWidget(panel)
        self.show()

    def drop_panel(self) -> None:
        """Let the panel go."""
        panel, self._panel = self._panel, None
        if panel is not None:
            self._layout.removeWidget(panel)
            panel.hide()
            panel.deleteLater()
        self.hide()
