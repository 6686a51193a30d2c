"""Threads that read the tiles of a slide in the order in which they are wanted now."""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, Signal

from annotator.domain.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from annotator.analysis.slide_tiles import SlideTiles, TileKey

_MOST_THREADS = 4


class TileLoader(QObject):
    """Reads tiles beside the window; what is not wanted any more is not begun.

    Must be closed before it is dropped.
    """

    arrived = Signal(object)
    """Key of a tile that is in memory now."""
    failed = Signal(object)
    """The error of a tile that could not be read; once until `want` is called again.

    Also what the pyramid itself says is damaged and shown empty, once.
    """
    emptied = Signal()
    """All that was wanted is there."""
    _rang = Signal(object, object)

    def __init__(self, tiles: SlideTiles, parent: QObject) -> None:
        super().__init__(parent)
        self._tiles = tiles
        self._wanted: deque[TileKey] = deque()
        self._running: set[TileKey] = set()
        self._broken: set[TileKey] = set()
        self._told_failure = self._told_damage = False
        self._is_closed = False
        self._change = threading.Condition()
        self._rang.connect(self._answer, Qt.ConnectionType.QueuedConnection)
        self._threads = [
            threading.Thread(target=self._work, daemon=True)
            for _ in range(max(2, min(_MOST_THREADS, os.cpu_count() or 2)))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether something is still to be read."""
        with self._change:
            return bool(self._wanted or self._running)

    def want(self, keys: Iterable[TileKey]) -> None:
        """Read these tiles, the first ones first, in place of all that was wanted before."""
        with self._change:
            self._told_failure = False
            self._wanted = deque(
                key for key in keys if key not in self._broken and self._tiles.held(key) is None
            )
            self._change.notify_all()

    def close(self) -> None:
        """Stop, once what is being read is read."""
        with self._change:
            self._is_closed = True
            self._wanted.clear()
            self._change.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (key := self._next()) is not None:
            failure: Exception | None = None
            try:
                self._tiles.read(key)
            except Exception as error:
                failure = error
            with self._change:
                self._running.discard(key)
                if failure is not None:
                    self._broken.add(key)
                if self._is_closed:
                    return
            self._rang.emit(key, failure)

    def _next(self) -> TileKey | None:
        """Return the next tile to read; None when there will be none."""
        with self._change:
            while not self._is_closed:
                while self._wanted:
                    key = self._wanted.popleft()
                    if key not in self._running and self._tiles.held(key) is None:
                        self._running.add(key)
                        return key
                self._change.wait()
        return None

    def _answer(self, key: TileKey, failure: Exception | None) -> None:
        if self._is_closed:
            return
        if failure is None:
            self.arrived.emit(key)
            self._tell_damage()
        elif not self._told_failure:
            self._told_failure = True
            self.failed.emit(failure)
        if not self.is_busy:
            self.emptied.emit()

    def _tell_damage(self) -> None:
        damage = str(getattr(self._tiles.pyramid, "damage", ""))
        if damage and not self._told_damage:
            self._told_damage = True
            self.failed.emit(UnreadableError(damage))
