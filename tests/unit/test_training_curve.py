"""The curves of trainings as CSV files, of one that is done, under way or broken."""

from __future__ import annotations

import argparse
import csv
import time
from typing import TYPE_CHECKING

import pytest

from annotator.api import no_progress
from annotator.cli.models import models
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.fit import FitRecipe
from annotator.jobs.training_curve import training_of_fit
from annotator.jobs.training_desk import StoreDesk
from annotator_recipes.unet import UNetTrainer
from tests.unit.project_builder import make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.session.session import Session

pytestmark = pytest.mark.unit

RECIPE = FitRecipe(kind="trainer", name="unet", version=UNetTrainer.version, inputs=())


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as session:
        yield session


@pytest.fixture
def training_id(session: Session) -> str:
    return session.store.begin_training(RECIPE, actor="me").training_id


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_row_holds_round_losses_measures_and_seconds(
    session: Session, training_id: str, tmp_path: Path
) -> None:
    desk = StoreDesk(session.store, training_id)
    desk.log(0, {"loss": 1.5, "held-out loss": 1.25, "Dice": 0.1})
    desk.log(1, {"loss": 1 / 3})
    path = session.save_training_curve(training_id, tmp_path / "curve.csv")
    first, second = rows(path)
    assert list(first) == ["round", "held-out loss", "loss", "Dice", "seconds"]
    assert (first["round"], first["loss"], first["Dice"]) == ("1", "1.5", "0.1")
    assert (second["round"], second["held-out loss"]) == ("2", "")
    assert float(second["loss"]) == 1 / 3, "every digit is there"
    assert 0.0 <= float(first["seconds"]) <= float(second["seconds"])
    assert set(session.training(training_id).curves) == {"loss", "held-out loss", "Dice"}


def test_seconds_leave_breaks_out(
    session: Session, training_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    desk = StoreDesk(session.store, training_id)
    for epoch in range(3):
        now_s += 10.0
        desk.log(epoch, {"loss": 1.0})
    now_s += 5000.0
    again = StoreDesk(session.store, training_id)  # goes on after the second round
    now_s += 20.0
    again.log(2, {"loss": 0.5})
    path = session.save_training_curve(training_id, tmp_path / "curve.csv")
    assert [float(row["seconds"]) for row in rows(path)] == [10.0, 20.0, 40.0]


def test_what_cannot_be_written_is_said(session: Session, training_id: str, tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    with pytest.raises(AnnotatorError, match="none of its rounds"):
        session.save_training_curve(training_id, path)
    with pytest.raises(UnknownNameError, match="training"):
        session.save_training_curve("nothing", path)
    StoreDesk(session.store, training_id).log(0, {"loss": 1.0})
    with pytest.raises(AnnotatorError, match="cannot write"):
        session.save_training_curve(training_id, tmp_path / "absent" / "curve.csv")
    assert not path.exists()


def test_a_model_knows_its_training(session: Session, training_id: str, tmp_path: Path) -> None:
    fit = session.store.add_fit(RECIPE, content=b"all", summary=(), actor="me")
    with pytest.raises(AnnotatorError, match="has no curve"):
        training_of_fit(session.store, fit.fit_id)
    StoreDesk(session.store, training_id).log(0, {"loss": 1.0})
    session.store.finish_training(training_id, fit_id=fit.fit_id, actor="me")
    path = session.save_curve_of_model(fit.fit_id, tmp_path / "curve.csv")
    assert [row["round"] for row in rows(path)] == ["1"]


def test_the_command_writes_the_curve_of_a_model_that_is_done(
    session: Session, training_id: str, tmp_path: Path
) -> None:
    fit = session.store.add_fit(RECIPE, content=b"all", summary=(), actor="me")
    StoreDesk(session.store, training_id).log(0, {"loss": 1.0})
    session.store.finish_training(training_id, fit_id=fit.fit_id, actor="me")
    path = tmp_path / "curve.csv"
    result = models(asked(tmp_path / "project", show=fit.fit_id[:12], curve=str(path)), no_progress)
    assert result.document == {"key": fit.fit_id, "curve": str(path)}
    assert rows(path)[0]["loss"] == "1.0"
    with pytest.raises(AnnotatorError, match="not trained here"):
        models(asked(tmp_path / "project", show="Lungs by threshold", curve=str(path)), no_progress)
    with pytest.raises(AnnotatorError, match="--show NAME"):
        models(asked(tmp_path / "project", curve=str(path)), no_progress)


def asked(project: Path, *, show: str | None = None, curve: str) -> argparse.Namespace:
    return argparse.Namespace(
        project=str(project),
        add=None,
        remove=None,
        show=show,
        curve=curve,
        labels=[],
        settings=[],
        accept_licence=False,
    )
