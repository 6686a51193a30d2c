"""What every tool that is pointed with shares: one use of it, from the first press to its edit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from annotator.domain.marks import Mark
    from annotator.domain.reading import Box
    from annotator.domain.schema import Landmark
    from annotator.drawing.edit import Edit, EditRecorder, Point
    from annotator.drawing.options import Chosen, Option
    from annotator.drawing.surface import Surface

    Work = Callable[[Callable[[], bool]], Any]


class NothingToDoError(AnnotatorError):
    """A gesture has nothing to change; what it says is for the person to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Markings:
    """The marks that there are: what tools that leave marks must know.

    ``next_id`` is what a new mark is called; ``landmark`` is the one in hand.
    """

    marks: tuple[Mark, ...] = ()
    next_id: int = 1
    landmark: Landmark | None = None


UNMARKED = Markings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is set when a tool is taken up.

    ``label`` is drawn, 0 erases; ``is_3d`` lets the tool work in the volume where it can;
    ``chosen`` holds a value for every option of the tool. A place is taken hold of within
    ``reach_mm``.
    """

    label: int
    diameter_mm: float = 10.0
    is_3d: bool = False
    chosen: Mapping[str, Chosen] = field(default_factory=dict)
    reach_mm: float = 0.0
    markings: Markings = UNMARKED


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """A line to paint, ``(n, 3)`` array positions; dashed where it is only offered."""

    points: NDArray[Any]
    is_closed: bool = False
    is_dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Preview:
    """What a view shows of a gesture that is not finished.

    ``anchors`` are places that can be taken hold of, ``ring`` the one under the pointer; ``text``
    is written at the pointer. ``mark`` is shown in place of the kept one with its number.
    """

    lines: tuple[Line, ...] = ()
    anchors: tuple[Point, ...] = ()
    text: str = ""
    ring: Point | None = None
    mark: Mark | None = None


NOTHING = Preview()


class Gesture:
    """One use of a tool on one slice (or from it): what a class of tools inherits.

    The canvas calls what the mouse and keys do; each call returns the box that was written to, or
    None. When ``is_done`` is True it calls ``finish``. Where ``work`` is set it runs that in a
    thread (with a function that says whether it was cancelled) and hands ``take`` the result.

    Parameters
    ----------
    plane : int
        Array axis that the view looks along.
    index : int
        Slice of that view.
    """

    name: ClassVar[str]
    """Stable, and what the history calls the edit."""
    title: ClassVar[str]
    has_size: ClassVar[bool] = False
    """Whether the pointer shows the outline of a brush, and ``[`` and ``]`` mean something."""
    watches: ClassVar[bool] = False
    """Whether a gesture begins when the pointer enters a view, to preview before the press."""
    needs_image: ClassVar[bool] = False
    options: ClassVar[tuple[Option, ...]] = ()
    advice: ClassVar[str] = ""
    """One sentence, shown when the tool is taken up: what to do with it."""

    def __init__(self, surface: Surface, held: Held, *, plane: int, index: int) -> None:
        self.surface = surface
        self.held = held
        self.plane = plane
        self.index = index
        self.is_done = False
        self.work: Work | None = None
        self._recorder: EditRecorder = surface.recorder()

    @property
    def has_begun(self) -> bool:
        """Whether dropping it would lose something that the person did."""
        return True

    @property
    def was_refused(self) -> bool:
        """Whether the rules of the surface forbade something that it would have changed."""
        return self._recorder.was_refused

    @property
    def preview(self) -> Preview:
        """What is seen of it now."""
        return NOTHING

    def hover(self, at: Point) -> None:
        """Follow the pointer while no button is held."""

    def press(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Begin, or go on, where the button went down; a pen's ``pressure`` runs from 0 to 1."""
        return None

    def drag(self, at: Point, pressure: float = 1.0) -> Box | None:
        """Follow the pointer with the button held."""
        return None

    def release(self) -> Box | None:
        """End what the button was held for."""
        return None

    def confirm(self) -> Box | None:
        """Mean it as it is now: Enter, a right click or a double click."""
        return None

    def step_back(self) -> bool:
        """Take the last step inside the gesture back; False where there is none."""
        return False

    def take(self, result: Any) -> Box | None:  # noqa: ANN401 - whatever its own work returned
        """Go on with what ``work`` returned."""
        return None

    @property
    def is_behind(self) -> bool:
        """Whether what it drew is too large to be written while the window waits."""
        return self._recorder.is_behind

    def catch_up(self) -> None:
        """Write that, beside the window."""
        self._recorder.catch_up()

    def finish(self) -> Edit | None:
        """Return what it changed, or None where that is nothing."""
        return self._recorder.finish()

    def cancel(self) -> Box | None:
        """Put everything back as it was; returns the box that was."""
        return self._recorder.revert()
