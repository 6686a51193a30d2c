"""Where each tool stands, and the keys of tools and operations."""

from __future__ import annotations

from dataclasses import dataclass

from annotator.drawing.tools import TOOLS
from annotator.gui.icons import icon_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """What the window tells of a tool: stable name, title, key, one sentence, icon."""

    name: str
    title: str
    key: str
    advice: str
    icon: str

    @property
    def action(self) -> str:
        """The stable name of the action that takes it up."""
        return f"tool.{self.name.replace(' ', '_')}"


GROUPS: tuple[tuple[str, ...], ...] = (
    ("crosshair", "pick"),
    ("ruler", "point", "landmark", "box"),
    ("brush", "eraser", "threshold-brush", "adaptive-brush", "smooth-brush", "nudge"),
    ("polygon", "lasso", "livewire", "level-tracing", "scissors"),
    ("fill", "region-growing", "prompt"),
)
"""Tools that belong together, in the order in which they stand; others follow them."""

_KEYS = {
    "crosshair": "C",
    "pick": "I",
    "ruler": ".",
    "point": ",",
    "landmark": "Alt+L",
    "box": "Alt+B",
    "brush": "B",
    "eraser": "E",
    "threshold-brush": "T",
    "adaptive-brush": "D",
    "smooth-brush": "Alt+K",
    "nudge": "K",
    "polygon": "P",
    "lasso": "O",
    "livewire": "L",
    "level-tracing": "Q",
    "scissors": "X",
    "fill": "F",
    "region-growing": "G",
    "prompt": "A",
}
_OPERATION_KEYS = {
    "interpolate": "Shift+I",
    "grow-from-seeds": "Shift+G",
    "smooth": "Shift+S",
    "islands": "Shift+K",
    "margin": "Shift+M",
    "fill-holes": "Shift+F",
    "hollow": "Shift+H",
    "booleans": "Shift+B",
    "mirror": "Shift+X",
    "copy-slice": "Shift+C",
    "threshold": "Shift+T",
}


def operation_key(name: str) -> str:
    """Return the key of an operation, or nothing."""
    return _OPERATION_KEYS.get(name.replace(" ", "-"), "")


_NO_GESTURES = {
    "crosshair": ("Crosshair", "Click to bring all views to that point."),
    "pick": ("Pick label", "Click a mark to draw on with its label."),
    "prompt": (
        "Draw by pointing",
        "Click what is meant and let a model draw it; Ctrl + click or right click what is not. "
        "Drag a box, Shift + drag a scribble. Enter: next object, Esc: drop it.",
    ),
}
"""Title and advice of what is taken up like a tool, but makes no gesture on the mask."""


def _tool(name: str) -> Tool:
    title, advice = _NO_GESTURES.get(name) or (TOOLS[name].title, TOOLS[name].advice)
    return Tool(
        name=name,
        title=title,
        key=_KEYS.get(name, ""),
        advice=advice,
        icon=drawn_icon(name, "brush"),
    )


def drawn_icon(name: str, other: str) -> str:
    """Return the icon of a tool or operation, or another where none is drawn."""
    wanted = name.replace(" ", "-")
    return wanted if wanted in icon_names() else other


def _placed() -> tuple[tuple[Tool, ...], ...]:
    known = {name for group in GROUPS for name in group}
    groups = (*GROUPS, tuple(name for name in TOOLS if name not in known))
    there = _NO_GESTURES.keys() | TOOLS.keys()
    found = [tuple(_tool(name) for name in group if name in there) for group in groups]
    return tuple(group for group in found if group)


TOOL_GROUPS = _placed()
"""Every tool that can be taken up, in groups, as they stand beside the canvas."""

ADVICE = {tool.name: tool.advice for group in TOOL_GROUPS for tool in group}
