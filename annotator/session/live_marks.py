"""The marks of a draft as they are on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.domain.marks import MarkEdit, apply_edits, in_order, sound_mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.marks import Mark


class LiveMarks:
    """Marks by id, and the number of the next one. Belongs to one thread, the window's."""

    def __init__(self, marks: Sequence[Mark], next_id: int) -> None:
        self.all: tuple[Mark, ...] = tuple(marks)
        """By id; replaced by another tuple whenever a mark changes."""
        self.next_id = next_id
        self._by_id = {mark.mark_id: mark for mark in marks}

    def take(self, edit: MarkEdit) -> MarkEdit | None:
        """Follow an edit; return it with plain numbers in it, None where it changes nothing.

        Raises AnnotatorError, and changes nothing, for a mark that cannot be one and where the
        mark is not as the edit says that it was.
        """
        before, after = (
            None if mark is None else sound_mark(mark) for mark in (edit.before, edit.after)
        )
        sound = MarkEdit(before=before, after=after)
        self._by_id = apply_edits(self._by_id, [sound])
        if before == after:
            return None
        self.all = in_order(self._by_id)
        self.next_id = max(self.next_id, sound.mark_id + 1)
        return sound

    def become(self, marks: Sequence[Mark]) -> None:
        """Show other marks: those that are on disk."""
        if tuple(marks) != self.all:
            self.all = tuple(marks)
            self._by_id = {mark.mark_id: mark for mark in marks}
        self.next_id = max((self.next_id, *(mark.mark_id + 1 for mark in marks)))
