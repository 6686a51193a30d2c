"""Checks against an image of known tubes, in a volume and in its projection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.tracing.checks import check_tree
from annotator.analysis.tracing.course import trace_course
from annotator.analysis.tracing.image_crossings import (
    check_crossing_brightness,
    check_forks_for_crossings,
)
from annotator.analysis.tracing.image_missed import check_missed, find_missed
from annotator.analysis.tracing.image_path import (
    check_darkness,
    check_dips,
    check_middle,
    check_radius,
)
from annotator.analysis.tracing.profile import measure_profile
from annotator.analysis.tracing.thresholds import DEFAULT_THRESHOLDS
from annotator.analysis.tracing.tree import NO_PARENT, Tree, make_tree
from tests.unit.tracing.tube_images import draw_tubes, straight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course
    from annotator.analysis.tracing.profile import Profile
    from annotator.api.tracing import TracedImage
    from annotator.domain.tracing import TraceFinding

pytestmark = pytest.mark.unit

LIMITS = DEFAULT_THRESHOLDS
DEPTHS = [1, 24]
CHECKS = (
    check_darkness,
    check_dips,
    check_middle,
    check_radius,
    check_missed,
    check_crossing_brightness,
)


def tree_of(*branches: tuple[NDArray[np.float64], int]) -> Tree:
    """Return a tree of lines, each with the row that it hangs on (-1 for none)."""
    points: list[NDArray[np.float64]] = []
    parents: list[int] = []
    for line, at in branches:
        for number, point in enumerate(line):
            parents.append(at if number == 0 else len(points) - 1)
            points.append(point)
    radii = np.linspace(1.9, 1.7, len(points))
    return make_tree(np.array(points), np.array(parents), radii=radii)


def looked_at(tree: Tree, image: TracedImage) -> tuple[Course, Profile]:
    """Return the course of a tree and what the image says along it."""
    course = trace_course(tree)
    return course, measure_profile(course, image, LIMITS.reach_um)


def everything(tree: Tree, image: TracedImage) -> list[TraceFinding]:
    """Return what all checks find."""
    course, profile = looked_at(tree, image)
    return [finding for check in CHECKS for finding in check(course, profile, LIMITS)]


def y_shape(depth: int) -> tuple[list[NDArray[np.float64]], TracedImage]:
    """Return the three lines of a fork at (40, 30) and their image."""
    z = depth // 2
    lines = [
        straight((6, 30, z), (40, 30, z), 300),
        straight((40, 30, z), (85, 8, z), 300),
        straight((40, 30, z), (85, 52, z), 300),
    ]
    return lines, draw_tubes(lines, (depth, 60, 92), radius=1.5, noise=3.0)


def thinned(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a node about every 1.5 µm."""
    return line[:: max(1, len(line) // 25)]


@pytest.mark.parametrize("depth", DEPTHS)
def test_what_is_traced_rightly_is_left_alone(depth: int) -> None:
    lines, image = y_shape(depth)
    one, two, three = (thinned(line) for line in lines)
    fork = len(one) - 1
    tree = tree_of((one, NO_PARENT), (two[1:], fork), (three[1:], fork))
    assert everything(tree, image) == []


@pytest.mark.parametrize("depth", DEPTHS)
def test_width_and_middle_are_those_of_the_tube(depth: int) -> None:
    line = straight((5, 30, depth // 2), (85, 30, depth // 2), 400)
    image = draw_tubes([line], (depth, 60, 92), radius=2.0)
    course, profile = looked_at(tree_of((thinned(line) + np.array([0, 2.0, 0]), NO_PARENT)), image)
    inner = slice(4, -4)
    assert np.median(profile.radii[inner]) == pytest.approx(2.0 * 1.177, rel=0.15)
    np.testing.assert_allclose(profile.offsets[inner, 1], -2.0, atol=0.5)
    assert np.abs(profile.offsets[inner, 0]).max() < 0.3
    assert course.n_sections == 1


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_branch_that_nobody_traced_is_found_at_its_fork(depth: int) -> None:
    lines, image = y_shape(depth)
    trunk = np.concatenate([thinned(lines[0]), thinned(lines[1])[1:]])
    (finding,) = everything(tree_of((trunk, NO_PARENT)), image)
    assert finding.check == "missed-branch"
    assert np.linalg.norm(np.array(finding.point_um[:2]) - (40, 30)) < 9
    assert finding.value == pytest.approx(50, abs=14)
    assert ("projection" in finding.why) == (depth == 1)


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_neurite_goes_on_beyond_a_tip(depth: int) -> None:
    line = straight((5, 30, depth // 2), (85, 30, depth // 2), 400)
    image = draw_tubes([line], (depth, 60, 92), noise=3.0)
    tree = tree_of((thinned(line[:200]), NO_PARENT))
    (finding,) = everything(tree, image)
    assert (finding.check, finding.node_id) == ("missed-continuation", len(tree))
    assert finding.value == pytest.approx(40, abs=6)
    course, profile = looked_at(tree, image)
    (missed,) = find_missed(course, profile, LIMITS)
    assert np.abs(missed.points_um[:, 1] - 30).max() < 5
    assert missed.points_um[-1, 0] > 80


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_path_into_the_dark_is_one_event(depth: int) -> None:
    z = depth // 2
    line = straight((5, 30, z), (60, 30, z), 400)
    image = draw_tubes([line], (depth, 60, 92), noise=3.0)
    path = np.concatenate([thinned(line), straight((62, 34, z), (84, 50, z), 18)])
    found = everything(tree_of((path, NO_PARENT)), image)
    (finding,) = [one for one in found if one.check == "dark-path"]
    assert 56 < finding.point_um[0] < 66
    assert finding.value is not None
    assert finding.value < LIMITS.min_contrast
    assert {one.check for one in found} <= {"dark-path", "off-middle"}


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_dip_joins_two_neurites(depth: int) -> None:
    z = depth // 2
    lines = [straight((5, 30, z), (40, 30, z), 200), straight((48, 30, z), (85, 30, z), 200)]
    image = draw_tubes(lines, (depth, 60, 92), noise=3.0)
    path = straight((5, 30, z), (85, 30, z), 60)
    found = everything(tree_of((path, NO_PARENT)), image)
    (dip,) = [one for one in found if one.check in {"brightness-dip", "dark-path"}]
    assert 37 < dip.point_um[0] < 50


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_path_beside_the_middle_is_one_event(depth: int) -> None:
    line = straight((5, 30, depth // 2), (85, 30, depth // 2), 400)
    image = draw_tubes([line], (depth, 60, 92), radius=1.5, noise=3.0)
    path = thinned(line).copy()
    beside = (path[:, 0] > 35) & (path[:, 0] < 60)
    path[beside, 1] += 3.5
    (finding,) = everything(tree_of((path, NO_PARENT)), image)
    assert finding.check == "off-middle"
    assert finding.value == pytest.approx(3.5, abs=0.8)
    assert 30 < finding.point_um[0] < 42


def test_a_radius_that_is_not_that_of_the_image() -> None:
    line = straight((5, 30, 12), (85, 30, 12), 400)
    image = draw_tubes([line], (24, 60, 92), radius=1.5, noise=3.0)
    tree = tree_of((thinned(line), NO_PARENT))
    radii = tree.radii.copy()
    radii[10:16] *= 4
    (finding,) = everything(replace(tree, radii=radii), image)
    assert (finding.check, finding.node_id) == ("wrong-radius", 11)
    assert finding.value == pytest.approx(4, rel=0.3)
    assert "thick" in finding.why
    assert everything(replace(tree, radii=np.ones(len(tree))), image) == []


def crossing(*, is_exchanged: bool) -> tuple[Tree, TracedImage]:
    """Return a bright and a dim neurite that cross at a small angle, and their tracing."""
    ends = [(88.0, 40.0, 12.0), (88.0, 20.0, 12.0)]
    lines = [straight((4, 20, 12), ends[0], 400), straight((4, 40, 12), ends[1], 400)]
    image = draw_tubes(lines, (24, 60, 92), brightness=[200.0, 60.0], noise=2.0)
    one, other = (line[::8] for line in lines)
    half = len(one) // 2
    if is_exchanged:
        one, other = (
            np.concatenate([one[:half], other[half:]]),
            np.concatenate([other[:half], one[half:]]),
        )
    return tree_of((one, NO_PARENT), (other, NO_PARENT)), image


def test_brightness_tells_who_goes_on_at_a_crossing() -> None:
    course, profile = looked_at(*crossing(is_exchanged=True))
    (finding,) = check_crossing_brightness(course, profile, LIMITS)
    assert abs(finding.point_um[0] - 46) < 5
    assert finding.value is not None
    assert finding.value > 0.7
    course, profile = looked_at(*crossing(is_exchanged=False))
    assert check_crossing_brightness(course, profile, LIMITS) == []


def test_a_neurite_that_passes_is_not_two_branches() -> None:
    main = straight((4, 30, 12), (88, 30, 12), 43)
    sides = [straight((46, 30, 12), (46 - s * 6, 30 + s * 24, 12), 14)[1:] for s in (1, -1)]
    at = int(np.argmin(np.abs(main[:, 0] - 46)))
    passing = tree_of((main, NO_PARENT), (sides[0], at), (sides[1], at))
    (finding,) = check_forks_for_crossings(trace_course(passing), None, LIMITS)
    assert (finding.check, finding.node_id) == ("crossing-as-forks", at + 1)
    lines = [straight(tuple(p[0]), tuple(p[-1]), 300) for p in (main, *sides)]
    alike = draw_tubes(lines, (24, 60, 92), brightness=[200.0, 80.0, 80.0], noise=2.0)
    unlike = draw_tubes(lines, (24, 60, 92), brightness=[200.0, 200.0, 60.0], noise=2.0)
    found = [
        check_forks_for_crossings(*looked_at(passing, image), LIMITS) for image in (alike, unlike)
    ]
    assert [len(one) for one in found] == [1, 0]


def test_trees_outside_of_their_image_are_borne() -> None:
    image = draw_tubes([straight((5, 5, 5), (20, 20, 5), 50)], (10, 30, 30))
    outside = tree_of((straight((500, 500, 500), (540, 500, 500), 30), NO_PARENT))
    assert everything(outside, image) == []
    nowhere = replace(outside, points=np.full_like(outside.points, np.nan))
    assert everything(nowhere, image) == []


def test_all_checks_are_asked_at_one_door() -> None:
    lines, image = y_shape(24)
    one, two = thinned(lines[0]), thinned(lines[1])
    tree = tree_of((np.concatenate([one, two[1:]]), NO_PARENT))
    with_image = {finding.check for finding in check_tree(tree, image)}
    assert "missed-branch" in with_image
    assert with_image - {finding.check for finding in check_tree(tree)} == {"missed-branch"}
    lenient = check_tree(tree, image, replace(LIMITS, missed_um=500.0))
    assert "missed-branch" not in {finding.check for finding in lenient}


def test_one_error_is_told_once() -> None:
    main = straight((4, 30, 12), (60, 30, 12), 57)
    twig = straight((30, 30, 12), (31.5, 30.2, 12), 2)[1:]
    told = [finding.check for finding in check_tree(tree_of((main, NO_PARENT), (twig, 26)))]
    assert told == ["spur"]
