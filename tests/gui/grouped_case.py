"""A case with labels of two groups, and what is checked of it in the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel

from annotator.domain.label_groups import MaskValues, with_overlaps
from annotator.domain.schema import Label, LabelSchema
from annotator.gui.statistics_dialog import StatisticsDialog
from annotator.session.session import Session
from tests.gui.drawing_case import CENTRE, CONTROL, LEFT, SHIFT, Case
from tests.gui.small_project import READERS, add_case
from tests.gui.steps import PATIENCE_MS, drawn_case
from tests.gui.widget_walk import cut_off, unnamed

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from annotator.gui.drawing_side import DrawingSide

LIVER, SPLEEN, LESION, VESSEL = 1, 2, 3, 4
LABELS = (
    Label(value=LIVER, name="Liver", color="#d55e00", group="Organs"),
    Label(value=LESION, name="Lesion", color="#f0e442", group="Findings", required=True),
    Label(value=SPLEEN, name="Spleen", color="#56b4e9", group="Organs"),
    Label(value=VESSEL, name="Vessel", color="#0072b2", group="Findings"),
)
KEYS = {LIVER: "1", SPLEEN: "2", LESION: "3", VESSEL: "4"}
"""In the order of the palette, which is that of the groups."""
SCHEMA = with_overlaps(LabelSchema(name="grouped", title="Grouped", labels=LABELS))
ALT = Qt.KeyboardModifier.AltModifier


def make_grouped(directory: Path) -> None:
    """Make a project with labels that may overlap."""
    with Session.create(directory, title="Grouped", schema=SCHEMA) as session:
        add_case(session, 1)
        readers = [session.add_rater(name, may_review=False) for name in READERS]
        session.assign(rater_ids=[reader.rater_id for reader in readers])


def held(case: Case, label: int) -> NDArray[np.bool_]:
    """Return where a label is, alone or with another one."""
    values = MaskValues(drawn_case(case.window).schema)
    return np.isin(case.mask, values.holding(label))


def take(case: Case, label: int) -> None:
    case.key(KEYS[label])
    assert case.canvas.label == label


def check_groups(case: Case, qtbot: QtBot) -> None:
    """Draw a lesion over a liver and do with both what a person does."""
    panel: Any = case.window.rater.panel
    side: DrawingSide = panel.drawing
    headings = [one.text() for one in side.labels.findChildren(QLabel)]
    assert [text for text in headings if text in ("Organs", "Findings")] == ["Organs", "Findings"]
    assert list(side.labels.buttons) == [LIVER, SPLEEN, LESION, VESSEL]
    case.key("B")
    case.key("S")  # a ball
    case.tools._options.brush.slider.setValue(62)  # type: ignore[union-attr]
    take(case, LIVER)
    case.stroke([CENTRE])
    liver = case.mask == LIVER
    assert np.count_nonzero(liver) > 500
    take(case, LESION)
    case.stroke([(12.0, 22.0, 22.0)])
    lesion = held(case, LESION)
    assert np.array_equal(held(case, LIVER), liver)
    assert (liver & lesion).any()
    assert (lesion & ~liver).any()
    assert unnamed(case.window.rater.masks) == []
    qtbot.waitUntil(lambda: cut_off(case.window.rater.masks) == [], timeout=PATIENCE_MS)
    check_locks(case, side, liver, lesion)
    check_looks(case, side, liver, lesion)
    check_picking(case)
    check_operations(case, qtbot, liver, lesion)
    check_measures(case, qtbot, liver, lesion)
    opened = drawn_case(case.window)
    only_shared = np.where(liver & lesion, case.mask, np.where(liver, LIVER, 0))
    case.mask[...] = only_shared
    assert opened.cautions() == ()


def check_locks(
    case: Case,
    side: DrawingSide,
    liver: NDArray[np.bool_],
    lesion: NDArray[np.bool_],
) -> None:
    """A locked organ holds back organs, not findings; Ctrl erases in the group in hand."""
    QTest.mouseClick(side.labels.locks[LIVER], LEFT)
    take(case, SPLEEN)
    case.stroke([CENTRE])
    assert np.array_equal(held(case, LIVER), liver)
    assert not (held(case, SPLEEN) & liver).any()
    take(case, VESSEL)
    case.stroke([CENTRE])
    assert np.array_equal(held(case, LIVER), liver)
    assert (held(case, VESSEL) & liver).any()
    case.stroke([(12.0, 22.0, 22.0)], CONTROL)
    assert not (held(case, LESION) & lesion).any()
    assert np.array_equal(held(case, LIVER), liver)
    for _ in range(2):
        case.key("Z")
    QTest.mouseClick(side.labels.locks[LIVER], LEFT)
    assert np.array_equal(held(case, LESION), lesion)


def check_looks(
    case: Case,
    side: DrawingSide,
    liver: NDArray[np.bool_],
    lesion: NDArray[np.bool_],
) -> None:
    """Colours lie on each other, a hidden label shows what it shares; lines are those of labels."""
    canvas = case.canvas
    both = MaskValues(drawn_case(case.window).schema).value((LIVER, LESION))
    colors = canvas.label_colors
    assert colors[both][3] > colors[LIVER][3]
    assert colors[both][:3] not in (colors[LIVER][:3], colors[LESION][:3])
    QTest.mouseClick(side.labels.group_eyes["Findings"], LEFT)
    assert side.rules.hidden == {LESION, VESSEL}
    assert canvas.label_colors[both] == canvas.label_colors[LIVER]
    assert LESION not in canvas.label_colors
    QTest.mouseClick(side.labels.group_eyes["Findings"], LEFT)
    assert canvas.label_colors == colors
    shared = np.argwhere(liver & lesion)[0]
    canvas.set_position(shared.tolist())
    z, y, x = map(float, shared)
    case.move((z, y, x))
    assert case.window.rater.holder.readout.text().endswith(" · Liver + Lesion")
    canvas.set_position((12, 18, 18))
    case.key("J")
    shown = case.view.scene._mask.data  # type: ignore[union-attr]
    values = MaskValues(drawn_case(case.window).schema)
    for label, region in ((LIVER, liver[12]), (LESION, lesion[12])):
        lines = np.isin(shown, values.holding(label))
        inner = region.copy()
        for axis in (0, 1):
            for step in (-1, 1):
                inner &= np.roll(region, step, axis)
        assert np.array_equal(lines, region & ~inner)
    case.key("J")
    assert np.array_equal(case.view.scene._mask.data, case.mask[12])  # type: ignore[union-attr]


def check_picking(case: Case) -> None:
    """Alt and a click pick the label there; again, the one that shares the place."""
    z, y, x = map(float, np.argwhere(held(case, LESION) & held(case, LIVER))[-1])
    case.canvas.set_position([round(place) for place in (z, y, x)])
    take(case, SPLEEN)
    for expected in (LIVER, LESION, LIVER):
        case.stroke([(z, y, x)], ALT)
        assert case.canvas.label == expected
    take(case, VESSEL)
    case.stroke([(z, y, x)], ALT)
    assert case.canvas.label == LESION, "of the group in hand first"
    case.canvas.set_position((12, 18, 18))


def check_operations(
    case: Case, qtbot: QtBot, liver: NDArray[np.bool_], lesion: NDArray[np.bool_]
) -> None:
    """Lesion minus liver: suggested, accepted, taken back; the liver stays."""
    operations = case.tools.operations
    assert operations is not None
    case.window.settings.tool_options["booleans"] = {"what": "subtract", "other": LIVER}
    take(case, LESION)
    before = case.mask.copy()
    operations.start("booleans")
    qtbot.waitUntil(lambda: operations.has_suggestion, timeout=PATIENCE_MS)
    assert np.array_equal(case.mask, before)
    case.canvas.setFocus()
    case.key("Return", SHIFT)
    assert np.array_equal(held(case, LESION)[12], lesion[12] & ~liver[12])
    assert np.array_equal(held(case, LESION)[11], lesion[11])
    case.key("Return")
    assert np.array_equal(held(case, LESION), lesion & ~liver)
    assert np.array_equal(held(case, LIVER), liver)
    for _ in range(2):
        case.key("Z")
    assert np.array_equal(case.mask, before)
    operations.close()


def check_measures(
    case: Case, qtbot: QtBot, liver: NDArray[np.bool_], lesion: NDArray[np.bool_]
) -> None:
    """The table counts shared voxels for each label; R finds a label that is nowhere alone."""
    take(case, LESION)
    assert case.canvas.zoom_to_label()
    low, high = (np.argwhere(lesion).min(axis=0), np.argwhere(lesion).max(axis=0) + 1)
    assert list(case.canvas.position) == [(a + b) // 2 for a, b in zip(low, high, strict=True)]
    take(case, VESSEL)
    assert not case.canvas.zoom_to_label()
    case.tools.measure()
    dialog = case.window.findChild(StatisticsDialog)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.is_done, timeout=PATIENCE_MS)
    counts = {row[0]: int(row[1]) for row in dialog.rows}
    assert counts == {
        "Liver": np.count_nonzero(liver),
        "Lesion": np.count_nonzero(lesion),
        "Spleen": np.count_nonzero(held(case, SPLEEN)),
        "Vessel": 0,
    }
    dialog.close()
