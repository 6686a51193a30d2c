"""Labels that may share a voxel: what mask values mean, and how a project keeps it that way."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.analysis.label_tables import (
    cleared_table,
    group_table,
    holds_table,
    mapped,
    put_table,
    runs_of_group,
)
from annotator.analysis.runs import decode, encode, mask_dtype
from annotator.domain.errors import AnnotatorError
from annotator.domain.label_groups import MaskValues, in_place_of, with_overlaps
from annotator.domain.schema import Label, LabelSchema, Overlap
from annotator.session.adding import extended
from annotator.session.schema_io import schema_from_json, schema_to_json
from annotator.store import Store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit

ME = "tester"


def schema_of(groups: dict[int, str], overlaps: tuple[Overlap, ...] = ()) -> LabelSchema:
    labels = tuple(
        Label(value=value, name=f"Label {value}", color="#123456", group=group)
        for value, group in groups.items()
    )
    return LabelSchema(name="two", title="Two groups", labels=labels, overlaps=overlaps)


ORGANS = with_overlaps(schema_of({1: "organ", 2: "organ", 3: "finding", 7: "finding"}))
GROUPED = st.dictionaries(
    st.integers(1, 40), st.sampled_from(["", "organ", "finding"]), min_size=1, max_size=9
).map(lambda groups: with_overlaps(schema_of(groups)))


@given(schema=GROUPED, data=st.data())
def test_a_label_is_put_into_its_group_and_no_other_one_changes(
    schema: LabelSchema, data: st.DataObject
) -> None:
    values = MaskValues(schema)
    value = data.draw(st.sampled_from(values.known))
    label = data.draw(st.sampled_from(schema.values))
    before = {group: values.in_group(value, group) for group in schema.groups}

    put = values.put(value, label)
    group = values.group_of(label)
    assert {name: values.in_group(put, name) for name in schema.groups} == {**before, group: label}
    assert values.put(put, label) == put
    assert values.value(values.labels(value)) == value
    cleared = values.cleared(put, group)
    assert {name: values.in_group(cleared, name) for name in schema.groups} == {**before, group: 0}
    assert {known for known in values.known if label in values.labels(known)} == set(
        values.holding(label)
    )


@given(schema=GROUPED, data=st.data())
def test_tables_say_what_mask_values_say(schema: LabelSchema, data: st.DataObject) -> None:
    values = MaskValues(schema)
    label = data.draw(st.sampled_from(schema.values))
    group = values.group_of(label)
    nobody_knows = data.draw(st.integers(1, 65535).filter(lambda one: one not in values.known))
    is_first = group == values.groups[0]

    put, cleared = put_table(values, label), cleared_table(values, group)
    of_group, holds = group_table(values, group), holds_table(values, label)
    for value in values.known:
        assert put[value] == values.put(value, label)
        assert cleared[value] == values.cleared(value, group)
        assert of_group[value] == values.in_group(value, group)
        assert holds[value] == (label in values.labels(value))
    assert of_group[nobody_knows] == (nobody_knows if is_first else 0)
    assert cleared[nobody_knows] == (0 if is_first else nobody_knows)
    assert put[nobody_knows] == (label if is_first else nobody_knows)
    # drawn itself, it takes the place of the first group's labels; beside others it cannot be
    drawn = put_table(values, nobody_knows)
    for value in values.known:
        is_free = not values.labels(values.cleared(value, values.groups[0]))
        assert drawn[value] == (nobody_knows if is_free else value)


@given(schema=GROUPED, new=st.dictionaries(st.integers(41, 60), st.sampled_from(["", "finding"])))
def test_values_stay_when_labels_are_added(schema: LabelSchema, new: dict[int, str]) -> None:
    taken = {entry.value for entry in schema.overlaps}
    added = tuple(
        Label(value=value, name=f"Label {value}", color="#654321", group=group)
        for value, group in new.items()
        if value not in taken
    )
    larger = in_place_of(schema, replace(schema, labels=schema.labels + added))
    assert larger.overlaps[: len(schema.overlaps)] == schema.overlaps
    known = [*larger.values, *(entry.value for entry in larger.overlaps)]
    assert len(known) == len(set(known))
    before, after = MaskValues(schema), MaskValues(larger)
    assert all(before.labels(value) == after.labels(value) for value in before.known)
    sets = [after.labels(value) for value in after.known]
    assert len(set(sets)) == len(sets) == _product_of_groups(larger)


def _product_of_groups(schema: LabelSchema) -> int:
    total = 1
    for group in schema.groups:
        total *= 1 + sum(label.group == group for label in schema.labels)
    return total


@given(st.integers(0, 2**32 - 1))
def test_runs_that_are_mapped_are_the_mask_that_is_mapped(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = MaskValues(ORGANS)
    small = rng.choice(values.known, size=(3, 4, 5))
    mask = np.repeat(np.repeat(small, 3, axis=1), 4, axis=2).astype(np.uint8)
    for group in ORGANS.groups:
        table = group_table(values, group)
        found, expected = mapped(encode(mask), table), encode(table[mask].astype(np.uint8))
        assert found.slabs.keys() == expected.slabs.keys()
        assert all(found.slabs[slab].equals(runs) for slab, runs in expected.slabs.items())
        assert np.array_equal(decode(runs_of_group(encode(mask), values, group)), table[mask])


def test_a_mask_of_one_group_is_not_looked_up() -> None:
    values = MaskValues(with_overlaps(schema_of({1: "", 2: ""})))
    runs = encode(np.ones((2, 3, 4), np.uint8))
    assert runs_of_group(runs, values, "") is runs


@pytest.mark.parametrize(
    ("overlaps", "words"),
    [
        ((Overlap(value=7, labels=(1, 3)),), "label 'Label 7' has the value 7"),
        ((Overlap(value=8, labels=(1, 2)),), "must stay in different groups"),
        ((Overlap(value=8, labels=(3, 1)),), "ascending"),
        ((Overlap(value=8, labels=(1,)),), "two or more labels"),
        ((Overlap(value=8, labels=(1, 9)),), "it has 1, 2, 3, 7"),
        ((Overlap(value=8, labels=(1, 3)), Overlap(value=8, labels=(2, 3))), "must occur once"),
        ((Overlap(value=8, labels=(1, 3)), Overlap(value=9, labels=(1, 3))), "must occur once"),
    ],
)
def test_overlaps_that_make_no_sense_are_refused(overlaps: tuple[Overlap, ...], words: str) -> None:
    wrong = replace(ORGANS, overlaps=overlaps)
    with pytest.raises(AnnotatorError, match=words):
        with_overlaps(wrong)
    with pytest.raises(AnnotatorError, match=words):
        schema_from_json(schema_to_json(wrong))


def test_many_overlaps_are_looked_through_without_comparing_each_with_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = with_overlaps(schema_of({value: "abc"[value % 3] for value in range(1, 61)}))
    assert len(many.overlaps) == 3 * 20**2 + 20**3
    asked: list[int] = []
    label = LabelSchema.label

    def ask(schema: LabelSchema, value: int) -> Label | None:
        asked.append(value)
        return label(schema, value)

    monkeypatch.setattr(LabelSchema, "label", ask)
    assert in_place_of(many, many) == many
    assert len(asked) < len(many.overlaps)


def test_more_overlaps_than_a_mask_has_values_are_refused() -> None:
    many = {value: str(value % 9) for value in range(1, 28)}
    with pytest.raises(AnnotatorError, match=r"9 label groups of 3.* 262143 ways"):
        with_overlaps(schema_of(many))


def test_a_schema_file_tells_groups_and_their_values() -> None:
    assert schema_from_json(schema_to_json(ORGANS)) == ORGANS
    bare = json.loads(schema_to_json(replace(ORGANS, overlaps=())))
    del bare["overlaps"]
    bare["labels"][0]["group"] = "  organ "
    assert with_overlaps(schema_from_json(json.dumps(bare))) == ORGANS


def test_a_project_gives_values_once(tmp_path: Path) -> None:
    bare = replace(ORGANS, overlaps=())
    with Store.create(tmp_path / "project", title="Groups", schema=bare) as store:
        assert store.project().schema == ORGANS
        # the same file again, and one with a label more
        store.set_schema(bare, actor=ME)
        assert store.project().schema == ORGANS
        store.set_schema(
            replace(bare, labels=(*bare.labels, replace(bare.labels[0], value=20, name="New"))),
            actor=ME,
        )
        larger = store.project().schema
        assert larger.overlaps[:4] == ORGANS.overlaps
        assert [entry.labels for entry in larger.overlaps[4:]] == [(3, 20), (7, 20)]

        first = ORGANS.overlaps[0]
        taken = replace(bare.labels[0], value=first.value, name="Taken")
        with pytest.raises(AnnotatorError, match=f"'Taken' has the value {first.value}"):
            store.set_schema(replace(bare, labels=(*larger.labels, taken)), actor=ME)
        moved = replace(larger.labels[2], group="organ")
        labels = (*larger.labels[:2], moved, *larger.labels[3:])
        with pytest.raises(AnnotatorError, match="must stay in different groups"):
            store.set_schema(replace(bare, labels=labels), actor=ME)
        other = Overlap(value=99, labels=first.labels)
        with pytest.raises(AnnotatorError, match="cannot get 99"):
            store.set_schema(replace(larger, overlaps=(other,)), actor=ME)
        swapped = Overlap(value=first.value, labels=ORGANS.overlaps[1].labels)
        with pytest.raises(AnnotatorError, match=f"value {first.value} stands for 'Label 1' and"):
            store.set_schema(replace(larger, overlaps=(swapped,)), actor=ME)
        assert store.project().schema == larger
        assert store.verify() == ()


def test_values_that_nobody_knows_become_labels_of_the_first_group() -> None:
    larger = in_place_of(ORGANS, extended(ORGANS, [30, 31]))
    assert [larger.label(value).group for value in (30, 31)] == ["organ", "organ"]  # type: ignore[union-attr]
    assert larger.overlaps[:4] == ORGANS.overlaps
    assert mask_dtype(larger.highest_value) == np.uint8
