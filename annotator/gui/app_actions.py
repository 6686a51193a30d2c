"""Actions of the program and of a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.gui.actions import Action

if TYPE_CHECKING:
    from annotator.gui.window import MainWindow


def _has_project(window: MainWindow) -> bool:
    return window.session is not None


def _can_write(window: MainWindow) -> bool:
    return window.session is not None and not window.session.store.is_read_only


APP: tuple[Action, ...] = (
    Action(
        key="app.back",
        text="Back",
        tooltip="Go back one step; your work is already saved.",
        shortcut=("Alt+Left",),
        menu="File",
        icon="back",
        run=lambda window: window.back(),
        enabled=lambda window: window.room_name != "start",
    ),
    Action(
        key="app.palette",
        text="Find an action…",
        tooltip="Type what you want to do and press Enter.",
        shortcut=("Ctrl+K",),
        menu="Help",
        icon="search",
        run=lambda window: window.show_palette(),
    ),
    Action(
        key="app.shortcuts",
        text="Keyboard shortcuts",
        tooltip="Every key and what it does here, with a search.",
        shortcut=("F1",),
        menu="Help",
        icon="keyboard",
        run=lambda window: window.show_shortcuts(),
    ),
    Action(
        key="app.theme",
        text="Dark or light theme",
        tooltip="Switch between the dark and the light theme.",
        shortcut=("Ctrl+Shift+L",),
        menu="View",
        icon="theme",
        run=lambda window: window.switch_theme(),
    ),
    Action(
        key="app.larger",
        text="Larger text",
        tooltip="Make all text larger.",
        shortcut=("Ctrl+=", "Ctrl++"),
        menu="View",
        run=lambda window: window.scale_text(+0.1),
    ),
    Action(
        key="app.smaller",
        text="Smaller text",
        tooltip="Make all text smaller.",
        shortcut=("Ctrl+-",),
        menu="View",
        run=lambda window: window.scale_text(-0.1),
    ),
    Action(
        key="app.normal",
        text="Normal text size",
        tooltip="Give text its normal size again.",
        shortcut=("Ctrl+0",),
        menu="View",
        run=lambda window: window.scale_text(None),
    ),
    Action(
        key="app.quit",
        text="Quit",
        tooltip="Close the program; there is nothing to save, it is on disk.",
        shortcut=("Ctrl+Q",),
        menu="File",
        run=lambda window: window.quit(),
    ),
)

PROJECT: tuple[Action, ...] = (
    Action(
        key="project.new",
        text="New project…",
        tooltip="Make an empty project: where it lies, and what is drawn in it.",
        shortcut=("Ctrl+N",),
        rooms=("start", "project"),
        menu="File",
        icon="plus",
        run=lambda window: window.door.new(),
    ),
    Action(
        key="project.open",
        text="Open project…",
        tooltip="Open a project directory.",
        shortcut=("Ctrl+O",),
        rooms=("start", "project"),
        menu="File",
        icon="folder",
        run=lambda window: window.door.choose(),
    ),
    Action(
        key="project.demo",
        text="Try the demo project",
        tooltip="Build the sample project with real images and open it; takes half a minute once.",
        shortcut=("Ctrl+D",),
        rooms=("start",),
        menu="File",
        icon="case",
        run=lambda window: window.door.demo(),
        enabled=lambda window: window.door.has_demo,
    ),
    Action(
        key="project.import_folder",
        text="Import a folder…",
        tooltip="Look through a folder for DICOM, NIfTI, NRRD, MHA, PNG, JPEG and TIFF.",
        shortcut=("Ctrl+I",),
        rooms=("project",),
        menu="File",
        icon="import",
        run=lambda window: window.errands.import_folder(),
        enabled=_can_write,
    ),
    Action(
        key="project.import_files",
        text="Import files…",
        tooltip="Choose image files to import.",
        shortcut=("Ctrl+Shift+I",),
        rooms=("project",),
        menu="File",
        icon="import",
        run=lambda window: window.errands.import_files(),
        enabled=_can_write,
    ),
    Action(
        key="project.export",
        text="Export…",
        tooltip="Write readings and what was made of them: NIfTI, DICOM SEG, CSV, JSON or SWC.",
        shortcut=("Ctrl+E",),
        rooms=("project", "review", "trace_review", "report"),
        menu="File",
        icon="export",
        run=lambda window: window.errands.export(),
        enabled=_has_project,
    ),
    Action(
        key="project.models",
        text="Models…",
        tooltip="Every model with its card: run one, compare them, add one, train one.",
        shortcut=("Ctrl+M",),
        rooms=("project", "review", "trace_review", "report"),
        menu="Tools",
        icon="model",
        run=lambda window: window.errands.models.show(),
        enabled=_has_project,
    ),
    Action(
        key="project.train",
        text="Train a model…",
        tooltip="Let a model learn from the readers, and watch how it gets on.",
        shortcut=("Ctrl+T",),
        rooms=("project", "review", "trace_review", "report"),
        menu="Tools",
        icon="model",
        run=lambda window: window.errands.models.show_trainings(),
        enabled=_has_project,
    ),
    Action(
        key="project.propagate",
        text="Propagate a drawing…",
        tooltip="Draw what a person drew on one case on others, by matching the images.",
        shortcut=("Ctrl+Shift+P",),
        rooms=("project", "review", "trace_review"),
        menu="Tools",
        run=lambda window: window.errands.models.propagate(),
        enabled=_can_write,
    ),
    Action(
        key="project.jobs",
        text="Jobs…",
        tooltip="Every job of the project: how far it is, what came of it; cancel, run again.",
        shortcut=("Ctrl+J",),
        rooms=("project", "rater", "review", "trace_review", "redraw", "report"),
        menu="File",
        icon="job",
        run=lambda window: window.errands.models.show_jobs(),
        enabled=_has_project,
    ),
    Action(
        key="report.open",
        text="Report on raters",
        tooltip="How each rater compares with the consensus, per label, with a plot.",
        shortcut=("Ctrl+R",),
        rooms=("review", "trace_review"),
        menu="Review",
        icon="report",
        run=lambda window: window.open_report(),
    ),
)
