"""Any sequence of tools, marks, rules, undo, redo, restart and kill equals a plain replay of it."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from annotator.analysis.runs import decode
from annotator.domain.marks import N_PLACES, Mark, MarkEdit
from annotator.drawing.brush import Brush
from annotator.drawing.eraser import Eraser
from annotator.drawing.fill import Fill
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.polygon import Polygon
from annotator.drawing.rules import MaskingRules
from annotator.drawing.surface import Surface
from annotator.session import recent_steps
from annotator.session.access import DraftAccess
from annotator.session.draft import DraftSession
from tests.unit.drawing import replay
from tests.unit.drawing.hands import stroke, take_up
from tests.unit.project_builder import add_case, make_session

if TYPE_CHECKING:
    from annotator.domain.marks import MarkKind
    from annotator.drawing.edit import Mask, Point
    from annotator.drawing.gesture import Gesture
    from tests.unit.drawing.replay import Inside

pytestmark = pytest.mark.unit

SHAPE = (5, 14, 12)
SPACING: tuple[float, float, float] = (2.0, 0.5, 0.5)
_planes = st.integers(0, 2)
_labels = st.integers(1, 2)


def _odd(size: int, offset: float) -> st.SearchStrategy[float]:
    """Return places at which no centre of a voxel lies exactly on an outline."""
    return st.integers(-2, 2 * size + 2).map(lambda value: value / 2 + offset)


_places = st.tuples(_odd(SHAPE[0], 0.1371), _odd(SHAPE[1], 0.0977), _odd(SHAPE[2], 0.1713))
_diameters = st.sampled_from([0.4, 1.0, 2.5, 4.0])
_rules = st.sampled_from(
    [
        MaskingRules(),
        MaskingRules(locked=frozenset({2})),
        MaskingRules(overwrite="none"),
        MaskingRules(area="inside labels"),
        MaskingRules(area="inside one", area_label=1),
        MaskingRules(intensity=(200.0, 700.0)),
        MaskingRules(regions=(((1, 2, 2), (4, 11, 9)),)),
    ]
)


@dataclass(frozen=True, slots=True)
class State:
    """A mask and marks in the tree of states that undo and redo move over."""

    mask: Mask
    parent: int
    marks: tuple[Mark, ...] = ()


class AnyDrawing(RuleBasedStateMachine):
    """The product on one side, arrays on the other."""

    directory: tempfile.TemporaryDirectory[str]
    numbers = itertools.count(1)

    @initialize(kept_steps=st.sampled_from([2, 1000]))
    def begin(self, kept_steps: int) -> None:
        self.kept_steps, recent_steps.KEPT_STEPS = recent_steps.KEPT_STEPS, kept_steps
        self.folder = tempfile.TemporaryDirectory()
        self.session = make_session(Path(self.folder.name))
        case = add_case(self.session, 1, SHAPE)
        self.rater = self.session.add_rater("Ada").rater_id
        self.image = np.asarray(self.session.store.voxels(case.series_ids[0]))
        self.draft_id = self.session.store.open_draft(
            case.case_id, self.rater, actor=self.rater
        ).draft_id
        self.held_to = MaskingRules()
        self.states = [State(np.zeros(SHAPE, np.uint8), -1)]
        self.head = 0
        self.writes = [(1, 0)]
        self._open()

    def teardown(self) -> None:
        if hasattr(self, "drawing"):
            recent_steps.KEPT_STEPS = self.kept_steps
            self.drawing.close()
            assert self.session.store.verify() == ()
            self.session.close()
            self.folder.cleanup()

    def _open(self) -> None:
        draft = self.session.store.draft(self.draft_id)
        access = DraftAccess(self.session.store, draft, self.rater)
        self.drawing = DraftSession(access, np.dtype(np.uint8))

    def _go_to(self, head: int) -> None:
        """Note how many states the disk knows then, and which one it is at, one write after it."""
        if (len(self.states), head) != self.writes[-1]:
            self.writes.append((len(self.states), head))
        self.head = head

    @property
    def expected(self) -> Mask:
        return self.states[self.head].mask

    def _draw(self, gesture: Gesture, places: list[Point], inside: Inside, label: int) -> None:
        """Let the tool draw, and the replay write the label where it is meant and allowed."""
        if isinstance(gesture, Polygon):
            for place in places:
                gesture.press(place)
            gesture.confirm()
            edit = gesture.finish()
        else:
            try:
                edit = stroke(gesture, *places)
            except NothingToDoError:
                edit = None
        if edit is not None:
            self.drawing.record(gesture.name, edit)
        mask = self.expected.copy()
        mask[inside & self._allowed(label)] = label
        if not np.array_equal(mask, self.expected):
            self._step_to(mask, self.states[self.head].marks)

    def _step_to(self, mask: Mask, marks: tuple[Mark, ...]) -> None:
        self.states.append(State(mask, self.head, marks))
        self._go_to(len(self.states) - 1)

    def _allowed(self, label: int) -> Inside:
        before, rules = self.expected, self.held_to
        allowed = np.ones(SHAPE, bool)
        if rules.area == "inside labels":
            allowed &= before != 0
        if rules.area == "inside one":
            allowed &= before == rules.area_label
        if rules.overwrite == "none" and label:
            allowed &= (before == 0) | (before == label)
        if rules.locked:
            allowed &= before != 2
            allowed &= label != 2
        if rules.intensity is not None:
            allowed &= (self.image >= 200) & (self.image <= 700)
        if rules.regions:
            allowed &= np.pad(
                np.ones((3, 9, 7), bool), ((1, 1), (2, 3), (2, 3)), constant_values=False
            )
        return allowed

    def _tool(self, tool: type[Gesture], **held: Any) -> Gesture:  # noqa: ANN401
        surface = Surface(
            mask=self.drawing.mask, image=self.image, spacing_mm=SPACING, rules=self.held_to
        )
        return take_up(tool, surface, **held)

    @rule(rules=_rules)
    def hold_to(self, rules: MaskingRules) -> None:
        self.held_to = rules

    @rule(
        places=st.lists(_places, min_size=1, max_size=3),
        diameter=_diameters,
        label=_labels,
        plane=_planes,
        is_3d=st.booleans(),
        erases=st.booleans(),
    )
    def brush(
        self,
        places: list[Point],
        diameter: float,
        label: int,
        plane: int,
        is_3d: bool,
        erases: bool,
    ) -> None:
        if not is_3d:  # a stroke stays on its slice
            places = [_moved(place, plane, places[0][plane]) for place in places]
        inside = replay.swept(
            SHAPE, SPACING, places, radius_mm=diameter / 2, plane=None if is_3d else plane
        )
        gesture = self._tool(
            Eraser if erases else Brush,
            label=label,
            diameter_mm=diameter,
            plane=plane,
            index=round(places[0][plane]),
            is_3d=is_3d,
        )
        self._draw(gesture, places, inside, 0 if erases else label)

    @rule(
        corners=st.lists(_places, min_size=3, max_size=6, unique=True),
        label=_labels,
        plane=_planes,
        index=st.integers(0, 4),
    )
    def polygon(self, corners: list[Point], label: int, plane: int, index: int) -> None:
        places = [_moved(corner, plane, float(index)) for corner in corners]
        gesture = self._tool(Polygon, label=label, plane=plane, index=index)
        self._draw(gesture, places, replay.outlined(SHAPE, places, plane), label)

    @rule(
        seed=st.tuples(*(st.integers(0, size - 1) for size in SHAPE)),
        label=_labels,
        plane=_planes,
        is_3d=st.booleans(),
    )
    def fill(self, seed: tuple[int, int, int], label: int, plane: int, is_3d: bool) -> None:
        inside = replay.connected(self.expected, seed, None if is_3d else plane)
        gesture = self._tool(Fill, label=label, plane=plane, index=seed[plane], is_3d=is_3d)
        self._draw(gesture, [seed], inside, label)

    @rule(
        kind=st.sampled_from(list(N_PLACES)),
        places=st.lists(_places, min_size=3, max_size=3),
        chosen=st.integers(0, 5),
        is_taken=st.booleans(),
    )
    def mark(self, kind: MarkKind, places: list[Point], chosen: int, is_taken: bool) -> None:
        """Set a mark, or change or take away one of those that are there."""
        marks = self.states[self.head].marks
        before = marks[chosen] if chosen < len(marks) else None
        mark_id = self.drawing.next_mark_id if before is None else before.mark_id
        assert before is not None or mark_id not in {
            mark.mark_id for state in self.states for mark in state.marks
        }
        after = Mark(
            mark_id=mark_id,
            kind=kind,
            places=tuple(places[: N_PLACES[kind][0]]),
            name="tip" if kind == "landmark" else "",
        )
        if before is not None and is_taken:
            self.drawing.record_mark("mark", MarkEdit(before=before, after=None))
        else:
            self.drawing.record_mark("mark", MarkEdit(before=before, after=after))
        others = {mark.mark_id: mark for mark in marks if mark != before}
        if before is None or not is_taken:
            others[mark_id] = after
        now = tuple(others[number] for number in sorted(others))
        if now != marks:
            self._step_to(self.expected, now)

    @rule()
    def undo(self) -> None:
        self.drawing.undo()
        if self.head:
            self._go_to(self.states[self.head].parent)

    @rule()
    def redo(self) -> None:
        self.drawing.redo()
        newer = [n for n, state in enumerate(self.states) if state.parent == self.head]
        if newer:
            self._go_to(newer[-1])

    @rule()
    def restart(self) -> None:
        self.drawing.close()
        self._open()

    @rule(waits=st.booleans())
    def kill(self, waits: bool) -> None:
        """Nothing is lost that was on disk: what is lost are the last writes, and no others."""
        if waits:
            self.drawing.flush()
        n_lost = self.drawing.discard()
        assert not (waits and n_lost)
        del self.writes[len(self.writes) - n_lost :]
        n_states, self.head = self.writes[-1]
        del self.states[n_states:]
        self._open()

    @precondition(lambda self: hasattr(self, "drawing"))
    @invariant()
    def the_mask_is_the_replay(self) -> None:
        np.testing.assert_array_equal(self.drawing.mask, self.expected)
        assert self.drawing.marks == self.states[self.head].marks

    @precondition(lambda self: hasattr(self, "drawing"))
    @rule()
    def look_at_disk(self) -> None:
        self.drawing.flush()
        stored = decode(self.session.store.draft_mask(self.draft_id), np.dtype(np.uint8))
        np.testing.assert_array_equal(stored, self.expected)
        history = self.drawing.history()
        assert len(history.steps) == len(self.states) - 1
        for step, state in zip(history.steps, self.states[1:], strict=True):
            np.testing.assert_array_equal(self.drawing.mask_after(step.step_id), state.mask)
            assert self.drawing.marks_after(step.step_id) == state.marks


def _moved(place: Point, plane: int, to: float) -> Point:
    z, y, x = (to if axis == plane else value for axis, value in enumerate(place))
    return z, y, x


TestAnyDrawing = AnyDrawing.TestCase
TestAnyDrawing.settings = settings(max_examples=8, stateful_step_count=20, deadline=None)
