"""The right side of a case that is traced: how it is shown, what looks wrong, diagnosis, submit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.buttons import Button, label
from annotator.gui.label_palette import swatch
from annotator.gui.reading_panel import ReadingPanel, StartWords
from annotator.gui.rows import Row, RowList
from annotator.gui.tracing.coloring import (
    COLOR_MODES,
    COLOR_TITLES,
    TYPE_COLORS,
    TYPE_NAMES,
    ColorMode,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QResizeEvent

    from annotator.domain.schema import LabelSchema
    from annotator.domain.tracing import Severity, TraceFinding

MAX_SHOWN = 200
"""Findings in the list; there are more where a tracing is hopeless."""
_LIST_HEIGHT = 210
_ROWS = 4
_TONES: dict[Severity, str] = {"error": "bad", "warning": "caution", "hint": "info"}
_WORDS = StartWords(
    offer="Start from a program:",
    explanation="Puts it in place of your tracing.",
    started="Started from {}",
    unknown="Started from an automatic tracing",
)


def check_words(check: str) -> str:
    """Return the name of a check as it is read: ``sharp-turn`` is "Sharp turn"."""
    words = check.replace("-", " ")
    return words[:1].upper() + words[1:]


class TraceLook(QWidget):
    """Type of new nodes, colours, thickness of the slab, and what is outside of it."""

    type_chosen = Signal(int)
    color_chosen = Signal(str)
    slab_chosen = Signal(float)
    outside_chosen = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.types = QComboBox()
        self.types.setAccessibleName("Type of new nodes")
        self.types.setToolTip(
            "Type of new paths, and what the tool for types gives. Keys 1 to 4 choose soma, axon, "
            "dendrite, apical dendrite."
        )
        for number in (*range(1, len(TYPE_NAMES)), 0):
            key = f"  ({number})" if number else ""
            self.types.addItem(
                swatch(TYPE_COLORS[number]), f"{TYPE_NAMES[number].capitalize()}{key}", number
            )
        self.types.setCurrentIndex(self.types.findData(0))
        self.types.activated.connect(lambda _: self.type_chosen.emit(self.types.currentData()))
        self.colors = QComboBox()
        self.colors.setAccessibleName("Colours of the tracing")
        self.colors.setToolTip("What the colours of the tracing tell (K goes on to the next).")
        for mode in COLOR_MODES:
            self.colors.addItem(COLOR_TITLES[mode], mode)
        self.colors.activated.connect(lambda _: self.color_chosen.emit(self.colors.currentData()))
        self.slab = QDoubleSpinBox()
        self.slab.setAccessibleName("Thickness of the slab")
        self.slab.setToolTip(
            "Each view shows the brightest of a slab of this thickness. Keys [ and ] make it "
            "thinner, thicker."
        )
        self.slab.setRange(0.01, 100_000.0)
        self.slab.setDecimals(1)
        self.slab.setSuffix(" µm")
        self.slab.setKeyboardTracking(False)
        self.slab.lineEdit().setTextMargins(5, 0, 0, 0)
        self.slab.valueChanged.connect(self.slab_chosen)
        self.outside = QCheckBox("Show faintly what lies outside")
        self.outside.setChecked(True)
        self.outside.setAccessibleName("Show what lies outside the slab")
        self.outside.setToolTip("Paint the parts of the tracing outside the slab faintly (F).")
        self.outside.toggled.connect(self.outside_chosen)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(6)
        layout.setColumnStretch(1, 1)
        for row, (words, widget) in enumerate(
            (("Type", self.types), ("Colours", self.colors), ("Slab", self.slab))
        ):
            layout.addWidget(label(words, "muted"), row, 0)
            layout.addWidget(widget, row, 1)
        layout.addWidget(self.outside, 3, 0, 1, 2)

    def show_type(self, node_type: int) -> None:
        """Show the type of new nodes."""
        self.types.setCurrentIndex(self.types.findData(node_type))

    def show_color(self, mode: ColorMode) -> None:
        """Show what the colours tell."""
        self.colors.setCurrentIndex(self.colors.findData(mode))

    def show_slab(self, slab_um: float) -> None:
        """Show the thickness without telling it as a change."""
        self.slab.blockSignals(True)
        self.slab.setValue(slab_um)
        self.slab.blockSignals(False)

    def show_outside(self, on: bool) -> None:
        """Show whether what is outside is painted, without telling it."""
        self.outside.blockSignals(True)
        self.outside.setChecked(on)
        self.outside.blockSignals(False)


class TraceFindings(QWidget):
    """What looks wrong, the most at stake first; picking one flies there."""

    picked = Signal(int)
    """Place in the findings."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._findings: tuple[TraceFinding, ...] = ()
        self._is_checking = self._is_traced = False
        self.words = label("", "muted", wrap=True)
        self.list = RowList(
            "What looks wrong",
            "Checks of shape and image, the most cable at stake first. Pick one to go there.",
        )
        self.list.picked.connect(lambda key: self.picked.emit(int(key)))
        self.previous = Button(
            "Previous", "Go to the finding before (,).", lambda: self.step(-1), icon_name="previous"
        )
        self.next = Button(
            "Next", "Go to the next finding (.).", lambda: self.step(1), icon_name="next"
        )
        row = QHBoxLayout()
        row.addWidget(self.previous, 1)
        row.addWidget(self.next, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.words)
        layout.addWidget(self.list)
        layout.addLayout(row)
        self.show_findings(())

    @property
    def current(self) -> int | None:
        """Place of the finding that was picked."""
        key = self.list.current_key()
        return None if key is None else int(key)

    def show_findings(self, findings: Sequence[TraceFinding], *, is_traced: bool = False) -> None:
        """List these; the one that was picked stays picked where it is still there."""
        self._is_traced = is_traced
        kept = self._kept(findings)
        self._findings = tuple(findings)
        self.list.clear()
        self.list.set_rows(
            [
                Row(
                    key=str(place),
                    title=check_words(finding.check),
                    detail=finding.why,
                    chip=finding.severity,
                    tone=_TONES[finding.severity],
                    tooltip=f"{finding.why}\n{finding.impact_um:.0f} µm of cable at stake.",
                )
                for place, finding in enumerate(self._findings[:MAX_SHOWN])
            ]
        )
        if kept is not None and kept < MAX_SHOWN:
            self.list.set_current(str(kept))
        self._fit()
        self._say()

    def show_checking(self, on: bool) -> None:
        """Say whether the whole tracing is being checked."""
        self._is_checking = on
        self._say()

    def step(self, steps: int) -> None:
        """Go to the next finding, or the one before, and round the end."""
        n_shown = self.list.count()
        if not n_shown:
            return
        at = self.current
        place = (0 if steps > 0 else n_shown - 1) if at is None else (at + steps) % n_shown
        self.list.set_current(str(place))
        self.picked.emit(place)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the list anew: a row's height depends on the width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Make the list as tall as its rows, within bounds."""
        rows = range(min(self.list.count(), _ROWS))
        needed = sum(self.list.sizeHintForRow(row) for row in rows)
        self.list.setFixedHeight(min(max(needed + 6, 40), _LIST_HEIGHT))

    def _kept(self, findings: Sequence[TraceFinding]) -> int | None:
        at = self.current
        if at is None or at >= len(self._findings):
            return None
        old = self._findings[at]
        return next(
            (
                place
                for place, new in enumerate(findings)
                if (new.check, new.node_id) == (old.check, old.node_id)
            ),
            None,
        )

    def _say(self) -> None:
        n_found = len(self._findings)
        n_errors = sum(finding.severity == "error" for finding in self._findings)
        if n_found:
            words = f"{n_found} to look at" + (f", {n_errors} errors" if n_errors > 1 else "")
            words += ", 1 error" if n_errors == 1 else ""
            words += f"; the first {MAX_SHOWN} are listed" if n_found > MAX_SHOWN else ""
        else:
            words = "Nothing looks wrong." if self._is_traced else "Nothing is traced yet."
            words = "" if self._is_checking else words
        if self._is_checking:
            words = f"{words}; checking…" if words else "Checking…"
        self.words.setText(words)
        for widget in (self.list, self.previous, self.next):
            widget.setVisible(bool(n_found))


class TracePanel(ReadingPanel):
    """How the tracing is shown, what looks wrong, the diagnosis form and the submit button."""

    def __init__(self, schema: LabelSchema, parent: QWidget | None = None) -> None:
        self.look = TraceLook()
        self.findings = TraceFindings()
        work = [("Tracing", self.look), ("What looks wrong", self.findings)]
        super().__init__(schema, work, _WORDS, parent)
