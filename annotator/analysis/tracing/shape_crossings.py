"""Contacts that look wrong: exchanged partners at a crossing, double traces, tips that touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.tracing.course import angles_deg, climb, finding_at, odds, reach_out
from annotator.analysis.tracing.shape_contacts import find_contacts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course
    from annotator.analysis.tracing.shape_contacts import Contact
    from annotator.analysis.tracing.thresholds import Thresholds
    from annotator.analysis.tracing.tree import Tree
    from annotator.domain.tracing import TraceFinding

_MEETING_UM = 0.5
"""Branches so near are at one place, whatever the limits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crossing:
    """Two branches through one place.

    ``bend_deg`` is the mean bend of the two as they are traced, ``other_bend_deg`` with the far
    sides exchanged: 0 is straight on.
    """

    contact: Contact
    bend_deg: float
    other_bend_deg: float

    @property
    def gain_deg(self) -> float:
        """How much straighter the branches were, on average, with their far sides exchanged."""
        return self.bend_deg - self.other_bend_deg


def check_contacts(tree: Tree, course: Course, thresholds: Thresholds) -> list[TraceFinding]:
    """Return contacts that look wrong: each is a bundle, a crossing or a touch, and told once."""
    near_um = max(thresholds.crossing_um, thresholds.bundle_um, thresholds.touch_um)
    contacts = find_contacts(course, near_um, thresholds.far_along_um)
    before = climb(course, np.arange(len(tree)), thresholds.reach_um)
    after = reach_out(course, thresholds.reach_um)
    found: dict[tuple[str, int], TraceFinding] = {}
    for contact in sorted(contacts, key=lambda contact: contact.distance_um):
        angle = _angle_between(tree, before, after, contact)
        finding = (
            _bundle(course, contact, angle, thresholds)
            or _exchange(course, contact, before, after, thresholds)
            or _touch(course, contact, before, after, thresholds)
        )
        # A tip beside a fork touches several branches of it: the nearest is told.
        if finding is not None:
            found.setdefault((finding.check, finding.node_id), finding)
    return list(found.values())


def find_crossings(course: Course, thresholds: Thresholds) -> list[Crossing]:
    """Return all places where two branches go through one place, right or wrong."""
    contacts = find_contacts(course, thresholds.crossing_um, thresholds.far_along_um)
    before = climb(course, np.arange(len(course.tree)), thresholds.reach_um)
    after = reach_out(course, thresholds.reach_um)
    found = (read_crossing(course, contact, before, after) for contact in contacts)
    return [crossing for crossing in found if crossing is not None]


def read_crossing(
    course: Course, contact: Contact, before: NDArray[np.int64], after: NDArray[np.int64]
) -> Crossing | None:
    """Return the arms of a contact and their bends; None where a branch ends or forks there.

    ``before`` and ``after`` are the ends of the chords of all nodes, ``(node,)`` rows.
    """
    middle = np.array([contact.nearest, contact.other_nearest])
    inner, outer = before[middle], after[middle]
    if (inner == middle).any() or (outer == middle).any():
        return None
    points = course.tree.points
    centre = points[middle].mean(axis=0)
    far_in, far_out = points[inner] - centre, points[outer] - centre
    traced = angles_deg(-far_in, far_out).mean()
    exchanged = angles_deg(-far_in, far_out[::-1]).mean()
    return Crossing(
        contact=contact,
        bend_deg=float(traced),
        other_bend_deg=float(exchanged),
    )


def _angle_between(
    tree: Tree, before: NDArray[np.int64], after: NDArray[np.int64], contact: Contact
) -> float:
    """Return the median angle between the two stretches, 0 to 90°, whichever way they run."""
    n_pairs = min(len(contact.rows), len(contact.other_rows))
    pick = np.linspace(0, 1, n_pairs)
    one = contact.rows[np.rint(pick * (len(contact.rows) - 1)).astype(int)]
    other = contact.other_rows[np.rint(pick * (len(contact.other_rows) - 1)).astype(int)]
    angles = angles_deg(
        tree.points[after[one]] - tree.points[before[one]],
        tree.points[after[other]] - tree.points[before[other]],
    )
    return float(np.median(np.minimum(angles, 180 - angles)))


def _bundle(
    course: Course, contact: Contact, angle: float, thresholds: Thresholds
) -> TraceFinding | None:
    n_nodes = min(len(contact.rows), len(contact.other_rows))
    if (
        contact.distance_um > thresholds.bundle_um
        or n_nodes < thresholds.bundle_nodes
        or angle > thresholds.bundle_deg
    ):
        return None
    # The part with less cable below is the copy, more likely than not.
    stretches = [contact.rows, contact.other_rows]
    stretches.sort(key=lambda rows: float(course.below_um[rows[0]]))
    copied_um = float(course.lengths[stretches[0]].sum())
    return finding_at(
        course,
        [*stretches[0].tolist(), int(stretches[1][0])],
        check="bundle",
        source="shape",
        severity="warning",
        value=float(n_nodes),
        threshold=float(thresholds.bundle_nodes),
        unit="nodes",
        probability=odds(n_nodes, thresholds.bundle_nodes, base=0.85),
        impact_um=copied_um,
        why=f"{copied_um:.0f} µm run within {thresholds.bundle_um:g} µm of another branch and "
        f"{angle:.0f}° from parallel: one neurite may be traced twice.",
    )


def _exchange(
    course: Course,
    contact: Contact,
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    thresholds: Thresholds,
) -> TraceFinding | None:
    if contact.distance_um > thresholds.crossing_um:
        return None
    crossing = read_crossing(course, contact, before, after)
    if crossing is None or crossing.gain_deg < thresholds.crossing_gain_deg:
        return None
    return finding_at(
        course,
        [contact.nearest, contact.other_nearest],
        check="crossing-bend",
        source="shape",
        severity="warning",
        value=crossing.gain_deg,
        threshold=thresholds.crossing_gain_deg,
        unit="°",
        probability=odds(crossing.gain_deg, thresholds.crossing_gain_deg),
        impact_um=float(course.below_um[contact.nearest] + course.below_um[contact.other_nearest]),
        why=f"Two branches pass {contact.distance_um:.1f} µm apart and bend by "
        f"{crossing.bend_deg:.0f}° on average; with their far sides exchanged it were "
        f"{crossing.other_bend_deg:.0f}°.",
    )


def _touch(
    course: Course,
    contact: Contact,
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    thresholds: Thresholds,
) -> TraceFinding | None:
    if course.piece[contact.nearest] != course.piece[contact.other_nearest]:
        # Loose parts are told by themselves.
        return None
    sides = ((contact.rows, contact.other_nearest), (contact.other_rows, contact.nearest))
    for rows, other in sides:
        is_tip = course.n_children[rows] == 0
        if is_tip.any() and contact.distance_um <= thresholds.touch_um:
            tip = int(rows[is_tip][-1])
            return _touching(course, tip, other, contact.distance_um, thresholds.touch_um, 0.65)
    crossing = read_crossing(course, contact, before, after)
    goes_through = crossing is not None and crossing.gain_deg < 0
    if contact.distance_um > _MEETING_UM or goes_through:
        return None
    return _touching(
        course, contact.nearest, contact.other_nearest, contact.distance_um, _MEETING_UM, 0.5
    )


def _touching(
    course: Course, row: int, other: int, distance_um: float, limit_um: float, probability: float
) -> TraceFinding:
    is_tip = course.n_children[row] == 0
    other_id = int(course.tree.ids[other])
    return finding_at(
        course,
        [row, other],
        check="touching-tip" if is_tip else "self-contact",
        source="shape",
        severity="warning" if is_tip else "hint",
        value=distance_um,
        threshold=limit_um,
        unit="µm",
        probability=probability,
        why=f"{'A tip ends' if is_tip else 'The branch passes'} {distance_um:.1f} µm from node "
        f"{other_id}, which is far away along the tree: "
        + ("it may belong there." if is_tip else "the tree may close a loop here."),
    )
