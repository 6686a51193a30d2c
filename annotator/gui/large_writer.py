"""A gesture that drew more than can be written while the window waits; no Qt."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from annotator.domain.reading import Box
    from annotator.drawing.gesture import Gesture


class LargeWriter:
    """Lets a gesture that is done write what waits, in a thread; then calls ``written``, there.

    ``failure`` says in words why nothing was written; None where all was.
    """

    def __init__(self, gesture: Gesture, written: Callable[[LargeWriter], object]) -> None:
        self.gesture = gesture
        self.failure: str | None = None
        self._written = written
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until it has written."""
        self._thread.join()

    def settled(self) -> Box | None:
        """Return the box that is to be shown again, once it has written."""
        if self.failure is not None:
            return self.gesture.cancel()
        edit = self.gesture.finish()
        return None if edit is None else edit.box

    def _work(self) -> None:
        try:
            self.gesture.catch_up()
        except MemoryError:
            self.failure = (
                "There is not enough memory for an area as large as this; nothing was kept. "
                "Draw it in smaller parts."
            )
        except Exception as error:  # unheard, it would keep the tools waiting for good
            words = str(error) or type(error).__name__
            self.failure = f"This large area could not be written ({words}); nothing was kept."
        self._written(self)
