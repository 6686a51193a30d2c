"""How many of their cases raters read without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QSpinBox

from annotator.gui.buttons import Button, label
from annotator.gui.control_page import ControlPage

if TYPE_CHECKING:
    from annotator.gui.background import Background
    from annotator.session.quality import QualityDesk


class WithoutModelPage(ControlPage):
    """A share in percent, kept when it is asked for."""

    def __init__(self, quality: QualityDesk, background: Background, *, share: float) -> None:
        super().__init__(quality, background)
        self.share = QSpinBox()
        self.share.setRange(0, 100)
        self.share.setSingleStep(5)
        self.share.setSuffix(" %")
        self.share.setValue(round(100 * share))
        self.share.setAccessibleName("Share of cases that are read without a model")
        self.share.setToolTip(
            "Of each rater's cases, drawn by lot; which ones cannot be told beforehand."
        )
        self.keep = Button(
            "Keep", "Let raters read this share of their cases without a model.", self._keep,
            kind="primary",
        )  # fmt: skip
        self.now = label("", wrap=True)
        self.now.setAccessibleName("What holds now")
        self._say(round(100 * share))
        row = QHBoxLayout()
        row.addWidget(label("Cases that a rater reads without a model"))
        row.addWidget(self.share)
        row.addWidget(self.keep)
        row.addStretch(1)
        self._layout.addWidget(
            label(
                "Whoever starts from a model's drawing may be drawn towards it, right or wrong. "
                "A share of cases that raters read without one shows how far: the report compares "
                "them with the others. 20 % are enough where several people read many cases. "
                "Readings that are submitted, and drafts that began from a model, stay as they "
                "are.",
                "muted",
                wrap=True,
            )
        )
        self._layout.addWidget(self.now)
        self._layout.addLayout(row)
        self._layout.addStretch(1)
        self._layout.setAlignment(Qt.AlignmentFlag.AlignTop)

    def _keep(self) -> None:
        percent, quality = self.share.value(), self._quality

        def done(_: object) -> None:
            self._say(percent)
            self.told.emit(self.now.text())

        self._run("without model", lambda: quality.set_share_without_model(percent / 100), done)

    def _say(self, percent: int) -> None:
        self.now.setText(
            f"Raters read {percent} % of their cases without a model now. What came of it stands "
            "in the report under Quality, as soon as both kinds of cases were read."
            if percent
            else "Raters are offered models' drawings on every case now."
        )
