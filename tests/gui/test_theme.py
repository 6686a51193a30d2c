"""Both themes, in every room: colours that can be read, names for all, nothing cut off."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, get_args

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPixmap
from qtpy.QtWidgets import QApplication, QDialog, QLabel, QPushButton, QSlider, QWidget

from annotator.bundled import resource
from annotator.gui import theme
from annotator.gui.action_table import ACTIONS
from annotator.gui.command_palette import CommandPalette
from annotator.gui.export_dialog import ExportDialog
from annotator.gui.new_project import NewProjectDialog
from annotator.gui.shortcuts_page import ShortcutsPage
from annotator.gui.theme import SHAPE_PAIRS, TEXT_PAIRS, TOKENS, ThemeName, Tokens, contrast
from tests.gui.small_project import REVIEWER, make_project
from tests.gui.steps import PATIENCE_MS, be, open_project, press
from tests.gui.widget_walk import cut_off, unnamed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from annotator.gui.window import MainWindow

pytestmark = pytest.mark.gui
Road = Callable[["MainWindow", "QtBot", "Path"], "Iterator[str]"]
NAMES: tuple[ThemeName, ...] = get_args(ThemeName)


@pytest.fixture(scope="module")
def worked_on(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a case to read and a case with three readings."""
    place = tmp_path_factory.mktemp("theme") / "small"
    make_project(place, n_cases=1, with_readings=True)
    return place


def reading(window: MainWindow, qtbot: QtBot, project: Path) -> Iterator[str]:
    """Walk from the start to an open case, and stop in each place."""
    window.settings.remember("/data/studies/of a department with a long name/Lung nodules 2026")
    window.settings.remember(str(project))
    window.go("start")
    yield "start"
    open_project(window, qtbot, project)
    yield "project"
    be(window, qtbot, "Dr Adams", "read")
    yield "worklist"
    window.rater.open(window.rater.worklist.cases.rows()[0].key)
    qtbot.waitUntil(lambda: window.rater.open_case is not None, timeout=PATIENCE_MS)
    yield "case"


def reviewing(window: MainWindow, qtbot: QtBot, project: Path) -> Iterator[str]:
    """Walk from the queue of cases to the report, and stop in each place."""
    open_project(window, qtbot, project)
    be(window, qtbot, REVIEWER, "review")
    yield "queue"
    press(window, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: window.review.desk is not None, timeout=PATIENCE_MS)
    yield "review"
    press(window, Qt.Key.Key_R)
    assert window.room_name == "redraw"
    yield "redraw"
    press(window, Qt.Key.Key_Escape, Qt.KeyboardModifier.ShiftModifier)
    press(window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.report.plot is not None, timeout=PATIENCE_MS)
    yield "report"


def test_what_contrast_is() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)
    assert contrast("#123456", "#123456") == pytest.approx(1.0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("pairs", "least"), [(TEXT_PAIRS, 4.5), (SHAPE_PAIRS, 3.0)])
def test_colours_can_be_told_apart(
    name: ThemeName, pairs: tuple[tuple[str, str], ...], least: float
) -> None:
    for front, back in pairs:
        found = contrast(getattr(TOKENS[name], front), getattr(TOKENS[name], back))
        assert found >= least, f"{front} on {back}: {found:.2f}"


def test_every_token_is_a_colour_that_is_used() -> None:
    sheet = resource("styles/theme.qss").read_text(encoding="utf-8")
    source = resource("../annotator/gui")
    code = " ".join(path.read_text(encoding="utf-8") for path in source.glob("*.py"))
    for name in Tokens.__dataclass_fields__:
        for tokens in TOKENS.values():
            assert re.fullmatch("#[0-9a-f]{6}", getattr(tokens, name))
        assert re.search(rf"@{name}\b", sheet) or f"tokens.{name}" in code, name


@pytest.mark.parametrize("name", NAMES)
def test_the_style_sheet_has_no_hole(name: ThemeName) -> None:
    sheet = theme.style_sheet(name, 1.0)
    assert re.findall(r"@\w+", sheet) == ["@name"], "of the comment that explains it"
    known = {value.lower() for value in vars_of(TOKENS[name])}
    found = {value.lower() for value in re.findall(r"#[0-9a-fA-F]{6}\b", sheet)}
    assert found <= known | {"#000000"}, "besides the black behind images, only tokens"


def vars_of(tokens: Tokens) -> list[str]:
    return [getattr(tokens, name) for name in Tokens.__dataclass_fields__]


@pytest.mark.parametrize("road", [reading, reviewing])
def test_nothing_is_unnamed_or_cut_off(
    window: MainWindow, qtbot: QtBot, worked_on: Path, road: Road
) -> None:
    for place in road(window, qtbot, worked_on):
        qtbot.wait(50)
        assert (window.width(), window.height()) == (1280, 800), f"{place} needs a larger window"
        assert unnamed(window) == [], place
        assert cut_off(window) == [], place
    for _ in range(2):
        press(window, Qt.Key.Key_Equal, Qt.KeyboardModifier.ControlModifier)
    assert window.settings.font_scale == 1.2
    qtbot.wait(50)
    assert cut_off(window) == [], "larger text"


def test_what_is_unnamed_or_cut_off_is_found(window: MainWindow) -> None:
    slider = QSlider(window.start)
    words = QLabel("Words that are longer than the room for them", window.start)
    words.setGeometry(200, 10, 60, 20)
    outside = QPushButton("Outside", window.start)
    outside.setGeometry(window.width() - 30, 60, 90, 30)
    for widget in (slider, words, outside):
        widget.show()
    assert len(unnamed(window)) == 2, "the slider has neither a name nor help"
    found = cut_off(window)
    assert len(found) == 2
    assert "Words that are" in found[0]
    assert "Outside" in found[1]


@pytest.fixture
def dialogs(window: MainWindow) -> Iterator[list[QDialog]]:
    """Return every dialog of the window."""
    made = [
        NewProjectDialog(window),
        ExportDialog("/data/export", window),
        ShortcutsPage(ACTIONS, {}, "review", window),
        CommandPalette(ACTIONS, window),
    ]
    yield made
    for dialog in made:
        dialog.deleteLater()


def test_nothing_in_a_dialog_is_unnamed_or_cut_off(dialogs: list[QDialog], qtbot: QtBot) -> None:
    for dialog in dialogs:
        dialog.show()
        qtbot.waitExposed(dialog)
        qtbot.wait(20)
        assert unnamed(dialog) == [], dialog.windowTitle()
        assert cut_off(dialog) == [], dialog.windowTitle()
        dialog.hide()


def colours_of(widget: QWidget) -> set[str]:
    """Return the colours ``#rrggbb`` that are on screen, without those of rounded edges."""
    image = widget.grab().toImage()
    counts: dict[int, int] = {}
    for y in range(0, image.height(), 2):
        for x in range(0, image.width(), 2):
            value = image.pixel(x, y)
            counts[value] = counts.get(value, 0) + 1
    return {QColor(value).name() for value, count in counts.items() if count > 40}


@pytest.mark.parametrize(("road", "place"), [(reading, "worklist"), (reviewing, "review")])
def test_a_switch_of_themes_leaves_no_stale_colours(
    window: MainWindow, qtbot: QtBot, worked_on: Path, road: Road, place: str
) -> None:
    for reached in road(window, qtbot, worked_on):
        if reached == place:
            break
    window.notice.say("Something to read.", "caution", "details")
    only_dark = set(vars_of(TOKENS["dark"])) - set(vars_of(TOKENS["light"]))
    sides = [window.top, window.bottom, window.notice, window.menuBar()]
    if place == "worklist":
        sides += [window.rater.worklist, window.rater.holder]
    else:
        sides += [window.review.masks.strip, window.review.side, window.review.queue]
    dark = set().union(*(colours_of(side) for side in sides))
    assert dark & only_dark
    press(
        window,
        Qt.Key.Key_L,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
    )
    assert window.settings.theme == "light"
    QApplication.processEvents()
    for side in sides:
        assert not colours_of(side) & only_dark, type(side).__name__
    assert inked(window.notice._picture.pixmap()) == {TOKENS["light"].caution}
    if place == "worklist":
        assert inked(window.rater.holder.empty._picture.pixmap()) == {TOKENS["light"].muted}


def inked(picture: QPixmap) -> set[str]:
    """Return the colours of an icon, without its smoothed edges."""
    image = picture.toImage()
    pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return {color.name() for color in pixels if color.alpha() == 255}
