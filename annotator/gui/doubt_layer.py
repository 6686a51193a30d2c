"""Where a model was unsure, as a map over the image: one model after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from annotator.gui.background import Background

    Readings = tuple[tuple[str, str], ...]

NOTHING = "No model has kept how sure it was of this case."


class DoubtLayer(QObject):
    """Steps through readings with uncertainty, ``(annotation id, title)``, and then to none.

    ``ask`` and ``map_of`` run on a worker thread; ``show`` gets the map ``(z, y, x)`` and its
    title in this one, or None. Emits ``told`` with words for the person.
    """

    told = Signal(str)

    def __init__(
        self,
        background: Background,
        ask: Callable[[], Readings],
        map_of: Callable[[str], NDArray[np.float32]],
        show: Callable[[NDArray[np.float32] | None, str], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._background = background
        self._ask = ask
        self._map_of = map_of
        self._show = show
        self.place = -1
        """Which of the readings is shown; -1 for none."""

    @property
    def is_on(self) -> bool:
        """Whether a map is shown."""
        return self.place >= 0

    def step(self) -> None:
        """Show the map of the first reading, then of the next; after the last, nothing."""
        place, ask, map_of = self.place + 1, self._ask, self._map_of

        def work() -> tuple[int, str, NDArray[np.float32] | None]:
            readings = ask()
            if place >= len(readings):
                return len(readings), "", None
            annotation_id, title = readings[place]
            return len(readings), title, map_of(annotation_id)

        def take(found: tuple[int, str, NDArray[np.float32] | None]) -> None:
            n_readings, title, doubt = found
            self.place = -1 if doubt is None else place
            self._show(doubt, f"Uncertainty of {title}" if title else "")
            if not n_readings:
                self.told.emit(NOTHING)
            elif doubt is not None:
                more = ", the same key shows the next" if place + 1 < n_readings else ""
                self.told.emit(f"Bright: {title} was unsure here{more}.")

        self._background.run("doubt", work, take, lambda error: self.told.emit(str(error)))

    def off(self) -> None:
        """Show no map any more, and wait for none."""
        self._background.drop("doubt")
        if self.is_on:
            self.place = -1
            self._show(None, "")

    def forget(self) -> None:
        """Know that another map has taken the place of this one."""
        self.place = -1
