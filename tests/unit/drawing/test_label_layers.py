"""Label groups: what is drawn in one leaves the others, for every tool, operation and rule."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from annotator.domain.errors import AnnotatorError
from annotator.domain.label_groups import MaskValues, with_overlaps
from annotator.domain.schema import Label, LabelSchema
from annotator.drawing.brush import Brush
from annotator.drawing.edit import Edit, Mask, Point, box_slices
from annotator.drawing.eraser import Eraser
from annotator.drawing.fill import Fill
from annotator.drawing.gesture import Gesture, NothingToDoError
from annotator.drawing.label_layers import LabelLayers
from annotator.drawing.mark_gesture import MarkGesture
from annotator.drawing.measures import measure_label
from annotator.drawing.operation import apply, label_change, mask_change
from annotator.drawing.polygon import Polygon
from annotator.drawing.proposal import Proposal
from annotator.drawing.ruler import Ruler
from annotator.drawing.rules import MaskingRules
from annotator.drawing.surface import Surface
from annotator.drawing.tools import OPERATIONS, TOOLS
from tests.unit.drawing import replay
from tests.unit.drawing.asking import SHAPE, SPACING, ask, made_labels
from tests.unit.drawing.hands import stroke, take_up

if TYPE_CHECKING:
    from tests.unit.drawing.replay import Inside

pytestmark = pytest.mark.unit

GROUP_OF = {1: "organ", 2: "organ", 3: "finding", 4: "finding"}
SCHEMA = with_overlaps(
    LabelSchema(
        name="two",
        title="Two groups",
        labels=tuple(
            Label(value=value, name=str(value), color="#123456", group=group)
            for value, group in GROUP_OF.items()
        ),
    )
)
VALUES = MaskValues(SCHEMA)
ORGAN, FINDING = "organ", "finding"


def joined(organ: Mask, finding: Mask, dtype: type[np.unsignedinteger] = np.uint8) -> Mask:
    """Return the mask of two groups, each in an array of its own."""
    mask = np.zeros(organ.shape, dtype)
    for a in (0, 1, 2):
        for b in (0, 3, 4):
            mask[(organ == a) & (finding == b)] = VALUES.value((a, b))
    return mask


def apart(mask: Mask) -> dict[str, Mask]:
    """Return each group of a mask in an array of its own."""
    found = {group: np.zeros_like(mask) for group in (ORGAN, FINDING)}
    for value in VALUES.known:
        for label in VALUES.labels(value):
            found[GROUP_OF[label]][mask == value] = label
    return found


def layered(mask: Mask, label: int, **more: Any) -> Surface:  # noqa: ANN401 - fields of a surface
    """Return a surface with the group of a label in hand."""
    layers = LabelLayers(VALUES, mask.dtype)
    return Surface(mask=mask, **{"spacing_mm": SPACING, "layers": layers, **more}).of(label)


ORGANS = made_labels(3, n_labels=2)
FINDINGS = np.where(made_labels(4, n_labels=2) > 0, made_labels(4, n_labels=2) + 2, 0).astype(
    np.uint8
)
IMAGE = np.random.default_rng(5).normal(100, 20, SHAPE).astype(np.float32) + 40 * (ORGANS == 1)


DRAWING = [
    name for name, tool in TOOLS.items() if not issubclass(tool, MarkGesture) and tool is not Ruler
]


@pytest.mark.parametrize("label", [1, 3])
@pytest.mark.parametrize("name", DRAWING)
def test_every_tool_draws_in_its_group_as_if_it_were_alone(name: str, label: int) -> None:
    group = GROUP_OF[label]
    plain = (ORGANS if group == ORGAN else FINDINGS).copy()
    dtype: type[np.unsignedinteger] = np.uint16 if name == "brush" else np.uint8
    mask = joined(ORGANS, FINDINGS, dtype)
    plain = plain.astype(dtype)
    before = mask.copy()
    places: list[Point] = [(8, 5.2, 6.1), (8, 16.3, 9.4), (8, 14.1, 22.7), (8, 6.6, 20.2)]
    is_3d = name == "eraser"
    edits = []
    for surface in (layered(mask, label), Surface(mask=plain, spacing_mm=SPACING)):
        gesture = take_up(
            TOOLS[name],
            replace(surface, image=IMAGE),
            label=label,
            diameter_mm=6.0,
            index=8,
            is_3d=is_3d,
        )
        edits.append(_made(gesture, places))
    other = FINDING if group == ORGAN else ORGAN
    assert np.array_equal(apart(mask)[group], plain)
    assert np.array_equal(apart(mask)[other], apart(before)[other])
    first, second = edits
    assert first is not None
    assert second is not None
    assert first.box == second.box
    mask[box_slices(first.box)] = first.before
    assert np.array_equal(mask, before)


def _made(gesture: Gesture, places: list[Point]) -> Edit | None:
    """Use a tool that is pointed with, whether it wants a stroke, clicks or both."""
    try:
        edit = stroke(gesture, *places)
        if not gesture.is_done:
            for place in places[1:]:
                gesture.press(place)
                gesture.release()
            gesture.confirm()
            work, gesture.work = gesture.work, None
            if work is not None:
                gesture.take(work(lambda: False))
            edit = gesture.finish()
    except AnnotatorError:
        gesture.cancel()
        return None
    return edit


@pytest.mark.parametrize("label", [2, 3])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_changes_its_group_as_if_it_were_alone(name: str, label: int) -> None:
    group = GROUP_OF[label]
    plain = (ORGANS if group == ORGAN else FINDINGS).copy()
    if name in ("interpolate", "grow-from-seeds"):
        plain[1::3] = 0
        plain[2::3] = 0
    mask = joined(*((plain, FINDINGS) if group == ORGAN else (ORGANS, plain)))
    before = mask.copy()
    same = next(value for value in GROUP_OF if GROUP_OF[value] == group and value != label)
    options: dict[str, dict[str, Any]] = {
        "booleans": {"other": same},
        "fill holes": {"where": "slices", "over_labels": True},
    }
    how: dict[str, Any] = options.get(name, {}) | {
        "label": label,
        "index": 8,
        "at": (8, 12, 15),
        "values": tuple(GROUP_OF),
    }
    surface, alone = layered(mask, label, image=IMAGE), Surface(mask=plain, spacing_mm=SPACING)
    change = ask(name, surface, **how)
    wanted = ask(name, replace(alone, image=IMAGE), **how)
    assert change is not None
    assert wanted is not None
    assert change.box == wanted.box
    assert np.array_equal(change.labels, wanted.labels)
    shown = mask_change(surface, change)
    assert np.array_equal(label_change(surface, shown).labels, change.labels)
    apply(surface, change)
    apply(alone, wanted)
    assert np.array_equal(mask[box_slices(change.box)], shown.labels)
    other = FINDING if group == ORGAN else ORGAN
    assert np.array_equal(apart(mask)[group], plain)
    assert np.array_equal(apart(mask)[other], apart(before)[other])


def test_what_takes_labels_of_one_group_says_so() -> None:
    surface = layered(joined(ORGANS, FINDINGS), 1, image=IMAGE)
    words = r"Label 3 is of another group.*Combine labels"
    with pytest.raises(AnnotatorError, match=words):
        ask("mirror", surface, label=1, into=3)
    with pytest.raises(AnnotatorError, match=words):
        ask("grow-from-seeds", surface, label=1, background=3)
    with pytest.raises(AnnotatorError, match="has 0"):
        ask("islands", surface, label=1, values=(1, 3, 4), what="split")


def test_a_label_is_measured_wherever_it_lies() -> None:
    surface = layered(joined(ORGANS, FINDINGS), 1, image=IMAGE)
    for label, plain in ((2, ORGANS), (4, FINDINGS)):
        found = measure_label(surface, label)
        alone = measure_label(Surface(mask=plain, image=IMAGE, spacing_mm=SPACING), label)
        assert found == alone


def test_a_model_draws_its_object_into_the_group() -> None:
    mask = joined(ORGANS, FINDINGS)
    before = mask.copy()
    proposal = Proposal(mask, value=4, layer=layered(mask, 4).layer)
    box = ((2, 3, 4), (9, 15, 20))
    region = np.random.default_rng(1).random((7, 12, 16)) < 0.5
    assert proposal.show(box, region) is not None
    expected = FINDINGS.copy()
    expected[box_slices(box)][region] = 4
    assert np.array_equal(mask, joined(ORGANS, expected))
    proposal.withdraw()
    assert np.array_equal(mask, before)


def test_a_mask_that_cannot_hold_an_overlap_is_not_drawn_on() -> None:
    many = with_overlaps(replace(SCHEMA, overlaps=(), labels=(*SCHEMA.labels, *_high_labels())))
    mask = np.ones((2, 3, 4), np.uint8)
    surface = Surface(mask=mask, layers=LabelLayers(MaskValues(many), mask.dtype)).of(250)
    with pytest.raises(ValueError, match="a mask of uint8 cannot hold"):
        stroke(take_up(Brush, surface, label=250), (0, 1, 1))
    assert (mask == 1).all()


def _high_labels() -> tuple[Label, ...]:
    return (Label(value=250, name="High", color="#000000", group=FINDING),)


_rules = st.sampled_from(
    [
        MaskingRules(),
        MaskingRules(locked=frozenset({2, 3})),
        MaskingRules(overwrite="none"),
        MaskingRules(overwrite="visible", hidden=frozenset({2, 4})),
        MaskingRules(area="inside labels"),
        MaskingRules(area="outside labels"),
        MaskingRules(area="inside visible", hidden=frozenset({1, 4})),
        MaskingRules(area="outside visible", hidden=frozenset({1, 4})),
        MaskingRules(area="inside one", area_label=1),
        MaskingRules(area="inside one", area_label=4),
        MaskingRules(regions=(((1, 2, 2), (4, 11, 9)),)),
    ]
)
ROOM = (5, 14, 12)
STEPS: tuple[float, float, float] = (2.0, 0.5, 0.5)
_labels = st.sampled_from(sorted(GROUP_OF))


def _odd(size: int, offset: float) -> st.SearchStrategy[float]:
    """Return places at which no centre of a voxel lies exactly on an outline."""
    return st.integers(-2, 2 * size + 2).map(lambda value: value / 2 + offset)


_places = st.tuples(_odd(ROOM[0], 0.1371), _odd(ROOM[1], 0.0977), _odd(ROOM[2], 0.1713))


class AnyGroupedDrawing(RuleBasedStateMachine):
    """The product's one mask on one side, an array for each group on the other."""

    @initialize()
    def begin(self) -> None:
        self.mask = np.zeros(ROOM, np.uint8)
        self.layers = LabelLayers(VALUES, self.mask.dtype)
        self.expected: dict[str, Mask] = {
            group: np.zeros(ROOM, np.uint8) for group in (ORGAN, FINDING)
        }
        self.held_to = MaskingRules()
        self.done: list[tuple[Edit, dict[str, Mask]]] = []

    def _surface(self, label: int) -> Surface:
        surface = Surface(
            mask=self.mask, spacing_mm=STEPS, rules=self.held_to, layers=self.layers, group=ORGAN
        )
        return surface.of(label)

    def _write(self, edit: Edit | None, group: str, inside: Inside, label: int) -> None:
        """Let the replay write a label of a group, 0 for none, where it is meant and allowed."""
        before: dict[str, Mask] = {name: array.copy() for name, array in self.expected.items()}
        self.expected[group][inside & self._allowed(group, label)] = label
        assert (edit is not None) == (not np.array_equal(before[group], self.expected[group]))
        if edit is not None:
            self.done.append((edit, before))

    def _allowed(self, group: str, label: int) -> Inside:
        rules, own = self.held_to, self.expected[group]
        shown = np.zeros(ROOM, bool)
        for array in self.expected.values():
            is_shown = array != 0
            if rules.area.endswith("visible"):
                is_shown &= ~np.isin(array, list(rules.hidden))
            shown |= is_shown
        allowed = np.ones(ROOM, bool)
        if rules.area == "inside one":
            allowed = self.expected[GROUP_OF[rules.area_label]] == rules.area_label
        elif rules.area != "everywhere":
            allowed = shown if rules.area.startswith("inside") else ~shown
        if rules.locked:
            allowed = allowed & ~np.isin(own, list(rules.locked)) & (label not in rules.locked)
        if label and rules.overwrite == "none":
            allowed = allowed & (own == 0)
        if label and rules.overwrite == "visible":
            allowed = allowed & ~np.isin(own, list(rules.hidden))
        if rules.regions:
            inner = np.zeros(ROOM, bool)
            inner[1:4, 2:11, 2:9] = True
            allowed = allowed & inner
        return allowed

    @rule(rules=_rules)
    def hold_to(self, rules: MaskingRules) -> None:
        self.held_to = rules

    @rule(
        places=st.lists(_places, min_size=1, max_size=3),
        diameter=st.sampled_from([1.0, 2.5, 4.0]),
        label=_labels,
        erases=st.booleans(),
    )
    def brush(self, places: list[Point], diameter: float, label: int, erases: bool) -> None:
        inside = replay.swept(ROOM, STEPS, places, radius_mm=diameter / 2, plane=None)
        gesture = take_up(
            Eraser if erases else Brush,
            self._surface(label),
            label=label,
            diameter_mm=diameter,
            index=round(places[0][0]),
            is_3d=True,
        )
        edit = stroke(gesture, *places)
        self._write(edit, GROUP_OF[label], inside, 0 if erases else label)

    @rule(
        corners=st.lists(_places, min_size=3, max_size=6, unique=True),
        label=_labels,
        index=st.integers(0, 4),
    )
    def polygon(self, corners: list[Point], label: int, index: int) -> None:
        places = [(float(index), y, x) for _, y, x in corners]
        gesture = take_up(Polygon, self._surface(label), label=label, index=index)
        for place in places:
            gesture.press(place)
        gesture.confirm()
        inside = replay.outlined(ROOM, places, 0)
        self._write(gesture.finish(), GROUP_OF[label], inside, label)

    @rule(
        seed=st.tuples(*(st.integers(0, size - 1) for size in ROOM)),
        label=_labels,
        is_3d=st.booleans(),
    )
    def fill(self, seed: tuple[int, int, int], label: int, is_3d: bool) -> None:
        group = GROUP_OF[label]
        inside = replay.connected(self.expected[group], seed, None if is_3d else 0)
        gesture = take_up(Fill, self._surface(label), label=label, index=seed[0], is_3d=is_3d)
        try:
            edit = stroke(gesture, seed)
        except NothingToDoError:
            edit = None
        self._write(edit, group, inside, label)

    @rule(
        what=st.sampled_from(["copy", "add", "subtract", "intersect"]),
        label=_labels,
        other=_labels,
    )
    def combine(self, what: str, label: int, other: int) -> None:
        """Labels of one group or two: liver and vessel, vessel minus liver."""
        group, surface = GROUP_OF[label], self._surface(label)
        own, else_ = self.expected[group] == label, self.expected[GROUP_OF[other]] == other
        try:
            change = ask("booleans", surface, label=label, what=what, other=other)
        except AnnotatorError:
            change = None
        edit = None if change is None else apply(surface, change)
        if (
            label == other
            or not else_.any()
            or (what in ("subtract", "intersect") and not (own & else_).any())
        ):
            assert edit is None
            return
        region = {
            "copy": else_,
            "add": own | else_,
            "subtract": own & ~else_,
            "intersect": own & else_,
        }[what]
        before: dict[str, Mask] = {name: array.copy() for name, array in self.expected.items()}
        taken = region & ~own & self._allowed(group, label)
        left = own & ~region & self._allowed(group, 0)
        self.expected[group][taken] = label
        self.expected[group][left] = 0
        assert (edit is not None) == bool(taken.any() or left.any())
        if edit is not None:
            self.done.append((edit, before))

    @rule()
    def undo(self) -> None:
        if self.done:
            edit, self.expected = self.done.pop()
            self.mask[box_slices(edit.box)] = edit.before

    @invariant()
    def the_mask_is_the_replay(self) -> None:
        if hasattr(self, "mask"):
            expected = joined(self.expected[ORGAN], self.expected[FINDING])
            np.testing.assert_array_equal(self.mask, expected)


TestAnyGroupedDrawing = AnyGroupedDrawing.TestCase
TestAnyGroupedDrawing.settings = settings(max_examples=12, stateful_step_count=20, deadline=None)
