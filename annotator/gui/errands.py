"""What the window has done for it in other processes: import, predict, compare, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QDialog, QFileDialog

from annotator.gui.export_dialog import ExportDialog
from annotator.gui.model_errands import ModelErrands

if TYPE_CHECKING:
    from collections.abc import Collection

    from annotator.domain.study import Reads
    from annotator.gui.jobs_bar import JobsBar
    from annotator.gui.window import MainWindow
    from annotator.session.review_methods import MethodOption


class Errands(QObject):
    """Asks what is wanted, hands it to a job, and says what came of it."""

    models: ModelErrands

    def __init__(self, window: MainWindow, bar: JobsBar) -> None:
        super().__init__(window)
        self._window = window
        self._bar = bar
        self.models = ModelErrands(window, bar)
        bar.ended.connect(self._job_ended)

    def import_folder(self) -> None:
        """Ask for a folder and import what is in it."""
        chosen = QFileDialog.getExistingDirectory(self._window, "Import a folder", str(Path.home()))
        if chosen:
            self.import_paths([chosen])

    def import_files(self) -> None:
        """Ask for files and import them."""
        chosen, _ = QFileDialog.getOpenFileNames(self._window, "Import files", str(Path.home()))
        if chosen:
            self.import_paths(chosen)

    def import_paths(self, paths: list[str]) -> None:
        """Import files and folders outside the window's process."""

        def done(result: dict[str, Any]) -> None:
            n_new = sum(entry["is_new"] for entry in result["cases"])
            n_known = len(result["cases"]) - n_new
            skipped = result["skipped"]
            known = f", {n_known} were there already" if n_known else ""
            left_out = f"; {len(skipped)} files were left out" if skipped else ""
            self._window.notice.say(
                f"{n_new} new cases{known}{left_out}.",
                "caution" if skipped else "good",
                "\n".join(f"{entry['path']}: {entry['reason']}" for entry in skipped),
            )
            self._window.project.refresh()

        reads = self._window.project.setup.reads.currentData()
        self._bar.submit("import", {"paths": paths, "reads": reads}, "Importing", done)

    def compare_readings(self, reads: Collection[Reads]) -> None:
        """Find what is in dispute, or may be wrong, in every case, so that the queue is in order.

        ``reads`` says whether there are cases of masks, of tracings or of both.
        """
        for kind, job, title in (
            ("mask", "findings", "Comparing readings"),
            ("tracing", "trace findings", "Looking through tracings"),
        ):
            if kind in reads:
                self._bar.submit(job, {}, title, lambda _: self._window.review.refresh_queue())

    def fuse_case(self, case_id: str, option: MethodOption) -> None:
        """Fuse a case by a method that takes long, and show it where the case is still open."""
        session = self._window.session
        if session is None:
            return

        def done(result: dict[str, Any]) -> None:
            fusion_id = result["fusions"][0]["fusion"]
            self._window.background.run(
                "fusion of job",
                lambda: session.store.fusion(fusion_id),
                lambda fusion: self._window.review.masks.use_fusion(case_id, fusion),
            )

        self._bar.submit("fuse", {"method": option.name, "cases": [case_id]}, option.title, done)

    def fuse_cases(self, case_ids: tuple[str, ...], option: MethodOption) -> None:
        """Fuse cases by one method; those without two readings are left out."""

        def done(result: dict[str, Any]) -> None:
            n_left_out = len(result["skipped"])
            left_out = f"; {n_left_out} cases were left out" if n_left_out else ""
            self._window.notice.say(
                f"{len(result['fusions'])} cases are fused by {option.title}{left_out}.",
                "good",
                "\n".join(entry["reason"] for entry in result["skipped"]),
            )

        given = {"method": option.name, "cases": list(case_ids)}
        self._bar.submit("fuse", given, f"Fusing by {option.title}", done)

    def train(self, trainer: str, target: str, group: str | None) -> None:
        """Train a model on the readings; ``target`` is a fusion method to aim at, or empty.

        ``group`` is the label group to learn from, None where there is but one.
        """
        self.models.train({"trainer": trainer, "target": target or None, "group": group})

    def predict_by_fit(self, fit_id: str, case_id: str, trust: dict[str, float]) -> None:
        """Let a trained model read a case, told how far to believe each rater."""

        def done(_result: dict[str, Any]) -> None:
            self._window.notice.say(
                "The model's drawing was kept as a reading of its own. It counts in a fusion only "
                "where models are asked for.",
                "good",
            )
            self._window.review.masks.refresh_models()

        given = {"fit": fit_id, "cases": [case_id], "trust": trust or None}
        self._bar.submit("predict by fit", given, "Model at work", done)

    def foretell(self, fit_id: str) -> None:
        """Let a trained model say of every case how likely readers are to disagree."""

        def done(result: dict[str, Any]) -> None:
            self._window.notice.say(
                f"{len(result['readings'])} cases were foretold; the queue shows how hard.", "good"
            )
            self._window.review.refresh_queue()
            self._window.review.masks.refresh_models()

        self._bar.submit("predict by fit", {"fit": fit_id}, "Model at work", done)

    def write_report(self, path: str, case_ids: tuple[str, ...], job: str = "report") -> None:
        """Write the report on these cases as one HTML file; ``job`` is the one that writes it."""

        def done(result: dict[str, Any]) -> None:
            self._window.notice.say(
                f"The report on {result['n_cases']} cases was written to {result['path']}.", "good"
            )

        given = {"path": path, "cases": list(case_ids)}
        self._bar.submit(job, given, "Writing the report", done)

    def put_beside(self) -> None:
        """Open the list of series that stand beside cases."""
        from annotator.gui.companions_dialog import CompanionFacts, CompanionsDialog

        session = self._window.session
        if session is None:
            return

        def show(facts: CompanionFacts) -> None:
            CompanionsDialog(
                session, facts, self._window.background, self._bar, self._window
            ).open()

        self._window.background.run("beside", lambda: CompanionFacts.of(session), show)

    def register_beside(self, case_id: str, series_id: str) -> None:
        """Lay a series on the case that it stands beside, outside the window's process."""

        def done(result: dict[str, Any]) -> None:
            beside = self._window.rater.masks.beside
            beside.use_registration(case_id, series_id, result["matrix"])

        given = {"case": case_id, "series": series_id}
        self._bar.submit("align series", given, "Registering", done)

    def keep_quality(self) -> None:
        """Open the rules by which readings are kept good."""
        from annotator.gui.quality_dialog import QualityDialog, QualityFacts

        session = self._window.session
        if session is None:
            return

        def show(facts: QualityFacts) -> None:
            dialog = QualityDialog(session, facts, self._window.background, self._window)
            dialog.finished.connect(lambda _: self._window.project.refresh())
            dialog.open()

        self._window.background.run("quality", lambda: QualityFacts.of(session), show)

    def export(self) -> None:
        """Ask what and where to, and write it outside the window's process."""
        session = self._window.session
        if session is None:
            return
        base = Path.home() if "://" in session.store.location else Path(session.store.location)
        dialog = ExportDialog(str(base / "export"), self._window)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.export_to(dialog.format, dialog.chosen_directory())
        dialog.deleteLater()

    def export_to(self, form: str, directory: str) -> None:
        """Write everything in a format into a directory; each file is read back."""

        def done(result: dict[str, Any]) -> None:
            files, skipped = result["files"], result["skipped"]
            left_out = f" {len(skipped)} masks do not fit the format." if skipped else ""
            lines = [
                f"left out: {entry['title']}, {entry['role']} by {entry['creator']}: "
                f"{entry['reason']}"
                for entry in skipped
            ]
            self._window.notice.say(
                f"{len(files)} files written to {directory}; checked by reading back.{left_out}",
                "caution" if skipped else "good",
                "\n".join([*lines, *(entry["name"] for entry in files)]),
            )

        session = self._window.session
        if session is not None and session.store.is_read_only:
            self._window.notice.say("Exporting…")
            self._window.background.run(
                "export",
                lambda: session.export_here(directory, form),
                done,
                lambda error: self._job_ended("Exporting", "failed", str(error)),
            )
            return
        self._bar.submit("export", {"directory": directory, "format": form}, "Exporting", done)

    def _job_ended(self, title: str, state: str, words: str) -> None:
        if state == "cancelled":
            self._window.notice.say(f"{title} was cancelled; what was finished stays.", "caution")
            self._window.project.refresh()
        elif state == "failed":
            self._window.notice.say(f"{title} did not work: {words}", "bad")
