"""Operations in the window: worked out beside it, shown as a suggestion, accepted or dropped."""

from __future__ import annotations

import threading
from math import prod
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from annotator.domain.errors import AnnotatorError, CancelledError
from annotator.drawing.edit import box_slices
from annotator.drawing.operation import Asked, apply, label_change, mask_change, trimmed
from annotator.drawing.slide_surface import SlideSurface
from annotator.drawing.tools import OPERATIONS
from annotator.gui.option_form import kept_options
from annotator.gui.suggestion import Suggestion

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.domain.reading import Box
    from annotator.domain.schema import LabelSchema
    from annotator.drawing.operation import Change, Operation
    from annotator.drawing.options import Chosen
    from annotator.drawing.surface import Surface
    from annotator.gui.background import Background
    from annotator.gui.canvas import Canvas
    from annotator.gui.operation_panel import OperationPanel
    from annotator.gui.settings import Settings

_KEY = "operation"
_AGAIN_MS = 200
"""An option or a stroke is followed by the next suggestion this much later."""
_NOT_ON_SLIDES = (
    "This looks at the whole image, and a whole slide is too large for it. Use the tools that are "
    "pointed with: brush, polygon, lasso, livewire, fill, region growing."
)
_ADVICE = "Suggestion: Enter accepts, Shift+Enter this slice only, Esc drops."


class _Watch(QObject):
    """Progress of one work: told in the window's thread, stopped from there."""

    told = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.is_stopped = threading.Event()
        self._last = -1

    def __call__(self, share: float) -> None:
        if self.is_stopped.is_set():
            raise CancelledError("The operation was stopped; nothing was changed.")
        percent = round(100 * share)
        if percent != self._last:
            self._last = percent
            self.told.emit(percent)


class OperationDesk(QObject):
    """One operation at a time, over the mask that is drawn on.

    What it suggests is shown by the canvas and never written before it is accepted. An operation
    that is live is worked out again after each stroke.
    """

    told = Signal(str)
    opened = Signal(bool)

    def __init__(self, background: Background, settings: Settings, parent: QObject) -> None:
        super().__init__(parent)
        self._background = background
        self._settings = settings
        self._canvas: Canvas | None = None
        self._panel: OperationPanel | None = None
        self._schema: LabelSchema | None = None
        self._watch: _Watch | None = None
        self._suggestion: Suggestion | None = None
        self._label = 0
        self._is_accepting = False
        self._again = QTimer(self, singleShot=True, interval=_AGAIN_MS)
        self._again.timeout.connect(self.preview)

    # the case

    def connect_canvas(self, canvas: Canvas) -> None:
        """Listen to a canvas; once, when it is made."""
        canvas.edited.connect(self.mask_changed)
        canvas.suggestion_answered.connect(self._answer)

    def begin(self, canvas: Canvas, panel: OperationPanel, schema: LabelSchema) -> None:
        """Work on the case that is shown from now on."""
        self._canvas, self._panel, self._schema = canvas, panel, schema
        for signal, slot in self._wires(panel):
            signal.connect(slot)
        if OPERATIONS:
            self._choose(panel.operation)

    def end(self) -> None:
        """Let the case go."""
        self.close()
        if self._panel is not None:
            for signal, slot in self._wires(self._panel):
                signal.disconnect(slot)
        self._canvas = self._panel = self._schema = None

    def _wires(self, panel: OperationPanel) -> tuple[tuple[Any, Callable[..., object]], ...]:
        """Return what of a panel is listened to, and by whom."""
        return (
            (panel.chosen, self._choose),
            (panel.changed, self._set),
            (panel.preview_wanted, self.preview),
            (panel.stop_wanted, self.drop),
            (panel.accept_wanted, self._accept),
            (panel.drop_wanted, self.drop),
            (panel.close_wanted, self.close),
        )

    # the panel

    @property
    def is_open(self) -> bool:
        """Whether the panel is open."""
        return self._panel is not None and not self._panel.isHidden()

    @property
    def is_working(self) -> bool:
        """Whether an operation is being worked out."""
        return self._watch is not None

    @property
    def has_suggestion(self) -> bool:
        """Whether a suggestion is shown."""
        return self._suggestion is not None

    def turn(self) -> None:
        """Open the panel, or close it."""
        if self.is_open:
            self.close()
        elif self._panel is not None:
            self._panel.show()
            self.opened.emit(True)

    def close(self) -> None:
        """Close the panel and drop what it suggested."""
        self.drop()
        if self._panel is not None:
            self._panel.hide()
            self.opened.emit(False)

    def start(self, name: str) -> None:
        """Open the panel with an operation and work out what it suggests."""
        if self._panel is None:
            return
        if not self.is_open:
            self.turn()
        self._choose(name)
        self.preview()

    def _choose(self, name: str) -> None:
        self.drop()
        if self._panel is not None:
            kept = self._settings.tool_options.get(name, {})
            chosen = kept_options(OPERATIONS[name].options, kept, self._schema)
            self._panel.show_operation(name, chosen)
            if self._canvas is not None and isinstance(self._canvas.surface, SlideSurface):
                self._panel.show_state("idle", _NOT_ON_SLIDES)

    def _set(self) -> None:
        """Keep what was set; what is suggested follows it."""
        panel = self._panel
        if panel is not None:
            self._settings.tool_options[panel.operation] = panel.values()
            if self.has_suggestion or self.is_working:
                self._again.start()

    # working it out

    def preview(self) -> None:
        """Work out what the operation would change, beside the window, and show it."""
        canvas, panel = self._canvas, self._panel
        surface = None if canvas is None else canvas.surface
        if canvas is None or panel is None or surface is None:
            return
        if isinstance(surface, SlideSurface):
            panel.show_state("idle", _NOT_ON_SLIDES)
            return
        self._stop()
        operation = OPERATIONS[panel.operation]
        self._label = canvas.label
        surface = surface.of(self._label)
        watch = self._watch = _Watch()
        watch.told.connect(panel.progress.setValue)
        panel.show_state("working", "")
        asked = self._asked(canvas, panel.values())
        self._background.run(
            _KEY,
            lambda: _worked(operation, surface, asked, watch),
            self._show,
            self._fail,
        )

    def _asked(self, canvas: Canvas, chosen: dict[str, Chosen]) -> Asked:
        plane = canvas.plane_in_hand
        labels = () if self._schema is None else self._schema.labels
        return Asked(
            label=canvas.label,
            plane=plane.axis,
            index=canvas.position[plane.axis],
            at=canvas.position,
            values=tuple(label.value for label in labels),
            screen=(plane.row_axis, plane.column_axis),
            chosen=chosen,
        )

    def _show(self, found: Suggestion | None) -> None:
        canvas, panel = self._canvas, self._panel
        self._watch = None
        if canvas is None or panel is None:
            return
        self._suggestion = found
        canvas.show_suggestion(found, "" if found is None else _ADVICE)
        if found is None:
            panel.show_state("idle", "Nothing would change.")
            self.told.emit(f"{OPERATIONS[panel.operation].title}: nothing would change.")
            return
        surface = canvas.surface
        size = "" if surface is None else _size(surface, found.n_voxels)
        again = " Strokes change what is suggested." if OPERATIONS[panel.operation].is_live else ""
        panel.show_state("suggested", f"{size} would change.{again}")
        canvas.setFocus()

    def _fail(self, error: Exception) -> None:
        self._watch = None
        if self._panel is None or isinstance(error, CancelledError):
            return
        self._clear()
        if not isinstance(error, AnnotatorError):
            self._background.failed.emit(_KEY, error)
        from annotator.jobs.parameters import with_labels

        words = str(error)
        if self._schema is not None:  # operations know labels by their numbers
            (words,) = with_labels([words], self._schema)
        self._panel.show_state("idle", words)
        self.told.emit(words)

    # answering

    def accept(self, *, slice_only: bool = False) -> bool:
        """Write what is suggested, whole or on the slice in hand, as one edit."""
        canvas, suggestion = self._canvas, self._suggestion
        surface = None if canvas is None else canvas.surface
        if canvas is None or surface is None or suggestion is None or self._panel is None:
            return False
        surface = surface.of(self._label)
        change: Change | None = label_change(surface, suggestion.on(surface.mask))
        if slice_only and change is not None:
            change = change.within(_slice_box(surface, canvas))
        edit = None if change is None else apply(surface, change)
        if edit is None:
            self.told.emit("Nothing is suggested on this slice." if slice_only else "No change.")
            return False
        name = self._panel.operation
        self._is_accepting = True
        if not slice_only:
            self._clear()
        canvas.show_edit(name, edit)
        self._is_accepting = False
        if slice_only:
            self._show_rest(surface)
        else:
            self._panel.show_state("idle", "Accepted. One undo (Z) takes it back.")
        return True

    def _show_rest(self, surface: Surface) -> None:
        """Go on with what is suggested on other slices."""
        suggestion = self._suggestion
        if suggestion is None:
            return
        rest = trimmed(surface, label_change(surface, suggestion.on(surface.mask)))
        if rest is None:
            self.drop()
        else:
            self._show(_suggestion(surface, rest))

    def drop(self) -> bool:
        """Take the suggestion away, and stop what is worked out; False where there was neither."""
        had = self.has_suggestion or self.is_working
        self._stop()
        self._clear()
        if had and self._panel is not None:
            self._panel.show_state("idle", "")
        return had

    def take_back(self) -> bool:
        """Take the suggestion away as the last step; a live one stays, and follows the mask."""
        panel = self._panel
        if panel is None or not self.has_suggestion or OPERATIONS[panel.operation].is_live:
            return False
        return self.drop()

    def mask_changed(self) -> None:
        """Something else was written to the mask: what is suggested no longer holds."""
        if self._is_accepting or self._panel is None or not (self.has_suggestion or self._watch):
            return
        if OPERATIONS[self._panel.operation].is_live and self.is_open:
            self._again.start()
        else:
            self.drop()

    def _accept(self, slice_only: bool) -> None:
        self.accept(slice_only=slice_only)

    def _answer(self, answer: str) -> None:
        if answer == "drop":
            self.drop()
        else:
            self.accept(slice_only=answer == "slice")

    def _stop(self) -> None:
        self._again.stop()
        if self._watch is not None:
            self._watch.is_stopped.set()
            self._watch = None
            self._background.drop(_KEY)

    def _clear(self) -> None:
        if self._suggestion is not None:
            self._suggestion = None
            if self._canvas is not None:
                self._canvas.show_suggestion(None, "")


def _worked(
    operation: Operation, surface: Surface, asked: Asked, watch: _Watch
) -> Suggestion | None:
    """Return what would change under the rules, off the window's thread."""
    change = operation.run(surface, asked, watch)
    kept = None if change is None else trimmed(surface, change)
    if kept is None:
        return None
    return _suggestion(surface, kept)


def _suggestion(surface: Surface, change: Change) -> Suggestion:
    """Return a change of labels as the views show it, by what the mask holds."""
    before = surface.mask[box_slices(change.box)].copy()
    return Suggestion(mask_change(surface, change), before)


def _slice_box(surface: Surface, canvas: Canvas) -> Box:
    low, high = [0, 0, 0], list(surface.shape)
    axis = canvas.plane_in_hand.axis
    low[axis] = canvas.position[axis]
    high[axis] = low[axis] + 1
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def _size(surface: Surface, n_voxels: int) -> str:
    """Say how much so many voxels are."""
    if surface.shape[0] == 1 or surface.unit != "mm":
        return f"{n_voxels:,} pixels"
    ml = prod(surface.spacing_mm) * n_voxels / 1000
    return f"{n_voxels:,} voxels ({f'{ml:,.0f}' if ml >= 100 else f'{ml:.3g}'} ml)"
