"""What the widgets for tracings share: files, an image, work that can be cancelled, findings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from napari.layers import Image
from napari.qt.threading import create_worker
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from annotator.domain.errors import AnnotatorError
from annotator_napari.findings_list import MOST_ROWS, FindingsList
from annotator_napari.tracing_layers import Place, traced_image
from annotator_napari.tracing_view import TracingView
from annotator_napari.tracing_work import save

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari.components import ViewerModel
    from qtpy.QtGui import QDragEnterEvent, QDropEvent

    from annotator.analysis.tracing.units import Unit
    from annotator.api.tracing import TracedImage
    from annotator_napari.tracing_work import Looked, Step

UNITS: tuple[tuple[str, Unit | None], ...] = (
    ("as fits the image", None),
    ("µm", "um"),
    ("voxels", "voxel"),
)


def _steps(work: Generator[Step, None, Looked]) -> Generator[Step, None, Looked | str]:
    """Do the work; return in words what keeps it from being done: no crash, so no error."""
    try:
        return (yield from work)
    except (AnnotatorError, OSError) as error:
        words = str(error)
        return words[:1].upper() + words[1:]


class TracingWidget(QWidget):
    """Runs work on SWC files off the window's thread and shows what comes of it as layers.

    Writes to no layer that it did not add. Must not be used from another thread.
    """

    go_title = "Go"

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._worker: Any = None
        self.view = TracingView(napari_viewer)
        self.looked: Looked | None = None
        self.setAcceptDrops(True)
        self._make_inputs()
        self.go = QPushButton(self.go_title)
        self.go.clicked.connect(self._go)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop; nothing is shown of what was found so far")
        self.cancel.clicked.connect(self._cancel)
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setAccessibleName("How far the work is")
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.table = FindingsList()
        self.table.picked.connect(self._picked)
        self.why = QLabel()
        self.why.setWordWrap(True)
        self.why.setAccessibleName("Why this was found")
        self.save = QPushButton("Save…")
        self.save.setToolTip("Write all findings as CSV or JSON")
        self.save.clicked.connect(self._save)
        self._lay_out()
        for event in (napari_viewer.layers.events.inserted, napari_viewer.layers.events.removed):
            event.connect(self._list_images)
        self._list_images()
        self._show_state(is_busy=False)

    def _make_inputs(self) -> None:
        self.files = QListWidget()
        self.files.setAccessibleName("SWC files")
        self.files.setToolTip("SWC files; they can be dropped here")
        self.files.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.files.setMaximumHeight(90)
        self.add = QPushButton("Add files…")
        self.add.clicked.connect(self._choose_files)
        self.remove = QPushButton("Remove")
        self.remove.setToolTip("Take the selected files, or all, off the list")
        self.remove.clicked.connect(self._remove_files)
        self.image = QComboBox()
        self.image.setAccessibleName("Image that was traced")
        self.image.setToolTip("Its scale is taken as µm, or as its unit says")
        self.unit = QComboBox()
        self.unit.setAccessibleName("Unit of the files")
        for title, unit in UNITS:
            self.unit.addItem(title, unit)
        self.image.currentIndexChanged.connect(
            lambda _: self.unit.setEnabled(self.image.currentData() is not None)
        )

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.add)
        buttons.addWidget(self.remove)
        self.form = QFormLayout()
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        self.form.addRow("Image", self.image)
        self.form.addRow("Files are in", self.unit)
        running = QHBoxLayout()
        running.addWidget(self.go, 1)
        running.addWidget(self.cancel, 1)
        self.body = QVBoxLayout(self)
        self.body.addWidget(QLabel("Tracings:"))
        self.body.addWidget(self.files)
        self.body.addLayout(buttons)
        self.body.addLayout(self.form)
        self.body.addLayout(running)
        for widget in (self.progress, self.message, self.table, self.why, self.save):
            self.body.addWidget(widget, 1 if widget is self.table else 0)

    # what a widget of its own adds

    def _work(self, image: TracedImage | None) -> Generator[Step, None, Looked]:
        raise NotImplementedError

    def _told(self, looked: Looked) -> str:
        raise NotImplementedError

    # files and images

    def paths(self) -> list[Path]:
        """Return the files of the list."""
        items = [self.files.item(row) for row in range(self.files.count())]
        return [Path(item.data(Qt.ItemDataRole.UserRole)) for item in items]

    def add_files(self, paths: list[str]) -> None:
        """Put files on the list that are not yet there."""
        known = {str(path) for path in self.paths()}
        for path in paths:
            if path not in known:
                item = QListWidgetItem(Path(path).name)
                item.setToolTip(path)
                item.setData(Qt.ItemDataRole.UserRole, path)
                self.files.addItem(item)

    def _choose_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(
            self, "Tracings", "", "Tracings (*.swc *.eswc *.SWC);;All files (*)"
        )
        self.add_files(paths)

    def _remove_files(self) -> None:
        chosen = self.files.selectedItems()
        if not chosen:
            self.files.clear()
        for item in chosen:
            self.files.takeItem(self.files.row(item))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Put dropped files on the list."""
        urls = event.mimeData().urls()
        self.add_files([url.toLocalFile() for url in urls if url.isLocalFile()])
        event.acceptProposedAction()

    def _list_images(self) -> None:
        """List the image layers; the one that was chosen stays so, a first one is chosen."""
        chosen = self.image.currentText() if self.image.currentIndex() > 0 else None
        names = [layer.name for layer in self._viewer.layers if isinstance(layer, Image)]
        self.image.clear()
        self.image.addItem("none", None)
        for name in names:
            self.image.addItem(name, name)
        self.image.setCurrentIndex(
            self.image.findData(chosen) if chosen in names else min(1, len(names))
        )

    # working

    @property
    def is_busy(self) -> bool:
        """Whether work is going on."""
        return self._worker is not None

    def _go(self) -> None:
        name = self.image.currentData()
        image, place = None, Place()
        try:
            if name is not None:
                image, place = traced_image(cast("Image", self._viewer.layers[name]))
        except AnnotatorError as error:
            self.message.setText(str(error))
            return
        self.view.place = place
        # Only what the newest work says counts; one that was cancelled may still be at it.
        worker = create_worker(_steps, self._work(image))
        self._worker = worker
        worker.yielded.connect(self._stepped)
        worker.returned.connect(self._came)
        worker.errored.connect(self._broke)
        self.message.setText("")
        self.progress.setValue(0)
        worker.start()
        self._show_state(is_busy=True)

    def _cancel(self) -> None:
        if self._worker is not None:
            worker, self._worker = self._worker, None
            for signal in (worker.yielded, worker.returned, worker.errored):
                signal.disconnect()
            worker.quit()
            self.message.setText("Cancelled.")
            self._show_state(is_busy=False)

    def _stepped(self, step: Step) -> None:
        share, words = step
        self.progress.setValue(round(1000 * share))
        self.progress.setFormat(words.replace("%", "%%"))

    def _came(self, looked: Looked | str) -> None:
        self._worker = None
        if isinstance(looked, str):
            self.message.setText(looked)
            self._show_state(is_busy=False)
            return
        self.looked = looked
        self.view.show_all(looked)
        self.table.show_found(looked.found)
        more = len(looked.found) - MOST_ROWS
        shown = f" The {MOST_ROWS} with most at stake are listed." if more > 0 else ""
        self.message.setText(self._told(looked) + shown)
        self.why.setText("")
        self._show_state(is_busy=False)

    def _broke(self, _: Exception) -> None:
        """Let new work begin; napari shows what was not foreseen."""
        self._worker = None
        self._show_state(is_busy=False)

    def _show_state(self, *, is_busy: bool) -> None:
        self.go.setEnabled(not is_busy)
        self.cancel.setEnabled(is_busy)
        self.progress.setVisible(is_busy)
        self.save.setEnabled(not is_busy and self.looked is not None)

    def _picked(self, row: int) -> None:
        if self.looked is not None:
            found = self.looked.found[row]
            self.why.setText(found.finding.why)
            self.view.show_finding(found)

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save findings", "findings.csv", "CSV (*.csv);;JSON (*.json)"
        )
        if path and self.looked is not None:
            try:
                save(self.looked, Path(path))
            except OSError as error:
                self.message.setText(str(error))
                return
            self.message.setText(f"Written to {path}.")
