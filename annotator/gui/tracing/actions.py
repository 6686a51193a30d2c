"""Actions of a case that is traced; those of every canvas stand in `drawing_actions`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from annotator.gui.actions import Action

if TYPE_CHECKING:
    from annotator.gui.tracing.desk import TraceDesk
    from annotator.gui.tracing.tools import TraceTools
    from annotator.gui.window import MainWindow

ROOM = ("trace",)
TRACE_GROUPS = (
    (
        "trace.path",
        "trace.straight",
        "trace.move",
        "trace.insert",
        "trace.delete",
        "trace.connect",
        "trace.cut",
        "trace.reroot",
        "trace.type",
        "trace.radius",
        "trace.crosshair",
    ),
    ("edit.undo", "edit.redo"),
    ("view.hide", "trace.outside", "view.layout", "trace.3d"),
)
"""The strip of tools of a traced case."""


def _desk(window: MainWindow) -> TraceDesk:
    return window.rater.traces


def _tools(window: MainWindow) -> TraceTools:
    return window.rater.traces.tools


def _take(name: str, window: MainWindow) -> None:
    _tools(window).set_tool(name)


def _holds(name: str, window: MainWindow) -> bool:
    return _tools(window).tool == name


def _give_up(window: MainWindow) -> None:
    _tools(window).end()


def _tool(name: str, text: str, key: str, tooltip: str, icon: str) -> Action:
    return Action(
        key=f"trace.{name}",
        text=text,
        tooltip=tooltip,
        shortcut=(key,),
        rooms=ROOM,
        menu="Tools",
        icon=icon,
        run=partial(_take, name),
        checked=partial(_holds, name),
    )


def _type(number: int, name: str) -> Action:
    return Action(
        key=f"trace.type_{number}",
        text=f"Type: {name}",
        tooltip=f"New nodes are of the type {name}, and so is what the tool for types is used on.",
        shortcut=(str(number),),
        rooms=ROOM,
        menu="Tools/Type of nodes",
        run=lambda window: _desk(window).set_type(number),
        checked=lambda window: _tools(window).node_type == number,
    )


TRACING: tuple[Action, ...] = (
    _tool(
        "path",
        "Trace a path",
        "P",
        "Click along a neurite; the way between clicks follows what is bright. Shift + click goes "
        "straight, a click on a node begins or joins there, Enter ends the path.",
        "trace-path",
    ),
    Action(
        key="trace.straight",
        text="Straight paths",
        tooltip="Lay paths straight from click to click, and find no way.",
        shortcut=("S",),
        rooms=ROOM,
        menu="Tools",
        icon="trace-straight",
        run=lambda window: _tools(window).set_straight(not _tools(window).is_straight),
        checked=lambda window: _tools(window).is_straight,
    ),
    _tool("move", "Move a node", "M", "Drag a node to another place.", "trace-move"),
    _tool("insert", "Insert a node", "I", "Click on a line to put a node there.", "trace-insert"),
    _tool(
        "delete",
        "Delete nodes",
        "D",
        "Click a node to delete it; Shift + click deletes all that hangs on it too.",
        "trace-delete",
    ),
    _tool(
        "connect",
        "Join two parts",
        "J",
        "Click the end of one part, then the node of another that it belongs to.",
        "trace-connect",
    ),
    _tool("cut", "Cut a line", "X", "Click a line: what lies beyond is parted.", "trace-cut"),
    _tool("reroot", "Set the root", "R", "Click the node a part is to begin at.", "trace-root"),
    _tool(
        "type",
        "Set the type",
        "T",
        "Click a branch to give it the chosen type; Shift + click: with all below it.",
        "trace-type",
    ),
    _tool("radius", "Set the radius", "W", "Drag from a node to the rim.", "trace-radius"),
    _tool("crosshair", "Go to a place", "C", "Click to bring all views there.", "crosshair"),
    Action(
        key="trace.end",
        text="End the path",
        tooltip="End the path that is being traced; the next click begins another.",
        shortcut=("Return", "Enter"),
        rooms=ROOM,
        menu="Tools",
        run=lambda window: _tools(window).finish(),
    ),
    Action(
        key="trace.cancel",
        text="Give up what a tool has begun",
        tooltip="Drop clicks whose way is being found, a joint or a drag; what is traced stays.",
        shortcut=("Esc",),
        rooms=ROOM,
        menu="Tools",
        run=_give_up,
    ),
    *(
        _type(number, name)
        for number, name in ((1, "soma"), (2, "axon"), (3, "dendrite"), (4, "apical dendrite"))
    ),
    Action(
        key="trace.3d",
        text="3D view",
        tooltip="Show the volume and the tracing in 3D beside the slabs; drag turns it.",
        shortcut=("O",),
        rooms=ROOM,
        menu="View",
        icon="view-3d",
        run=lambda window: _desk(window).show_3d(not _desk(window).canvas.is_3d),
        checked=lambda window: _desk(window).canvas.is_3d,
    ),
    Action(
        key="trace.outside",
        text="Show what lies outside the slab",
        tooltip="Paint faintly the parts of the tracing outside the slab, or hide them.",
        shortcut=("F",),
        rooms=ROOM,
        menu="View",
        icon="trace-outside",
        run=lambda window: _desk(window).set_outside(not _desk(window).canvas.shows_outside),
        checked=lambda window: _desk(window).canvas.shows_outside,
    ),
    Action(
        key="trace.color",
        text="Next colouring",
        tooltip="Colour the tracing by branch order, type, what looks wrong, or not at all.",
        shortcut=("K",),
        rooms=ROOM,
        menu="View",
        run=lambda window: _desk(window).next_color(),
    ),
    Action(
        key="trace.thinner",
        text="Thinner slab",
        tooltip="Show less depth at once.",
        shortcut=("[",),
        rooms=ROOM,
        menu="View",
        run=lambda window: _desk(window).canvas.step_slab(-1),
    ),
    Action(
        key="trace.thicker",
        text="Thicker slab",
        tooltip="Show more depth at once.",
        shortcut=("]",),
        rooms=ROOM,
        menu="View",
        run=lambda window: _desk(window).canvas.step_slab(+1),
    ),
    Action(
        key="trace.next",
        text="Next finding",
        tooltip="Fly to the next place that looks wrong.",
        shortcut=(".",),
        rooms=ROOM,
        menu="Case",
        icon="next",
        run=lambda window: _desk(window).step_finding(+1),
    ),
    Action(
        key="trace.previous",
        text="Previous finding",
        tooltip="Fly to the place before that looks wrong.",
        shortcut=(",",),
        rooms=ROOM,
        menu="Case",
        icon="previous",
        run=lambda window: _desk(window).step_finding(-1),
    ),
)
"""Every action of a traced case that belongs to it alone."""
