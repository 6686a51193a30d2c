"""What is drawn on a slide while the levels of its mask still follow what was undone or redone."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from annotator.analysis.pyramid import PyramidVoxels
from annotator.drawing import slide_surface
from annotator.drawing.edit import box_slices
from annotator.drawing.slide_surface import SlideSurface
from annotator.drawing.surface import Surface
from annotator.gui import slide_desk
from annotator.gui.slide_desk import SlideDesk
from annotator.gui.statistics_dialog import StatisticsDialog
from tests.unit.drawing.test_slide_surface import OneLevel
from tests.unit.project_builder import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.gui

SHAPE = (1, 700, 900)


class Held:
    """A thread that works when it is told to end."""

    def __init__(self, *, target: Callable[[], None], daemon: bool) -> None:
        assert daemon
        self.join = target

    def start(self) -> None:
        """Wait."""

    def is_alive(self) -> bool:
        """Whether it may still work."""
        return True


def test_a_stroke_knows_what_it_covers_before_the_levels_do_and_is_counted(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    monkeypatch.setattr(slide_desk, "_AT_ONCE_PIXELS", 1 << 10)
    monkeypatch.setattr(slide_surface, "AT_ONCE_PIXELS", 1 << 9)
    monkeypatch.setattr(threading, "Thread", Held)
    parent = QObject()
    mask = np.zeros(SHAPE, np.uint8)
    desk = SlideDesk(tuple, parent)
    picture = desk.open(PyramidVoxels(OneLevel(np.zeros(SHAPE[1:], np.uint8))), mask, None)
    surface = desk.surface(Surface(mask=mask, image=picture, spacing_mm=(1.0, 0.25, 0.5)))  # type: ignore[arg-type]
    assert isinstance(surface, SlideSurface)
    mask[0, 100:400, 100:500] = 1  # as redo does
    desk.touch(((0, 100, 100), (1, 400, 500)))
    before = mask.copy()
    recorder = surface.recorder()
    recorder.paint((0, 300, 300), np.ones((1, 250, 450), np.bool_), 2)
    recorder.catch_up()
    edit = recorder.finish()
    assert edit is not None
    np.testing.assert_array_equal(edit.before, before[box_slices(edit.box)])
    np.testing.assert_array_equal(edit.after, mask[box_slices(edit.box)])
    desk.close()
    dialog = StatisticsDialog(surface, SCHEMA, "", window)
    assert dialog._counting is not None
    dialog._counting._thread.join()
    qtbot.waitUntil(lambda: dialog.is_done)
    counts = [int(np.count_nonzero(mask == value)) for value in (1, 2)]
    assert dialog.rows[0] == ("Lesion", str(counts[0]), f"{counts[0] / 8:.4g}", *[""] * 6)
    assert [len(row) for row in dialog.rows] == [len(dialog.columns)] * 2
    drawn = np.bincount(mask.ravel()).tolist()[1:]
    assert picture.levels.counts().tolist() == [0, *drawn]
