"""Actions on series that are shown beside the case that is drawn on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.gui.actions import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.gui.beside_desk import BesideDesk
    from annotator.gui.companion_pane import CompanionPane
    from annotator.gui.window import MainWindow

_ROOMS = ("rater",)
_MENU = "View/Series beside the case"


def _desk(window: MainWindow) -> BesideDesk:
    return window.rater.masks.beside


def _pane(window: MainWindow) -> CompanionPane | None:
    return _desk(window).pane


def _has_case(window: MainWindow) -> bool:
    return window.canvas_tools().has_canvas and not window.rater.is_tracing


def _with_pane(
    name: str,
    text: str,
    key: str,
    tooltip: str,
    run: Callable[[CompanionPane], None],
    checked: Callable[[CompanionPane], bool] | None = None,
) -> Action:
    def run_on(window: MainWindow) -> None:
        pane = _pane(window)
        if pane is not None:
            run(pane)

    def is_checked(window: MainWindow) -> bool:
        pane = _pane(window)
        return pane is not None and checked is not None and checked(pane)

    return Action(
        key=f"beside.{name}",
        text=text,
        tooltip=tooltip,
        shortcut=(key,) if key else (),
        rooms=_ROOMS,
        menu=_MENU,
        run=run_on,
        enabled=lambda window: _has_case(window) and _pane(window) is not None,
        checked=None if checked is None else is_checked,
    )


BESIDE_ACTIONS: tuple[Action, ...] = (
    Action(
        key="beside.show",
        text="Beside another series",
        tooltip="Show the case beside another series of its study, or an earlier study.",
        shortcut=("Alt+V",),
        icon="beside",
        rooms=_ROOMS,
        menu=_MENU,
        run=lambda window: _desk(window).switch(),
        enabled=_has_case,
        checked=lambda window: _has_case(window) and _desk(window).is_shown,
    ),
    Action(
        key="beside.plane",
        text="Next plane",
        tooltip="Where one view is shown: axial, coronal or sagittal.",
        shortcut=("Alt+X",),
        rooms=_ROOMS,
        menu=_MENU,
        run=lambda window: _desk(window).turn(),
        enabled=_has_case,
    ),
    Action(
        key="beside.next",
        text="Next series beside the case",
        tooltip="Show the next series of the study, or the study before.",
        shortcut=("Alt+N",),
        rooms=_ROOMS,
        menu=_MENU,
        run=lambda window: _desk(window).next(),
        enabled=lambda window: _has_case(window) and len(_desk(window).companions) > 1,
    ),
    _with_pane(
        "link",
        "Linked to the case",
        "Alt+U",
        "Let the series beside the case follow it, or move it by itself.",
        lambda pane: pane.set_linked(not pane.is_linked),
        lambda pane: pane.is_linked,
    ),
    _with_pane(
        "align",
        "Align here",
        "Alt+A",
        "Take the place under the crosshair of the series beside for that of the case, and link.",
        lambda pane: pane.align_here(),
    ),
    _with_pane(
        "register",
        "Register the series beside",
        "",
        "Lay the series beside the case on it as a whole, by what both show.",
        lambda pane: pane.register_wanted.emit(),
    ),
    _with_pane(
        "reset",
        "Reset the shift",
        "",
        "Link the series beside the case by what the files say.",
        lambda pane: pane.straighten(),
    ),
    _with_pane(
        "drawing",
        "Drawing on the series beside",
        "Alt+D",
        "Show what is drawn on the case over the series beside it as well.",
        lambda pane: pane.show_labels(not pane.shows_labels),
        lambda pane: pane.shows_labels,
    ),
)
