"""Models that were trained on the readings of a project, and what they say of a case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.domain.errors import UnknownNameError
from annotator.jobs.learning import told
from annotator.jobs.training import trained_title
from annotator.jobs.warm import WarmModel

if TYPE_CHECKING:
    from annotator.registry import Registry
    from annotator.store import Store

__all__ = ["TrainedModel", "TrainerOption", "WarmModel", "trained_models", "trainer_options"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerOption:
    """A trainer to choose; one that ``needs_target`` aims at the fusions of a method."""

    name: str
    title: str
    needs_target: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A trained model; ``raters`` holds (id, name) of those it learned from, by name.

    ``takes_trust`` says whether it can be told how far to believe each; one that does not draw
    foretells how hard cases are.
    """

    fit_id: str
    title: str
    takes_trust: bool
    draws: bool
    raters: tuple[tuple[str, str], ...]
    summary: tuple[str, ...]
    created_at: str


def trainer_options(registry: Registry) -> tuple[TrainerOption, ...]:
    """Return every trainer, by title."""
    found = [
        TrainerOption(name=one.name, title=one.title, needs_target=one.needs_target)
        for one in registry.trainers()
    ]
    return tuple(sorted(found, key=lambda entry: entry.title))


def trained_models(store: Store, registry: Registry) -> tuple[TrainedModel, ...]:
    """Return the trained models that can be used, newest first.

    One whose trainer has gone, or has another version by now, is left out.
    """
    names = {rater.rater_id: rater.name for rater in store.raters()}
    raters = {entry.annotation_id: entry.rater_id for entry in store.annotations()}
    found = []
    for fit in reversed(store.fits()):
        if fit.recipe.kind != "trainer":
            continue
        try:
            trainer = registry.trainer(fit.recipe.name)
        except UnknownNameError:
            continue
        if trainer.version != fit.recipe.version:
            continue
        own = {raters[annotation_id] for annotation_id in fit.recipe.inputs}
        found.append(
            TrainedModel(
                fit_id=fit.fit_id,
                title=trained_title(store, registry, fit),
                takes_trust=trainer.takes_trust,
                draws=trainer.draws,
                raters=tuple(sorted(((one, names[one]) for one in own), key=lambda two: two[1])),
                summary=told(store, fit),
                created_at=fit.created_at,
            )
        )
    return tuple(found)
