"""What a canvas shows of tracings: trees, marked places, and what the pointer is on; no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from annotator.domain.tracing import PointUm, Severity

SEVERITY_COLORS: dict[Severity, str] = {
    "error": "#ff5a4f",
    "warning": "#ffb02e",
    "hint": "#6fb7ff",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShownTree:
    """One tree as it is to be painted.

    Attributes
    ----------
    key : str
        What the canvas calls it in its signals.
    points, parents, radii : ndarray
        As in a `Tree`: ``(node, 3)`` x, y, z and ``(node,)``, µm in the image frame; rows.
    palette : tuple of str
        Colours, ``#rrggbb``.
    codes : ndarray or None
        Place in the palette of each node and the edge above it, ``(node,)`` uint8; None paints all
        in the first colour.
    width_px : float
        Width of its lines.
    is_faded : bool
        Whether it is shown as something to compare with, not to work on.
    is_pickable : bool
        Whether the pointer finds its nodes.
    """

    key: str
    points: NDArray[np.float64]
    parents: NDArray[np.int64]
    radii: NDArray[np.float64]
    palette: tuple[str, ...]
    codes: NDArray[np.uint8] | None = None
    width_px: float = 2.0
    is_faded: bool = False
    is_pickable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceMark:
    """A place to point at, such as a finding's."""

    point_um: PointUm
    severity: Severity
    is_selected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHit:
    """What of a tree is under the pointer.

    Attributes
    ----------
    key : str
        The tree.
    row : int
        Nearest node; for an edge, the end of it that is nearer.
    edge_row : int
        Node below the nearest edge; -1 where no edge is near, as at a lone root.
    is_node : bool
        Whether the node itself is under the pointer, not only an edge.
    point_um : tuple of float
        Place on the tree, in the image frame.
    """

    key: str
    row: int
    edge_row: int
    is_node: bool
    point_um: PointUm


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Where the pointer is: in the image frame, and on what.

    ``point_um`` lies in the depth of the brightest voxel of the slab under the pointer. In the 3D
    view there are only places on trees.
    """

    point_um: PointUm
    hit: TreeHit | None
    is_shift: bool = False
    is_control: bool = False
    is_3d: bool = False
