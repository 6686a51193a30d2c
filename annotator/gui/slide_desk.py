"""What a canvas needs besides to show a slide and to draw on it."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from annotator.drawing.slide_surface import Sight, SlideSurface
from annotator.gui.slide_picture import SlidePicture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from annotator.analysis.mask_levels import MaskLevels
    from annotator.analysis.pyramid import PyramidVoxels
    from annotator.domain.reading import Box
    from annotator.drawing.edit import Mask
    from annotator.drawing.surface import Surface
    from annotator.gui.slice_view import SliceView

_AT_ONCE_PIXELS = 1 << 24
"""Of a larger box the levels of the mask follow beside the window."""


class SlideDesk(QObject):
    """Keeps the levels of the mask of a slide to what is drawn; does nothing for other pictures."""

    caught_up = Signal(object)
    """Box whose levels follow the mask again."""
    told = Signal(str)

    def __init__(self, views: Callable[[], Sequence[SliceView]], parent: QObject) -> None:
        super().__init__(parent)
        self._views = views
        self._picture: SlidePicture | None = None
        self._threads: list[threading.Thread] = []

    @property
    def picture(self) -> SlidePicture | None:
        """The slide that is shown; None where another picture is."""
        return self._picture

    def open(self, voxels: PyramidVoxels, mask: Mask, levels: MaskLevels | None) -> SlidePicture:
        """Return a slide as the views show it, with the levels of its mask."""
        self.close()
        made = self._picture = SlidePicture(voxels, mask, levels, self._tell_failure)
        return made

    def close(self) -> None:
        """Let the slide go."""
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._picture = None

    def surface(self, surface: Surface) -> Surface:
        """Return a surface on the slide that is open, or the same where none is."""
        if self._picture is None:
            return surface
        return SlideSurface(
            mask=surface.mask,
            image=surface.image,
            spacing_mm=surface.spacing_mm,
            unit=surface.unit,
            slope=surface.slope,
            intercept=surface.intercept,
            layers=surface.layers,
            group=surface.group,
            levels=self._picture.levels,
            tiles=self._picture.tiles,
            sight=self._sight,
        )

    def touch(self, box: Box | None) -> None:
        """Let the levels follow what was written to the mask in a box; None where nothing was."""
        picture = self._picture
        if picture is None or box is None:
            return
        (_, y0, x0), (_, y1, x1) = box
        if math.prod((y1 - y0, x1 - x0)) <= _AT_ONCE_PIXELS:
            picture.levels.update((y0, y1), (x0, x1))
            return

        # A stroke that begins before the levels are there must know what it covers.
        picture.levels.expect((y0, y1), (x0, x1))

        def follow() -> None:
            picture.levels.update((y0, y1), (x0, x1))
            self.caught_up.emit(box)

        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._threads.append(threading.Thread(target=follow, daemon=True))
        self._threads[-1].start()

    def touch_all(self) -> None:
        """Let the levels follow a mask that may be another one anywhere."""
        if self._picture is not None:
            _, rows, columns = self._picture.levels.mask.shape
            self.touch(((0, 0, 0), (1, rows, columns)))

    def _sight(self) -> Sight:
        return next((view.slide.sight for view in self._views() if view.slide), Sight())

    def _tell_failure(self, error: Exception) -> None:
        self.told.emit(f"A part of the slide could not be read: {error}")
