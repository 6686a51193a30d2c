"""Tracings and their findings in a viewer: the layers of them, and the way to a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from annotator_napari.tracing_layers import COLORS, Place, tree_layer

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import NDArray

    from annotator_napari.tracing_layers import LayerData
    from annotator_napari.tracing_work import Found, Looked

AT_STAKE = "At stake"
AT_STAKE_COLOR = "#ff3030"
LEAST_SHOWN_UM = 60.0
"""A finding is shown with so much around it, at least."""
CANVAS_PX = 500.0
"""Of which a finding is made to fill about half, whatever the window's size."""
SLAB_STEPS = 8.0
"""Planes on either side of the shown one whose lines are shown with it."""


class TracingView:
    """Holds the layers that were added; touches no other layer."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._own: list[Layer] = []
        self.place = Place()

    def show_all(self, looked: Looked) -> None:
        """Show these tracings in place of those before."""
        self._drop(self._own)
        for number, tracing in enumerate(looked.tracings):
            color = COLORS[number % len(COLORS)]
            self._add(tree_layer(tracing.tree, tracing.name, self.place, color))
        if looked.consensus is not None:
            self._add(tree_layer(looked.consensus, "Consensus", self.place, "white"))
        dims = self._viewer.dims
        if dims.ndim == 3 and not any(dims.thickness):
            # Without, only the lines that begin in the very plane would be seen.
            dims.thickness = tuple(2 * SLAB_STEPS * one.step for one in dims.range)

    def show_finding(self, found: Found) -> None:
        """Mark the nodes that a finding covers and move the view there."""
        tree, finding = found.tracing.tree, found.finding
        rows = np.flatnonzero(np.isin(tree.ids, finding.node_ids))
        self._drop([layer for layer in self._own if layer.name.startswith(AT_STAKE)])
        marked = self._add(
            tree_layer(tree, AT_STAKE, self.place, AT_STAKE_COLOR, width=2.0, rows=rows)
        )
        around = np.vstack([np.array(finding.point_um)[None], tree.points[rows]])
        around = around[np.isfinite(around).all(axis=1)]
        if len(around):
            self._fly(marked, around)

    def _fly(self, layer: Layer, around: NDArray[np.float64]) -> None:
        """Bring the view to the first of some points and zoom so that all are seen."""
        data = self.place.data(np.stack([around[0], around.min(axis=0), around.max(axis=0)]))
        world = np.array([layer.data_to_world(one) for one in data])
        dims = self._viewer.dims
        # From napari 0.9 on the camera is the scene's.
        camera = getattr(self._viewer, "scene", self._viewer).camera
        offset = dims.ndim - world.shape[1]
        for axis in range(offset, dims.ndim):
            if axis not in dims.displayed:
                dims.set_point(axis, world[0, axis - offset])
        shown = [axis - offset for axis in dims.displayed if axis >= offset]
        camera.center = (*np.zeros(3 - len(shown)), *world[0, shown])
        step_um = self.place.spacing_um[-world.shape[1] :]
        per_um = float((np.abs(np.asarray(layer.scale)) / step_um)[shown].max())
        extent = float(np.abs(world[2] - world[1])[shown].max())
        camera.zoom = CANVAS_PX / max(2 * extent, LEAST_SHOWN_UM * per_um)

    def _add(self, made: LayerData) -> Layer:
        data, facts, _ = made
        layer = self._viewer.add_vectors(data, **facts)
        self._own.append(layer)
        return layer

    def _drop(self, layers: list[Layer]) -> None:
        for layer in list(layers):
            self._own.remove(layer)
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
