"""What all operations share: changes and their parts, rules, words, cancelling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.domain.errors import CancelledError, UnknownNameError
from annotator.drawing.edit import box_slices
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.operation import Change, apply, share_of, trimmed
from annotator.drawing.rules import MaskingRules
from annotator.drawing.surface import Surface
from tests.unit.drawing.asking import (
    SHAPE,
    ask,
    made_labels,
    result_of,
    section,
    surface_of,
)

if TYPE_CHECKING:
    from annotator.domain.reading import Box
    from annotator.drawing.rules import Overwrite

pytestmark = pytest.mark.unit

MADE = made_labels(30)
WAYS: list[tuple[str, dict[str, Any]]] = [
    ("islands", {"what": "small", "smallest": 40.0}),
    ("islands", {"what": "split", "diagonal": True}),
    ("smooth", {"method": "median"}),
    ("smooth", {"method": "closing"}),
    ("smooth", {"method": "gaussian"}),
    ("smooth", {"method": "joint"}),
    ("margin", {"what": "grow"}),
    ("margin", {"what": "shrink", "mm": 0.8}),
    ("hollow", {"side": "centred"}),
    ("fill holes", {}),
    ("booleans", {"what": "copy", "other": 2, "mm": 1.5}),
    ("booleans", {"what": "invert"}),
    ("mirror", {"along": "down"}),
    ("copy slice", {"to": "both"}),
]
NAMES = [f"{name} {next(iter(chosen.values()), '')}" for name, chosen in WAYS]


def how(**chosen: Any) -> dict[str, Any]:  # noqa: ANN401 - options
    return {"plane": 0, "index": 8, "at": (8, 10, 10), "values": tuple(range(1, 250)), **chosen}


def scene(dtype: type[np.unsignedinteger[Any]] = np.uint8) -> Surface:
    mask = made_labels(31, dtype=dtype)
    mask[np.random.default_rng(1).random(mask.shape) < 0.05] = 0
    mask[6:11, 8:13, 9:14] = 1
    mask[8, 10, 11] = 0
    image = np.arange(mask.size, dtype=np.int16).reshape(mask.shape) % 100
    return surface_of(mask, image=image)


boxes = st.tuples(*[st.integers(0, size - 1) for size in SHAPE]).flatmap(
    lambda low: st.tuples(
        st.just(low),
        st.tuples(*[st.integers(a + 1, size) for a, size in zip(low, SHAPE, strict=True)]),
    )
)


@settings(max_examples=40)
@given(box=boxes, part=boxes, seed=st.integers(0, 99))
def test_the_part_of_a_change_is_what_it_does_there(box: Box, part: Box, seed: int) -> None:
    mask = MADE.copy()
    labels = np.random.default_rng(seed).integers(0, 4, mask[box_slices(box)].shape).astype("u1")
    change = Change(box=box, labels=labels)
    whole = mask.copy()
    whole[box_slices(box)] = labels
    expected = mask.copy()
    expected[box_slices(part)] = whole[box_slices(part)]
    inner = change.within(part)
    if inner is not None:
        apply(surface_of(mask), inner)
    assert np.array_equal(mask, expected)


@settings(max_examples=30)
@given(
    box=boxes,
    seed=st.integers(0, 99),
    share=st.sampled_from([0.0, 0.001, 0.1, 1.0]),
    locked=st.frozensets(st.integers(0, 3), max_size=2),
    overwrite=st.sampled_from(["all", "none"]),
)
def test_what_is_left_of_a_change_is_what_it_will_do(
    box: Box, seed: int, share: float, locked: frozenset[int], overwrite: Overwrite
) -> None:
    rng = np.random.default_rng(seed)
    mask = MADE.copy()
    wanted = mask[box_slices(box)].copy()
    place = rng.random(wanted.shape) < share
    wanted[place] = rng.integers(0, 4, int(place.sum()))
    surface = surface_of(mask, rules=MaskingRules(locked=locked, overwrite=overwrite))
    before, change = mask.copy(), Change(box=box, labels=wanted)
    allowed = surface.rules.editable(box, mask[box_slices(box)], wanted, surface.values)
    differs = wanted != mask[box_slices(box)]
    if differs.any() and not (differs & allowed).any():
        with pytest.raises(NothingToDoError, match="masking rules forbid all"):
            trimmed(surface, change)
        assert apply(surface, change) is None
        return
    left = trimmed(surface, change)
    after = before.copy()
    if left is not None:
        after[box_slices(left.box)] = left.labels
    edit = apply(surface, change)
    assert np.array_equal(mask, after)
    assert (left is None) == (edit is None)
    if edit is not None:
        mask[box_slices(edit.box)] = edit.before
    assert np.array_equal(mask, before)


@pytest.mark.parametrize(("name", "chosen"), WAYS, ids=NAMES)
def test_rules_hold_for_every_operation(name: str, chosen: dict[str, Any]) -> None:
    surface = scene()
    free = result_of(name, surface, **how(**chosen))
    assert not np.array_equal(free, surface.mask)
    rules = MaskingRules(
        area="everywhere",
        regions=(((2, 3, 4), (14, 20, 25)),),
        intensity=(20.0, 70.0),
        locked=frozenset({3}),
    )
    bound = Surface(
        mask=surface.mask, image=surface.image, spacing_mm=surface.spacing_mm, rules=rules
    )
    whole = bound.whole
    allowed = rules.editable(whole, surface.mask, free, bound.values)
    expected = np.where(allowed, free, surface.mask)
    assert np.array_equal(result_of(name, bound, **how(**chosen)), expected)


@pytest.mark.parametrize(("name", "chosen"), WAYS, ids=NAMES)
def test_many_labels_are_as_few(name: str, chosen: dict[str, Any]) -> None:
    few = result_of(name, scene(), **how(**chosen))
    many = result_of(name, scene(np.uint16), **how(**chosen))
    assert many.dtype == np.uint16
    assert np.array_equal(few, many)


@pytest.mark.parametrize(("name", "chosen"), WAYS, ids=NAMES)
def test_a_slice_is_all_that_changes_in_it(name: str, chosen: dict[str, Any]) -> None:
    surface = scene()
    if name != "copy slice":
        found = result_of(name, surface, **how(**chosen, where="slice"))
        here = section(0, 8)
        flat = surface_of(surface.mask[here].copy())
        alone = result_of(name, flat, **{**how(**chosen, where="slice"), "index": 0})
        if chosen.get("what") != "split":
            assert np.array_equal(found[here], alone)
        found[here] = surface.mask[here]
        assert np.array_equal(found, surface.mask)
    if chosen.get("what") != "invert":
        lacking = surface.mask.copy()
        lacking[8] = 0
        where = {} if name == "copy slice" else {"where": "slice"}
        with pytest.raises(NothingToDoError, match="drawn in this slice"):
            ask(name, surface_of(lacking), **how(**chosen, **where))


@pytest.mark.parametrize(("name", "chosen"), WAYS, ids=NAMES)
def test_it_can_be_watched_and_stopped(name: str, chosen: dict[str, Any]) -> None:
    told: list[float] = []
    ask(name, scene(), progress=told.append, **how(**chosen))
    assert told == sorted(told)
    assert all(0 <= share <= 1 + 1e-9 for share in told)

    def stop(share: float) -> None:
        raise CancelledError("stopped")

    if told:
        with pytest.raises(CancelledError):
            ask(name, scene(), progress=stop, **how(**chosen))


def test_shares_of_a_work() -> None:
    told: list[float] = []
    tell = share_of(told.append, 0.5, 0.9)
    tell(0.0)
    tell(0.5)
    tell(1.0)
    assert told == pytest.approx([0.5, 0.7, 0.9])


def test_the_background_is_refused_and_options_are_checked() -> None:
    for name, chosen in WAYS:
        if chosen.get("method") != "joint" and name != "copy slice":
            with pytest.raises(NothingToDoError, match="Choose a label first"):
                ask(name, scene(), label=0, **how(**chosen))
    with pytest.raises(UnknownNameError, match="did you mean 'median'"):
        ask("smooth", scene(), method="medan")
