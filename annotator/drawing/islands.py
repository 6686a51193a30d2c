"""Islands: keep or drop connected parts of a label, or give each a label of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.domain.errors import AnnotatorError
from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.operation import Asked, Change, Progress, trimmed, unwatched
from annotator.drawing.options import ChoiceOption, NumberOption, Option, SwitchOption
from annotator.drawing.row_runs import number_runs, runs_of
from annotator.drawing.scope import WHERE, moved, scope_of, slice_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.reading import Box
    from annotator.drawing.row_runs import RowRuns
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
            only_with=("what", ("small",)),
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
        runs = runs_of(region)
        island = number_runs(region, runs, is_diagonal=bool(asked.chosen["diagonal"]))
        progress(0.7)
        sizes = np.bincount(island, weights=runs.lengths).astype(np.int64)
        wanted = np.full(len(sizes), asked.label, surface.labels(box).dtype)
        if asked.chosen["what"] == "split":
            wanted[_by_size(sizes)[1:]] = _free(surface, asked, len(sizes))
        else:
            is_kept = _kept(scope, asked, _Found(box=box, runs=runs, island=island, sizes=sizes))
            if not is_kept.any():
                raise NothingToDoError(_all_would_go(scope, asked))
            wanted[~is_kept] = 0
        given = wanted[island]
        if (given == asked.label).all():
            return None
        return trimmed(surface, _painted(surface, runs, given, asked.label, box))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    """The islands over a box: the number of each run, from 0, and the voxels of each number."""

    box: Box
    runs: RowRuns
    island: NDArray[np.integer]
    sizes: NDArray[np.int64]


def _painted(
    surface: Surface, runs: RowRuns, given: NDArray[np.unsignedinteger], label: int, box: Box
) -> Change:
    """Return the labels around all runs that are given another label than they have."""
    is_other = given != label
    inner = runs.box(is_other)
    outer = moved(inner, box[0])
    labels = surface.labels(outer).copy()
    values = np.repeat(given[is_other], runs.lengths[is_other])
    labels.reshape(-1)[runs.voxels(is_other, inner)] = values
    return Change(box=outer, labels=labels)


def _by_size(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the islands, largest first; the first of equals first."""
    return np.argsort(-sizes, kind="stable")


def _kept(scope: Scope, asked: Asked, found: _Found) -> NDArray[np.bool_]:
    """Return which islands stay."""
    is_kept = np.zeros(len(found.sizes), np.bool_)
    what = asked.chosen["what"]
    if what == "largest":
        is_kept[_by_size(found.sizes)[0]] = True
    elif what == "small":
        is_kept = found.sizes * scope.voxel_size >= float(asked.chosen["smallest"])
    else:
        is_kept[:] = what != "picked"
        is_kept[_picked(scope, asked, found)] = what == "picked"
    return is_kept


def _picked(scope: Scope, asked: Asked, found: _Found) -> int:
    """Return the number of the island under the crosshair."""
    if asked.at is not None:
        z, y, x = (at - first for at, first in zip(asked.at, found.box[0], strict=True))
        inside = zip((z, y, x), found.runs.shape, strict=True)
        if all(0 <= at < size for at, size in inside):
            run = found.runs.run_at((z, y, x))
            if run is not None:
                return int(found.island[run])
    raise NothingToDoError(
        f"There is no island of label {asked.label}{scope.place} under the crosshair. Put the "
        "crosshair on the island that you mean."
    )


def _free(surface: Surface, asked: Asked, n_islands: int) -> list[int]:
    """Return a label for every island but the largest: those of its group that are not drawn."""
    n_needed = n_islands - 1
    if n_needed == 0:
        raise NothingToDoError(f"Label {asked.label} is one island: there is nothing to split.")
    taken = present(surface) | {0, asked.label} | surface.rules.locked
    values = tuple(value for value in asked.values if surface.has_in_group(value))
    start = values.index(asked.label) if asked.label in values else 0
    free = [value for value in values[start:] + values[:start] if value not in taken]
    if len(free) < n_needed:
        listed = ", ".join(str(value) for value in free) or "none"
        raise AnnotatorError(
            f"Label {asked.label} has {n_islands} islands, and besides it that takes {n_needed} "
            f"labels that are not drawn; the schema has {len(free)} ({listed}). Remove small "
            "islands first, or add labels to the schema."
        )
    return free[:n_needed]


def present(surface: Surface) -> set[int]:
    """Return the labels that are drawn anywhere."""
    found: set[int] = set()
    for z in range(surface.shape[0]):
        plane = surface.labels(slice_box(surface, 0, z))
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
