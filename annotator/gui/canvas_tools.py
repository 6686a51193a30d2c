"""What the shared actions of a canvas ask of whoever has it: a mask's tools, or a tracing's."""

from __future__ import annotations

from typing import Protocol


class CanvasTools(Protocol):
    """Views, undo and redo of the canvas that is worked on."""

    are_marks_hidden: bool

    @property
    def is_drawing(self) -> bool:
        """Whether there is something to draw on."""
        ...

    @property
    def has_canvas(self) -> bool:
        """Whether a case is on the canvas."""
        ...

    def hide_marks(self, on: bool) -> None:
        """Hide what is drawn, or show it again."""
        ...

    def switch_layout(self) -> None:
        """Step through the layouts of the views."""
        ...

    def step_slice(self, steps: int) -> None:
        """Go on by slices in the view that was worked in last."""
        ...

    def zoom(self, factor: float) -> None:
        """Zoom the view that was worked in last."""
        ...

    def fit(self) -> None:
        """Show everything."""
        ...

    def undo(self) -> None:
        """Take the last edit back and go where it was."""
        ...

    def redo(self) -> None:
        """Do the edit again that was taken back and go where it is."""
        ...
