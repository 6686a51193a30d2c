"""The rater's desk for tracings: the strip of tools, the canvas, what looks wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from annotator.gui.buttons import label
from annotator.gui.save_indicator import SaveIndicator
from annotator.gui.tracing.canvas import TraceCanvas
from annotator.gui.tracing.coloring import COLOR_MODES, TYPE_NAMES, ColorMode, colored
from annotator.gui.tracing.hand import OWN
from annotator.gui.tracing.panel import MAX_SHOWN, TracePanel
from annotator.gui.tracing.shown import PlaceMark, ShownTree
from annotator.gui.tracing.tools import TraceTools
from annotator.gui.tracing.watch import TraceWatch

if TYPE_CHECKING:
    from annotator.analysis.tracing.editable import TraceEdit
    from annotator.domain.tracing import TraceFinding
    from annotator.gui.background import Background
    from annotator.gui.tool_strip import ToolStrip
    from annotator.gui.tracing.shown import Pointer
    from annotator.gui.tracing.slab import PreparedImage
    from annotator.session.rater_room import RaterRoom, WorklistEntry
    from annotator.session.tracing import OpenTracing

_AROUND_UM = 30.0
"""Least that is shown around a finding."""


class TraceDesk(QWidget):
    """Where a neuron is traced."""

    hint_changed = Signal(str)
    state_changed = Signal()
    failed = Signal(object)
    drew = Signal()
    """The tracing was edited."""

    begin_words = (
        "Click along a neurite (P): the way between clicks is found. [ and ] set the slab, the "
        "wheel turns slices, O shows it in 3D."
    )
    started_words = (
        "The automatic tracing is in place. Check and correct it; Z takes it back. . goes to what "
        "looks wrong."
    )

    def __init__(self, strip: ToolStrip, background: Background) -> None:
        super().__init__()
        self._opened: OpenTracing | None = None
        self._panel: TracePanel | None = None
        self._prepared: PreparedImage | None = None
        self._findings: tuple[TraceFinding, ...] = ()
        self.color_mode: ColorMode = "plain"
        self.strip = strip
        strip.set_windows(())
        self.canvas = TraceCanvas()
        self.tools = TraceTools(background, self)
        self.tools.connect_canvas(self.canvas)
        self.watch = TraceWatch(background, self)
        self.saving = SaveIndicator()
        self.readout = label("", "small")
        self.readout.setAccessibleName("What is under the pointer")
        self.readout.setToolTip(
            "Place in the image (µm), its value, and the node under the pointer."
        )
        foot = QWidget()
        foot.setObjectName("bottombar")
        foot.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(foot)
        row.setContentsMargins(10, 3, 10, 3)
        row.addWidget(self.readout, 1)
        row.addWidget(self.saving, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(strip)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(foot)
        self._connect()

    def _connect(self) -> None:
        tools, watch = self.tools, self.watch
        tools.changed.connect(self._edited)
        tools.failed.connect(self.failed)
        tools.told.connect(self.hint_changed)
        tools.nothing_to.connect(
            lambda word: self.hint_changed.emit(f"There is nothing to {word}.")
        )
        watch.changed.connect(self._show_findings)
        watch.failed.connect(self.failed)
        self.canvas.hovered.connect(self._read)

    def begin(self, opened: OpenTracing, prepared: PreparedImage) -> TracePanel:
        """Make room for a case before it shows, and return its right side."""
        panel = TracePanel(opened.schema)
        self._opened, self._panel, self._prepared = opened, panel, prepared
        panel.look.type_chosen.connect(self.set_type)
        panel.look.color_chosen.connect(self.set_color)
        panel.look.slab_chosen.connect(self.canvas.set_slab)
        panel.look.outside_chosen.connect(self.set_outside)
        panel.findings.picked.connect(self.fly_to)
        panel.look.show_type(self.tools.node_type)
        panel.look.show_color(self.color_mode)
        panel.look.show_outside(self.canvas.shows_outside)
        self.canvas.slab_changed.connect(panel.look.show_slab)
        self.watch.checking.connect(panel.findings.show_checking)
        return panel

    def show_case(self, room: RaterRoom, entry: WorklistEntry | None) -> None:
        """Show the case that room was made for."""
        del room, entry
        opened, prepared = self._opened, self._prepared
        if opened is None:
            return
        self.canvas.open(opened.image, prepared)
        self.tools.begin(self.canvas, opened)
        self.saving.follow(opened.drawing)
        self._show_tree()
        self._offer()
        self.watch.follow(opened)
        self.canvas.setFocus()

    def let_go(self) -> None:
        """Let the case go."""
        panel = self._panel
        if panel is not None:
            self.canvas.slab_changed.disconnect(panel.look.show_slab)
            self.watch.checking.disconnect(panel.findings.show_checking)
        self._panel = self._prepared = None
        self.watch.follow(None)
        self.tools.close()
        self._opened = None
        self.saving.follow(None)
        self.canvas.clear()
        self.readout.setText("")

    def show_start(self) -> None:
        """Show what the tracing has just started from."""
        self.tools.end()
        self._show_tree()
        self._offer()
        self.saving.refresh()
        self.watch.edited(None)

    # what actions ask for

    def set_type(self, node_type: int) -> None:
        """Give new nodes this type."""
        self.tools.node_type = node_type
        if self._panel is not None:
            self._panel.look.show_type(node_type)
        self.hint_changed.emit(f"New nodes are of the type {TYPE_NAMES[node_type]}.")

    def set_color(self, mode: ColorMode) -> None:
        """Colour the tracing by something else."""
        self.color_mode = mode
        if self._panel is not None:
            self._panel.look.show_color(mode)
        self._show_tree()

    def next_color(self) -> None:
        """Colour the tracing by the next rule."""
        place = COLOR_MODES.index(self.color_mode)
        self.set_color(COLOR_MODES[(place + 1) % len(COLOR_MODES)])

    def set_outside(self, on: bool) -> None:
        """Paint faintly what lies outside the slab, or not at all."""
        self.canvas.set_outside_shown(on)
        if self._panel is not None:
            self._panel.look.show_outside(on)
        self.state_changed.emit()

    def show_3d(self, on: bool) -> None:
        """Show the 3D view, or hide it."""
        self.canvas.show_3d(on)
        self.state_changed.emit()

    def step_finding(self, steps: int) -> None:
        """Fly to the next finding, or the one before."""
        if self._panel is not None:
            self._panel.findings.step(steps)

    def fly_to(self, place: int) -> None:
        """Fly to a finding by its place in the list."""
        if place >= len(self._findings):
            return
        finding = self._findings[place]
        self._mark_findings()
        self.canvas.fly_to(finding.point_um, max(_AROUND_UM, min(finding.impact_um, 120.0)))
        if self._opened is not None and finding.node_id in self._opened.drawing.tree:
            self.tools.choose(finding.node_id)
        self.hint_changed.emit(finding.why)
        self.canvas.setFocus()

    # what is shown

    def _edited(self, edit: TraceEdit | None) -> None:
        self._show_tree()
        self._offer()
        self.watch.edited(edit)
        self.drew.emit()

    def _show_tree(self) -> None:
        opened = self._opened
        if opened is None:
            return
        tree = opened.drawing.tree.tree()
        palette, codes = colored(tree, self.color_mode, findings=self._findings)
        shown = ShownTree(
            key=OWN,
            points=tree.points,
            parents=tree.parents,
            radii=tree.radii,
            palette=palette,
            codes=codes,
        )
        self.canvas.show_trees([shown])
        self.tools.show_chosen()

    def _offer(self) -> None:
        """Offer automatic tracings while nothing was traced, and say which was taken."""
        opened, panel = self._opened, self._panel
        if opened is None or panel is None:
            return
        panel.show_suggestions(opened.suggestions, opened.drawing.draft.started_from_id)

    def _show_findings(self, findings: tuple[TraceFinding, ...]) -> None:
        self._findings = findings
        if self._panel is not None:
            is_traced = self._opened is not None and bool(len(self._opened.drawing.tree))
            self._panel.findings.show_findings(findings, is_traced=is_traced)
        self._mark_findings()
        if self.color_mode == "finding":
            self._show_tree()

    def _mark_findings(self) -> None:
        current = None if self._panel is None else self._panel.findings.current
        self.canvas.mark_findings(
            [
                PlaceMark(
                    point_um=finding.point_um,
                    severity=finding.severity,
                    is_selected=place == current,
                )
                for place, finding in enumerate(self._findings[:MAX_SHOWN])
            ]
        )

    def _read(self, at: Pointer | None) -> None:
        opened = self._opened
        if at is None or opened is None:
            self.readout.setText("")
            return
        point = at.point_um if at.hit is None else at.hit.point_um
        voxels, spacing = opened.image.voxels, opened.image.spacing_um
        place = [round(p / step) for p, step in zip(point[::-1], spacing, strict=True)]
        inside = all(0 <= p < size for p, size in zip(place, voxels.shape, strict=True))
        words = "x {:.1f}  y {:.1f}  z {:.1f} µm".format(*point)
        if inside:
            words += f" · {float(voxels[tuple(place)]):g}"
        if at.hit is not None and at.hit.is_node and at.hit.key == OWN:
            node_id = self.tools.node_id(at.hit.row)
            nodes = opened.drawing.tree.nodes([node_id])
            number = int(nodes.types[0])
            known = TYPE_NAMES[number] if 0 <= number < len(TYPE_NAMES) else f"type {number}"
            words += f" · node {node_id}, {known}, radius {float(nodes.radii[0]):.2g} µm"
        self.readout.setText(words)
