"""Fill holes: what a label encloses becomes part of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from annotator.drawing.gesture import NothingToDoError
from annotator.drawing.operation import Asked, Change, Progress, trimmed, unwatched
from annotator.drawing.options import ChoiceOption, NumberOption, Option, SwitchOption
from annotator.drawing.row_runs import number_runs, runs_of
from annotator.drawing.scope import WHERE, scope_of, voxel_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.drawing.surface import Surface


class FillHoles:
    """Fills what a label encloses: in one slice, in each slice of a view, or in three dimensions.

    A hole hangs together by faces and does not touch the edge of the image.
    """

    name: ClassVar[str] = "fill holes"
    title: ClassVar[str] = "Fill holes"
    explanation: ClassVar[str] = (
        "Fills what the label encloses on all sides. In each slice counts an opening that is "
        "closed in the slices of this view; in the volume only a cavity that is closed in three "
        "dimensions. Other labels inside stay, unless they are to be filled too."
    )
    options: ClassVar[tuple[Option, ...]] = (
        ChoiceOption(
            key=WHERE.key,
            title=WHERE.title,
            tooltip="Where a hole has to be closed.",
            default="volume",
            choices=(
                ("slice", "This slice"),
                ("slices", "Each slice of this view"),
                ("volume", "Whole volume"),
            ),
        ),
        NumberOption(
            key="largest",
            title="Holes up to",
            tooltip="Larger holes stay. mm³ in the volume, mm² in slices; 0 fills all.",
            default=0.0,
            minimum=0.0,
            maximum=1e9,
            unit="mm³ (mm²)",
        ),
        SwitchOption(
            key="over_labels",
            title="Over other labels",
            tooltip="Fill also what has another label inside the hole.",
        ),
    )
    needs_image: ClassVar[bool] = False
    is_live: ClassVar[bool] = False

    def run(self, surface: Surface, asked: Asked, progress: Progress = unwatched) -> Change | None:
        """Return the label without its holes."""
        scope = scope_of(surface, asked)
        plane = asked.plane if asked.chosen[WHERE.key] == "slices" else scope.plane
        box = scope.box_around(asked.label)
        largest = float(asked.chosen["largest"]) / voxel_size(surface, plane)
        holes = holes_of(scope.region(asked.label, box), plane, largest or math.inf)
        progress(0.9)
        if not holes.any():
            small = " that small" if asked.chosen["largest"] else ""
            raise NothingToDoError(f"Label {asked.label} has no holes{small}{scope.place}.")
        before = surface.labels(box)
        if not asked.chosen["over_labels"]:
            holes &= before == 0
        labels = np.where(holes, before.dtype.type(asked.label), before)
        return trimmed(surface, Change(box=box, labels=labels))


def holes_of(region: NDArray[np.bool_], plane: int | None, largest: float) -> NDArray[np.bool_]:
    """Return the holes of a region, ``(z, y, x)``, of at most ``largest`` voxels.

    Across ``plane`` each slice is looked at for itself; None for three dimensions.
    """
    outside = np.moveaxis(~region, plane or 0, 0)
    is_flat = plane is not None
    runs = runs_of(outside)
    number = number_runs(outside, runs, are_planes_apart=is_flat)
    n_planes, n_rows, n_columns = runs.shape
    z, y = np.divmod(runs.rows, n_rows)
    first = runs.begin - runs.rows * (n_columns + 1)
    at_edge = (y == 0) | (y == n_rows - 1) | (first == 0) | (first + runs.lengths == n_columns)
    if not is_flat:
        at_edge |= (z == 0) | (z == n_planes - 1)
    sizes = np.bincount(number, weights=runs.lengths)
    is_hole = sizes <= largest
    is_hole[number[at_edge]] = False
    holes = np.zeros(outside.shape, np.bool_)
    holes.reshape(-1)[runs.voxels(is_hole[number], ((0, 0, 0), runs.shape))] = True
    return np.moveaxis(holes, 0, plane or 0)
