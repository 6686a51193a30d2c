"""Masking rules, what tools draw on, and options, against plain statements voxel by voxel."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.drawing.edit import Mask, box_slices
from annotator.drawing.options import (
    ChoiceOption,
    LabelOption,
    NumberOption,
    SwitchOption,
    with_defaults,
)
from annotator.drawing.rules import Area, MaskingRules, Overwrite
from annotator.drawing.surface import Surface

if TYPE_CHECKING:
    from annotator.domain.reading import Box

pytestmark = pytest.mark.unit

SHAPE = (4, 6, 7)
AREAS = (
    "everywhere",
    "inside labels",
    "inside visible",
    "outside labels",
    "outside visible",
    "inside one",
)
LABELS = (0, 1, 2, 3, 300)
labels_of = st.frozensets(st.sampled_from(LABELS[1:]), max_size=3)
corners = st.tuples(*(st.tuples(st.integers(0, n), st.integers(0, n)) for n in SHAPE))


def as_box(pairs: tuple[tuple[int, int], ...]) -> Box:
    (z0, z1), (y0, y1), (x0, x1) = (sorted(pair) for pair in pairs)
    return (z0, y0, x0), (z1, y1, x1)


@st.composite
def all_rules(draw: st.DrawFn) -> MaskingRules:
    """Rules of every kind, together."""
    intensity = draw(st.none() | st.tuples(st.integers(-60, 20), st.integers(-20, 60)))
    return MaskingRules(
        area=cast("Area", draw(st.sampled_from(AREAS))),
        area_label=draw(st.sampled_from(LABELS)),
        regions=tuple(as_box(pairs) for pairs in draw(st.lists(corners, max_size=2))),
        intensity=None if intensity is None else (float(intensity[0]), float(intensity[1])),
        overwrite=cast("Overwrite", draw(st.sampled_from(("all", "visible", "none")))),
        locked=draw(labels_of),
        hidden=draw(labels_of),
    )


def may_change(
    rules: MaskingRules, voxel: tuple[int, int, int], before: int, wanted: int, value: float
) -> bool:
    """Say in words of one voxel whether its label may become another."""
    visible = before != 0 and before not in rules.hidden
    in_area = {
        "everywhere": True,
        "inside labels": before != 0,
        "inside visible": visible,
        "outside labels": before == 0,
        "outside visible": not visible,
        "inside one": before == rules.area_label,
    }[rules.area]
    in_region = not rules.regions or any(
        all(a <= n < b for a, n, b in zip(low, voxel, high, strict=True))
        for low, high in rules.regions
    )
    in_range = rules.intensity is None or rules.intensity[0] <= value <= rules.intensity[1]
    is_locked = before in rules.locked or wanted in rules.locked
    gives_way = (
        before == 0
        or wanted == 0
        or {"all": True, "visible": visible, "none": False}[rules.overwrite]
    )
    return in_area and in_region and in_range and not is_locked and gives_way


def make_surface(rules: MaskingRules, seed: int, dtype: type[np.unsignedinteger]) -> Surface:
    rng = np.random.default_rng(seed)
    labels = [label for label in LABELS if label <= np.iinfo(dtype).max]
    return Surface(
        mask=rng.choice(labels, SHAPE).astype(dtype),
        image=rng.integers(0, 50, SHAPE).astype(np.int16),
        slope=2.0,
        intercept=-50.0,
        rules=rules,
    )


def expected_after(surface: Surface, wanted: Mask, within: np.ndarray) -> Mask:
    """Ask for each voxel in turn; `within` says which ones a tool wants to write."""
    after = surface.mask.copy()
    assert surface.image is not None
    for z, y, x in np.argwhere(within).tolist():
        before, new = int(surface.mask[z, y, x]), int(wanted[z, y, x])
        value = float(surface.image[z, y, x]) * surface.slope + surface.intercept
        if may_change(surface.rules, (z, y, x), before, new, value):
            after[z, y, x] = new
    return after


@settings(max_examples=150, deadline=None)
@given(
    rules=all_rules(),
    seed=st.integers(0, 5),
    pairs=corners,
    label=st.sampled_from(LABELS),
    is_wide=st.booleans(),
)
def test_every_way_of_writing_keeps_the_rules(
    rules: MaskingRules, seed: int, pairs: tuple[tuple[int, int], ...], label: int, is_wide: bool
) -> None:
    surface = make_surface(rules, seed, np.uint16 if is_wide else np.uint8)
    label = label if is_wide else min(label, 255)
    box = as_box(pairs)
    size = tuple(b - a for a, b in zip(*box, strict=True))
    rng = np.random.default_rng(seed + 1)
    start = surface.mask.copy()

    stamp = rng.random(size) < 0.6
    within = np.zeros(SHAPE, bool)
    within[box_slices(box)] = stamp
    painted = expected_after(surface, np.full(SHAPE, label, start.dtype), within)
    recorder = surface.recorder()
    recorder.paint(box[0], stamp, label)
    assert np.array_equal(surface.mask, painted)
    if recorder.revert() is not None:
        assert np.array_equal(surface.mask, start)

    wanted = start.copy()
    some = rng.choice([value for value in LABELS if value <= np.iinfo(start.dtype).max], size)
    wanted[box_slices(box)] = some
    within[...] = False
    within[box_slices(box)] = True
    put = expected_after(surface, wanted, within)
    free = surface.editable(box, some.astype(start.dtype))
    recorder = surface.recorder()
    recorder.put(box, some.astype(start.dtype))
    assert np.array_equal(surface.mask, put)
    changes = some != start[box_slices(box)]
    assert np.array_equal((put != start)[box_slices(box)], free & changes)


def test_what_binds_and_what_does_not() -> None:
    assert not MaskingRules(hidden=frozenset({1}), area_label=2).bind
    for rules in (
        MaskingRules(area="inside labels"),
        MaskingRules(regions=(((0, 0, 0), (1, 1, 1)),)),
        MaskingRules(intensity=(0.0, 1.0)),
        MaskingRules(overwrite="none"),
        MaskingRules(locked=frozenset({1})),
    ):
        assert rules.bind


def test_the_image_is_read_only_where_its_range_counts() -> None:
    asked: list[Box] = []

    def values(box: Box) -> np.ndarray:
        asked.append(box)
        return np.zeros((1, 2, 2), np.float32)

    box: Box = ((0, 0, 0), (1, 2, 2))
    empty: Mask = np.zeros((1, 2, 2), np.uint8)
    MaskingRules(overwrite="none").editable(box, empty, 1, values)
    MaskingRules(area="inside labels", intensity=(0.0, 1.0)).editable(box, empty, 1, values)
    assert not asked
    assert MaskingRules(intensity=(0.0, 1.0)).editable(box, empty, 1, values).all()
    assert asked == [box]


def test_a_position_names_the_voxel_whose_centre_is_next() -> None:
    surface = Surface(mask=np.zeros(SHAPE, np.uint8))
    assert surface.voxel_at((-0.5, 0.49, 6.49)) == (0, 0, 6)
    assert surface.voxel_at((0.5, 1.5, 2.5)) == (1, 2, 3)
    for outside in ((-0.51, 0.0, 0.0), (3.5, 0.0, 0.0), (0.0, 0.0, 7.0), (0.0, -3.0, 0.0)):
        assert surface.voxel_at(outside) is None
    assert surface.whole == ((0, 0, 0), SHAPE)


def test_values_are_in_units_of_the_image_and_luminance_for_colours() -> None:
    box: Box = ((0, 1, 1), (1, 3, 2))
    grey = Surface(
        mask=np.zeros((1, 4, 4), np.uint8),
        image=np.arange(16, dtype=np.int16).reshape(1, 4, 4),
        slope=0.5,
        intercept=-3.0,
    )
    assert grey.values(box).ravel().tolist() == [-0.5, 1.5]
    assert grey.half_a_step == 0.25
    colours = np.zeros((1, 4, 4, 4), np.uint8)
    colours[..., 1] = 100
    colours[..., 3] = 255  # transparency says nothing of brightness
    shown = Surface(mask=np.zeros((1, 4, 4), np.uint8), image=colours)
    assert shown.values(box) == pytest.approx(np.full((1, 2, 1), 71.52), abs=1e-3)
    without = Surface(mask=np.zeros((1, 4, 4), np.uint8))
    assert without.half_a_step == 0
    with pytest.raises(RuntimeError, match="no image"):
        without.values(box)


OPTIONS = (
    NumberOption(key="n", title="Radius", tooltip="", default=2.0, minimum=1, maximum=5, unit="mm"),
    NumberOption(
        key="i", title="Rounds", tooltip="", default=3, minimum=1, maximum=9, is_whole=True
    ),
    ChoiceOption(
        key="c", title="Shape", tooltip="", default="a", choices=(("a", "A"), ("bold", "B"))
    ),
    SwitchOption(key="s", title="Smooth", tooltip="", default=True),
    LabelOption(key="l", title="Other", tooltip=""),
)


def test_options_have_defaults_and_what_is_chosen_takes_their_place() -> None:
    assert with_defaults(OPTIONS, {}) == {"n": 2.0, "i": 3, "c": "a", "s": True, "l": 0}
    chosen: dict[str, float | str | bool] = {"n": 5, "c": "bold", "s": False, "l": 4}
    assert with_defaults(OPTIONS, chosen) == {"i": 3, **chosen}


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"n": 5.1}, "Radius is 5.1; it must be a number from 1 to 5 mm"),
        ({"n": "3"}, "Radius is '3'; it must be a number"),
        ({"n": float("nan")}, "Radius is nan"),
        ({"n": True}, "Radius is True"),
        ({"i": 2.5}, "Rounds is 2.5; it must be a whole number from 1 to 9"),
        ({"s": 1.0}, "Smooth is 1.0; it must be on or off"),
        ({"l": -1}, "Other is -1; it must be a label"),
        ({"l": 1.5}, "Other is 1.5; it must be a label"),
        ({"l": "liver"}, "Other is 'liver'; it must be a label"),
    ],
)
def test_what_cannot_be_set_is_told(chosen: dict[str, float | str | bool], words: str) -> None:
    with pytest.raises(AnnotatorError) as told:
        with_defaults(OPTIONS, chosen)
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("chosen", "meant"), [({"c": "bolt"}, "bold"), ({"C": "a"}, "c")], ids=["choice", "key"]
)
def test_an_unknown_name_is_told_with_what_was_meant(chosen: dict[str, str], meant: str) -> None:
    with pytest.raises(UnknownNameError, match=meant):
        with_defaults(OPTIONS, chosen)


def test_a_recorder_tells_whether_a_write_was_refused() -> None:
    for as_labels in (False, True):
        mask = np.zeros((2, 4, 4), np.uint8)
        mask[:, :2] = 1
        surface = Surface(mask=mask, rules=MaskingRules(area="inside labels"))
        recorder = surface.recorder()
        recorder.paint((0, 0, 0), np.ones((2, 2, 4), bool), 1)
        assert not recorder.was_refused, "nothing would have changed"
        if as_labels:
            recorder.put(((0, 2, 0), (2, 4, 4)), np.full((2, 2, 4), 3, np.uint8))
        else:
            recorder.paint((0, 2, 0), np.ones((2, 2, 4), bool), 3)
        assert recorder.was_refused
        assert recorder.finish() is None
