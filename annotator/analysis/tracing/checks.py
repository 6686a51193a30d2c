"""All checks of a tree, by name, and the way to ask them: all at once, or again after an edit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis import kernels
from annotator.analysis.tracing.course import Course, trace_course
from annotator.analysis.tracing.image_crossings import check_forks_for_crossings
from annotator.analysis.tracing.plausibility import (
    IMAGE_CHECKS,
    SHAPE_CHECKS,
    ImageCheck,
    ShapeCheck,
)
from annotator.analysis.tracing.profile import Profile, measure_profile
from annotator.analysis.tracing.structure import LOCAL_CHECKS, Looked, capped, look
from annotator.analysis.tracing.structure_beside import find_double_traces
from annotator.analysis.tracing.structure_crossings import find_wrong_crossings
from annotator.analysis.tracing.structure_whole import (
    find_coincident,
    find_fragments,
    find_loops,
    find_several_somata,
)
from annotator.analysis.tracing.thresholds import DEFAULT_THRESHOLDS, Thresholds
from annotator.domain.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from annotator.analysis.tracing.swc import SwcFile
    from annotator.analysis.tracing.tree import Tree
    from annotator.analysis.tracing.volume import ImageLike
    from annotator.domain.tracing import TraceFinding


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """What is checked; what several checks ask of it is found once."""

    tree: Tree
    image: ImageLike | None = None
    thresholds: Thresholds = DEFAULT_THRESHOLDS

    @cached_property
    def looked(self) -> Looked:
        """The tree looked over, for checks of its structure."""
        return look(self.tree)

    @cached_property
    def course(self) -> Course:
        """The tree's course, for checks of its shape."""
        return trace_course(self.tree)

    @cached_property
    def profile(self) -> Profile | None:
        """What the image says along the tree; None without one."""
        if self.image is None:
            return None
        return measure_profile(self.course, self.image, self.thresholds.reach_um)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check: what it finds in a subject, and whether it must see the image."""

    run: Callable[[Subject], Sequence[TraceFinding]]
    needs_image: bool = False


def _of_structure(find: Callable[[Looked], list[TraceFinding]]) -> Check:
    return Check(run=lambda subject: capped(find(subject.looked)))


STRUCTURE_CHECKS: Mapping[str, Check] = {
    "loop": _of_structure(find_loops),
    "fragment": _of_structure(find_fragments),
    "several-somata": _of_structure(find_several_somata),
    **{name: _of_structure(find) for name, find in LOCAL_CHECKS.items()},
    "coincident": _of_structure(find_coincident),
    "double-trace": _of_structure(find_double_traces),
    "wrong-crossing": _of_structure(find_wrong_crossings),
}
"""Checks that ask for no threshold but what the tree itself tells."""


def _of_shape(find: ShapeCheck) -> Check:
    return Check(run=lambda subject: capped(find(subject.tree, subject.course, subject.thresholds)))


def _of_image(find: ImageCheck) -> Check:
    def run(subject: Subject) -> Sequence[TraceFinding]:
        if subject.profile is None:
            return ()
        return capped(find(subject.course, subject.profile, subject.thresholds))

    return Check(run=run, needs_image=True)


PLAUSIBILITY_CHECKS: Mapping[str, Check] = {
    **{name: _of_shape(find) for name, find in SHAPE_CHECKS.items()},
    "crossing-forks": Check(
        run=lambda subject: capped(
            check_forks_for_crossings(subject.course, subject.profile, subject.thresholds)
        )
    ),
    **{name: _of_image(find) for name, find in IMAGE_CHECKS.items()},
}
"""Checks by shape and by image; what they report from is the subject's thresholds."""

CHECKS: Mapping[str, Check] = {**STRUCTURE_CHECKS, **PLAUSIBILITY_CHECKS}
"""Every check of a tree by name."""

_MANY_NODES = 100_000

FARTHEST_UM = 1e12
"""A thousand kilometres: no place of a neuron is farther from the image."""

_EXPLAINS: Mapping[str, frozenset[str]] = {
    "loop": frozenset({"gap", "wrong-crossing", "back-track", "zero-length"}),
    "wrong-crossing": frozenset({"gap", "back-track", "crossing-bend", "sharp-turn"}),
    "double-trace": frozenset({"coincident", "bundle", "self-contact", "touching-tip"}),
    "back-track": frozenset({"sharp-turn"}),
    "spur": frozenset({"short-twig", "branch-angle", "branch-direction"}),
    "multifurcation": frozenset({"near-forks"}),
    "radius-jump": frozenset({"thick-branch", "wrong-radius"}),
    "bundle": frozenset({"self-contact", "touching-tip"}),
    "crossing-bend": frozenset({"sharp-turn", "crossing-brightness"}),
    "short-twig": frozenset({"branch-angle"}),
    "missing-parent": frozenset({"fragment"}),
}
"""A finding says the same as these that begin at one of its nodes: they are left out."""


def check_tree(
    tree: Tree,
    image: ImageLike | None = None,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    *,
    names: Collection[str] | None = None,
) -> tuple[TraceFinding, ...]:
    """Return what may be wrong with a tree, what has most at stake first.

    ``names`` are the checks to ask, all where none are given; those that need an image are left out
    without one. Nothing in a tree makes it fail: loops, places that are no numbers and a tree
    without nodes are told or pass.

    Raises UnknownNameError for a check that does not exist.
    """
    for name in names or ():
        if name not in CHECKS:
            raise UnknownNameError("check", name, CHECKS)
    if not len(tree):
        return ()
    subject = Subject(tree=with_places(tree), image=image, thresholds=thresholds)
    asked = [
        check
        for name, check in CHECKS.items()
        if (names is None or name in names) and not (check.needs_image and image is None)
    ]
    return ranked(without_echoes([*chain.from_iterable(_run_all(asked, subject))]))


def _run_all(checks: Sequence[Check], subject: Subject) -> list[Sequence[TraceFinding]]:
    if len(subject.tree) < _MANY_NODES:
        return [check.run(subject) for check in checks]
    # The compiled loops of one check run beside the next check.
    with ThreadPoolExecutor(kernels.N_THREADS) as pool:
        return list(pool.map(lambda check: check.run(subject), checks))


def with_places(tree: Tree) -> Tree:
    """Return a tree whose places beyond `FARTHEST_UM` are none.

    What is reckoned from such a place would have no sense, or be no number.
    """
    lowest, highest = (find(tree.points, axis=None) for find in (np.fmin.reduce, np.fmax.reduce))
    if (lowest >= -FARTHEST_UM and highest <= FARTHEST_UM) or np.isnan(highest):
        return tree
    is_far = np.abs(tree.points) > FARTHEST_UM
    return replace(tree, points=np.where(is_far, np.nan, tree.points))


def check_file(
    file: SwcFile,
    image: ImageLike | None = None,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    *,
    names: Collection[str] | None = None,
) -> tuple[TraceFinding, ...]:
    """Return what may be wrong with a file, each finding with its line.

    That is what is wrong with its text, and what `check_tree` finds in its tree.
    """
    of_tree = check_tree(file.tree, image, thresholds, names=names)
    rows = np.flatnonzero(np.isin(file.tree.ids, [finding.node_id for finding in of_tree]))
    lines = dict(zip(file.tree.ids[rows].tolist(), file.lines[rows].tolist(), strict=True))
    located = [replace(finding, line=lines.get(finding.node_id)) for finding in of_tree]
    return ranked(without_echoes([*file.findings, *located]))


def ranked(findings: Collection[TraceFinding]) -> tuple[TraceFinding, ...]:
    """Return findings, what has most at stake first."""
    return tuple(sorted(findings, key=lambda finding: (-finding.at_stake_um, finding.node_id)))


def without_echoes(findings: Collection[TraceFinding]) -> list[TraceFinding]:
    """Return findings without those that another one explains."""
    explained: set[tuple[str, int]] = set()
    for finding in findings:
        for echo in _EXPLAINS.get(finding.check, ()):
            explained.update((echo, node_id) for node_id in finding.node_ids)
    return [one for one in findings if (one.check, one.node_id) not in explained]
