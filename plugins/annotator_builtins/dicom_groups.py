"""Which DICOM slices belong to one array: same layout, same phase, each position once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.domain.errors import UnreadableError
from annotator_builtins.dicom_headers import PHASE_KEYWORDS
from annotator_builtins.dicom_pixels import stored_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from annotator_builtins.dicom_headers import Layout, SliceHeader

STACKED_MODALITIES = frozenset({"CT", "MR", "PT"})
"""Modalities whose slices without positions are still a stack, in the order of their numbers."""
PHASE_WORDS = {
    "ImageType": "image type", "FrameType": "frame type", "StackID": "stack",
    "EchoNumbers": "echo", "EchoTime": "echo time", "EffectiveEchoTime": "echo time",
    "TemporalPositionIdentifier": "time point", "TemporalPositionIndex": "time point",
    "DiffusionBValue": "b-value", "DiffusionGradientOrientation": "gradient",
    "InversionTime": "inversion time", "FlipAngle": "flip angle",
    "NominalPercentageOfCardiacPhase": "cardiac phase", "AcquisitionNumber": "acquisition",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Slices that make one stack. ``part`` says in words which of the series' parts it is.

    ``refusal`` is the reason where no array can be made of them. ``copies`` are files that were
    left out, each with the file of ``slices`` that it repeats.
    """

    slices: tuple[SliceHeader, ...]
    is_time: bool = False
    part: str = ""
    notes: tuple[str, ...] = ()
    refusal: str = ""
    copies: tuple[tuple[str, str], ...] = ()


def group_slices(slices: Iterable[SliceHeader]) -> tuple[Group, ...]:
    """Split the slices of many series into groups, each with one orientation and one phase."""
    by_series: dict[str, list[SliceHeader]] = defaultdict(list)
    for item in slices:
        by_series[item.layout.series_uid or item.path].append(item)
    return tuple(group for members in by_series.values() for group in _groups_of(members))


def _groups_of(members: list[SliceHeader]) -> list[Group]:
    try:
        return _split_series(members)
    except Exception as error:  # one bad series may not stop the others
        words = str(error) if isinstance(error, UnreadableError) else repr(error)
        reason = f"its slices cannot be put in order: {words}"
        return [Group(slices=tuple(members), refusal=reason)]


def drop_copies(slices: Iterable[SliceHeader]) -> tuple[list[SliceHeader], dict[str, str]]:
    """Keep one of the files that hold the same instance; names the kept one of each dropped."""
    first: dict[tuple[object, ...], str] = {}
    kept: list[SliceHeader] = []
    dropped: dict[str, str] = {}
    for item in slices:
        layout = item.layout
        key = (
            item.sop_instance_uid or item.path,
            layout.rows,
            layout.columns,
            layout.samples,
            layout.bits_allocated,
            item.n_frames,
        )
        path = first.setdefault(key, item.path)
        if path == item.path:
            kept.append(item)
        else:
            dropped[item.path] = path
    return kept, dropped


def _split_series(members: list[SliceHeader]) -> list[Group]:
    clusters = _by_layout(members)
    notes: tuple[str, ...] = ()
    if len(clusters) > 1:
        notes = (
            f"The series mixes {len(clusters)} kinds of slices (orientation, size or pixel type); "
            "each was read as a series of its own.",
        )
    groups = [group for cluster in clusters for group in _split_cluster(cluster)]
    if len(groups) == 1:
        notes += _step_note(members)
    return [replace(group, notes=notes + group.notes) for group in groups]


def _step_note(members: list[SliceHeader]) -> tuple[str, ...]:
    """Say where every other instance number is missing: somebody may have thinned the series."""
    numbers = sorted(item.instance_number for item in members)
    step = gcd(*(b - a for a, b in pairwise(numbers)))
    if len(numbers) < 3 or step < 2 or len(set(numbers)) < len(numbers):
        return ()
    first = ", ".join(map(str, numbers[:3]))
    return (f"The instance numbers go in steps of {step} ({first}…): slices may be missing.",)


def _by_layout(members: Sequence[SliceHeader]) -> list[list[SliceHeader]]:
    """Cluster slices whose layout allows one array; orientation and spacing to a tolerance."""
    clusters: list[tuple[Layout, list[SliceHeader]]] = []
    known: dict[int, list[SliceHeader]] = {}
    for item in members:
        members_of = known.get(id(item.layout))
        if members_of is None:
            for layout, cluster in clusters:
                if _fits(layout, item.layout):
                    members_of = cluster
                    break
            else:
                members_of = []
                clusters.append((item.layout, members_of))
            known[id(item.layout)] = members_of
        members_of.append(item)
    return [cluster for _, cluster in clusters]


def _fits(left: Layout, right: Layout) -> bool:
    same = (
        (left.rows, left.columns, left.samples, left.bits_allocated, left.is_signed)
        == (right.rows, right.columns, right.samples, right.bits_allocated, right.is_signed)
        and _is_grey(left) == _is_grey(right)
        and left.photometric.startswith("MONOCHROME1")
        == right.photometric.startswith("MONOCHROME1")
        and left.frame_of_reference_uid == right.frame_of_reference_uid
        and left.modality == right.modality
        and left.bad_orientation == right.bad_orientation
    )
    return (
        same
        and _near(left.orientation, right.orientation, 2e-3)
        and _near(left.pixel_spacing_mm, right.pixel_spacing_mm, 1e-4)
    )


def _is_grey(layout: Layout) -> bool:
    return layout.photometric.startswith("MONOCHROME")


def _near(
    left: tuple[float, ...] | None, right: tuple[float, ...] | None, tolerance: float
) -> bool:
    if left is None or right is None:
        return left is right
    return all(abs(a - b) <= tolerance for a, b in zip(left, right, strict=True))


def _split_cluster(cluster: list[SliceHeader]) -> list[Group]:
    """Separate frames of time, pictures that stand alone, and slices in space."""
    groups: list[Group] = []
    spatial: list[SliceHeader] = []
    alone: list[SliceHeader] = []
    by_file: dict[str, list[SliceHeader]] = defaultdict(list)
    for item in cluster:
        if item.n_frames > 1 and (item.position is None or item.clue == "time"):
            by_file[item.path].append(item)
        elif item.position is None:
            alone.append(item)
        else:
            spatial.append(item)
    for frames in by_file.values():
        groups.append(_frames_group(sorted(frames, key=lambda item: item.frame)))
    n_framed = len(groups)
    if alone and alone[0].layout.modality in STACKED_MODALITIES and len(alone) > 1:
        groups.extend(_numbered_group(alone))
    else:
        alone.sort(key=lambda item: item.order)
        for number, item in enumerate(alone, 1):
            part = f"image {item.instance_number or number}" if len(alone) > 1 else ""
            groups.append(Group(slices=(item,), part=part))
    if not spatial:
        return groups
    placed = _split_phases(spatial)
    if alone:
        said = _lone_note(len(spatial))
        groups[n_framed:] = [replace(one, notes=(said, *one.notes)) for one in groups[n_framed:]]
        placed = [replace(one, notes=(_left_note(alone), *one.notes)) for one in placed]
    return groups + placed


def _lone_note(n_placed: int) -> str:
    return (
        f"The header gives no position, unlike that of {n_placed} other slices of the series, "
        "which were read without it."
    )


def _left_note(alone: list[SliceHeader]) -> str:
    names = ", ".join(sorted({Path(item.path).name for item in alone})[:3])
    who = "1 slice" if len(alone) == 1 else f"{len(alone)} slices"
    more = "…" if len(alone) > 3 else ""
    return f"{who} of the series ({names}{more}) gave no position: left out here, and read apart."


def _frames_group(frames: list[SliceHeader]) -> Group:
    if frames[0].clue == "tiles":
        refusal = "a whole-slide image in tiles; export the level you need as TIFF or PNG"
        return Group(slices=tuple(frames), refusal=refusal)
    note = (
        f"The file holds {len(frames)} frames without positions: they were read as a sequence "
        f"in time."
    )
    return Group(slices=tuple(frames), is_time=True, notes=(note,))


def _numbered_group(alone: list[SliceHeader]) -> list[Group]:
    alone.sort(key=lambda item: item.order[2:])
    numbers = [item.instance_number for item in alone]
    if len(set(numbers)) < len(numbers):
        reason = "the slices have neither positions nor distinct instance numbers to order them by"
        return [Group(slices=tuple(alone), refusal=reason)]
    note = (
        "The slices have no positions: they were ordered by instance number; which end is the head "
        "is not known."
    )
    return [Group(slices=tuple(alone), notes=(note,))]


def slice_axes(layout: Layout) -> NDArray[np.float64]:
    """Return the unit vectors along x, y and z of the array as rows, ``(3, 3)``, LPS."""
    values = layout.orientation or (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    row, column = np.array(values[:3]), np.array(values[3:])
    row = row / np.linalg.norm(row)
    column = column - row * (row @ column)
    column = column / np.linalg.norm(column)
    return np.array([row, column, np.cross(row, column)])


def depths_mm(slices: Sequence[SliceHeader]) -> NDArray[np.float64]:
    """Return how far along the normal each slice lies, mm."""
    positions = np.array([item.position for item in slices], dtype=np.float64)
    depths: NDArray[np.float64] = positions @ slice_axes(slices[0].layout)[2]
    return depths


def _same_depth(slices: Sequence[SliceHeader]) -> list[list[int]]:
    """Return the indices of the slices at each depth, deepest last."""
    depths = depths_mm(slices)
    order = np.argsort(depths, kind="stable")
    gaps = np.diff(depths[order])
    real = gaps[gaps > 1e-4]
    tolerance = max(1e-3, 0.02 * float(np.percentile(real, 75))) if real.size else 1e-3
    parts = np.split(order, np.flatnonzero(gaps > tolerance) + 1)
    return [part.tolist() for part in parts]


def _split_phases(slices: list[SliceHeader], first: int = 0, part: str = "") -> list[Group]:
    """Split slices until each depth occurs once, by the attributes that tell them apart."""
    depths = _same_depth(slices)
    most = max(len(members) for members in depths)
    if most == 1:
        return [Group(slices=tuple(slices), part=part, notes=_part_note(part))]
    for number in range(first, len(PHASE_KEYWORDS)):
        values = {item.phase[number] for item in slices}
        if not 1 < len(values) <= 2 * most:
            continue
        if not any(len({slices[i].phase[number] for i in members}) > 1 for members in depths):
            continue
        if len(depths) == 1 and len(values) == len(slices) > 2:
            break
        groups: list[Group] = []
        for value in sorted(values, key=_natural):
            word = f"{PHASE_WORDS[PHASE_KEYWORDS[number]]} {value or 'not given'}"
            members = [item for item in slices if item.phase[number] == value]
            groups.extend(_split_phases(members, number + 1, f"{part}, {word}" if part else word))
        return groups
    return _split_unnamed(slices, depths, part)


def _part_note(part: str) -> tuple[str, ...]:
    if not part:
        return ()
    return (f"The series holds several images of each position; this one is {part}.",)


def _natural(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text


def _split_unnamed(slices: list[SliceHeader], depths: list[list[int]], part: str) -> list[Group]:
    """Handle positions that occur several times with nothing in the header to tell why."""
    kept: list[list[SliceHeader]] = []
    copies: list[tuple[str, str]] = []
    for members in depths:
        ordered = sorted((slices[i] for i in members), key=lambda item: item.order)
        distinct: dict[bytes, SliceHeader] = {}
        for item in ordered:
            first = distinct.setdefault(stored_digest(item) if len(members) > 1 else b"", item)
            if first is not item:
                copies.append((item.path, first.path))
        kept.append(list(distinct.values()))
    notes = _part_note(part)
    if copies:
        who = "1 slice repeats" if len(copies) == 1 else f"{len(copies)} slices repeat"
        notes += (f"{who} the position and pixels of others: left out.",)
    groups = _passes(slices, kept, part, notes)
    return [replace(groups[0], copies=tuple(copies)), *groups[1:]]


def _passes(
    slices: list[SliceHeader], kept: list[list[SliceHeader]], part: str, notes: tuple[str, ...]
) -> list[Group]:
    """Make groups of the distinct slices of each position, ``kept``, in order of depth."""
    counts = {len(members) for members in kept}
    if counts == {1}:
        return [Group(slices=tuple(item for (item,) in kept), part=part, notes=notes)]
    if len(kept) == 1:
        return _one_position(kept[0], part, notes)
    if len(counts) > 1:
        reason = (
            f"some positions occur {max(counts)} times and others {min(counts)} times, and the "
            "headers do not say what tells them apart"
        )
        return [Group(slices=tuple(slices), refusal=reason)]
    (times,) = counts
    note = (
        f"Each position occurs {times} times and the headers do not say why: split by time and "
        "instance number."
    )
    return [
        Group(
            slices=tuple(members[k] for members in kept),
            part=f"{part}, pass {k + 1}" if part else f"pass {k + 1}",
            notes=(*notes, note),
        )
        for k in range(times)
    ]


def _one_position(slices: list[SliceHeader], part: str, notes: tuple[str, ...]) -> list[Group]:
    """Images of a single position: a sequence where times tell them apart, else pictures."""
    if len({item.order[:2] for item in slices}) == len(slices):
        note = f"{len(slices)} images of one position: they were read as a sequence in time."
        return [Group(slices=tuple(slices), is_time=True, part=part, notes=(*notes, note))]
    words = [f"image {item.instance_number or number}" for number, item in enumerate(slices, 1)]
    notes += (f"{len(slices)} images of one position: each was read as a picture of its own.",)
    return [
        Group(slices=(item,), part=f"{part}, {word}" if part else word, notes=notes)
        for item, word in zip(slices, words, strict=True)
    ]
