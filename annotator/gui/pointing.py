"""From hints to a drawing: asks the prompt model beside the window and shows what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from qtpy.QtCore import QObject, QTimer, Signal

from annotator.domain.errors import AnnotatorError
from annotator.drawing.proposal import Proposal

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from annotator.api import Prompt, PromptAnswer
    from annotator.domain.study import Series
    from annotator.drawing.edit import Edit
    from annotator.gui.background import Background
    from annotator.gui.canvas import Canvas
    from annotator.gui.prompt_bar import PromptBar
    from annotator.session.draft import DraftSession
    from annotator.session.prompts import PromptDesk, PromptOption

TOOL = Proposal.name
PATIENCE_MS = 250
"""After so long it is said on the image that an answer is being worked out."""
_KEY = "prompt"


class Pointed(Protocol):
    """Images that are pointed at, and the draft that the answers are drawn into."""

    @property
    def voxels(self) -> NDArray[Any]:
        """Stored values ``(z, y, x[, channel])``."""

    @property
    def series(self) -> Series:
        """Their facts."""

    @property
    def drawing(self) -> DraftSession:
        """The draft."""


class _Shown(NamedTuple):
    """A prompt that was answered, and whether the answer changed the drawing."""

    prompt: Prompt
    is_step: bool


class Pointing(QObject):
    """The object that a person points at. Belongs to the window's thread.

    Prompts are answered one after another, each one undo step. The process of the model starts
    when the tool is first taken.
    """

    told = Signal(str)
    """What goes on, in words; empty when nothing does."""
    _progress = Signal(float, str)

    def __init__(self, bar: PromptBar, background: Background, parent: QObject) -> None:
        super().__init__(parent)
        self.bar = bar
        self._background = background
        self._canvas: Canvas | None = None
        self._case: Pointed | None = None
        self._make_desk: Callable[[str, Callable[[float, str], None]], PromptDesk] | None = None
        self._desk: PromptDesk | None = None
        self._proposal: Proposal | None = None
        self._shown: list[_Shown] = []
        self._undone: list[_Shown] = []
        self._waiting: list[Prompt] = []
        self._label = 1
        self._is_in_hand = False
        self._is_asking = False
        bar.model_chosen.connect(self._change_model)
        bar.drag_chosen.connect(lambda _: self._set_drag())
        self._progress.connect(self._tell_progress)
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._patience.timeout.connect(
            lambda: self._say("Looking at what you point at… Esc drops it.", lasting=True)
        )

    def connect_canvas(self, canvas: Canvas) -> None:
        """Listen to a canvas; once, when it is made."""
        canvas.prompted.connect(self._point)
        canvas.object_ended.connect(self.next_object)
        canvas.object_dropped.connect(self.drop)
        canvas.edited.connect(self._on_edited)

    def begin(
        self,
        canvas: Canvas,
        case: Pointed,
        make_desk: Callable[[str, Callable[[float, str], None]], PromptDesk],
    ) -> None:
        """Point at another case."""
        self.end()
        self._canvas, self._case, self._make_desk = canvas, case, make_desk
        self._set_drag()

    def offer(self, options: tuple[PromptOption, ...]) -> None:
        """Offer these models for the case."""
        self.bar.set_options(options)
        self._warm_up()
        self._ask()

    def end(self) -> None:
        """Let case and model go."""
        self._forget()
        self._close_desk()
        self._canvas = self._case = self._make_desk = None

    def take_up(self, tool: str) -> None:
        """Show the choices while this tool is in hand, and have the model ready."""
        self._is_in_hand = tool == TOOL
        self.bar.setVisible(self._is_in_hand)
        if not self._is_in_hand:
            self._forget()
        self._warm_up()

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """The prompts of the object in progress, answered or not."""
        return (*(one.prompt for one in self._shown), *self._waiting)

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is still to come."""
        return self._is_asking

    def next_object(self) -> None:
        """Keep what is drawn; the next prompt begins another object."""
        had = bool(self.prompts)
        self._forget()
        if had:
            self.told.emit("Kept. Point at the next object.")

    def drop(self) -> None:
        """Take the object's drawing away, and its prompts; one undo brings the drawing back."""
        proposal = self._proposal
        had = bool(self.prompts)
        self._forget()
        if proposal is not None and self._canvas is not None:
            edit = proposal.withdraw()
            if edit is not None:
                self._canvas.show_edit(TOOL, edit)
        if had:
            self.told.emit("Dropped. Point at an object.")

    def take_back(self) -> bool:
        """Take back a prompt that was not answered yet; False where there is none."""
        if not self._waiting:
            return False
        self._stop_asking()
        self._waiting.pop()
        self._show_hints()
        self._ask()
        return True

    def moved(self, word: str) -> None:
        """Follow an undo or redo of the drawing."""
        self._stop_asking()
        self._waiting.clear()
        if word == "undo" and any(one.is_step for one in self._shown):
            while self._shown:
                one = self._shown.pop()
                self._undone.append(one)
                if one.is_step:
                    break
        elif word == "redo" and any(one.is_step for one in self._undone):
            while self._undone:
                one = self._undone.pop()
                self._shown.append(one)
                if one.is_step:
                    break
        else:
            self._forget()
        self._show_hints()

    def _point(self, prompt: Prompt) -> None:
        option = self.bar.option
        if self._case is None or self._canvas is None or option is None:
            self.told.emit("No prompt model can be used on this case.")
        elif prompt.kind not in option.kinds:
            known = ", ".join(sorted(option.kinds))
            self.told.emit(f"“{option.title}” does not understand a {prompt.kind}; only {known}.")
        else:
            self._add(prompt)

    def _add(self, prompt: Prompt) -> None:
        label = 1 if self._canvas is None else self._canvas.label
        if label != self._label:  # the object so far keeps its own
            self._forget()
        self._label = label
        if prompt in self.prompts[-1:]:  # a double click
            return
        self._undone.clear()
        self._waiting.append(prompt)
        self._show_hints()
        self._ask()

    def _ask(self) -> None:
        """Ask for the first prompt that waits, with all that were answered before."""
        case, desk = self._case, self._ready_desk()
        if self._is_asking or not self._waiting or case is None or desk is None:
            return
        asked = (*(one.prompt for one in self._shown), self._waiting[0])
        voxels, series = case.voxels, case.series

        def work() -> PromptAnswer | None:
            desk.take_in(voxels, series)
            return desk.answer(asked)

        self._is_asking = True
        self._patience.start()
        self._background.run(_KEY, work, self._on_answer, self._on_failure)

    def _on_answer(self, answer: PromptAnswer | None) -> None:
        self._end_asking()
        if answer is None or self._case is None or self._canvas is None or not self._waiting:
            return
        if self._proposal is None:
            surface = self._canvas.surface
            self._proposal = Proposal(
                self._case.drawing.mask,
                value=self._label,
                layer=None if surface is None else surface.of(self._label).layer,
            )
        edit = self._proposal.show(answer.box, answer.mask)
        self._shown.append(_Shown(self._waiting.pop(0), edit is not None))
        if edit is not None:
            self._canvas.show_edit(TOOL, edit)
        self._show_hints()
        self.told.emit(
            "Point again to correct: Ctrl + click takes away. Enter begins a new object, Esc drops "
            "this one."
        )
        self._ask()

    def _on_failure(self, error: Exception) -> None:
        self._end_asking()
        if self._waiting:
            self._shown.append(_Shown(self._waiting.pop(0), is_step=False))
        self._tell_error(error)
        self._ask()

    def _tell_error(self, error: Exception) -> None:
        words = str(error) if isinstance(error, AnnotatorError) else f"It failed: {error}"
        words = words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")
        self.told.emit(words)
        self._say(words)

    def _on_edited(self, tool: str, edit: Edit) -> None:
        del edit
        if tool != TOOL:
            self._forget()

    def _forget(self) -> None:
        self._stop_asking()
        self._proposal = None
        for entries in (self._shown, self._undone, self._waiting):
            entries.clear()
        self._show_hints()

    def _stop_asking(self) -> None:
        if self._is_asking:
            self._background.drop(_KEY)
            self._end_asking()
            if self._desk is not None:
                self._desk.cancel()

    def _show_hints(self) -> None:
        if self._canvas is not None:
            self._canvas.set_hints(self.prompts)

    def _set_drag(self) -> None:
        if self._canvas is not None:
            self._canvas.set_drag_kind(self.bar.drag)

    def _change_model(self, name: str) -> None:
        del name
        self._stop_asking()
        self._close_desk()
        self._warm_up()
        option = self.bar.option
        if option is not None:
            self.told.emit(f"{option.title}. {option.limits} Licence: {option.licence}.")
        self._ask()

    def _warm_up(self) -> None:
        """Have the image with the model before the first prompt."""
        case = self._case
        if not self._is_in_hand or self._desk is not None or case is None:
            return
        desk = self._ready_desk()
        if desk is not None:
            voxels, series = case.voxels, case.series
            self._background.run(
                "prompt image",
                lambda: desk.take_in(voxels, series),
                lambda _: None,
                self._tell_error,
            )

    def _end_asking(self) -> None:
        self._is_asking = False
        self._patience.stop()
        self._say("")

    def _say(self, text: str, *, lasting: bool = False) -> None:
        if self._canvas is not None:
            self._canvas.say(text, lasting=lasting)

    def _ready_desk(self) -> PromptDesk | None:
        option = self.bar.option
        if self._desk is None and self._make_desk is not None and option is not None:
            self._desk = self._make_desk(option.name, self._progress.emit)
        return self._desk

    def _close_desk(self) -> None:
        desk, self._desk = self._desk, None
        self._background.drop("prompt image")
        if desk is not None:
            desk.close()

    def _tell_progress(self, fraction: float, words: str) -> None:
        if self._is_asking:
            self._say(f"{words} ({fraction:.0%})", lasting=True)
