"""The checks by shape and by image, by name: `checks` asks them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from annotator.analysis.tracing.course import Course
from annotator.analysis.tracing.image_crossings import check_crossing_brightness
from annotator.analysis.tracing.image_missed import check_missed
from annotator.analysis.tracing.image_path import (
    check_darkness,
    check_dips,
    check_middle,
    check_radius,
)
from annotator.analysis.tracing.profile import Profile
from annotator.analysis.tracing.shape_crossings import check_contacts
from annotator.analysis.tracing.shape_sizes import (
    check_constant_radii,
    check_fork_distance,
    check_fork_radius,
    check_loose_parts,
    check_rising_radius,
    check_soma_distance,
    check_twigs,
)
from annotator.analysis.tracing.shape_turns import (
    check_contraction,
    check_depth,
    check_forks,
    check_turns,
)
from annotator.analysis.tracing.thresholds import Thresholds
from annotator.analysis.tracing.tree import Tree
from annotator.domain.tracing import TraceFinding

if TYPE_CHECKING:
    from collections.abc import Mapping

ShapeCheck = Callable[[Tree, Course, Thresholds], list[TraceFinding]]
ImageCheck = Callable[[Course, Profile, Thresholds], list[TraceFinding]]


SHAPE_CHECKS: Mapping[str, ShapeCheck] = {
    "turns": check_turns,
    "fork-angles": check_forks,
    "tortuosity": check_contraction,
    "depth": check_depth,
    "twigs": check_twigs,
    "fork-distance": check_fork_distance,
    "fork-radius": check_fork_radius,
    "rising-radius": check_rising_radius,
    "constant-radii": check_constant_radii,
    "soma-distance": check_soma_distance,
    "loose-parts": check_loose_parts,
    "contacts": check_contacts,
}
"""Checks that see the tree alone, by name."""

IMAGE_CHECKS: Mapping[str, ImageCheck] = {
    "darkness": check_darkness,
    "dips": check_dips,
    "middle": check_middle,
    "radius": check_radius,
    "missed": check_missed,
    "crossing-brightness": check_crossing_brightness,
}
"""Checks that see the image too, by name."""
