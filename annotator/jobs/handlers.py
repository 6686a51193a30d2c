"""What each kind of job does: parameters in, a result that can be written as JSON out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.domain.errors import AnnotatorError, CancelledError
from annotator.jobs.exporting import export_project
from annotator.jobs.finding import find_readings
from annotator.jobs.fusing import fuse_readings
from annotator.jobs.importing import import_paths
from annotator.jobs.label_errors import check_labels, newest_checker
from annotator.jobs.learning import learn_for_fusion, told
from annotator.jobs.predicting import predict_case
from annotator.jobs.propagating import Propagation, finished_case
from annotator.jobs.readings import Readings
from annotator.jobs.training import ADJUDICATED, predict_by_fit, train_model, trust_by_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from annotator.api import Progress
    from annotator.domain.study import Case
    from annotator.registry import Registry
    from annotator.store import Store

    Parameters = Mapping[str, Any]
    Result = dict[str, object]
    Handler = Callable[[Store, Registry, Parameters, Progress], Result]

ACTOR = "system"


def import_studies(
    store: Store, registry: Registry, parameters: Parameters, progress: Progress
) -> Result:
    """Import the files and directories in ``paths``, to be read as ``reads``, masks or tracings."""
    report = import_paths(
        store,
        registry,
        parameters["paths"],
        progress,
        reads=parameters.get("reads", "mask"),
        actor=ACTOR,
    )
    return {
        "cases": [
            {
                "id": case.case_id,
                "title": case.title,
                "is_new": case.case_id in report.new_case_ids,
            }
            for case in report.cases
        ],
        "skipped": [{"path": entry.path, "reason": entry.reason} for entry in report.skipped],
    }


def attach_series(
    store: Store, registry: Registry, parameters: Parameters, progress: Progress
) -> Result:
    """Put the series in the files and directories ``paths`` beside ``case``, as ``kind``."""
    from annotator.jobs.attaching import attach_files

    report = attach_files(
        store,
        registry,
        parameters["case"],
        parameters["paths"],
        parameters.get("kind"),
        progress,
        actor=ACTOR,
    )
    return {
        "series": [series.series_id for series in report.series],
        "skipped": [{"path": entry.path, "reason": entry.reason} for entry in report.skipped],
    }


def align_series(
    store: Store, registry: Registry, parameters: Parameters, progress: Progress
) -> Result:
    """Lay ``series`` on ``case`` as a whole; the rows of the matrix, LPS mm, are the result."""
    from annotator.jobs.aligning import align_series as align

    matrix = align(store, registry, parameters["case"], parameters["series"], progress)
    return {"matrix": matrix.tolist()}


def predict(store: Store, registry: Registry, parameters: Parameters, progress: Progress) -> Result:
    """Let ``model``, or ``network``, read ``cases``, or all; a case that does not fit is skipped.

    Several networks read together where ``network`` is a list.
    """
    if "network" in parameters:
        return _predict_by_network(store, registry, parameters, progress)
    made: list[dict[str, str]] = []

    def one(case_id: str, report: Progress) -> None:
        annotation = predict_case(
            store,
            registry,
            parameters["model"],
            case_id,
            parameters.get("parameters", {}),
            report,
            actor=ACTOR,
        )
        made.append({"case": case_id, "annotation": annotation.annotation_id})

    registry.model(parameters["model"])
    skipped = _each_case(store, parameters, progress, "reading", one)
    return {"annotations": made, "skipped": skipped}


def _predict_by_network(
    store: Store, registry: Registry, parameters: Parameters, progress: Progress
) -> Result:
    # Loads what other jobs do not need.
    from annotator.jobs.network_reading import NetworkReader, network_settings

    given = parameters["network"]
    names = [given] if isinstance(given, str) else list(given)
    settings = network_settings(parameters.get("parameters", {}))
    reader = NetworkReader(store, registry, names, settings, progress)
    made: list[dict[str, object]] = []
    notes: dict[str, None] = {}

    def one(case_id: str, report: Progress) -> None:
        found = reader.read_case(case_id, report, actor=ACTOR)
        notes.update(dict.fromkeys(found.notes))
        made.append(
            {
                "case": case_id,
                "annotation": found.annotation.annotation_id,
                "device": found.device,
                "windows": found.n_windows,
                "left_out": found.n_left_out,
                "notes": list(found.notes),
            }
        )

    skipped = _each_case(store, parameters, progress, "reading", one)
    return {"reader": reader.reader, "annotations": made, "skipped": skipped, "notes": list(notes)}


def fuse(store: Store, registry: Registry, parameters: Parameters, progress: Progress) -> Result:
    """Fuse ``cases``, or every case, by ``method``; a case without two readings is skipped."""
    made: list[dict[str, str]] = []
    method = parameters["method"]
    given = parameters.get("parameters", {})
    fit = learn_for_fusion(
        store,
        registry,
        method,
        given,
        lambda fraction, message: progress(0.5 * fraction, message),
        include_models=bool(parameters.get("include_models", False)),
        actor=ACTOR,
    )
    start = 0.5 if fit else 0.0

    def one(case_id: str, report: Progress) -> None:
        readings = _readings(store, case_id, parameters)
        fusion = fuse_readings(
            store, registry, readings, method, given, report, fit=fit, actor=ACTOR
        )
        made.append({"case": case_id, "fusion": fusion.fusion_id})

    def report(fraction: float, message: str) -> None:
        progress(start + (1.0 - start) * fraction, message)

    skipped = _each_case(store, parameters, report, "fusing", one)
    return {"fusions": made, "skipped": skipped, "fit": fit.fit_id if fit else None}


def train(store: Store, registry: Registry, parameters: Parameters, progress: Progress) -> Result:
    """Train by ``trainer``, aiming at ``target`` where given; ``job`` is what watches it."""
    fit = train_model(
        store,
        registry,
        parameters["trainer"],
        parameters.get("parameters", {}),
        progress,
        target=parameters.get("target"),
        group=parameters.get("group"),
        include_models=bool(parameters.get("include_models", False)),
        job_id=parameters.get("job"),
        actor=ACTOR,
    )
    return {"fit": fit.fit_id, "summary": list(told(store, fit))}


def predict_by(
    store: Store, registry: Registry, parameters: Parameters, progress: Progress
) -> Result:
    """Let the model of ``fit`` read ``cases``, or every case, told whom to ``trust``."""
    made: list[dict[str, object]] = []
    given = parameters.get("trust")
    trust = trust_by_id(store, given) if given else None

    def one(case_id: str, report: Progress) -> None:
        found = predict_by_fit(
            store, registry, parameters["fit"], case_id, report, trust=trust, actor=ACTOR
        )
        made.append(
            {
                "case": case_id,
                "annotation": found.annotation.annotation_id if found.annotation else None,
                "difficulty": found.forecast.difficulty if found.forecast else None,
                "why": found.forecast.why if found.forecast else "",
            }
        )

    store.fit(parameters["fit"])
    skipped = _each_case(store, parameters, progress, "reading", one)
    return {"readings": made, "skipped": skipped}


def find_errors(
    store: Store, registry: Registry, parameters: Parameters, progress: Progress
) -> Result:
    """Check the labels of ``cases``, or of every case, by ``fit``, the newest that can."""
    fit_id = parameters.get("fit") or newest_checker(store, registry)
    checked: list[dict[str, object]] = []

    def one(case_id: str, report: Progress) -> None:
        readings = Readings.load(store, case_id)
        found = check_labels(store, registry, fit_id, readings, report, actor=ACTOR)
        if len(readings.annotations) > 1:
            find_readings(store, readings, actor=ACTOR)
        errors = [asdict(error) for error in found.errors]
        for error in errors:
            del error["runs"]
        checked.append({"case": case_id, "errors": errors})

    skipped = _each_case(store, parameters, progress, "checking", one)
    return {"fit": fit_id, "checked": checked, "skipped": skipped}


def learn_contour_errors(
    store: Store, registry: Registry, parameters: Parameters, progress: Progress
) -> Result:
    """Let ``detector`` learn from the signed-off cases where contours go wrong."""
    from annotator.jobs.contour_learning import learn_contours

    fit = learn_contours(
        store,
        registry,
        parameters["detector"],
        parameters.get("parameters", {}),
        progress,
        actor=ACTOR,
    )
    return {"fit": fit.fit_id, "summary": list(fit.summary)}


def find_contour_errors(
    store: Store, registry: Registry, parameters: Parameters, progress: Progress
) -> Result:
    """Check the contours of ``cases``, or of every case, by ``fit``, the newest that can."""
    from annotator.jobs.contour_errors import check_contours
    from annotator.jobs.contour_learning import newest_contour_detector

    given = parameters.get("fit")
    fit = store.fit(given) if given else newest_contour_detector(store, registry)
    checked: list[dict[str, object]] = []

    def one(case_id: str, report: Progress) -> None:
        readings = Readings.load(store, case_id)
        found = check_contours(store, registry, fit, readings, report, actor=ACTOR)
        if len(readings.annotations) > 1:
            find_readings(store, readings, actor=ACTOR)
        errors = [asdict(error) for error in found.errors]
        for error in errors:
            del error["runs"]
        checked.append({"case": case_id, "errors": errors})

    skipped = _each_case(store, parameters, progress, "checking", one)
    return {"fit": fit.fit_id, "checked": checked, "skipped": skipped}


def propagate(
    store: Store, registry: Registry, parameters: Parameters, progress: Progress
) -> Result:
    """Draw what a person drew on ``case`` on ``cases``, or on every other case, by ``method``."""
    source = finished_case(store, parameters["case"], parameters.get("rater"))
    chosen = parameters.get("cases")
    others = [case.case_id for case in store.cases() if case.case_id != source.case.case_id]
    targets = others if chosen is None else [store.study_case(one).case_id for one in chosen]
    propagation = Propagation(
        store,
        registry,
        source,
        targets,
        parameters["method"],
        parameters.get("parameters", {}),
    )
    made: list[dict[str, object]] = []

    def one(case_id: str, report: Progress) -> None:
        found = propagation.carry_to(case_id, report, actor=ACTOR)
        made.append(
            {
                "case": case_id,
                "annotation": found.annotation.annotation_id,
                "error_mm": found.error_mm,
                "doubtful": found.doubtful,
                "folded": found.folded,
            }
        )

    skipped = _each_case(store, {"cases": targets}, progress, "drawing on", one)
    return {
        "source": source.drawing_id,
        "reader": propagation.reader,
        "readings": made,
        "skipped": skipped,
    }


def evaluate(
    store: Store, registry: Registry, parameters: Parameters, progress: Progress
) -> Result:
    """Judge ``reader``, or the model of ``fit``, by the reference ``against``."""
    from annotator.jobs.evaluating import evaluate_reader  # loads what other jobs do not need

    found = evaluate_reader(
        store,
        registry,
        progress,
        reader=parameters.get("reader"),
        fit_id=parameters.get("fit"),
        against=parameters.get("against", ADJUDICATED),
        tolerance_mm=float(parameters.get("tolerance_mm", 2.0)),
        with_learned=bool(parameters.get("with_learned", False)),
        actor=ACTOR,
    )
    document = asdict(found)
    document["left_out"] = [
        {"case": case_id, "reason": reason} for case_id, reason in found.left_out
    ]
    return document


def findings(store: Store, _: Registry, parameters: Parameters, progress: Progress) -> Result:
    """Find the disputes in ``cases``, or in every case."""
    found: list[dict[str, object]] = []

    def one(case_id: str, _: Progress) -> None:
        score, regions, _map = find_readings(
            store, _readings(store, case_id, parameters), actor=ACTOR
        )
        found.append({"case": case_id, "score": score.score, "regions": len(regions)})

    skipped = _each_case(store, parameters, progress, "comparing", one)
    return {"findings": found, "skipped": skipped}


def export(store: Store, registry: Registry, parameters: Parameters, progress: Progress) -> Result:
    """Write ``cases``, or every case, to ``directory`` in ``format``."""
    report = export_project(
        store,
        registry,
        Path(parameters["directory"]),
        parameters["format"],
        parameters.get("cases"),
        progress,
    )
    return {
        "directory": str(report.directory),
        "files": [asdict(entry) for entry in report.files],
        "skipped": [asdict(entry) for entry in report.skipped],
    }


def report(store: Store, registry: Registry, parameters: Parameters, progress: Progress) -> Result:
    """Write the agreement report on ``cases``, or on every case, to the file ``path``."""
    # Most workers never draw: scipy's statistics take as long to load as all the rest.
    from annotator.jobs.agreement_report import ReportSettings
    from annotator.jobs.report_html import report_to_file

    settings = ReportSettings(include_models=bool(parameters.get("include_models", False)))
    found, n_bytes = report_to_file(
        store, registry, Path(parameters["path"]), parameters.get("cases"), progress, settings
    )
    return {"path": parameters["path"], "n_bytes": n_bytes, "n_cases": found.about.n_cases}


def trace_findings(
    store: Store, registry: Registry, parameters: Parameters, progress: Progress
) -> Result:
    """Look through a tracing of each of ``cases``, or of every traced case; ``base``: whose."""
    from annotator.jobs.trace_finding import find_traces  # loads what other jobs do not need
    from annotator.jobs.trace_readings import TraceReadings

    found: list[dict[str, object]] = []

    def one(case_id: str, report: Progress) -> None:
        readings = TraceReadings.load(store, case_id, parameters.get("base"))
        traces = find_traces(store, registry, readings, report, actor=ACTOR)
        at_stake_um = sum(item.at_stake_um for item in traces.items)
        found.append({"case": case_id, "places": len(traces.items), "at_stake_um": at_stake_um})

    chosen = parameters.get("cases")
    cases = [case.case_id for case in store.tracing_cases()] if chosen is None else chosen
    skipped = _each_case(
        store, {"cases": cases}, progress, "looking through", one, store.tracing_case
    )
    return {"findings": found, "skipped": skipped}


def learn_traces(
    store: Store, registry: Registry, parameters: Parameters, progress: Progress
) -> Result:
    """Let ``detector`` learn from the signed-off tracings where tracings go wrong."""
    from annotator.jobs.trace_learning import learn_detector

    fit = learn_detector(
        store,
        registry,
        parameters["detector"],
        parameters.get("parameters", {}),
        progress,
        actor=ACTOR,
    )
    return {"fit": fit.fit_id, "summary": list(fit.summary)}


def trace_report(store: Store, _: Registry, parameters: Parameters, progress: Progress) -> Result:
    """Write the report on traced ``cases``, or on every one, to the file ``path``."""
    from annotator.jobs.trace_report import report_traces

    path = Path(parameters["path"])
    n_cases, n_bytes = report_traces(store, path, parameters.get("cases"), progress)
    return {"path": str(path), "n_bytes": n_bytes, "n_cases": n_cases}


HANDLERS: dict[str, Handler] = {
    "import": import_studies,
    "attach series": attach_series,
    "align series": align_series,
    "predict": predict,
    "predict by fit": predict_by,
    "train": train,
    "evaluate": evaluate,
    "propagate": propagate,
    "fuse": fuse,
    "findings": findings,
    "find errors": find_errors,
    "learn contours": learn_contour_errors,
    "find contour errors": find_contour_errors,
    "export": export,
    "report": report,
    "trace findings": trace_findings,
    "learn traces": learn_traces,
    "trace report": trace_report,
}


def _readings(store: Store, case_id: str, parameters: Parameters) -> Readings:
    include_models = bool(parameters.get("include_models", False))
    return Readings.load(store, case_id, include_models=include_models)


def _each_case(
    store: Store,
    parameters: Parameters,
    progress: Progress,
    verb: str,
    one: Callable[[str, Progress], None],
    find: Callable[[str], Case] | None = None,
) -> list[dict[str, str]]:
    """Do one thing to each case; return the cases that it does not fit, each with the reason.

    ``find`` returns a case by id or title, one on which masks are drawn where it is not given.
    """
    chosen = parameters.get("cases")
    find = find or store.study_case
    cases = store.cases() if chosen is None else [find(entry) for entry in chosen]
    skipped: list[dict[str, str]] = []
    for number, case in enumerate(cases):

        def report(fraction: float, message: str, *, number: int = number) -> None:
            progress((number + fraction) / len(cases), message)

        report(0.0, f"{verb} {case.title}")
        try:
            one(case.case_id, report)
        except AnnotatorError as error:
            if isinstance(error, CancelledError) or len(cases) == 1:
                raise
            skipped.append({"case": case.case_id, "reason": str(error)})
    return skipped
