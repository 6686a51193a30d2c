"""The keys that a person chose in place of ours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtGui import QKeySequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from annotator.gui.actions import Action

Keys = dict[str, tuple[str, ...]]
"""Key of an action → its key sequences; an empty tuple for an action without any."""


def with_keys(actions: Iterable[Action], own: Mapping[str, Sequence[str]]) -> tuple[Action, ...]:
    """Return the actions with a person's own keys; actions that there are no more are left out."""
    return tuple(
        replace(action, shortcut=tuple(own[action.key])) if action.key in own else action
        for action in actions
    )


def rivals(actions: Iterable[Action], key: str, sequence: str) -> tuple[Action, ...]:
    """Return the other actions that a key sequence runs in a room of the action ``key``.

    A sequence of two keys collides with the first of them alone, which would never let it finish.
    """
    table = {action.key: action for action in actions}
    rooms, wanted = set(table[key].rooms), QKeySequence(sequence)
    return tuple(
        action
        for action in table.values()
        if action.key != key
        and rooms & set(action.rooms)
        and any(_collide(wanted, QKeySequence(other)) for other in action.shortcut)
    )


def changed(own: Mapping[str, tuple[str, ...]], defaults: Iterable[Action]) -> Keys:
    """Return only the keys that are others than ours."""
    table = {action.key: action.shortcut for action in defaults}
    return {key: keys for key, keys in own.items() if key in table and table[key] != keys}


def assigned(
    actions: Sequence[Action], own: Mapping[str, tuple[str, ...]], key: str, sequence: str
) -> Keys:
    """Return the own keys after an action took a sequence over from whoever had it in its rooms."""
    table = {action.key: action for action in with_keys(actions, own)}
    taken = dict(own)
    for rival in rivals(table.values(), key, sequence):
        kept = (keys for keys in rival.shortcut if not _collide_texts(sequence, keys))
        taken[rival.key] = tuple(kept)
    taken[key] = (sequence,)
    return changed(taken, actions)


def _collide_texts(left: str, right: str) -> bool:
    return _collide(QKeySequence(left), QKeySequence(right))


def _collide(left: QKeySequence, right: QKeySequence) -> bool:
    no_match = QKeySequence.SequenceMatch.NoMatch
    return left.matches(right) != no_match or right.matches(left) != no_match
