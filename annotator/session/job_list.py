"""The jobs of a project in words: what was asked for, how far it is, what came of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from annotator.domain.job import ClearedJobs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from annotator.domain.job import Job, JobState
    from annotator.store import Store

ENDED = ("done", "failed", "cancelled")

KINDS = {
    "import": "Import",
    "attach series": "Attaching series",
    "align series": "Registration of series",
    "predict": "Reading by a model",
    "predict by fit": "Reading by a trained model",
    "train": "Training",
    "fuse": "Fusion",
    "propagate": "Propagating a drawing",
    "findings": "Comparison of readings",
    "find errors": "Check of labels",
    "learn contours": "Learning from signed-off contours",
    "find contour errors": "Check of contours",
    "export": "Export",
    "report": "Report",
    "trace findings": "Check of tracings",
    "learn traces": "Learning from signed-off tracings",
    "trace report": "Report on tracings",
}
"""Kind of job → what a person calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """One job as a person reads it; ``outcome`` is what came of it, or why nothing did."""

    job_id: int
    kind: str
    parameters: Mapping[str, object]
    what: str
    state: JobState
    progress: float
    message: str
    asked_at: str
    outcome: str
    is_stopping: bool

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in ENDED


def job_lines(store: Store, *, with_cleared: bool = False) -> tuple[JobLine, ...]:
    """Return the jobs of a project, newest first, without those that were cleared away."""
    cleared = store.rule(ClearedJobs)
    up_to = cleared.up_to if cleared is not None and not with_cleared else 0
    shown = [job for job in store.jobs() if job.job_id > up_to or job.state not in ENDED]
    titles = {network.network_id: network.card.title for network in store.networks()}
    return tuple(_line(job, titles) for job in reversed(shown))


def clear_jobs(store: Store, *, actor: str) -> None:
    """Take the jobs that have ended off the list; the log of the project keeps them."""
    ended = [job.job_id for job in store.jobs() if job.state in ENDED]
    if ended:
        store.put_rule(ClearedJobs(up_to=max(ended)), actor=actor)


def _line(job: Job, titles: Mapping[str, str]) -> JobLine:
    parameters = json.loads(job.parameters)
    return JobLine(
        job_id=job.job_id,
        kind=job.kind,
        parameters=parameters,
        what=KINDS.get(job.kind, job.kind.capitalize()) + _about(parameters, titles),
        state=job.state,
        progress=job.progress,
        message=job.message,
        asked_at=job.created_at,
        outcome=outcome(job),
        is_stopping=job.cancel_requested and job.state not in ENDED,
    )


def _about(parameters: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Name what a job is about, from its parameters; ``titles`` are those of networks, by id."""
    if parameters.get("network"):
        return f": {', '.join(titles.get(one, one[:8]) for one in parameters['network'])}"
    for key in ("model", "trainer", "detector", "method", "path", "directory"):
        if parameters.get(key):
            return f": {parameters[key]}"
    if parameters.get("fit"):
        return f": {str(parameters['fit'])[:8]}"
    return ""


def outcome(job: Job) -> str:
    """Say what came of a job that has ended, or why nothing did; empty before."""
    if job.state not in ENDED:
        return ""
    if job.state != "done":
        return _sentence(job.error) or "It was cancelled."
    result = json.loads(job.result or "{}")
    say = _OUTCOMES.get(job.kind)
    return say(result) if say is not None else "Done."


def skipped_in_words(result: Mapping[str, Any]) -> list[str]:
    """Say of each case or file that was left out why; the same reason only once."""
    reasons: dict[str, int] = {}
    for entry in result.get("skipped", []):
        reasons[str(entry["reason"])] = reasons.get(str(entry["reason"]), 0) + 1
    return [
        f"Left out: {reason}" if n == 1 else f"Left out {n} times: {reason}"
        for reason, n in reasons.items()
    ]


MUCH_DOUBT = 0.1
"""Share of a drawing in doubt that a person should be told of."""


MOST_NOTES = 5


def told_by_reading(result: Mapping[str, Any]) -> list[str]:
    """Say what came of a reading by a model, a sentence each, and whatever it had to do without."""
    made = result.get("annotations", result.get("readings", []))
    n_skipped = len(result.get("skipped", []))
    lines = [f"Read {_many(len(made), 'case')}."]
    if n_skipped:
        lines[0] = f"Read {_many(len(made), 'case')}; {_many(n_skipped, 'case')} left out."
    lines += _notes(made, result)
    doubtful = [entry for entry in made if (entry.get("doubtful") or 0) > MUCH_DOUBT]
    if doubtful:
        lines.append(f"In {_many(len(doubtful), 'case')} much of the drawing is in doubt.")
    return [*lines, *skipped_in_words(result)]


def _notes(made: Sequence[Mapping[str, Any]], result: Mapping[str, Any]) -> list[str]:
    """Return what a network ran on and had to do without, each once."""
    devices = dict.fromkeys(str(entry["device"]) for entry in made if entry.get("device"))
    notes = [str(note) for note in result.get("notes", [])]
    notes += [str(note) for entry in made for note in entry.get("notes", [])]
    said = [_sentence(note) for note in dict.fromkeys(notes)]
    more = [f"{len(said) - MOST_NOTES} more notes of this kind."] if len(said) > MOST_NOTES else []
    return [*(f"It ran on: {device}." for device in devices), *said[:MOST_NOTES], *more]


def _reading(result: Mapping[str, Any]) -> str:
    return " ".join(told_by_reading(result))


def _import(result: Mapping[str, Any]) -> str:
    n_new = sum(bool(entry["is_new"]) for entry in result["cases"])
    skipped = len(result["skipped"])
    left = f"; {_many(skipped, 'file')} left out" if skipped else ""
    return f"{_many(n_new, 'new case')}{left}."


def _train(result: Mapping[str, Any]) -> str:
    return " ".join(("The model is trained.", *map(_sentence, result.get("summary", []))))


def _check(result: Mapping[str, Any]) -> str:
    n_errors = sum(len(entry["errors"]) for entry in result["checked"])
    return f"{_many(n_errors, 'place')} rejected in {_many(len(result['checked']), 'case')}."


def _check_contours(result: Mapping[str, Any]) -> str:
    n_errors = sum(len(entry["errors"]) for entry in result["checked"])
    cases = _many(len(result["checked"]), "case")
    return f"{_many(n_errors, 'stretch', 'stretches')} of contour held wrong in {cases}."


def _export(result: Mapping[str, Any]) -> str:
    return f"{_many(len(result['files']), 'file')} in {result['directory']}."


def _attach(result: Mapping[str, Any]) -> str:
    words = f"{len(result['series'])} series attached."
    return " ".join([words, *skipped_in_words(result)])


_OUTCOMES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "import": _import,
    "attach series": _attach,
    "predict": _reading,
    "predict by fit": _reading,
    "propagate": _reading,
    "train": _train,
    "fuse": lambda result: f"Fused {_many(len(result['fusions']), 'case')}.",
    "findings": lambda result: f"Compared {_many(len(result['findings']), 'case')}.",
    "find errors": _check,
    "learn contours": _train,
    "find contour errors": _check_contours,
    "export": _export,
    "report": lambda result: f"Written to {result['path']}.",
    "trace findings": lambda result: (
        f"{_many(sum(one['places'] for one in result['findings']), 'place')} to look at in "
        f"{_many(len(result['findings']), 'tracing')}."
    ),
    "learn traces": _train,
    "trace report": lambda result: f"Written to {result['path']}.",
}


def _many(n: int, noun: str, nouns: str = "") -> str:
    return f"one {noun}" if n == 1 else f"{n} {nouns or noun + 's'}"


def _sentence(words: str) -> str:
    if not words:
        return ""
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")
