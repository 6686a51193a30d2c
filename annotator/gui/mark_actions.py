"""Actions on the marks of a case: delete, show, list, copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.gui.actions import Action

if TYPE_CHECKING:
    from annotator.gui.mark_desk import MarkDesk
    from annotator.gui.window import MainWindow

_ROOMS = ("rater",)


def _marks(window: MainWindow) -> MarkDesk:
    return window.rater.masks.marks


def _can_draw(window: MainWindow) -> bool:
    return window.rater.tools.is_drawing


MARK_ACTIONS: tuple[Action, ...] = (
    Action(
        key="mark.delete",
        text="Delete mark",
        tooltip="Take the point, line, angle, area or box away that is chosen.",
        shortcut=("Delete",),
        rooms=_ROOMS,
        menu="Edit",
        run=lambda window: _marks(window).delete(),
        enabled=lambda window: _marks(window).chosen is not None,
    ),
    Action(
        key="mark.show",
        text="Points, lines and boxes",
        tooltip="Show points, lines, angles, areas and boxes on the image, or hide them.",
        shortcut=("Alt+H",),
        rooms=_ROOMS,
        menu="View",
        run=lambda window: _marks(window).show_marks(not _marks(window).is_shown),
        enabled=_can_draw,
        checked=lambda window: _marks(window).is_shown,
    ),
    Action(
        key="mark.list",
        text="List of points, lines and boxes",
        tooltip="Unfold or fold the list of what was set and measured on this case.",
        shortcut=("Alt+W",),
        rooms=_ROOMS,
        menu="View",
        run=lambda window: _marks(window).turn_panel(),
        enabled=_can_draw,
        checked=lambda window: _marks(window).is_panel_open,
    ),
    Action(
        key="mark.copy",
        text="Copy table of measurements",
        tooltip="Copy all points, lines, angles, areas and boxes with what they measure.",
        rooms=_ROOMS,
        menu="Edit",
        run=lambda window: _marks(window).copy(),
        enabled=lambda window: bool(_marks(window).marks),
    ),
)
