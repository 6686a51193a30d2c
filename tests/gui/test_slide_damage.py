"""What of a slide is damaged is told in the window, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QObject

from annotator.analysis.slide_tiles import SlideTiles, TileKey
from annotator.gui.tile_loader import TileLoader
from annotator_builtins.slide_tiles import TilePyramid

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.gui


class Damaged:
    shape = (1024, 1024)
    tile = (512, 512)

    def decode(self, row: int, column: int) -> NDArray[np.uint8]:
        if row == 0:
            raise ValueError("no such code")
        return np.full((512, 512), 7, np.uint8)


def test_damage_is_told_once(qtbot: QtBot) -> None:
    pyramid = TilePyramid([Damaged()], np.dtype(np.uint8), 1)
    parent = QObject()
    told: list[str] = []
    loader = TileLoader(SlideTiles(pyramid), parent)
    loader.failed.connect(lambda error: told.append(str(error)))
    try:
        for row in range(2):
            with qtbot.waitSignal(loader.emptied):
                loader.want([TileKey(grid=0, row=row, column=column) for column in range(2)])
    finally:
        loader.close()
    assert len(told) == 1
    assert "damaged and shown empty (at row 0, column 0 of level 0: no such code)" in told[0]
    assert (pyramid.read(0, slice(510, 514), slice(0, 2)) == [[0, 0], [0, 0], [7, 7], [7, 7]]).all()
