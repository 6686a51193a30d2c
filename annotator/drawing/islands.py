"""Islands: keep or drop connected parts of a label, or give each a label of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.domain.errors import AnnotatorError
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.operation import Asked, Change, Progress, trimmed, unwatched
from annotator.drawing.options import ChoiceOption, NumberOption, Option, SwitchOption
from annotator.drawing.scope import WHERE, scope_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.scope import Scope
    from annotator.drawing.surface import Surface


class Islands:
    """Tells apart what hangs together of a label."""

    name: ClassVar[str] = "islands"
    title: ClassVar[str] = "Islands"
    explanation: ClassVar[str] = (
        "An island is what hangs together of the label. Keep the largest, keep or remove the one "
        "under the crosshair, remove small ones, or give each a label of its own: the largest "
        "keeps the label, the others get the next labels that are not drawn anywhere."
    )
    options: ClassVar[tuple[Option, ...]] = (
        ChoiceOption(
            key="what",
            title="Islands",
            tooltip="Picked is the island under the crosshair.",
            default="largest",
            choices=(
                ("largest", "Keep the largest"),
                ("picked", "Keep the picked one"),
                ("remove picked", "Remove the picked one"),
                ("small", "Remove small ones"),
                ("split", "A label for each"),
            ),
        ),
        NumberOption(
            key="smallest",
            title="Small is less than",
            tooltip="Volume of an island in mm³; in one slice its area in mm².",
            default=100.0,
            minimum=0.0,
            maximum=1e9,
            unit="mm³ (mm²)",
        ),
        SwitchOption(
            key="diagonal",
            title="Diagonal neighbours",
            tooltip="Voxels that share only an edge or a corner hang together too.",
        ),
        WHERE,
    )
    needs_image: ClassVar[bool] = False
    is_live: ClassVar[bool] = False

    def run(self, surface: Surface, asked: Asked, progress: Progress = unwatched) -> Change | None:
        """Return the label without the islands that go, or the islands as labels."""
        scope = scope_of(surface, asked)
        box = scope.box_around(asked.label)
        region = scope.region(asked.label, box)
        parts = numbered(region, bool(asked.chosen["diagonal"]))
        progress(0.6)
        part = parts[region]
        sizes = np.bincount(part)
        wanted = np.full(len(sizes), asked.label, surface.labels(box).dtype)
        if asked.chosen["what"] == "split":
            wanted[_by_size(sizes)[1:]] = _free(surface, asked, sizes)
        else:
            is_kept = _kept(scope, asked, box, parts, sizes)
            if not is_kept.any():
                raise NothingToDoError(_all_would_go(scope, asked))
            wanted[~is_kept] = 0
        progress(0.8)
        labels = surface.labels(box).copy()
        labels[region] = wanted[part]
        return trimmed(surface, Change(box=box, labels=labels))


def numbered(region: NDArray[np.bool_], is_diagonal: bool) -> NDArray[np.int32]:
    """Return the number of each voxel's island, 0 outside.

    Islands are numbered from 1 in the order of their first voxels. Neighbours share a face, or
    also an edge or a corner.
    """
    from scipy import ndimage  # scipy takes a while to import

    parts = np.empty(region.shape, np.int32)
    structure = ndimage.generate_binary_structure(3, 3 if is_diagonal else 1)
    ndimage.label(region, structure, output=parts)
    return parts


def _by_size(sizes: NDArray[np.int64]) -> list[int]:
    """Return the islands, largest first; the first of equals first."""
    order = np.argsort(-sizes[1:], kind="stable") + 1
    return [int(part) for part in order]


def _kept(
    scope: Scope, asked: Asked, box: Box, parts: NDArray[np.int32], sizes: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return which numbers of islands stay."""
    is_kept = np.zeros(len(sizes), np.bool_)
    what = asked.chosen["what"]
    if what == "largest":
        is_kept[_by_size(sizes)[0]] = True
    elif what == "small":
        is_kept[1:] = sizes[1:] * scope.voxel_size >= float(asked.chosen["smallest"])
    else:
        picked = _picked(scope, asked, box, parts)
        is_kept[1:] = what != "picked"
        is_kept[picked] = what == "picked"
    return is_kept


def _picked(scope: Scope, asked: Asked, box: Box, parts: NDArray[np.int32]) -> int:
    """Return the number of the island under the crosshair."""
    if asked.at is not None:
        place = tuple(at - first for at, first in zip(asked.at, box[0], strict=True))
        if all(0 <= at < size for at, size in zip(place, parts.shape, strict=True)):
            picked = int(parts[place])
            if picked:
                return picked
    raise NothingToDoError(
        f"There is no island of label {asked.label}{scope.place} under the crosshair. Put the "
        "crosshair on the island that you mean."
    )


def _free(surface: Surface, asked: Asked, sizes: NDArray[np.int64]) -> list[int]:
    """Return a label for every island but the largest: those of the schema that are not drawn."""
    n_needed = len(sizes) - 2
    if n_needed == 0:
        raise NothingToDoError(f"Label {asked.label} is one island: there is nothing to split.")
    taken = present(surface) | {0, asked.label} | surface.rules.locked
    values = asked.values
    start = values.index(asked.label) if asked.label in values else 0
    free = [value for value in values[start:] + values[:start] if value not in taken]
    if len(free) < n_needed:
        listed = ", ".join(str(value) for value in free) or "none"
        raise AnnotatorError(
            f"Label {asked.label} has {n_needed + 1} islands, and besides it that takes {n_needed} "
            f"labels that are not drawn; the schema has {len(free)} ({listed}). Remove small "
            "islands first, or add labels to the schema."
        )
    return free[:n_needed]


def present(surface: Surface) -> set[int]:
    """Return the labels that are drawn anywhere."""
    found: set[int] = set()
    for plane in surface.labels(surface.whole):
        found.update(np.flatnonzero(np.bincount(plane.reshape(-1))).tolist())
    return found - {0}


def _all_would_go(scope: Scope, asked: Asked) -> str:
    if asked.chosen["what"] == "small":
        smallest = float(asked.chosen["smallest"])
        unit = "mm³" if scope.plane is None else "mm²"
        return (
            f"Every island of label {asked.label}{scope.place} is smaller than {smallest:g} {unit}:"
            " nothing would be left. Give less, or clear the label."
        )
    return f"Label {asked.label} is one island{scope.place}: nothing would be left."
