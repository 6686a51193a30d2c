"""The curves of a training as a file: one row a round, for a spreadsheet or a plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError
from annotator.jobs.table_files import Table, write_csv

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from annotator.domain.training import CurvePoint
    from annotator.store import Store

SECONDS = "seconds"
"""The curve of the time that a training took until the end of each round, breaks left out."""


def curve_table(points: Iterable[CurvePoint]) -> Table:
    """Return a row for each round, counted from 1: losses, then other measures, then seconds.

    A cell is empty where a round has no such point.
    """
    rounds: dict[int, dict[str, float]] = {}
    for point in points:
        rounds.setdefault(point.epoch, {})[point.curve] = point.value
    names = {name for values in rounds.values() for name in values}
    ordered = sorted(names, key=lambda name: (name == SECONDS, "loss" not in name.casefold(), name))
    return Table(
        columns=("round", *ordered),
        rows=tuple(
            {"round": epoch + 1, **{name: values.get(name) for name in ordered}}
            for epoch, values in sorted(rounds.items())
        ),
    )


def write_curve(store: Store, training_id: str, path: Path) -> Path:
    """Write the curves of a training, done or under way, as CSV; the file is read back.

    Raises AnnotatorError where no round is done yet, UnknownNameError for another project's
    training, and AnnotatorError where the file cannot be written.
    """
    store.training(training_id)
    table = curve_table(store.training_points(training_id))
    if not table.rows:
        raise AnnotatorError("this training has no curve: none of its rounds is done yet")
    return write_csv(path, table)


def training_of_fit(store: Store, fit_id: str) -> str:
    """Return the training that a model came of; raises AnnotatorError where it had no curves."""
    found = [one.training_id for one in store.trainings() if one.fit_id == fit_id]
    if not found:
        raise AnnotatorError(
            f"model {fit_id[:12]}… has no curve: its trainer told of no rounds, or it was trained "
            "elsewhere"
        )
    return found[0]
