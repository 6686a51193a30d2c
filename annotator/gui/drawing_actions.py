"""Actions on a canvas: tools, labels, views, undo; and those of the rater's room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.drawing.tools import OPERATIONS
from annotator.gui.actions import Action
from annotator.gui.tool_table import TOOL_GROUPS, operation_key

if TYPE_CHECKING:
    from annotator.gui.canvas_tools import CanvasTools
    from annotator.gui.drawing_tools import DrawingTools
    from annotator.gui.tool_table import Tool
    from annotator.gui.window import MainWindow

DRAWING = ("rater", "redraw")
CANVAS = ("rater", "redraw", "review")
KEPT_MARKS = ("point", "landmark", "box")
"""Tools that only leave marks, which a region that is drawn anew has none of."""
TRACED = "trace"
TRACES = ("trace", "trace_review")


def _tools(window: MainWindow) -> DrawingTools:
    return window.tools()


def _canvas(window: MainWindow) -> CanvasTools:
    return window.canvas_tools()


def _can_draw(window: MainWindow) -> bool:
    return window.canvas_tools().is_drawing


def _asks_for_landmarks(window: MainWindow) -> bool:
    return _can_draw(window) and window.rater.masks.marks.asks_for_landmarks


def _has_canvas(window: MainWindow) -> bool:
    return window.canvas_tools().has_canvas


def _tool(tool: Tool) -> Action:
    return Action(
        key=tool.action,
        text=tool.title,
        tooltip=tool.advice,
        shortcut=(tool.key,) if tool.key else (),
        rooms=("rater",) if tool.name in KEPT_MARKS else DRAWING,
        menu="Tools",
        icon=tool.icon,
        run=lambda window: _tools(window).set_tool(tool.name),
        enabled=_asks_for_landmarks if tool.name == "landmark" else _can_draw,
        checked=lambda window: _tools(window).tool == tool.name,
    )


def _operation(name: str) -> Action:
    operation = OPERATIONS[name]
    key = operation_key(name)
    return Action(
        key=f"operation.{name.replace(' ', '-')}",
        text=operation.title,
        tooltip=operation.explanation,
        shortcut=(key,) if key else (),
        rooms=DRAWING,
        menu="Tools/Operations",
        run=lambda window: _tools(window).start_operation(name),
        enabled=_can_draw,
    )


def _nth_label(place: int) -> Action:
    return Action(
        key=f"label.{place + 1}",
        text=f"Draw label {place + 1}",
        tooltip=f"Draw with the label in place {place + 1} of the palette.",
        shortcut=(str(place + 1),),
        rooms=DRAWING,
        menu="Tools/Label",
        run=lambda window: _tools(window).choose_nth_label(place),
        enabled=_can_draw,
    )


def _nth_window(place: int) -> Action:
    return Action(
        key=f"window.{place + 1}",
        text=f"Grey-level window {place + 1}",
        tooltip=f"Show the image with window preset {place + 1} of the list.",
        shortcut=(f"Ctrl+{place + 1}",),
        rooms=CANVAS,
        menu="View/Grey-level window",
        run=lambda window: _tools(window).choose_window(place),
        enabled=_has_canvas,
    )


CANVAS_ACTIONS: tuple[Action, ...] = (
    Action(
        key="view.layout",
        text="Layout of the views",
        tooltip="Three linked views, the same with the labels in 3D, or a single large one.",
        shortcut=("V",),
        rooms=(*CANVAS, *TRACES),
        menu="View",
        icon="layout-three",
        run=lambda window: _canvas(window).switch_layout(),
        enabled=_has_canvas,
    ),
    Action(
        key="view.hide",
        text="Hide marks",
        tooltip="Hide everything that is drawn, to see the image alone; again shows it.",
        shortcut=("H",),
        rooms=(*DRAWING, TRACED),
        menu="View",
        icon="eye-off",
        run=lambda window: _canvas(window).hide_marks(not _canvas(window).are_marks_hidden),
        enabled=_has_canvas,
        checked=lambda window: _canvas(window).are_marks_hidden,
    ),
    Action(
        key="slice.next",
        text="Next slice",
        tooltip="One slice on.",
        shortcut=("Up", "PgUp"),
        rooms=(*CANVAS, *TRACES),
        menu="View",
        run=lambda window: _canvas(window).step_slice(+1),
        enabled=_has_canvas,
    ),
    Action(
        key="slice.previous",
        text="Previous slice",
        tooltip="One slice back.",
        shortcut=("Down", "PgDown"),
        rooms=(*CANVAS, *TRACES),
        menu="View",
        run=lambda window: _canvas(window).step_slice(-1),
        enabled=_has_canvas,
    ),
    Action(
        key="view.fit",
        text="Whole slice",
        tooltip="Show whole slices again after zooming or moving.",
        shortcut=("0",),
        rooms=(*CANVAS, *TRACES),
        menu="View",
        run=lambda window: _canvas(window).fit(),
        enabled=_has_canvas,
    ),
    Action(
        key="view.zoom_in",
        text="Zoom in",
        tooltip="Enlarge the view that you worked in last.",
        shortcut=("+", "="),
        rooms=(*CANVAS, *TRACES),
        menu="View",
        run=lambda window: _canvas(window).zoom(1.25),
        enabled=_has_canvas,
    ),
    Action(
        key="view.zoom_out",
        text="Zoom out",
        tooltip="Shrink the view that you worked in last.",
        shortcut=("-",),
        rooms=(*CANVAS, *TRACES),
        menu="View",
        run=lambda window: _canvas(window).zoom(0.8),
        enabled=_has_canvas,
    ),
    *(_nth_window(place) for place in range(8)),
)

DRAWING_ACTIONS: tuple[Action, ...] = (
    *(_tool(tool) for group in TOOL_GROUPS for tool in group),
    Action(
        key="tool.sphere",
        text="3D tools",
        tooltip="Tools work in the volume where they can (the brush is a ball), or in one slice.",
        shortcut=("S",),
        rooms=DRAWING,
        menu="Tools",
        icon="sphere",
        run=lambda window: _tools(window).set_3d(not _tools(window).is_3d),
        enabled=_can_draw,
        checked=lambda window: _tools(window).is_3d,
    ),
    Action(
        key="brush.smaller",
        text="Smaller brush",
        tooltip="Make the brush smaller.",
        shortcut=("[",),
        rooms=DRAWING,
        menu="Tools",
        run=lambda window: _tools(window).step_brush(-4),
        enabled=_can_draw,
    ),
    Action(
        key="brush.larger",
        text="Larger brush",
        tooltip="Make the brush larger.",
        shortcut=("]",),
        rooms=DRAWING,
        menu="Tools",
        run=lambda window: _tools(window).step_brush(+4),
        enabled=_can_draw,
    ),
    Action(
        key="tool.cancel",
        text="Cancel what was begun",
        tooltip="Give up the outline that was begun, stop what is worked out, drop a suggestion.",
        shortcut=("Esc",),
        rooms=DRAWING,
        menu="Tools",
        run=lambda window: _tools(window).cancel(),
        enabled=_can_draw,
    ),
    Action(
        key="edit.undo",
        text="Undo",
        tooltip="Take the last stroke back and go where it was; works after a restart too.",
        shortcut=("Z", "Ctrl+Z"),
        rooms=(*DRAWING, TRACED),
        menu="Edit",
        icon="undo",
        run=lambda window: _canvas(window).undo(),
        enabled=_can_draw,
    ),
    Action(
        key="edit.redo",
        text="Redo",
        tooltip="Do the stroke again that was taken back.",
        shortcut=("Ctrl+Shift+Z", "Ctrl+Y"),
        rooms=(*DRAWING, TRACED),
        menu="Edit",
        icon="redo",
        run=lambda window: _canvas(window).redo(),
        enabled=_can_draw,
    ),
    Action(
        key="operation.panel",
        text="Operations panel",
        tooltip="Open or close the panel of what can be done to whole labels.",
        shortcut=("W",),
        rooms=DRAWING,
        menu="Tools/Operations",
        icon="operations",
        run=lambda window: _tools(window).turn_operations(),
        enabled=_can_draw,
        checked=lambda window: _tools(window).are_operations_open,
    ),
    *(_operation(name) for name in OPERATIONS),
    Action(
        key="labels.statistics",
        text="Label statistics",
        tooltip="Volume of each label, and the values of the image inside it.",
        rooms=DRAWING,
        menu="Tools",
        icon="statistics",
        run=lambda window: _tools(window).measure(),
        enabled=_can_draw,
    ),
    *(_nth_label(place) for place in range(9)),
)

RATER: tuple[Action, ...] = (
    Action(
        key="view.speed",
        text="Speed of drawing…",
        tooltip="How long a stroke takes from the mouse to the screen, and what that consists of.",
        rooms=("rater",),
        menu="Help",
        run=lambda window: _tools(window).show_speed(),
        enabled=_has_canvas,
    ),
    Action(
        key="edit.history",
        text="History…",
        tooltip="List all steps of this drawing with pictures; look at any, and bring one back.",
        shortcut=("Ctrl+H",),
        rooms=("rater",),
        menu="Edit",
        run=lambda window: window.rater.masks.history.show(),
        enabled=_can_draw,
    ),
    Action(
        key="case.next",
        text="Next case",
        tooltip="Open the next case that you have not submitted.",
        shortcut=("N",),
        rooms=("rater", TRACED),
        menu="Case",
        icon="next",
        run=lambda window: window.rater.next_case(),
    ),
    Action(
        key="show.start_doubt",
        text="Where the model was unsure",
        tooltip="Show or hide where the model was unsure that the drawing started from.",
        shortcut=("U",),
        rooms=("rater",),
        menu="View",
        run=lambda window: window.rater.masks.toggle_doubt(),
        enabled=_can_draw,
        checked=lambda window: window.rater.doubt.is_on,
    ),
    Action(
        key="case.submit",
        text="Submit reading",
        tooltip="Make this reading final; what is missing is said in words.",
        shortcut=("Ctrl+Return", "Ctrl+Enter"),
        rooms=("rater", TRACED),
        menu="Case",
        icon="check",
        run=lambda window: window.rater.submit(),
        enabled=_can_draw,
    ),
)
