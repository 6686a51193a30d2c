"""The table of disputed regions names every kind of finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from annotator.domain.review import Finding, FindingKind
from annotator.gui.findings_table import KINDS, FindingsTable
from tests.unit.project_builder import SCHEMA

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.gui


def finding(region: int, kind: FindingKind) -> Finding:
    return Finding(
        case_id="case",
        region=region,
        label=1,
        kind=kind,
        score=0.9,
        size_mm3=12.0,
        box=((0, 2, 2), (1, 4, 4)),
        centre=(0, 3, 3),
        raters_for=("a", "b"),
        raters_against=(),
        mean_entropy=0.0,
        max_distance_mm=3.25 if kind == "contour" else None,
        why="all raters drew the outline of Lesion about 3.2 mm too far out here",
    )


def test_every_kind_has_a_word_and_a_line_that_is_held_wrong_is_shown(qtbot: QtBot) -> None:
    kinds: tuple[FindingKind, ...] = get_args(FindingKind)
    assert set(KINDS) == set(kinds)
    table = FindingsTable()
    qtbot.addWidget(table)
    findings = [finding(region, kind) for region, kind in enumerate(kinds, start=1)]
    table.set_findings(findings, SCHEMA, {"a": "A", "b": "B"}, {})
    row = kinds.index("contour")
    cells = [table.item(row, column) for column in range(table.columnCount())]
    assert [cell.text() for cell in cells if cell is not None] == [
        str(row + 1),
        "Lesion",
        "line",
        "12",
        "AB | –",
        "3.2",
        "open",
    ]
    picked: list[int] = []
    table.picked.connect(picked.append)
    table.select_region(row + 1)
    assert picked == [row + 1]
