"""The adjudicated mask, put together from what was undisputed and a verdict for every region."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from annotator.analysis.disagreement import is_disputed
from annotator.analysis.group_votes import join_masks
from annotator.analysis.label_tables import group_table
from annotator.analysis.runs import decode, decode_slab, encode
from annotator.analysis.votes import to_dense

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from annotator.analysis.label_tables import Table
    from annotator.analysis.runs import MaskRuns
    from annotator.analysis.votes import VoteRuns
    from annotator.domain.reading import Box
    from annotator.domain.review import Finding, Verdict
    from annotator.jobs.readings import Readings

    Mask = NDArray[np.unsignedinteger]


def compose(
    votes: VoteRuns,
    fused: Mask,
    region_map: NDArray[np.uint16],
    findings: Sequence[Finding],
    verdicts: Mapping[int, Verdict],
    masks: Mapping[str, MaskRuns],
    redrawn: Callable[[str], Mask],
    fused_by: Callable[[str], Mask],
) -> tuple[Mask, NDArray[np.uint16]]:
    """Return the composed mask and, per voxel, the region that decided it; both ``(z, y, x)``.

    Where all readings agree, their label stands. Inside a region its verdict decides: ``rater``
    takes that rater's labels, ``fusion`` those of the fusion that was looked at then, ``none`` the
    same with the region's label turned to background, ``redraw`` the drawing of the reviewer who
    said so, with what they left empty as background. A drawing that reaches out of a redrawn
    region counts there too, as far as the stroke hangs together and no other region is entered; it
    cannot erase out there.
    Undecided regions, and disputes too small to be a region, show the fused labels. The origin is
    0 wherever no verdict has decided. ``redrawn`` gives a reviewer's drawing and ``fused_by`` the
    labels of a fusion by its id; they are called only where a verdict needs them.
    """
    redrawn, fused_by = cache(redrawn), cache(fused_by)
    mask = fused.copy()
    agreed = to_dense(votes, votes.patterns[:, 0], mask.dtype)
    np.copyto(mask, agreed, where=to_dense(votes, ~is_disputed(votes), np.bool_))
    origin = np.zeros(mask.shape, np.uint16)
    for finding in findings:
        verdict = verdicts.get(finding.region)
        if verdict is None:
            continue
        slices = box_slices(finding.box)
        inside = region_map[slices] == finding.region
        if verdict.choice == "rater":
            chosen = decode_box(masks[verdict.rater_id or ""], finding.box, mask.dtype)
        elif verdict.choice == "redraw":
            chosen = redrawn(verdict.reviewer_id)[slices]
        else:
            chosen = (fused_by(verdict.fusion_id) if verdict.fusion_id else fused)[slices]
        if verdict.choice == "none":
            chosen = np.where(chosen == finding.label, mask.dtype.type(0), chosen)
        np.copyto(mask[slices], chosen, where=inside)
        origin[slices][inside] = finding.region
    by_reviewer: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        verdict = verdicts.get(finding.region)
        if verdict is not None and verdict.choice == "redraw":
            by_reviewer[verdict.reviewer_id].append(finding)
    for reviewer_id, own in by_reviewer.items():
        _spill(mask, origin, redrawn(reviewer_id), region_map, own)
    return mask, origin


def decode_box(
    runs: MaskRuns, box: Box, dtype: np.dtype[np.unsignedinteger]
) -> NDArray[np.unsignedinteger]:
    """Return the voxels of a mask inside a half-open box; only its slabs are decoded."""
    (z0, y0, x0), (z1, y1, x1) = box
    found = np.zeros((z1 - z0, y1 - y0, x1 - x0), dtype)
    for slab in runs.grid.touched(box):
        content = runs.slabs.get(slab)
        if content is None:
            continue
        z, first, last = runs.grid.rows(slab)
        rows = decode_slab(content, dtype).reshape(last - first, -1)
        top, bottom = max(first, y0), min(last, y1)
        found[z - z0, top - y0 : bottom - y0] = rows[top - first : bottom - first, x0:x1]
    return found


def _spill(
    mask: Mask,
    origin: NDArray[np.uint16],
    redraw: Mask,
    region_map: NDArray[np.uint16],
    redrawn: Sequence[Finding],
) -> None:
    """Take over what a reviewer drew out of the regions they redrew, worst region first."""
    boxes = ndimage.find_objects((redraw != 0).view(np.uint8))
    if not boxes:
        return
    slices = boxes[0]
    drawn, regions, origins = redraw[slices], region_map[slices], origin[slices]
    pieces, _ = ndimage.label(drawn != 0)
    for finding in redrawn:
        own = np.unique(pieces[(regions == finding.region) & (pieces != 0)])
        reaches = np.isin(pieces, own) & (regions == 0) & (origins == 0) & (pieces != 0)
        np.copyto(mask[slices], drawn, where=reaches)
        origins[reaches] = finding.region


def compose_groups(
    readings: Readings,
    fused: Mask,
    region_maps: Mapping[str, NDArray[np.uint16]],
    findings: Sequence[Finding],
    verdicts: Mapping[int, Verdict],
    redrawn: Callable[[str], Mask],
    fused_by: Callable[[str], Mask],
) -> tuple[Mask, NDArray[np.uint16]]:
    """Compose each label group by itself, and put them together; arguments as in `compose`.

    ``region_maps`` holds the regions by label group. A verdict says nothing of other groups than
    that of its region's label, whatever a rater or a drawing has of them there. Where regions of
    several groups decided a voxel, its origin is the first of them.
    """
    values = readings.values
    if not values.may_overlap:
        masks = {rater_id: readings.mask_of(rater_id) for rater_id in readings.rater_ids}
        (region_map,) = region_maps.values()
        return compose(
            readings.votes, fused, region_map, findings, verdicts, masks, redrawn, fused_by
        )
    drawn = [part.only_group for part in readings.by_group(encode(fused))]
    composed = [
        _compose_group(
            readings.of_group(group),
            group_table(values, group),
            fused,
            region_maps.get(group, np.zeros(fused.shape, np.uint16)),
            [one for one in findings if values.group_of(one.label) == group],
            verdicts,
            redrawn,
            fused_by,
        )
        for group in dict.fromkeys((*drawn, *region_maps))
    ]
    mask = join_masks([encode(own) for own, _ in composed], values)
    return decode(mask, fused.dtype), first_of([origin for _, origin in composed])


def _compose_group(
    readings: Readings,
    table: Table,
    fused: Mask,
    region_map: NDArray[np.uint16],
    findings: Sequence[Finding],
    verdicts: Mapping[int, Verdict],
    redrawn: Callable[[str], Mask],
    fused_by: Callable[[str], Mask],
) -> tuple[Mask, NDArray[np.uint16]]:
    """Compose the masks of one label group; ``table`` is its by mask value."""
    return compose(
        readings.votes,
        table[fused],
        region_map,
        findings,
        verdicts,
        {rater_id: readings.mask_of(rater_id) for rater_id in readings.rater_ids},
        lambda reviewer_id: table[redrawn(reviewer_id)],
        lambda fusion_id: table[fused_by(fusion_id)],
    )


def first_of(region_maps: Sequence[NDArray[np.uint16]]) -> NDArray[np.uint16]:
    """Return the lowest number, 0 aside, that any map ``(z, y, x)`` has at each voxel, or 0."""
    if len(region_maps) == 1:
        return region_maps[0]
    last = np.iinfo(np.uint16).max
    lowest = np.min([np.where(one == 0, last, one) for one in region_maps], axis=0)
    return np.where(lowest == last, 0, lowest).astype(np.uint16)


def box_slices(box: Box) -> tuple[slice, slice, slice]:
    """Return the slices that cut a half-open box out of ``(z, y, x)``."""
    (z0, y0, x0), (z1, y1, x1) = box
    return slice(z0, z1), slice(y0, y1), slice(x0, x1)
