"""Actions are data: one record each, from which menus, keys, palette and help page are built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.domain.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from annotator.gui.window import MainWindow

ROOMS: dict[str, str] = {
    "start": "Start",
    "project": "Project",
    "rater": "Reading a case",
    "trace": "Tracing a neuron",
    "review": "Reviewing",
    "trace_review": "Reviewing a tracing",
    "redraw": "Redrawing a region",
    "report": "Report",
}
"""Places where a key may mean something of its own, with their titles."""

EVERYWHERE = tuple(ROOMS)


def _always(window: MainWindow) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that a person can ask of the window.

    Attributes
    ----------
    key : str
        Stable name, for example ``"tool.brush"``; never translated, never shown.
    text : str
        What menus and the palette say.
    tooltip : str
        One sentence on what it does, shown with its shortcut.
    run : callable
        Called with the window.
    shortcut : tuple of str
        Key sequences, any of which runs it.
    rooms : tuple of str
        Where it can be used; keys of :data:`ROOMS`.
    menu : str
        Title of its menu.
    icon : str
        Name of an icon, or empty.
    enabled, checked : callable
        State for the window as it is; ``checked`` is None where the action is not a switch.
    """

    key: str
    text: str
    tooltip: str
    run: Callable[[MainWindow], None]
    shortcut: tuple[str, ...] = ()
    rooms: tuple[str, ...] = EVERYWHERE
    menu: str = ""
    icon: str = ""
    enabled: Callable[[MainWindow], bool] = _always
    checked: Callable[[MainWindow], bool] | None = None


def find(actions: Iterable[Action], key: str) -> Action:
    """Return the action of that key; the error suggests the right one."""
    table = {action.key: action for action in actions}
    if key not in table:
        raise UnknownNameError("action", key, table)
    return table[key]


def collisions(actions: Sequence[Action]) -> tuple[str, ...]:
    """Say in words which shortcuts mean two things in one room; empty when none does."""
    found: list[str] = []
    for room, title in ROOMS.items():
        taken: dict[str, str] = {}
        for action in actions:
            if room not in action.rooms:
                continue
            for shortcut in action.shortcut:
                other = taken.setdefault(shortcut.casefold(), action.key)
                if other != action.key:
                    found.append(f"{shortcut} in {title}: {other} and {action.key}")
    return tuple(found)


def matching(actions: Iterable[Action], words: str) -> list[Action]:
    """Return the actions whose text, tooltip or key contains every word, best first."""
    wanted = words.casefold().split()
    ranked: list[tuple[int, str, Action]] = []
    for action in actions:
        text = action.text.casefold()
        rest = f"{text} {action.tooltip} {action.key} {' '.join(action.shortcut)}".casefold()
        if all(word in rest for word in wanted):
            in_text = sum(word in text for word in wanted)
            starts = bool(wanted) and text.startswith(wanted[0])
            ranked.append((-2 * in_text - starts, action.text, action))
    return [action for _, _, action in sorted(ranked, key=lambda entry: entry[:2])]
