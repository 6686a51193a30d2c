"""Drawing on slides: what is written does not depend on when, and tools work at the level seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.analysis import mask_levels
from annotator.analysis.mask_levels import MaskLevels
from annotator.analysis.slide_tiles import SlideTiles
from annotator.drawing import fill, slide_surface
from annotator.drawing.at_level import AtLevel, gesture_of
from annotator.drawing.brush import Brush
from annotator.drawing.edit import box_slices
from annotator.drawing.gesture import Held, NothingToDoError
from annotator.drawing.level_tracing import LevelTracing
from annotator.drawing.options import with_defaults
from annotator.drawing.polygon import Polygon
from annotator.drawing.rules import MaskingRules
from annotator.drawing.slide_surface import Sight, SlideSurface
from annotator.drawing.surface import Surface
from annotator.gui.large_writer import LargeWriter
from tests.unit.test_mask_levels import defined

if TYPE_CHECKING:
    from annotator.drawing.gesture import Gesture

pytestmark = pytest.mark.unit

SHAPE = (1, 700, 900)
SPACING = (1.0, 0.25, 0.5)
Places = list[tuple[float, float]]
places = st.lists(
    st.tuples(st.floats(-50, 750), st.floats(-50, 950)), min_size=1, max_size=6, unique=True
)


class OneLevel:
    """A picture with one level."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels
        self.shapes = ((pixels.shape[0], pixels.shape[1]),)
        self.dtype = pixels.dtype
        self.n_channels = 1

    def read(self, level: int, rows: slice, columns: slice) -> np.ndarray:
        assert level == 0
        return self.pixels[rows, columns]


def slide(mask: np.ndarray, factor: int = 4, image: np.ndarray | None = None) -> SlideSurface:
    levels = MaskLevels(mask)
    levels.update((0, mask.shape[1]), (0, mask.shape[2]))
    pixels = np.zeros(mask.shape[1:], np.uint8) if image is None else image
    sight = Sight(factor=factor, box=((0, 0, 0), mask.shape))
    return SlideSurface(
        mask=mask,
        spacing_mm=SPACING,
        levels=levels,
        tiles=SlideTiles(OneLevel(pixels)),
        sight=lambda: sight,
    )


def beginning() -> np.ndarray:
    mask = np.zeros(SHAPE, np.uint8)
    mask[0, 100:300, 200:600] = 2
    mask[0, 400, 100:800] = 3
    return mask


def draw(gesture: Gesture, at: Places) -> None:
    gesture.press((0.0, *at[0]))
    for place in at[1:]:
        gesture.drag((0.0, *place))
    gesture.release()


def check_levels(surface: SlideSurface) -> None:
    for level in range(surface.levels.n_levels):
        rows, columns = surface.levels.shape(level)
        np.testing.assert_array_equal(
            surface.levels.area(level, (0, rows), (0, columns)), defined(surface.mask, level)
        )


@pytest.fixture(autouse=True)
def _has_many_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_levels, "COARSEST", 64)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything wait that is larger than a few pixels."""
    monkeypatch.setattr(slide_surface, "AT_ONCE_PIXELS", 1 << 9)


@pytest.mark.usefixtures("waits")
@settings(max_examples=15)
@given(at=places, diameter=st.floats(1, 160), label=st.integers(0, 3), is_square=st.booleans())
def test_a_stroke_that_waited_is_what_the_brush_draws_at_once(
    at: Places, diameter: float, label: int, is_square: bool
) -> None:
    held = Held(
        label=label, diameter_mm=diameter, chosen={"shape": "square" if is_square else "round"}
    )
    rules = MaskingRules(locked=frozenset({3}))
    expected = beginning()
    plain = Brush(Surface(mask=expected, spacing_mm=SPACING, rules=rules), held, plane=0, index=0)
    draw(plain, at)
    surface = slide(beginning())
    object.__setattr__(surface, "rules", rules)
    gesture = Brush(surface, held, plane=0, index=0)
    draw(gesture, at)
    if gesture.is_behind:
        gesture.catch_up()
    edit = gesture.finish()
    np.testing.assert_array_equal(surface.mask, expected)
    check_levels(surface)
    if edit is None:
        np.testing.assert_array_equal(expected, beginning())
        return
    before = beginning()
    np.testing.assert_array_equal(edit.before, before[box_slices(edit.box)])
    before[box_slices(edit.box)] = edit.after
    np.testing.assert_array_equal(before, expected)


@pytest.mark.usefixtures("waits")
@settings(max_examples=15)
@given(st.lists(st.tuples(st.floats(0, 690), st.floats(0, 890)), min_size=3, max_size=9))
def test_a_polygon_that_waited_is_the_polygon(corners: Places) -> None:
    held = Held(label=1)
    masks = []
    for surface in (Surface(mask=beginning(), spacing_mm=SPACING), slide(beginning())):
        gesture = Polygon(surface, held, plane=0, index=0)
        gesture.vertices = [(0.0, *corner) for corner in corners]
        gesture.confirm()
        gesture.catch_up()
        masks.append(surface.mask)
    np.testing.assert_array_equal(masks[0], masks[1])


@pytest.mark.usefixtures("waits")
def test_a_dropped_stroke_leaves_no_trace_at_any_level() -> None:
    surface = slide(beginning())
    gesture = Brush(surface, Held(label=1, diameter_mm=30.0), plane=0, index=0)
    for column in (450.0, 500.0, 600.0):
        gesture.drag((0.0, 380.0, column))
    np.testing.assert_array_equal(surface.mask, beginning())
    assert surface.levels.area(2, (90, 95), (110, 115)).all()  # seen from afar while it waits
    gesture.cancel()
    np.testing.assert_array_equal(surface.mask, beginning())
    check_levels(surface)


def test_a_stroke_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slide_surface, "MAX_PIXELS", 10_000)
    gesture = Brush(slide(beginning()), Held(label=1, diameter_mm=2.0), plane=0, index=0)
    gesture.press((0.0, 350.0, 100.0))
    with pytest.raises(NothingToDoError, match="several strokes"):
        gesture.drag((0.0, 500.0, 700.0))


def test_a_tool_that_looks_at_the_image_draws_whole_pixels_of_the_level_seen() -> None:
    image = np.full(SHAPE[1:], 40, np.uint8)
    image[160:320, 240:480] = 200
    surface = slide(np.zeros(SHAPE, np.uint8), factor=4, image=image)
    held = Held(label=2, chosen=with_defaults(LevelTracing.options, {"side": "brighter"}))
    gesture = gesture_of(LevelTracing, surface, held, plane=0, index=0)
    assert isinstance(gesture, AtLevel)
    gesture.hover((0.0, 200.0, 300.0))
    line: Any = gesture.preview.lines[0].points
    assert line[:, 1].min() == pytest.approx(160 - 0.5, abs=2)
    assert line[:, 2].max() == pytest.approx(480 - 0.5, abs=2)
    box = gesture.press((0.0, 200.0, 300.0))
    assert gesture.is_done
    np.testing.assert_array_equal(surface.mask[0] == 2, image == 200)
    assert box == ((0, 160, 240), (1, 320, 480))
    edit = gesture.finish()
    assert edit is not None
    assert edit.box == box
    check_levels(surface)


def test_a_fill_of_a_slide_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fill, "LARGEST_SLICE", 1 << 20)
    monkeypatch.setattr(fill, "_LAST_REACH", 1024)
    mask = np.zeros((1, 3000, 3000), np.uint8)
    mask[0, 500:1100, 500] = mask[0, 500:1100, 1400] = 1
    mask[0, 500, 500:1401] = mask[0, 1099, 500:1401] = 1
    gesture = fill.Fill(Surface(mask=mask), Held(label=2), plane=0, index=0)
    region = gesture.find((0, 800, 900))
    assert region is not None
    assert region.origin == (0, 501, 501)
    assert region.n_voxels == 598 * 899
    with pytest.raises(fill.LeakError, match="Close the outline"):
        gesture.find((0, 1600, 1600))


@pytest.mark.usefixtures("waits")
def test_of_what_waits_the_later_lies_over_the_earlier() -> None:
    surface = slide(np.zeros(SHAPE, np.uint8))
    recorder = surface.recorder()
    expected = np.zeros(SHAPE, np.uint8)
    for column, value in ((100, 1), (190, 0), (120, 2), (160, 1)):
        recorder.paint((0, 300, column), np.ones((1, 90, 90), np.bool_), value)
        expected[0, 300:390, column : column + 90] = value
    recorder.catch_up()
    np.testing.assert_array_equal(surface.mask, expected)


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize(
    ("error", "words"), [(MemoryError(), "not enough memory"), (ValueError("odd"), "(odd)")]
)
def test_what_could_not_be_written_to_its_end_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    write, calls = slide_surface.SlideRecorder._write_block, []

    def fail(self: Any, *given: Any) -> None:  # noqa: ANN401 - as it is called
        calls.append(given)
        write(self, *given)
        if len(calls) == 4:
            raise error

    monkeypatch.setattr(slide_surface.SlideRecorder, "_write_block", fail)
    surface = slide(beginning())
    gesture = Brush(surface, Held(label=1, diameter_mm=2.0), plane=0, index=0)
    gesture.drag((0.0, 90.0, 190.0))  # small enough to be written at once
    gesture._recorder.paint((0, 50, 60), np.ones((1, 600, 700), np.bool_), 1)
    told: list[LargeWriter] = []
    writer = LargeWriter(gesture, told.append)
    writer.wait()
    assert told == [writer]
    assert writer.failure is not None
    assert words in writer.failure
    assert writer.settled() == ((0, 50, 60), (1, 650, 760))
    np.testing.assert_array_equal(surface.mask, beginning())
    check_levels(surface)
