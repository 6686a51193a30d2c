"""What is drawn on its way to disk, whatever is drawn: a queue and the thread that empties it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.domain.reading import Annotation, Diagnosis, Draft

RETRY_S = 5.0
"""How long the writer waits before it tries a failed write again by itself."""

Stroke = TypeVar("Stroke")


@dataclass(frozen=True, slots=True)
class _Answers:
    diagnosis: Diagnosis


class KeptAccess(Protocol):
    """What a door to a draft must offer, whatever is drawn in it."""

    def draft(self) -> Draft:
        """Return the draft as it is on disk."""
        ...

    def set_diagnosis(self, diagnosis: Diagnosis) -> None:
        """Put the answers of the form on disk."""
        ...

    def submit(self) -> Annotation:
        """Make the draft an annotation."""
        ...


class KeptDraft(ABC, Generic[Stroke]):
    """A draft that is being drawn, and a thread that keeps it.

    The methods belong to one thread, the window's; `flush` may be called from any. `set_diagnosis`,
    and what puts strokes on their way, return at once: a writer thread commits them in order, one
    transaction each. A write that fails stays in the queue, is told in `last_error` and is tried
    again.
    """

    def __init__(self, access: KeptAccess) -> None:
        self._kept = access
        self._draft = access.draft()
        self._queue: deque[Stroke | _Answers] = deque()
        self._changed = threading.Condition()
        self._callbacks: list[Callable[[], None]] = []
        self._error: str | None = None
        self._attempts = 0
        self._is_urged = False
        self._is_closing = False
        self._is_writing = False
        self._writer = threading.Thread(target=self._work, name="draft-writer", daemon=True)
        self._writer.start()

    @abstractmethod
    def _write(self, stroke: Stroke) -> None:
        """Put a stroke on disk, in the writer's thread."""

    @property
    def draft(self) -> Draft:
        """The draft's facts once all is on disk; only its head may be an earlier one."""
        return self._draft

    @property
    def is_saved(self) -> bool:
        """Whether everything is on disk."""
        return not self._queue

    @property
    def n_pending(self) -> int:
        """Edits that are not on disk yet."""
        return len(self._queue)

    @property
    def last_error(self) -> str | None:
        """Why the oldest pending edit could not be written, in words; None while all is well."""
        return self._error

    @property
    def can_retry(self) -> bool:
        """Whether writing the oldest pending edit again may work."""
        return True

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after every write, mostly from the writer thread; returns what stops that."""
        self._callbacks.append(callback)

        def undo() -> None:
            self._callbacks = [entry for entry in self._callbacks if entry is not callback]

        return undo

    def set_diagnosis(self, diagnosis: Diagnosis) -> None:
        """Put the answers of the form on their way to disk."""
        with self._changed:
            self._refuse_when_closed()
            self._draft = replace(self._draft, diagnosis=diagnosis)
            # The first of the queue may be half written; a later one that nobody saw is replaced.
            if len(self._queue) > 1 and isinstance(self._queue[-1], _Answers):
                self._queue.pop()
            self._queue.append(_Answers(diagnosis))
            self._is_urged = True
            self._changed.notify_all()

    def retry(self) -> None:
        """Try a failed write again now; does not wait for it."""
        with self._changed:
            self._is_urged = True
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until everything is on disk; raises AnnotatorError when that does not work."""
        with self._changed:
            attempts = self._attempts
            self._is_urged = True
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: (
                    not self._queue
                    or not self._writer.is_alive()
                    or (self._error is not None and self._attempts > attempts)
                )
            )
            if self._queue:
                raise AnnotatorError(
                    f"{len(self._queue)} edits are not on disk yet: {self._error}. "
                    "They are kept in memory; make room and try again."
                )

    def close(self) -> None:
        """Write what is left and stop; raises AnnotatorError, and stays open, when it cannot."""
        self.flush()
        self._stop()

    def discard(self) -> int:
        """Stop without writing what is left; return how many edits were lost."""
        return self._stop()

    def submit(self) -> Annotation:
        """Write what is left, make the draft an annotation and stop; returns the annotation."""
        self.flush()
        annotation = self._kept.submit()
        self._stop()
        return annotation

    def _put(self, stroke: Stroke, *, can_undo: bool, can_redo: bool) -> None:
        """Put a stroke on its way to disk, and say what can be done after it."""
        with self._changed:
            self._refuse_when_closed()
            self._draft = replace(self._draft, can_undo=can_undo, can_redo=can_redo)
            self._queue.append(stroke)
            self._is_urged = True
            self._changed.notify_all()

    def _stop(self) -> int:
        """Let the writer end what it is at; return how many edits are left that nobody writes."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._writer.join()
        n_left = self._drop(lambda _: True)
        self._callbacks.clear()
        return n_left

    def _drop(self, is_lost: Callable[[Stroke | _Answers], bool]) -> int:
        """Take entries out of the queue, so that nobody writes them; return how many."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_writing)
            kept = [entry for entry in self._queue if not is_lost(entry)]
            n_lost = len(self._queue) - len(kept)
            self._queue = deque(kept)
            self._error = None
            self._changed.notify_all()
        return n_lost

    def _refuse_when_closed(self) -> None:
        if self._is_closing:
            raise AnnotatorError("this draft is closed; open the case again to go on")

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._is_closing and not self._may_write():
                    timeout = RETRY_S if self._queue else None
                    if not self._changed.wait(timeout):
                        self._is_urged = True
                if self._is_closing:
                    return
                self._is_urged = False
                self._is_writing = True
                entry = self._queue[0]
            error = self._try(entry)
            with self._changed:
                self._is_writing = False
                self._error = error
                self._attempts += 1
                if error is None:
                    self._queue.popleft()
                self._changed.notify_all()
            self._tell()

    def _tell(self) -> None:
        for callback in tuple(self._callbacks):
            callback()

    def _may_write(self) -> bool:
        return bool(self._queue) and (self._error is None or self._is_urged)

    def _try(self, entry: Stroke | _Answers) -> str | None:
        try:
            if isinstance(entry, _Answers):
                self._kept.set_diagnosis(entry.diagnosis)
            else:
                self._write(entry)
        except Exception as error:  # whatever it is, the drawing must be kept
            return str(error) or type(error).__name__
        return None
