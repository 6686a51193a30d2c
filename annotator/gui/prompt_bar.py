"""Beside the tools: which prompt model answers, and what dragging draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QWidget

from annotator.gui.buttons import label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.api import PromptKind
    from annotator.session.prompts import PromptOption

DRAGS: tuple[tuple[PromptKind, str, str], ...] = (
    ("box", "Box", "a box around the object"),
    ("scribble", "Scribble", "a line along it; so does Shift + drag"),
    ("lasso", "Lasso", "an outline around it on this slice"),
)


class PromptBar(QWidget):
    """Shown while the tool that points is in hand."""

    model_chosen = Signal(str)
    drag_chosen = Signal(str)

    def __init__(self, height: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._options: tuple[PromptOption, ...] = ()
        self.models = QComboBox()
        self.models.setAccessibleName("Prompt model")
        self.models.setMinimumContentsLength(20)
        self.models.activated.connect(self._pick_model)
        self.drags = QComboBox()
        self.drags.setAccessibleName("What dragging draws")
        for kind, title, what in DRAGS:
            self.drags.addItem(title, kind)
            last = self.drags.count() - 1
            self.drags.setItemData(last, f"Drag: {what}.", Qt.ItemDataRole.ToolTipRole)
        self.drags.setToolTip(
            "What dragging draws: "
            + "; ".join(f"{title}: {what}" for _, title, what in DRAGS)
            + ". With Ctrl it shows what is not meant."
        )
        self.drags.activated.connect(lambda _: self.drag_chosen.emit(self.drag))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2, 0, 2, 0)
        layout.setSpacing(6)
        for widget in (label("Answers:"), self.models, label("Drag:"), self.drags):
            layout.addWidget(widget)
        for box in (self.models, self.drags):
            box.setFixedHeight(height)
        self.setFixedHeight(height)
        self.set_options(())

    @property
    def drag(self) -> PromptKind:
        """What dragging draws."""
        kind: PromptKind = self.drags.currentData()
        return kind

    @property
    def option(self) -> PromptOption | None:
        """The model that is chosen."""
        place = self.models.currentIndex()
        return self._options[place] if 0 <= place < len(self._options) else None

    def set_options(self, options: Sequence[PromptOption]) -> None:
        """Offer these models, one that cannot be used here greyed out with its reason."""
        before = self.option.name if self.option is not None else ""
        self._options = tuple(options)
        self.models.clear()
        items = self.models.model()
        for place, option in enumerate(self._options):
            self.models.addItem(option.title)
            about = option.refusal or f"{option.limits} Licence: {option.licence}."
            self.models.setItemData(place, about, Qt.ItemDataRole.ToolTipRole)
            if option.refusal is not None and isinstance(items, QStandardItemModel):
                items.item(place).setEnabled(False)
        usable = [n for n, option in enumerate(self._options) if option.refusal is None]
        kept = [n for n in usable if self._options[n].name == before]
        self.models.setCurrentIndex((kept or usable or [-1])[0])
        self.models.setEnabled(bool(usable))
        self._say()

    def _pick_model(self) -> None:
        self._say()
        if self.option is not None:
            self.model_chosen.emit(self.option.name)

    def _say(self) -> None:
        option = self.option
        about = "" if option is None else f" {option.limits} Licence: {option.licence}."
        self.models.setToolTip(f"Which model answers when you point.{about}")
