"""What the window does with models and jobs: list, run, compare, train, follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qtpy.QtCore import QObject

from annotator.session.job_list import told_by_reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qtpy.QtWidgets import QDialog

    from annotator.api import Trainer
    from annotator.domain.job import Job
    from annotator.domain.reading import Rater
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case
    from annotator.gui.jobs_bar import JobsBar
    from annotator.gui.jobs_dialog import JobsDialog
    from annotator.gui.models_dialog import ModelsDialog
    from annotator.gui.propagate_dialog import FinishedDrawings
    from annotator.gui.run_dialog import RunDialog
    from annotator.gui.training_dialog import TrainingDialog
    from annotator.gui.window import MainWindow
    from annotator.session.models import ModelEntry
    from annotator.session.review_methods import MethodOption


class ModelErrands(QObject):
    """Opens one dialog of each kind, which stays open while one works, and hands jobs on.

    All of them close with the project.
    """

    def __init__(self, window: MainWindow, bar: JobsBar) -> None:
        super().__init__(window)
        self._window = window
        self._bar = bar
        self._open: dict[str, QDialog] = {}
        bar.all_wanted.connect(self.show_jobs)
        bar.session_changed.connect(self.close)

    def close(self) -> None:
        """Close every dialog; jobs go on."""
        for dialog in tuple(self._open.values()):
            dialog.reject()

    def _keep(self, name: str, dialog: QDialog) -> None:
        """Show a dialog beside the window, and know it while it is open."""
        self._open[name] = dialog
        dialog.finished.connect(lambda _: self._open.pop(name, None))
        dialog.finished.connect(lambda _: dialog.deleteLater())
        dialog.show()

    def _raise(self, name: str) -> bool:
        """Bring a dialog to the front where it is open."""
        dialog = self._open.get(name)
        if dialog is not None:
            dialog.raise_()
            dialog.activateWindow()
        return dialog is not None

    @property
    def list(self) -> ModelsDialog | None:
        """The list of models, where it is open."""
        return cast("ModelsDialog | None", self._open.get("models"))

    def show(self) -> None:
        """Show every model; their plugins are loaded only now."""
        session = self._window.session
        if session is None or self._raise("models"):
            return
        from annotator.gui.models_dialog import ModelsDialog

        dialog = ModelsDialog(session, self._window.background, self._window)
        dialog.run_wanted.connect(self.run)
        dialog.train_wanted.connect(self.show_trainings)
        dialog.compare_wanted.connect(self.compare)
        dialog.add_wanted.connect(self.add)
        dialog.remove_wanted.connect(self._remove)
        self._keep("models", dialog)
        self._window.background.run("plugins", session.registry.broken, self._tell_broken)

    def _tell_broken(self, broken: tuple[tuple[str, str], ...]) -> None:
        if broken:
            names = ", ".join(name for name, _ in broken)
            many = "A plugin" if len(broken) == 1 else f"{len(broken)} plugins"
            self._window.notice.say(
                f"{many} cannot be used: {names}.",
                "caution",
                "\n".join(f"{name}: {reason}" for name, reason in broken),
            )

    def _refresh(self, choose: str = "") -> None:
        if self.list is not None:
            self.list.refresh(choose)

    def add(self) -> None:
        """Ask for a network that a user has, and take it into the project."""
        session = self._window.session
        if session is None or self._raise("add"):
            return
        background = self._window.background

        def show(found: tuple[LabelSchema, tuple[Rater, ...]]) -> None:
            from annotator.gui.add_model_dialog import AddModelDialog

            schema, people = found
            names = [person.name for person in people]
            dialog = AddModelDialog(session, schema, names, background, self.list or self._window)
            dialog.added.connect(lambda network: self._refresh(network.network_id))
            self._keep("add", dialog)

        background.run(
            "facts to add by", lambda: (session.project().schema, session.people()), show
        )

    def _remove(self, entry: ModelEntry) -> None:
        session = self._window.session
        if session is not None:
            self._window.background.run(
                "remove model",
                lambda: session.remove_network(entry.key),
                lambda _: self._refresh(),
            )

    def run(self, entry: ModelEntry) -> None:
        """Ask which cases a model is to read, and let it; what was asked of another is dropped."""
        session = self._window.session
        if session is None:
            return
        if "run" in self._open:
            self._open["run"].reject()
        background = self._window.background

        def show(cases: tuple[Case, ...]) -> None:
            from annotator.gui.run_dialog import RunDialog

            dialog = RunDialog(session, entry, cases, background, self.list or self._window)
            dialog.run_wanted.connect(
                lambda kind, given: self._read(kind, given, entry.title, dialog)
            )
            self._keep("run", dialog)

        background.run("cases to read", session.cases, show)

    def _read(self, kind: str, given: Mapping[str, object], title: str, dialog: RunDialog) -> None:
        def done(result: dict[str, Any]) -> None:
            words = told_by_reading(result)
            self._window.notice.say(
                f"{title}: {words[0]}",
                "caution" if len(words) > 1 else "good",
                "\n".join(words[1:]),
            )
            self._refresh()
            if self._window.room_name == "review":
                self._window.review.masks.refresh_models()

        def started(job: Job) -> None:
            if self._open.get("run") is dialog:
                dialog.follow(job)

        self._bar.submit(kind, given, title, done, started)

    def propagate(self) -> None:
        """Ask which drawing is to be carried to which cases, and let it; see `run`."""
        session = self._window.session
        if session is None:
            return
        if "run" in self._open:
            self._open["run"].reject()
        window, background = self._window, self._window.background
        reviewed = window.review.case if window.room_name == "review" else None

        def show(found: tuple[FinishedDrawings, tuple[Case, ...]]) -> None:
            from annotator.gui.propagate_dialog import PropagateDialog

            dialog = PropagateDialog(session, *found, background, window)
            if reviewed is not None:
                dialog.choose(reviewed.case.case_id)
            dialog.run_wanted.connect(
                lambda kind, given: self._read(kind, given, "Propagating", dialog)
            )
            self._keep("run", dialog)

        def work() -> tuple[FinishedDrawings, tuple[Case, ...]]:
            from annotator.gui.propagate_dialog import FinishedDrawings

            return FinishedDrawings.of(session), session.cases()

        background.run("drawings to propagate", work, show)

    def compare(self) -> None:
        """Show what models drew on a case, side by side: on the one that is reviewed, or any."""
        session = self._window.session
        if session is None or self._raise("comparison"):
            return
        desk = self._window.review.desk if self._window.room_name == "review" else None
        background = self._window.background

        def show(cases: tuple[Case, ...]) -> None:
            from annotator.gui.model_comparison_dialog import ModelComparisonDialog

            dialog = ModelComparisonDialog(session, cases, desk, background, self._window)
            self._keep("comparison", dialog)

        background.run("cases to compare", session.cases, show)

    # training

    @property
    def trainings(self) -> TrainingDialog | None:
        """The page of trainings, where it is open."""
        return cast("TrainingDialog | None", self._open.get("trainings"))

    def show_trainings(self) -> None:
        """Show the trainings of the project, and start others."""
        session = self._window.session
        if session is None or self._raise("trainings"):
            return
        background = self._window.background

        def work() -> tuple[LabelSchema, tuple[Trainer, ...], tuple[MethodOption, ...]]:
            from annotator.session.review_methods import method_options

            registry = session.registry
            return session.project().schema, registry.trainers(), method_options(registry)

        def show(
            found: tuple[LabelSchema, tuple[Trainer, ...], tuple[MethodOption, ...]],
        ) -> None:
            from annotator.gui.training_dialog import TrainingDialog

            if self._raise("trainings"):
                return
            dialog = TrainingDialog(session, *found, background, self._window)
            dialog.start_wanted.connect(self._train)
            dialog.run_wanted.connect(self._run_fit)
            dialog.card_wanted.connect(self._show_card)
            self._keep("trainings", dialog)

        background.run("trainers to show", work, show)

    def _train(self, given: Mapping[str, object]) -> None:
        def started(_job: Job) -> None:
            if self.trainings is not None:
                self.trainings.say("It is on its way: the first curve comes with the first round.")

        self.train(given, started)

    def train(
        self, given: Mapping[str, object], started: Callable[[Job], None] | None = None
    ) -> None:
        """Train as the job takes it, outside the window's process."""

        def done(result: dict[str, Any]) -> None:
            self._window.notice.say("The model is trained.", "good", "\n".join(result["summary"]))
            self._refresh(result["fit"])
            if self._window.room_name == "review":
                self._window.review.masks.refresh_models()

        self._bar.submit("train", given, "Training", done, started)

    def _run_fit(self, fit_id: str) -> None:
        session = self._window.session
        if session is None:
            return

        def show(entries: tuple[ModelEntry, ...]) -> None:
            for entry in entries:
                if entry.key == fit_id:
                    self.run(entry)

        self._window.background.run("model to run", session.models, show)

    def _show_card(self, fit_id: str) -> None:
        self.show()
        self._refresh(fit_id)

    # jobs

    def show_jobs(self) -> None:
        """Show every job of the project."""
        session = self._window.session
        if session is None or self._raise("jobs"):
            return
        from annotator.gui.jobs_dialog import JobsDialog

        dialog: JobsDialog = JobsDialog(session, self._window.background, self._window)
        dialog.again_wanted.connect(
            lambda kind, given, title: self._bar.submit(kind, given, title, lambda _: None)
        )
        self._keep("jobs", dialog)
