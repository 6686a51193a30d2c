"""One view of a traced volume: the maximum over a slab, and trees painted over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QPainter, QPixmap

from annotator.gui.overlay import Overlay
from annotator.gui.slice_view import SliceView
from annotator.gui.tracing import paint
from annotator.gui.tracing.lines import TreeLines, Window, nearest_on_edges
from annotator.gui.tracing.shown import TreeHit
from annotator.gui.tracing.slab import brightest_at, cut_slab, slab_range

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

    from annotator.analysis.pyramid import PyramidVoxels
    from annotator.api.tracing import TracedImage
    from annotator.domain.tracing import PointUm
    from annotator.drawing.edit import Mask, Point
    from annotator.gui.marks import Marks
    from annotator.gui.planes import Plane
    from annotator.gui.scene import Scene
    from annotator.gui.tracing.shown import PlaceMark, ShownTree

_NODE_PX, _EDGE_PX = 9.0, 7.0
"""How near the pointer must be to a node, and to an edge."""


class TreeScene:
    """What all views of one canvas paint: mutable, written by the canvas.

    ``version`` grows whenever a view must paint its trees anew.
    """

    def __init__(self) -> None:
        self.image: TracedImage | None = None
        self.trees: tuple[tuple[ShownTree, TreeLines], ...] = ()
        self.places: tuple[PlaceMark, ...] = ()
        self.selected_um: PointUm | None = None
        self.sketch: paint.Sketch | None = None
        self.slab_um = 0.0
        self.shows_outside = True
        self.is_hidden = False
        self.version = 0

    def show_trees(self, trees: Sequence[ShownTree]) -> None:
        """Take other trees; lines of those that are the same objects are kept."""
        known = {id(tree): lines for tree, lines in self.trees}
        self.trees = tuple((tree, known.get(id(tree)) or TreeLines(tree)) for tree in trees)
        self.version += 1

    def find(self, key: str) -> tuple[ShownTree, TreeLines] | None:
        """Return the tree of that key with its lines."""
        return next((entry for entry in self.trees if entry[0].key == key), None)


class TreeOverlay(Overlay):
    """Paints trees under the marks; what does not change from move to move is kept as pixels."""

    def __init__(self, plane: Plane, marks: Marks, view: SlabView, scene: TreeScene) -> None:
        super().__init__(plane, marks, view.camera, view)
        self._view = view
        self._trees = scene
        self._kept: tuple[object, QPixmap] | None = None

    def show_index(self, index: int) -> None:
        """Paint another slab."""
        self.index = index
        self.update()

    def paint_under(self, painter: QPainter) -> None:
        """Paint trees, places and what a tool is about to do."""
        trees = self._trees
        if trees.is_hidden or trees.image is None:
            return
        sight = self._view.sight
        ratio = self.devicePixelRatioF()
        key = (sight, trees.version, self.size().toTuple(), ratio)
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, self._paint_trees(sight, ratio))
        painter.drawPixmap(0, 0, self._kept[1])
        paint.paint_places(painter, trees.places, sight)
        if trees.selected_um is not None:
            chosen = paint.Sketch(node_um=trees.selected_um, color="#ffffff")
            paint.paint_sketch(painter, chosen, sight)
        if trees.sketch is not None:
            paint.paint_sketch(painter, trees.sketch, sight)

    def _paint_trees(self, sight: paint.Sight, ratio: float) -> QPixmap:
        pixmap = QPixmap(self.size() * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # Those to compare with first, so that the tree that is worked on lies over them.
        for tree, lines in sorted(self._trees.trees, key=lambda entry: not entry[0].is_faded):
            paint.paint_tree(painter, tree, lines, sight)
            if not tree.is_faded:
                paint.paint_nodes(painter, tree, lines, sight)
        painter.end()
        return pixmap


class SlabView(SliceView):
    """Shows the brightest of a slab about the slice, and what of trees lies in it."""

    def __init__(
        self, scene: Scene, plane: Plane, marks: Marks, parent: QWidget, trees: TreeScene
    ) -> None:
        self._trees = trees
        self._cut: tuple[object, NDArray[Any]] | None = None
        super().__init__(scene, plane, marks, parent)

    def _make_overlay(self, marks: Marks) -> Overlay:
        return TreeOverlay(self.plane, marks, self, self._trees)

    @property
    def slab(self) -> tuple[int, int]:
        """The first slice of the slab, and the one after its last."""
        image = self._trees.image
        if image is None:
            return self.index, self.index + 1
        step = image.spacing_um[self.plane.axis]
        return slab_range(self.plane, self.index, self._trees.slab_um, step)

    @property
    def sight(self) -> paint.Sight:
        """What is seen of the image frame."""
        image = self._trees.image
        depth_um = None
        if image is not None and image.voxels.shape[0] > 1:
            low, high = self.slab
            step = image.spacing_um[self.plane.axis]
            depth_um = ((low - 0.5) * step, (high - 0.5) * step)
        return paint.Sight(
            plane=self.plane,
            camera=self.camera,
            depth_um=depth_um,
            shows_outside=self._trees.shows_outside,
        )

    def show_volume(self, voxels: NDArray[Any] | PyramidVoxels, mask: Mask, plane: Plane) -> None:
        """Show another volume."""
        self._cut = None
        super().show_volume(voxels, mask, plane)

    def set_index(self, index: int) -> None:
        """Show another slab; nothing is cut anew where it has the same slices."""
        image = self._trees.image
        if image is None:
            return
        self.index = index
        wanted = (id(image.voxels), self.plane.axis, *self.slab)
        if self._cut is None or self._cut[0] != wanted:
            self._cut = (wanted, cut_slab(image.voxels, self.plane, *self.slab))
            self.scene.put_image(self._cut[1])
        self.overlay.show_index(index)

    def point_um(self, point: Point) -> PointUm:
        """Return the place in the image frame of an array position of the view."""
        image = self._trees.image
        if image is None:
            return 0.0, 0.0, 0.0
        return brightest_at(image, self.plane, point, *self.slab)

    def hit(self, point: Point) -> TreeHit | None:
        """Return what of the trees is under an array position of the view."""
        image = self._trees.image
        if image is None or self._trees.is_hidden:
            return None
        z, y, x = (at * step for at, step in zip(point, image.spacing_um, strict=True))
        place, sight = np.array((x, y, z), np.float32), self.sight
        best: tuple[float, TreeHit] | None = None
        for tree, lines in self._trees.trees:
            found = _nearest(tree, lines, place, sight) if tree.is_pickable else None
            if found is not None and (best is None or found[0] < best[0]):
                best = found
        return None if best is None else best[1]


def _nearest(
    tree: ShownTree, lines: TreeLines, place: NDArray[np.float32], sight: paint.Sight
) -> tuple[float, TreeHit] | None:
    """Return the node or edge in the slab that is nearest to a place, with its distance in px."""
    axes, zoom = sight.axes, sight.camera.zoom
    here = place[list(axes)]
    reach = max(_NODE_PX, _EDGE_PX) / zoom
    window = sight.window(in_slab=True)
    low, high = list(window.low), list(window.high)
    for axis, at in zip(axes, here.tolist(), strict=True):
        low[axis], high[axis] = at - reach, at + reach
    rows = lines.edges_in(Window(low=(low[0], low[1], low[2]), high=(high[0], high[1], high[2])))
    if not len(rows):
        return None
    distance, share = nearest_on_edges(lines, rows, here, axes)
    best = int(np.argmin(distance))
    edge_row = int(rows[best])
    ends = (edge_row, int(lines.above[edge_row]))
    both = np.concatenate([rows, lines.above[rows]])
    far = np.linalg.norm(lines.points[np.ix_(np.array(axes), both)] - here[:, None], axis=0)
    nearest = int(np.argmin(far))
    is_node = float(far[nearest]) * zoom <= _NODE_PX
    if not is_node and float(distance[best]) * zoom > _EDGE_PX:
        return None
    row = int(both[nearest]) if is_node else ends[int(share[best] > 0.5)]
    start, stop = lines.points[:, edge_row], lines.ends[:, edge_row]
    on_tree = lines.points[:, row] if is_node else start + share[best] * (stop - start)
    point = tuple(float(at) for at in on_tree)
    hit = TreeHit(
        key=tree.key,
        row=row,
        edge_row=edge_row if ends[0] != ends[1] else -1,
        is_node=is_node,
        point_um=(point[0], point[1], point[2]),
    )
    # Of trees over each other the one that is worked on is meant.
    distance_px = min(float(far[nearest]), float(distance[best])) * zoom
    return distance_px + (_NODE_PX if tree.is_faded else 0.0), hit
