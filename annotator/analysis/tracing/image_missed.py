"""What an image shows beside a tracing and the tracing lacks: branches, and what follows a tip.

Bright, tubular voxels near the tree that the tree does not explain are joined; each part that
touches the tree is followed from there as far as it goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from annotator.analysis.tracing.course import angles_deg, climb, finding_at, odds
from annotator.analysis.tracing.profile import voxel_um
from annotator.analysis.tracing.ridge import ridge_blocks
from annotator.analysis.tracing.shape_contacts import sample_edges
from annotator.analysis.tracing.tree import SOMA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.tracing.course import Course
    from annotator.analysis.tracing.profile import Profile
    from annotator.analysis.tracing.ridge import RidgeBlock
    from annotator.analysis.tracing.thresholds import Thresholds
    from annotator.domain.tracing import TraceFinding

_EXPLAINED_WIDTHS = 2.0
_ASIDE_VOXELS = 2.0
_AWAY_VOXELS = 3.0
_TOUCH_VOXELS = 2.5
_JOIN_VOXELS = 3.0
_DIM = 0.4
"""What is so dim beside the usual counts, also where all that is traced is brighter."""
_REACH_UM = 40.0
"""How far from the tree is looked; what goes on beyond is as long as this at least."""
_MAX_VOXELS = 3_000_000
_AHEAD_DEG = 75.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Missed:
    """A neurite beside the tree that is not traced.

    Attributes
    ----------
    row : int
        Node of the tree that it touches.
    points_um : ndarray
        ``(point, 3)`` x, y, z from the tree to its far end.
    length_um, away_um : float
        Its length from the tree on, and how far it leads out of what the tree explains.
    contrast : float
        Its brightness above the background as a share of the traced branches'.
    """

    row: int
    points_um: NDArray[np.float64]
    length_um: float
    away_um: float
    contrast: float


def check_missed(course: Course, profile: Profile, thresholds: Thresholds) -> list[TraceFinding]:
    """Return neurites that go on beyond tips, and branches beside the tree, that nobody traced."""
    findings = []
    for missed in find_missed(course, profile, thresholds):
        tip = _tip_before(course, missed, profile)
        row = missed.row if tip is None else tip
        limit = thresholds.missed_um if tip is None else thresholds.goes_on_um
        # What stays beside the tree is its own flank, or a neighbour that runs along.
        if missed.length_um < limit or missed.away_um < _AWAY_VOXELS * voxel_um(profile.image):
            continue
        what = (
            "a branch of {:.0f} µm that is not traced leaves here"
            if tip is None
            else "the neurite goes on for {:.0f} µm beyond this tip"
        ).format(missed.length_um)
        findings.append(
            finding_at(
                course,
                [row],
                check="missed-branch" if tip is None else "missed-continuation",
                source="image",
                severity="warning",
                value=missed.length_um,
                threshold=limit,
                unit="µm",
                probability=odds(missed.length_um, limit, base=0.4),
                impact_um=missed.length_um,
                why=f"In the image{' (a projection)' if profile.is_flat else ''} {what}.",
            )
        )
    return findings


def find_missed(course: Course, profile: Profile, thresholds: Thresholds) -> list[Missed]:
    """Return neurites that touch the tree and are not traced, of any length."""
    image = profile.image
    known = np.isfinite(profile.brightness) & (course.section >= 0)
    if not known.any():
        return []
    voxel = voxel_um(image)
    widths = profile.radii[known & np.isfinite(profile.radii)]
    thin = max(float(np.quantile(widths, 0.25)), voxel) if len(widths) else voxel
    scales = (thin, 1.7 * thin)
    voxels, brightness = _bright_voxels(course, profile, thresholds, scales)
    if not len(voxels):
        return []
    spacing = np.asarray(image.spacing_um)
    places = (voxels * spacing)[:, ::-1]
    rows, distance = _nearest_rows(course, profile, places)
    explained = _explained_um(course, profile, rows)
    is_new = distance > explained
    voxels, places, brightness = voxels[is_new], places[is_new], brightness[is_new]
    rows, beyond = rows[is_new], (distance - explained)[is_new]
    if not len(voxels):
        return []
    distance = distance[is_new]
    is_touching = beyond <= _TOUCH_VOXELS * voxel
    graph = _neighbours(voxels, places)
    return _follow(graph, is_touching, places, rows, distance, beyond, brightness)


def _bright_voxels(
    course: Course, profile: Profile, thresholds: Thresholds, scales: Sequence[float]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return voxels ``(voxel, 3)`` z, y, x near the tree that look like its branches.

    Their brightness is told as a share of the traced branches'.
    """
    image, tree = profile.image, course.tree
    known = np.isfinite(profile.signal) & (course.section >= 0)
    dark = float(np.median(profile.background[known]))
    noise = float(np.median(profile.noise[known]))
    points = tree.points[known]
    if profile.is_flat:
        points = points * [1.0, 1.0, 0.0]
    blocks = list(
        ridge_blocks(image.voxels, image.spacing_um, points, reach_um=_REACH_UM, scales_um=scales)
    )
    spacing = np.asarray(image.spacing_um)
    bright, ridge = _at_nodes(blocks, points, spacing)
    bright = bright - dark
    usual = float(np.median(bright))
    level = max(_faint(bright, thresholds), thresholds.min_contrast * noise)
    faintest = max(_faint(ridge, thresholds), 1e-6)
    found, shares = [], []
    for block in blocks:
        above = block.brightness - dark
        chosen = (above >= level) & (block.ridge >= faintest)
        found.append(np.argwhere(chosen) + block.corner)
        shares.append(above[chosen] / max(usual, 1e-6))
    voxels, share = np.concatenate(found), np.concatenate(shares)
    if len(voxels) > _MAX_VOXELS:
        keep = np.argsort(share)[-_MAX_VOXELS:]
        voxels, share = voxels[keep], share[keep]
    return voxels, share.astype(np.float64)


def _faint(values: NDArray[np.float64], thresholds: Thresholds) -> float:
    return min(
        float(np.quantile(values, thresholds.missed_dimness)), _DIM * float(np.median(values))
    )


def _at_nodes(
    blocks: Sequence[RidgeBlock], points: NDArray[np.float64], spacing: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the highest smoothed brightness and tubeness within a voxel of each node."""
    at = np.rint(points[:, ::-1] / spacing).astype(np.int64)
    found = np.zeros((2, len(at)))
    for block in blocks:
        inside = ((at >= block.corner) & (at < np.add(block.corner, block.ridge.shape))).all(axis=1)
        here = tuple((at[inside] - block.corner).T)
        found[0, inside] = ndimage.maximum_filter(block.brightness, 3)[here]
        found[1, inside] = ndimage.maximum_filter(block.ridge, 3)[here]
    return found[0], found[1]


def _nearest_rows(
    course: Course, profile: Profile, places: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the node next to each place, and the distance to the tree."""
    rows, samples, _ = sample_edges(course, voxel_um(profile.image))
    flat = [1.0, 1.0, 0.0 if profile.is_flat else 1.0]
    distance, nearest = cKDTree(samples * flat).query(places * flat)
    return rows[np.atleast_1d(nearest)], np.atleast_1d(distance)


def _explained_um(course: Course, profile: Profile, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how far from the tree brightness is still that of the traced branch."""
    voxel = voxel_um(profile.image)
    traced = np.nan_to_num(course.tree.radii[rows])
    # Brightness falls to nothing at about twice the distance at which it falls by half.
    measured = _EXPLAINED_WIDTHS * profile.radii[rows]
    aside = np.minimum(np.linalg.norm(profile.offsets[rows], axis=1), _ASIDE_VOXELS * voxel)
    is_soma = course.tree.types[rows] == SOMA
    radii = np.where(np.isnan(measured) | is_soma, np.fmax(measured, traced), measured)
    return np.asarray(radii + aside + voxel)


def _neighbours(voxels: NDArray[np.int64], places: NDArray[np.float64]) -> coo_array:
    """Return the graph of voxels with at most two missing between them, edges in µm."""
    pairs = cKDTree(voxels).query_pairs(_JOIN_VOXELS, output_type="ndarray")
    lengths = np.linalg.norm(places[pairs[:, 0]] - places[pairs[:, 1]], axis=1)
    n_voxels = len(voxels)
    return coo_array((lengths, (pairs[:, 0], pairs[:, 1])), shape=(n_voxels, n_voxels))


def _follow(
    graph: coo_array,
    is_touching: NDArray[np.bool_],
    places: NDArray[np.float64],
    rows: NDArray[np.int64],
    distance: NDArray[np.float64],
    beyond: NDArray[np.float64],
    brightness: NDArray[np.float64],
) -> list[Missed]:
    """Follow each part that touches the tree to what is furthest away along it.

    A part that touches in several places is shared out: every voxel belongs to the nearest touch.
    """
    touching = np.flatnonzero(is_touching)
    if not len(touching):
        return []
    whole = graph.tocsr()
    clusters = connected_components(whole[touching][:, touching], directed=False)[1]
    steps, before, source = dijkstra(
        whole, directed=False, indices=touching, min_only=True, return_predecessors=True
    )
    cluster_of = np.full(len(places), -1)
    reached = np.isfinite(steps)
    number = np.full(len(places), -1)
    number[touching] = clusters
    cluster_of[reached] = number[source[reached]]
    order = np.lexsort((steps, cluster_of))
    order = order[cluster_of[order] >= 0]
    found = []
    for part in np.split(order, np.flatnonzero(np.diff(cluster_of[order])) + 1):
        end = int(part[-1])
        way = _walk_back(before, end)
        start = way[-1]
        found.append(
            Missed(
                row=int(rows[start]),
                points_um=places[way[::-1]],
                length_um=float(steps[end] + distance[start]),
                away_um=float(beyond[part].max()),
                contrast=float(np.median(brightness[way])),
            )
        )
    return found


def _walk_back(before: NDArray[np.int32], end: int) -> list[int]:
    way = [end]
    while before[way[-1]] >= 0:
        way.append(int(before[way[-1]]))
    return way


def _tip_before(course: Course, missed: Missed, profile: Profile) -> int | None:
    """Return the tip that the neurite goes on from; None where it leaves beside the branch."""
    tips = course.tips
    if not len(tips):
        return None
    tree = course.tree
    flat = np.array([1.0, 1.0, 0.0 if profile.is_flat else 1.0])
    start = missed.points_um[0] * flat
    gaps = np.linalg.norm(tree.points[tips] * flat - start, axis=1)
    tip = int(tips[np.argmin(gaps)])
    same_end = course.section[missed.row] == course.section[tip]
    near = gaps.min() <= _explained_um(course, profile, np.array([tip]))[0] + (
        2 * _TOUCH_VOXELS * voxel_um(profile.image)
    )
    if not (near and same_end):
        return None
    behind = climb(course, np.array([tip]), 5 * voxel_um(profile.image))[0]
    ahead = (tree.points[tip] - tree.points[behind]) * flat
    toward = start - tree.points[tip] * flat
    return tip if float(angles_deg(ahead, toward)) <= _AHEAD_DEG else None
