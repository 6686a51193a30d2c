"""The part of a store for trainings that are watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.store import trainings
from annotator.store.access import Access

if TYPE_CHECKING:
    from collections.abc import Mapping

    from annotator.domain.fit import FitRecipe
    from annotator.domain.training import CurvePoint, Training


class TrainingAccess(Access):
    """Trainings, their curves, examples and checkpoints."""

    def begin_training(
        self, recipe: FitRecipe, *, job_id: int | None = None, actor: str
    ) -> Training:
        """Begin a training, or go on with it where a checkpoint of it is kept."""
        return self._write(actor, trainings.begin, recipe, job_id=job_id)

    def trainings(self) -> tuple[Training, ...]:
        """Return all trainings, newest first."""
        return self._read(trainings.every)

    def training(self, training_id: str) -> Training:
        """Return one training."""
        return self._read(trainings.read, training_id)

    def training_recipe(self, training_id: str) -> FitRecipe:
        """Return what a training learns by."""
        return self._read(trainings.recipe_of, training_id)

    def request_stop(self, training_id: str, *, actor: str) -> None:
        """Ask a training to end with the best so far."""
        self._write(actor, trainings.request_stop, training_id)

    def finish_training(self, training_id: str, *, fit_id: str, actor: str) -> None:
        """Keep what came of a training; its checkpoint is dropped."""
        self._write(actor, trainings.finish, training_id, fit_id=fit_id)

    def put_training_points(
        self, training_id: str, epoch: int, values: Mapping[str, float]
    ) -> None:
        """Keep the points of a round, in place of what was there from this round on."""
        with self._database.alter() as connection:
            trainings.put_points(connection, training_id, epoch, values)

    def training_points(self, training_id: str) -> tuple[CurvePoint, ...]:
        """Return the points of all curves of a training, by round."""
        return self._read(trainings.points, training_id)

    def put_training_example(self, training_id: str, title: str, content: bytes) -> None:
        """Keep an example in place of the one of that title."""
        with self._database.alter() as connection:
            trainings.put_example(connection, training_id, title, content)

    def training_examples(self, training_id: str) -> tuple[tuple[str, bytes], ...]:
        """Return the newest example of each title."""
        return self._read(trainings.examples, training_id)

    def put_checkpoint(self, training_id: str, content: bytes) -> None:
        """Keep what a training can go on from, in place of what was kept before."""
        with self._database.alter() as connection:
            trainings.put_checkpoint(connection, training_id, content)

    def checkpoint(self, training_id: str) -> bytes | None:
        """Return what a training can go on from, or None."""
        return self._read(trainings.checkpoint, training_id)
