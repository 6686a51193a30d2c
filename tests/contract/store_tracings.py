"""Tracings: part of the contract of a store."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.runs import encode
from annotator.analysis.tracing.editable import EditableTree, nodes_of
from annotator.analysis.tracing.tree import Tree, make_tree
from annotator.domain.errors import (
    AccessDeniedError,
    AnnotatorError,
    ConflictError,
    IntegrityError,
)
from annotator.domain.reading import Diagnosis
from annotator.domain.trace_review import FoundTraces, TraceItem, TraceOffer, TraceVerdict
from annotator.domain.tracing import TraceFinding
from annotator.drawing.tracing.add import add_path
from annotator.drawing.tracing.delete import delete_subtree
from annotator.store import Store
from annotator.store.trees import pack, pack_edit, tree_key, unpack, unpack_edit
from tests.contract.store_world import ME, World, disc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.domain.reading import Annotation, Draft
    from annotator.domain.study import Case

ANSWERED = Diagnosis(answers=(("dx", "yes"),))

# What is done behind the store's back, and what verify must name.
TAMPERED = {
    "tree changed": (
        "UPDATE trees SET blob = (SELECT blob FROM trees WHERE tree_id = 1) WHERE tree_id = 2",
        "tree 2 (",
    ),
    "tree that is none": ("UPDATE trees SET blob = key WHERE tree_id = 2", "cannot be decompress"),
    "tree taken out": ("DELETE FROM trees WHERE tree_id = 2", "which is gone"),
    "another tree submitted": (
        "UPDATE annotation_trees SET tree_id = 1",
        "does not match its id: its content",
    ),
    "tree of a reading taken out": ("DELETE FROM annotation_trees", "its tree is gone"),
    "draft begun from another": (
        "UPDATE draft_trees SET tree_id = 2 WHERE draft_id = 1",
        "its steps cannot be replayed",
    ),
    "edit changed": (
        "UPDATE step_trees SET content = (SELECT content FROM step_trees WHERE step_id = 1) "
        "WHERE step_id = 2",
        "step 2 of a tracing is not what",
    ),
    "edit taken out": ("DELETE FROM step_trees WHERE step_id = 1", "cannot be replayed"),
    "steps reordered": (
        "UPDATE steps SET parent_step_id = NULL WHERE step_id = 2",
        "its steps cannot be replayed",
    ),
    "findings emptied": ("UPDATE trace_findings SET content = '{}'", "of case 'CT (2)' is not"),
    "findings taken out": ("DELETE FROM trace_findings", "find it again"),
    "sign-off changed": ("UPDATE trace_sign_offs SET verdicts = '[]'", "signed-off tracing "),
    "another tree signed off": ("UPDATE trace_sign_offs SET tree_id = 1", "match its id: its tree"),
    "sign-off taken out": ("DELETE FROM trace_sign_offs", "is gone; the audit log says"),
    "case made one of masks": ("DELETE FROM tracing_cases", "whether it is traced is not"),
}


def branching(n_nodes: int = 40) -> Tree:
    """Return a tree with a fork, odd ids and numbers that do not round."""
    rng = np.random.default_rng(3)
    parents = np.arange(-1, n_nodes - 1)
    parents[n_nodes // 2] = 3
    return make_tree(
        np.cumsum(rng.normal(size=(n_nodes, 3)), axis=0),
        parents,
        radii=rng.random(n_nodes),
        types=rng.integers(0, 5, n_nodes).astype(np.int32),
        ids=np.arange(n_nodes)[::-1] * 3 + 2,
    )


def is_same(one: Tree, other: Tree) -> bool:
    """Whether two trees have the same nodes, whatever their order."""
    return nodes_of(EditableTree(one).tree()).is_same(nodes_of(EditableTree(other).tree()))


def add_tracing_case(world: World) -> Case:
    return world.store.add_case("CT", world.case.series_ids, reads="tracing", actor=ME)


def open_draft(world: World, case: Case) -> Draft:
    return world.store.open_draft(case.case_id, world.anna.rater_id, actor=ME)


def draw(world: World, draft_id: int, n_paths: int = 1) -> EditableTree:
    """Add short paths to a draft, one on the other; return the tree as it must be now."""
    tree = EditableTree(world.store.draft_tree(draft_id))
    for number in range(n_paths):
        parent_id = tree.next_id - 1 if len(tree) else None
        edit = add_path(tree, np.full((2, 3), float(number)), parent_id=parent_id)
        tree.apply(edit)
        world.store.record_trace_step(draft_id, tool="path", edit=edit, actor=ME)
    return tree


def found_in(base: Annotation) -> FoundTraces:
    """Return findings that a tracing could have."""
    finding = TraceFinding(
        check="gap",
        source="structure",
        severity="error",
        node_id=2,
        node_ids=(2, 3),
        point_um=(1.0, 2.0, 0.5),
        value=None,
        threshold=3.0,
        unit="µm",
        impact_um=20.0,
        probability=0.5,
        why="a gap",
        tracers_for=("a",),
    )
    offer = TraceOffer(annotation_id="x", rater_id="r", node_ids=(4, 5), to_id=2, length_um=7.0)
    return FoundTraces(
        case_id=base.case_id,
        base_id=base.annotation_id,
        findings_key="key",
        inputs=(base.annotation_id,),
        checked=("gap", "loop"),
        n_nodes=4,
        n_voxels=0,
        cable_um=12.5,
        items=(TraceItem(region=1, reasons=(finding,), offers=(offer,)),),
    )


def verdict_of(world: World, found: FoundTraces) -> TraceVerdict:
    return TraceVerdict(
        case_id=found.case_id,
        region=1,
        reviewer_id=world.anna.rater_id,
        choice="connect",
        reason="missed",
        node_id=2,
        to_id=4,
    )


class TracingsContract:
    def tamper(self, location: str, statement: str, values: Sequence[object] = ()) -> None:
        raise NotImplementedError

    def fill_tracings(self, world: World) -> None:
        """Make one of everything that is kept of tracings."""
        store, case = world.store, add_tracing_case(world)
        first = open_draft(world, case)
        draw(world, first.draft_id, 3)
        store.undo_trace(first.draft_id, actor=ME)
        base = store.submit(first.draft_id, actor=ME)
        draw(world, open_draft(world, case).draft_id, 1)
        found = found_in(base)
        store.put_trace_findings(found, actor=ME)
        verdict = verdict_of(world, found)
        store.add_trace_verdict(verdict, "key", actor=ME)
        store.sign_off_tracing(
            found,
            reviewer_id=world.anna.rater_id,
            verdicts=[verdict],
            diagnosis=ANSWERED,
            tree=branching(),
            actor=ME,
        )

    def test_a_tree_comes_back_to_the_last_bit(self) -> None:
        tree = branching()
        tree.points[3] = [np.nan, -0.0, np.inf]
        assert is_same(unpack(pack(tree)), tree)
        assert tree_key(unpack(pack(tree))) == tree_key(tree)
        with pytest.raises(IntegrityError):
            unpack(pack(tree)[:-9])
        editable = EditableTree(tree)
        edit = delete_subtree(editable, int(tree.ids[9]))
        again = unpack_edit(pack_edit(edit))
        assert again.before.is_same(edit.before)
        assert again.after.is_same(edit.after)
        with pytest.raises(IntegrityError, match="cut off"):
            unpack_edit(b"123")

    def test_one_image_can_be_a_case_of_each_kind(self, world: World) -> None:
        case = add_tracing_case(world)
        store = world.store
        assert (case.title, case.reads, world.case.reads) == ("CT (2)", "tracing", "mask")
        assert add_tracing_case(world) == case
        assert store.case(case.case_id) == case == store.tracing_case("CT (2)")
        assert store.cases() == (world.case,)
        assert store.tracing_cases() == (case,)
        assert store.every_case() == store.cases_with_repeats() == (world.case, case)
        with pytest.raises(AnnotatorError, match="neurons are traced"):
            store.study_case(case.case_id)
        with pytest.raises(AnnotatorError, match="masks are drawn"):
            store.tracing_case(world.case.case_id)

    def test_masks_and_tracings_do_not_mix(self, world: World) -> None:
        store, case, anna = world.store, add_tracing_case(world), world.anna
        with pytest.raises(AnnotatorError, match="neurons are traced"):
            store.add_annotation(case.case_id, anna.rater_id, encode(disc(9)), ANSWERED, actor=ME)
        with pytest.raises(AnnotatorError, match="masks are drawn"):
            store.add_tracing(world.case.case_id, anna.rater_id, branching(), ANSWERED, actor=ME)
        with pytest.raises(AnnotatorError, match="neurons are traced"):
            store.add_repeat(case.case_id, anna.rater_id, 1, actor=ME)
        found = store.add_tracing(case.case_id, anna.rater_id, branching(), ANSWERED, actor=ME)
        assert store.annotations() == ()
        assert store.annotations(case.case_id) == (found,)

    def test_steps_of_a_tracing_are_undone_and_done_again(
        self, world: World, location: str
    ) -> None:
        draft_id = open_draft(world, add_tracing_case(world)).draft_id
        assert len(world.store.draft_tree(draft_id)) == 0
        assert world.store.undo_trace(draft_id, actor=ME) is None
        tree = draw(world, draft_id, 3)
        assert is_same(world.store.draft_tree(draft_id), tree.tree())
        with Store.open(location) as other:
            for _ in range(2):
                moved = other.undo_trace(draft_id, actor=ME)
                assert moved is not None
                tree.apply(moved[1])
            assert is_same(other.draft_tree(draft_id), tree.tree())
            assert other.draft(draft_id).can_redo
            moved = other.redo_trace(draft_id, actor=ME)
            assert moved is not None
            assert moved[0].tool == "path"
            tree.apply(moved[1])
        assert is_same(world.store.draft_tree(draft_id), tree.tree())
        with pytest.raises(ConflictError, match="another window"):
            world.store.undo_trace(draft_id, actor=ME, seen=None)
        assert world.store.verify() == ()

    def test_a_submitted_tracing_is_corrected_by_a_revision(self, world: World) -> None:
        case = add_tracing_case(world)
        draft_id = open_draft(world, case).draft_id
        tree = draw(world, draft_id, 2)
        first = world.store.submit(draft_id, actor=ME)
        assert is_same(world.store.annotation_tree(first.annotation_id), tree.tree())
        again = open_draft(world, case)
        assert again.parent_id == first.annotation_id
        assert is_same(world.store.draft_tree(again.draft_id), tree.tree())
        changed = draw(world, again.draft_id, 1)
        second = world.store.submit(again.draft_id, actor=ME)
        assert (second.revision, second.parent_id) == (2, first.annotation_id)
        assert is_same(world.store.annotation_tree(second.annotation_id), changed.tree())
        assert is_same(world.store.annotation_tree(first.annotation_id), tree.tree())
        assert world.store.verify() == ()

    def test_a_tracing_from_elsewhere_is_kept_once(self, world: World) -> None:
        store, case, model = world.store, add_tracing_case(world), world.model
        args = (case.case_id, model.rater_id, branching(), ANSWERED)
        first = store.add_tracing(*args, actor=ME)
        assert store.add_tracing(*args, only_new=True, actor=ME) == first
        assert store.add_tracing(*args, actor=ME).revision == 2
        assert is_same(store.annotation_tree(first.annotation_id), branching())
        draft_id = open_draft(world, case).draft_id
        store.start_trace_from(draft_id, first.annotation_id, actor=ME)
        assert is_same(store.draft_tree(draft_id), branching())
        assert store.draft(draft_id).started_from_id == first.annotation_id
        with pytest.raises(ConflictError, match="not submitted"):
            store.add_tracing(case.case_id, world.anna.rater_id, branching(), ANSWERED, actor=ME)
        store.undo_trace(draft_id, actor=ME)
        assert len(store.draft_tree(draft_id)) == 0
        store.replace_draft_tree(draft_id, branching(10), tool="import", actor=ME)
        assert len(store.draft_tree(draft_id)) == 10
        assert store.verify() == ()

    def test_findings_verdicts_and_the_sign_off_are_kept(self, world: World) -> None:
        store, case = world.store, add_tracing_case(world)
        base = store.add_tracing(
            case.case_id, world.model.rater_id, branching(), ANSWERED, actor=ME
        )
        found = found_in(base)
        assert store.trace_findings(case.case_id) is None
        store.put_trace_findings(found, actor=ME)
        assert store.trace_findings(case.case_id) == found
        other = replace(found, findings_key="other")
        store.put_trace_findings(other, actor=ME)
        assert store.trace_findings(case.case_id) == other, "the last one"
        assert store.trace_findings(case.case_id, "key") == found
        assert store.trace_findings(case.case_id, "none") is None
        verdict = verdict_of(world, found)
        store.add_trace_verdict(verdict, "key", actor=ME)
        assert store.trace_verdicts(case.case_id, "key") == (verdict,)
        reviewer_id = world.anna.rater_id
        taken = store.undo_trace_verdict(case.case_id, "key", reviewer_id=reviewer_id, actor=ME)
        assert taken == verdict
        assert store.trace_verdicts(case.case_id, "key") == ()

        def sign_off(reviewer_id: str, verdicts: Sequence[TraceVerdict]) -> str:
            return store.sign_off_tracing(
                found,
                reviewer_id=reviewer_id,
                verdicts=verdicts,
                diagnosis=ANSWERED,
                tree=branching(9),
                actor=ME,
            ).sign_off_id

        with pytest.raises(ConflictError, match="by somebody else just now"):
            sign_off(reviewer_id, [verdict])
        with pytest.raises(AccessDeniedError, match="not a reviewer"):
            sign_off(world.ben.rater_id, [])
        assert store.trace_sign_off(case.case_id) is None
        first = sign_off(reviewer_id, [])
        second = sign_off(reviewer_id, [])
        assert first != second
        kept = store.trace_sign_off(case.case_id)
        assert kept is not None
        assert (kept.sign_off_id, kept.found, kept.diagnosis) == (second, found, ANSWERED)
        assert is_same(store.signed_off_tree(second), branching(9))
        assert store.verify() == ()

    def test_everything_of_tracings_is_sound(self, world: World) -> None:
        self.fill_tracings(world)
        assert world.store.verify() == ()

    @pytest.mark.parametrize("name", TAMPERED)
    def test_verify_names_what_was_changed_in_tracings(
        self, world: World, location: str, name: str
    ) -> None:
        self.fill_tracings(world)
        statement, words = TAMPERED[name]
        self.tamper(location, statement)
        problems = world.store.verify()
        assert any(words in problem for problem in problems), problems
