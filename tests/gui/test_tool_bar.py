"""The bar of tools: groups stay whole, and its columns are about as long as each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtGui import QAction

from annotator.gui.tool_bar import ToolBar
from annotator.gui.tool_table import TOOL_GROUPS

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.gui


def columns(bar: ToolBar) -> list[list[int]]:
    """Return how many buttons of each group stand in each column, from the left."""
    lefts = sorted({button.x() for group in bar._groups for button in group})
    return [[sum(b.x() == left for b in group) for group in bar._groups] for left in lefts]


@pytest.mark.parametrize(("height", "n_columns"), [(900, 1), (690, 2), (480, 2), (320, 3)])
def test_a_group_is_in_one_column(qtbot: QtBot, height: int, n_columns: int) -> None:
    sizes = [len(group) for group in TOOL_GROUPS]
    bar = ToolBar([[QAction(tool.title) for tool in group] for group in TOOL_GROUPS])
    qtbot.addWidget(bar)
    bar.resize(bar.width(), height)
    bar.show()
    found = columns(bar)
    assert len(found) == n_columns
    assert [sum(column) for column in zip(*found, strict=True)] == sizes
    assert all(
        count in (0, size) for column in found for count, size in zip(column, sizes, strict=True)
    )
    buttons = [button for group in bar._groups for button in group]
    assert max(button.geometry().bottom() for button in buttons) < height
    assert max(button.geometry().right() for button in buttons) < bar.width()
    assert len({(button.x(), button.y()) for button in buttons}) == len(buttons)
    lengths = [sum(column) for column in found]
    assert max(lengths) - min(lengths) <= max(sizes)


def test_a_low_window_splits_groups_and_hides_no_tool(qtbot: QtBot) -> None:
    bar = ToolBar([[QAction(tool.title) for tool in group] for group in TOOL_GROUPS])
    qtbot.addWidget(bar)
    bar.resize(bar.width(), 150)
    bar.show()
    assert all(
        button.geometry().bottom() < 150 and button.geometry().right() < bar.width()
        for group in bar._groups
        for button in group
    )
