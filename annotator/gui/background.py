"""Work off the window's thread, whose late answers are dropped by number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from qtpy.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class _Bell(QObject):
    rang = Signal(str, int, object, object)
    """key, generation, result, error; crosses into the thread of its receiver."""


class _Task(QRunnable):
    def __init__(self, bell: _Bell, key: str, generation: int, work: Callable[[], Any]) -> None:
        super().__init__()
        self._bell = bell
        self._key = key
        self._generation = generation
        self._work: Callable[[], Any] | None = work

    def run(self) -> None:
        # The pool keeps its last tasks; what they worked on, a whole case, must not stay with them.
        work, self._work = self._work, None
        if work is None:
            return
        result: Any = None
        failure: Exception | None = None
        try:
            result = work()
        except Exception as error:
            failure = error
        self._bell.rang.emit(self._key, self._generation, result, failure)


class Background(QObject):
    """Runs one request per key; a newer request of the same key makes the older answer void.

    Callbacks run in the thread that owns this object. Must be closed before it is dropped.
    """

    failed = Signal(str, object)
    """key, exception: for requests that named no handler of their own."""
    busy_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(2)
        self._bell = _Bell(self)
        self._bell.rang.connect(self._answer, Qt.ConnectionType.QueuedConnection)
        self._generations: dict[str, int] = {}
        self._waiting: dict[
            tuple[str, int],
            tuple[
                Callable[[Any], None],
                Callable[[Exception], None] | None,
                Callable[[Any], None] | None,
            ],
        ] = {}
        self._n_running = 0

    def run(
        self,
        key: str,
        work: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[Exception], None] | None = None,
        *,
        late: Callable[[T], None] | None = None,
    ) -> None:
        """Run ``work`` in another thread, then ``done`` (or ``failed``) in this one.

        A result that nobody waits for any more goes to ``late``, so that it can be closed.
        """
        generation = self._generations.get(key, 0) + 1
        self._generations[key] = generation
        self._waiting[key, generation] = (done, failed, late)
        self._n_running += 1
        if self._n_running == 1:
            self.busy_changed.emit(True)
        self._pool.start(_Task(self._bell, key, generation, work))

    def drop(self, key: str) -> None:
        """Make the answer to the last request of this key void."""
        self._generations[key] = self._generations.get(key, 0) + 1

    def is_waiting(self, key: str) -> bool:
        """Whether a request of this key is still to be answered."""
        return (key, self._generations.get(key, 0)) in self._waiting

    @property
    def is_busy(self) -> bool:
        """Whether anything is still to be answered."""
        return self._n_running > 0

    def close(self) -> None:
        """Wait for what runs and drop every answer."""
        self._waiting.clear()
        self._pool.clear()
        self._pool.waitForDone()

    def _answer(self, key: str, generation: int, result: object, failure: object) -> None:
        handlers = self._waiting.pop((key, generation), None)
        self._n_running -= 1
        if self._n_running == 0:
            self.busy_changed.emit(False)
        if handlers is None:
            return
        done, failed, late = handlers
        if generation != self._generations.get(key):
            if failure is None and late is not None:
                late(result)
        elif failure is None:
            done(result)
        elif failed is not None and isinstance(failure, Exception):
            failed(failure)
        else:
            self.failed.emit(key, failure)
