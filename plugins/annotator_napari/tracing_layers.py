"""Tracings as layers of napari: what is read from SWC files, and what is laid over an image."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.analysis.tracing.swc import read_swc_file
from annotator.analysis.tracing.tree import NO_PARENT
from annotator.api.tracing import TracedImage
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

    from annotator.analysis.tracing.tree import Tree

    LayerData = tuple[Any, dict[str, Any], str]

COLORS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7", "#0072b2", "#d55e00")
"""One a tracing (Okabe and Ito); from the eighth on they come again."""
EDGE_WIDTH = 0.6
"""Of a line, in the steps of its layer's data."""
_KINDS = {0: "undefined", 1: "soma", 2: "axon", 3: "dendrite", 4: "apical dendrite"}
_PLACED = ("scale", "translate", "rotate", "shear", "affine", "units")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """Where tracings lie in the viewer.

    Attributes
    ----------
    spacing_um : ndarray
        µm per step of the layers' data along ``(z, y, x)``.
    n_dims : int
        3, or 2 over a plane, where depth is left out.
    layer : dict
        What the layers are to be added with, so that they lie on the image.
    """

    spacing_um: NDArray[np.float64] = field(default_factory=lambda: np.ones(3))
    n_dims: int = 3
    layer: dict[str, Any] = field(default_factory=dict)

    def data(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points ``(point, 3)``, x, y, z in µm, as data of a layer."""
        return np.asarray(points[:, ::-1] / self.spacing_um)[:, -self.n_dims :]


def traced_image(layer: Image) -> tuple[TracedImage, Place]:
    """Return an image layer as a traced volume, and the place of tracings on it.

    The layer's scale is µm, or in the layer's unit where that is a length. Of colours, the
    brightest channel counts. Raises AnnotatorError for more than three dimensions.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    if layer.ndim not in (2, 3):
        raise AnnotatorError(
            f"{layer.name} has {layer.ndim} dimensions; tracings lie in images of 2 or 3"
        )
    voxels = np.asarray(data)
    if layer.rgb:
        voxels = voxels[..., :3].max(axis=-1)
    spacing = np.abs(np.array(layer.scale, float)) * [_um(unit) for unit in layer.units]
    if layer.ndim == 2:
        voxels, spacing = voxels[None], np.append(1.0, spacing)
    place = Place(
        spacing_um=spacing,
        n_dims=layer.ndim,
        layer={name: getattr(layer, name) for name in _PLACED},
    )
    z, y, x = spacing.tolist()
    return TracedImage(voxels=voxels, spacing_um=(z, y, x)), place


def _um(unit: Any) -> float:  # noqa: ANN401 - a unit of pint, which is no dependency of ours
    try:
        return float((1 * unit).to("micrometer").magnitude)
    except TypeError:  # a pixel
        return 1.0


def edges(tree: Tree, place: Place, rows: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """Return edges as data of a Vectors layer, ``(edge, 2, dimension)``: where from, how far.

    ``rows`` are the nodes whose edges to their parents are wanted, all where None. Edges that have
    an end without a place are left out.
    """
    chosen = np.arange(len(tree)) if rows is None else rows
    chosen = chosen[tree.parents[chosen] != NO_PARENT]
    points = place.data(tree.points)
    starts, ends = points[tree.parents[chosen]], points[chosen]
    sound = np.isfinite(starts).all(axis=1) & np.isfinite(ends).all(axis=1)
    return np.stack([starts[sound], (ends - starts)[sound]], axis=1)


def tree_layer(
    tree: Tree,
    name: str,
    place: Place,
    color: str,
    *,
    width: float = EDGE_WIDTH,
    rows: NDArray[np.int64] | None = None,
) -> LayerData:
    """Return a tracing, or the edges of some of its nodes, as a Vectors layer.

    Unlike shapes, vectors stay fluid with tens of thousands of edges.
    """
    return (
        edges(tree, place, rows),
        {
            "name": name,
            "edge_color": color,
            "edge_width": width,
            "vector_style": "line",
            "opacity": 1.0,
            **place.layer,
        },
        "vectors",
    )


def read_swc(path: str | Sequence[str]) -> Callable[[Any], list[LayerData]] | None:
    """Offer to read SWC files: each a Vectors layer in µm. None where one is not named so."""
    paths = [Path(path)] if isinstance(path, str) else [Path(one) for one in path]
    if not all(one.suffix.lower() in (".swc", ".eswc") for one in paths):
        return None

    def read(_: Any) -> list[LayerData]:  # noqa: ANN401 - the path again
        made = []
        for number, one in enumerate(paths):
            tree = read_swc_file(one).tree
            data, facts, kind = tree_layer(tree, one.stem, Place(), COLORS[number % len(COLORS)])
            made.append((data, facts | {"features": _features(tree)}, kind))
        return made

    return read


def _features(tree: Tree) -> dict[str, Any]:
    """Return what is known of each edge: its outer node, that node's type, its radius in µm."""
    is_sound = np.asarray(np.isfinite(tree.points).all(axis=1))
    own = (tree.parents != NO_PARENT) & is_sound & is_sound[tree.parents]
    kinds = [_KINDS.get(one, str(one)) for one in tree.types[own].tolist()]
    return {"node": tree.ids[own], "type": kinds, "radius_um": tree.radii[own]}
