"""What the course of a tree says of each node: turns, lengths, order, depth, radii, neighbours.

Numbers are made so that trees of different size can be compared: lengths as logarithms of µm, or
beside what is usual in the tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.tracing.course import angles_deg, climb, reach_out
from annotator.analysis.tracing.features_context import sum_above
from annotator.analysis.tracing.shape_contacts import find_meetings, sample_edges
from annotator.analysis.tracing.tree import NO_PARENT, sum_below

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course

    Floats = NDArray[np.float64]

REACHES_UM = (5.0, 12.0)
"""Chords from which turns, slopes and steps are measured."""

_NEAR_UM = 15.0
_FAR_ALONG_UM = 25.0
_NEIGHBOURS = 12
_DENSITY_UM = 20.0
_SAMPLE_UM = 2.0


def describe_course(course: Course) -> dict[str, Floats]:
    """Return what the course says, each ``(node,)``; the tree must be sound."""
    return {
        **_edges(course),
        **_turns(course),
        **_sections(course),
        **_standing(course),
        **_radii(course),
        **_neighbours(course),
    }


def _edges(course: Course) -> dict[str, Floats]:
    lengths = course.lengths
    usual = float(np.median(lengths[course.is_edge])) if course.is_edge.any() else 1.0
    return {
        "edge": np.log1p(lengths) - np.log1p(usual),
        "edge rise": np.log1p(np.abs(course.vectors[:, 2])),
        "edge turn": angles_deg(course.vectors[course.parents], course.vectors) / 180,
    }


def _turns(course: Course) -> dict[str, Floats]:
    points, rows = course.tree.points, np.arange(len(course.tree))
    found: dict[str, Floats] = {}
    for reach in REACHES_UM:
        inner, outer = climb(course, rows, reach), reach_out(course, reach)
        before, after = points - points[inner], points[outer] - points
        cable = course.root_um[outer] - course.root_um[inner]
        chord = np.linalg.norm(points[outer] - points[inner], axis=1)
        found[f"turn {reach:g}"] = angles_deg(before, after) / 180
        found[f"straight {reach:g}"] = np.where(cable > 0, chord / np.where(cable > 0, cable, 1), 1)
        length = np.linalg.norm(before, axis=1)
        found[f"rise {reach:g}"] = np.abs(before[:, 2]) / np.where(length > 0, length, 1.0)
    return found


def _sections(course: Course) -> dict[str, Floats]:
    """Return what a node's section is like and where in it the node lies; 0 for roots."""
    n_nodes, points = len(course.tree), course.tree.points
    section, inside = course.section, course.section >= 0
    own = section[inside]
    lengths, ends = course.section_um(), course.ends
    firsts = course.rows[course.bounds[:-1]]
    chords = np.linalg.norm(points[ends] - points[course.heads], axis=1)
    reach = REACHES_UM[-1]
    inner = climb(course, np.arange(n_nodes), reach)
    leaves = points[reach_out(course, reach)[firsts]] - points[course.heads]
    arrives = points[course.heads] - points[inner[course.heads]]
    largest = np.zeros(n_nodes)
    np.maximum.at(largest, course.heads, course.below_um[firsts])
    along = np.zeros(n_nodes)
    along[inside] = course.root_um[inside] - course.root_um[course.heads[own]]
    of_section = {
        "section": np.log1p(lengths),
        "is terminal": (course.n_children[ends] == 0).astype(np.float64),
        "contraction": chords / np.where(lengths > 0, lengths, 1.0),
        "fork angle": angles_deg(arrives, leaves) / 180,
        "fork order": np.minimum(course.n_children[course.heads], 5).astype(np.float64),
        "beside siblings": np.log1p(course.below_um[firsts]) - np.log1p(largest[course.heads]),
    }
    found = {name: np.zeros(n_nodes) for name in of_section}
    for name, values in of_section.items():
        found[name][inside] = values[own]
    found["from head"] = np.log1p(np.maximum(along, 0.0))
    found["to end"] = np.zeros(n_nodes)
    left = course.root_um[ends[own]] - course.root_um[inside]
    found["to end"][inside] = np.log1p(np.maximum(left, 0.0))
    return found


def _standing(course: Course) -> dict[str, Floats]:
    """Return where in the whole tree a node stands."""
    n_nodes = len(course.tree)
    cable = np.bincount(course.piece, course.lengths)
    total = max(float(cable.sum()), 1e-9)
    is_tip = (course.n_children == 0).astype(np.float64)
    is_first = np.zeros(n_nodes)
    forked = (course.n_children[course.parents] > 1) & (course.tree.parents != NO_PARENT)
    is_first[forked] = 1.0
    of_piece = cable[course.piece]
    return {
        "order": np.log1p(sum_above(course, is_first[:, None])[:, 0]),
        "from root": np.log1p(course.root_um),
        "below": np.log1p(course.below_um),
        "share below": course.below_um / np.where(of_piece > 0, of_piece, 1.0),
        "tips below": np.log1p(sum_below(course.tree, is_tip)),
        "children": np.minimum(course.n_children, 4).astype(np.float64),
        "share of piece": of_piece / total,
        "pieces": np.full(n_nodes, np.log1p(len(cable))),
        "is root": (course.tree.parents == NO_PARENT).astype(np.float64),
    }


def _radii(course: Course) -> dict[str, Floats]:
    radii = np.maximum(course.tree.radii, 1e-3)
    logs = np.log(radii)
    inner = climb(course, np.arange(len(logs)), REACHES_UM[0])
    return {
        "radius": np.clip(logs - np.median(logs), -3, 3),
        "radius step": np.clip(logs - logs[inner], -3, 3),
        "one radius": np.full(len(logs), float(np.ptp(logs) == 0)),
    }


def _neighbours(course: Course) -> dict[str, Floats]:
    """Return how near other branches lie, how parallel the nearest, and how dense cable is."""
    n_nodes, points = len(course.tree), course.tree.points
    rows, places, along = sample_edges(course, _SAMPLE_UM)
    if len(places) < 2:
        return {name: np.zeros(n_nodes) for name in ("near", "near parallel", "density")}
    search = cKDTree(places)
    k = min(_NEIGHBOURS * 2, len(places))
    k_nearest = np.arange(1, k + 1).tolist()
    found_gaps, nearest = search.query(points, k=k_nearest, distance_upper_bound=_NEAR_UM)
    gaps = np.asarray(found_gaps)
    is_there = np.isfinite(gaps)
    nearest = np.where(is_there, nearest, 0)
    asked = np.repeat(np.arange(n_nodes), k).reshape(gaps.shape)
    meeting = course.root_um[find_meetings(course, asked.ravel(), rows[nearest].ravel())]
    way = course.root_um[asked] + along[nearest] - 2 * meeting.reshape(gaps.shape)
    apart = course.piece[asked] != course.piece[rows[nearest]]
    is_other = is_there & (apart | (way >= _FAR_ALONG_UM))
    gaps = np.where(is_other, gaps, np.inf)
    best = gaps.argmin(axis=1)
    here = np.arange(n_nodes)
    gap = np.minimum(gaps[here, best], _NEAR_UM)
    inner = climb(course, here, REACHES_UM[0])
    ways = points - points[inner]
    other = ways[rows[nearest[here, best]]]
    size = np.linalg.norm(ways, axis=1) * np.linalg.norm(other, axis=1)
    parallel = np.abs(np.einsum("nx,nx->n", ways, other)) / np.where(size > 0, size, 1.0)
    counts = search.query_ball_point(points, _DENSITY_UM, return_length=True)
    return {
        "near": 1 - gap / _NEAR_UM,
        "near parallel": np.where(gap < _NEAR_UM, parallel, 0.0),
        "density": np.log1p(counts * _SAMPLE_UM / _DENSITY_UM),
    }
