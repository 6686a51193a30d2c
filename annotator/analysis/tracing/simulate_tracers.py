"""Tracers of a neuron with known faults: what they miss, invent, and how their hand shakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d

from annotator.analysis.tracing.course import trace_course
from annotator.analysis.tracing.tree import NO_PARENT, Tree, make_tree, parents_first

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SMOOTH_NODES = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TracerSkill:
    """What a simulated tracer is like.

    Attributes
    ----------
    sensitivity : float
        Chance to trace a section, given that the one before it was traced; stems are never missed.
    n_false : int
        Branches that are not there, each hanging on a node of the tracing.
    false_um : float
        Length of each of them.
    jitter_um : float
        Standard deviation of the nodes' displacement along each axis; it varies slowly along the
        course.
    """

    sensitivity: float = 0.95
    n_false: int = 0
    false_um: float = 30.0
    jitter_um: float = 0.3


def grow_neuron(seed: int, *, n_sections: int = 31, section_um: float = 40.0) -> Tree:
    """Return a made neuron: sections of about ``section_um`` that fork in two, nodes 2 µm apart."""
    random = np.random.default_rng(seed)
    points = [np.zeros(3)]
    parents = [NO_PARENT]
    open_ends = [(0, _direction(random))]
    for _ in range(n_sections):
        head, direction = open_ends.pop(0)
        last = head
        for _ in range(max(3, int(random.normal(section_um, section_um / 4) / 2))):
            direction = direction + 0.15 * random.normal(size=3)
            direction /= np.linalg.norm(direction)
            points.append(points[last] + 2.0 * direction)
            parents.append(last)
            last = len(points) - 1
        # The two of a fork part by 60 to 120 degrees, so that they are soon apart.
        aside = np.cross(direction, _direction(random))
        aside /= np.linalg.norm(aside)
        angle = np.radians(random.uniform(30, 60))
        for sign in (-1, 1):
            way = np.cos(angle) * direction + sign * np.sin(angle) * aside
            open_ends.append((last, way))
    return make_tree(np.array(points), np.array(parents, np.int64))


def _direction(random: np.random.Generator) -> NDArray[np.float64]:
    way = random.normal(size=3)
    unit: NDArray[np.float64] = way / np.linalg.norm(way)
    return unit


def trace_as(truth: Tree, skill: TracerSkill, seed: int) -> Tree:
    """Return what a tracer of this skill makes of a neuron; the same seed gives the same tree."""
    random = np.random.default_rng(seed)
    course = trace_course(truth)
    is_traced = random.random(course.n_sections) < skill.sensitivity
    is_traced |= truth.parents[course.heads] == NO_PARENT
    stays = np.zeros(len(truth), np.bool_)
    for row in parents_first(truth).tolist():
        parent = truth.parents[row]
        stays[row] = parent == NO_PARENT or (stays[parent] and is_traced[course.section[row]])
    place = np.cumsum(stays) - 1
    kept = np.flatnonzero(stays)
    above = truth.parents[kept]
    parents = np.where(above == NO_PARENT, NO_PARENT, place[above])
    noise = gaussian_filter1d(random.normal(size=(len(kept), 3)), _SMOOTH_NODES, axis=0)
    noise /= max(float(noise.std()), 1e-12)
    points = truth.points[kept] + skill.jitter_um * noise
    for _ in range(skill.n_false):
        points, parents = _with_false_branch(points, parents, skill.false_um, random)
    return make_tree(points, parents)


def _with_false_branch(
    points: NDArray[np.float64],
    parents: NDArray[np.int64],
    length: float,
    random: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the nodes with a branch more, that leaves one of them at right angles."""
    head = int(random.integers(1, len(points)))
    along = points[head] - points[parents[head]] if parents[head] != NO_PARENT else np.zeros(3)
    way = np.cross(along, _direction(random)) if along.any() else _direction(random)
    way /= max(float(np.linalg.norm(way)), 1e-12)
    n_new = max(2, int(length / 2))
    steps = 2.0 * way + 0.2 * random.normal(size=(n_new, 3))
    new = points[head] + np.cumsum(steps, axis=0)
    first = len(points)
    chain = np.concatenate([[head], first + np.arange(n_new - 1)])
    return np.concatenate([points, new]), np.concatenate([parents, chain])
