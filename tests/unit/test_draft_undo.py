"""Undo and redo that do not wait for the disk: the disk must follow, in order, or say why not."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import decode, encode
from annotator.domain.errors import AnnotatorError
from annotator.domain.reading import Diagnosis
from annotator.drawing.edit import Edit, box_slices
from annotator.session import recent_steps
from tests.unit.draft_hands import UINT8, open_drawing, paint, reopen, stored
from tests.unit.project_builder import SHAPE, block, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.domain.reading import Box
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

FIRST: Box = ((0, 0, 0), (1, 4, 4))
SECOND: Box = ((0, 2, 2), (3, 6, 6))
WHOLE: Box = ((0, 0, 0), SHAPE)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        yield opened


def test_a_stroke_is_taken_back_before_it_is_on_disk(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = open_drawing(session)
    go = threading.Event()
    record_step = session.store.record_step

    def slow(*args: object, **kwargs: object) -> object:
        go.wait(30)
        return record_step(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(session.store, "record_step", slow)
    seen = [drawing.mask.copy()]
    for box, value in ((FIRST, 1), (SECOND, 2)):
        drawing.record("brush", paint(drawing, box, value))
        seen.append(drawing.mask.copy())
    assert drawing.draft.can_undo, "at once, and not when it is on disk"
    assert drawing.undo() == SECOND
    np.testing.assert_array_equal(drawing.mask, seen[1])
    assert drawing.undo() == FIRST
    np.testing.assert_array_equal(drawing.mask, seen[0])
    assert drawing.undo() is None
    assert (drawing.draft.can_undo, drawing.draft.can_redo) == (False, True)
    assert drawing.redo() == FIRST
    np.testing.assert_array_equal(drawing.mask, seen[1])
    assert drawing.n_pending == 5
    go.set()
    assert drawing.values() == {1}
    np.testing.assert_array_equal(decode(drawing.contents(), UINT8), seen[1])
    history = drawing.history()
    assert history.head_step_id == history.steps[0].step_id
    np.testing.assert_array_equal(stored(session, drawing), seen[1])
    assert drawing.redo() == SECOND
    assert drawing.redo() is None
    drawing.close()
    np.testing.assert_array_equal(stored(session, drawing), seen[2])
    assert session.store.verify() == ()
    with pytest.raises(AnnotatorError, match="closed"):
        drawing.undo()
    np.testing.assert_array_equal(drawing.mask, seen[2])


def test_thirty_moves_without_a_pause_leave_the_same_on_disk(session: Session) -> None:
    drawing = open_drawing(session)
    rng = np.random.default_rng(3)
    seen = [drawing.mask.copy()]
    for _ in range(4):
        drawing.record("brush", paint(drawing, WHOLE, rng.integers(0, 3, SHAPE, np.uint8)))
        seen.append(drawing.mask.copy())
    place = 4
    for number in range(30):
        back = number % 4 != 3
        moved = drawing.undo() if back else drawing.redo()
        assert moved == (WHOLE if place or not back else None)
        place = max(0, place - 1) if back else place + 1
        np.testing.assert_array_equal(drawing.mask, seen[place])
        assert drawing.draft.can_undo == (place > 0)
        assert drawing.draft.can_redo == (place < 4)
    drawing.record("brush", paint(drawing, FIRST, 1))
    assert not drawing.draft.can_redo
    drawn = drawing.mask.copy()
    drawing.undo()
    drawing.redo()
    drawing.close()
    np.testing.assert_array_equal(stored(session, drawing), drawn)
    assert session.store.verify() == ()


def test_what_it_started_from_is_right_after_any_mix(session: Session) -> None:
    drawing = open_drawing(session)
    model = session.store.add_rater("Threshold 1", is_model=True, actor="system")
    predicted = block(((1, 2, 2), (3, 6, 6)))
    annotation_id = session.store.add_annotation(
        drawing.draft.case_id, model.rater_id, encode(predicted), Diagnosis(), actor="system"
    ).annotation_id
    drawing.record("brush", paint(drawing, FIRST, 1))
    drawing.undo()
    drawing.redo()
    drawing.start_from(annotation_id)
    assert drawing.changed_share() == 0
    drawing.record("brush", paint(drawing, SECOND, 2))
    drawing.undo()
    assert drawing.changed_share() == 0
    np.testing.assert_array_equal(drawing.mask, predicted)
    drawing.redo()
    share = drawing.changed_share()
    assert share is not None
    assert share > 0
    drawing.undo()
    assert drawing.draft.started_from_id == annotation_id
    assert drawing.undo() == WHOLE
    assert drawing.draft.started_from_id is None
    assert drawing.changed_share() is None
    assert drawing.undo() == FIRST
    assert not drawing.mask.any()
    drawing.redo()
    drawing.redo()
    np.testing.assert_array_equal(drawing.mask, predicted)
    assert drawing.submit().started_from_id == annotation_id


def test_a_redo_that_met_another_windows_step_is_told_and_the_disk_is_shown(
    session: Session,
) -> None:
    here = open_drawing(session)
    here.record("brush", paint(here, FIRST, 1))
    here.undo()
    here.flush()
    there = reopen(session, here)
    there.record("brush", paint(there, SECOND, 2))
    there.undo()
    there.close()
    assert here.redo() == FIRST, "nothing says yet that another window drew"
    here.record("brush", paint(here, ((3, 0, 0), (4, 2, 2)), 2))
    here.set_diagnosis(Diagnosis(comment="kept"))
    with pytest.raises(AnnotatorError, match=r"3 edits are not on disk.*another window"):
        here.flush()
    with pytest.raises(AnnotatorError, match="another window"):
        here.flush()
    assert "another window" in str(here.last_error)
    assert not here.can_retry
    assert len(session.store.history(here.draft.draft_id).steps) == 2, "nothing is written"
    told: list[str | None] = []
    here.on_change(lambda: told.append(here.last_error))
    assert here.undo() == WHOLE
    assert None in told, "that all is well again"
    assert here.can_retry
    np.testing.assert_array_equal(here.mask, stored(session, here))
    assert set(np.unique(here.mask)) == {0, 2}
    here.flush()
    assert here.last_error is None
    assert here.draft.diagnosis.comment == "kept"
    assert here.undo() == SECOND
    here.record("brush", paint(here, FIRST, 1))
    here.close()
    np.testing.assert_array_equal(stored(session, here), here.mask)
    assert session.store.draft(here.draft.draft_id).diagnosis.comment == "kept"
    assert session.store.verify() == ()


@pytest.mark.parametrize("part_voxels", [1, 40, 1 << 17])
def test_parts_of_an_edit_put_back_every_voxel(
    part_voxels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_steps, "_PART_VOXELS", part_voxels)
    rng = np.random.default_rng(part_voxels)
    mask = rng.integers(0, 3, (9, 11, 13)).astype(np.uint16)
    mask[mask == 2] = 40_000
    for share in (0.002, 0.01, 0.3):
        box: Box = ((1, 2, 3), (9, 9, 12))
        before = mask.copy()
        inside = mask[box_slices(box)]
        inside[rng.random(inside.shape) < share] = 7
        after = mask.copy()
        edit = Edit(box=box, before=before[box_slices(box)].copy(), after=inside.copy())
        step = recent_steps.RecentStep(edit)
        for _ in range(2):
            step.take_back(mask)
            np.testing.assert_array_equal(mask, before)
            step.do_again(mask)
            np.testing.assert_array_equal(mask, after)
            step.put_away(recent_steps.parts_of(edit), 1)


def test_memory_is_bounded_and_the_disk_knows_the_rest(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_steps, "KEPT_BYTES", 20_000)
    drawing = open_drawing(session)
    rng = np.random.default_rng(5)
    seen = [drawing.mask.copy()]
    taken: list[int] = []
    for _ in range(8):
        drawing.record("noise", paint(drawing, WHOLE, rng.integers(0, 3, SHAPE, np.uint8)))
        seen.append(drawing.mask.copy())
        drawing.flush()
        taken.append(drawing._recent.n_bytes)
    one = taken[1] - taken[0]
    assert 3_500 < one < 5_000
    assert max(taken) <= 20_000 + one, "at most the last step more, until the next one"
    asked: list[int] = []
    undo = session.store.undo
    here = threading.get_ident()

    def watched(*args: object, **kwargs: object) -> object:
        if threading.get_ident() == here:
            asked.append(1)
        return undo(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(session.store, "undo", watched)
    for state in reversed(seen[:-1]):
        assert drawing.draft.can_undo
        assert drawing.undo() == WHOLE
        np.testing.assert_array_equal(drawing.mask, state)
    assert 2 <= len(asked) <= 4, "the last ones from memory, the older ones from the disk"
    assert drawing.undo() is None
    for state in seen[1:]:
        assert drawing.draft.can_redo
        assert drawing.redo() == WHOLE
        np.testing.assert_array_equal(drawing.mask, state)
    assert drawing.redo() is None
    drawing.close()
    np.testing.assert_array_equal(stored(session, drawing), seen[-1])
