"""Every model that a project can be read by: installed, supplied by a user, or trained here."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from annotator.analysis.dispute_words import label_name
from annotator.domain.errors import UnknownNameError
from annotator.jobs.learning import told
from annotator.jobs.network_reading import network_reader
from annotator.jobs.network_settings import NetworkSettings
from annotator.jobs.training import reader_name, trained_title

if TYPE_CHECKING:
    from pydantic import BaseModel

    from annotator.api import Model
    from annotator.api.networks import SuppliedNetwork
    from annotator.domain.fit import Fit
    from annotator.registry import Registry
    from annotator.store import Store

ModelKind = Literal["built-in", "supplied", "trained"]

NOT_SAID = "nobody says"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """A model to choose.

    Attributes
    ----------
    kind : str
        Where it comes from.
    key : str
        Its name, the id of a network, or the id of a fit.
    title, draws, trained_on, licence : str
        In words.
    card : tuple of (str, str)
        All that is known of it, headings and words, to be read from top to bottom.
    parameters : type or None
        What can be set before it reads; None where there is nothing to set.
    is_drawn : bool
        Whether it draws; otherwise it foretells how hard cases are.
    read : frozenset of str
        Ids of the cases that it has read.
    last_used : str
        When it last read one, ISO 8601; empty where it never did.
    """

    kind: ModelKind
    key: str
    title: str
    draws: str
    trained_on: str
    licence: str
    card: tuple[tuple[str, str], ...]
    parameters: type[BaseModel] | None = None
    is_drawn: bool = True
    read: frozenset[str] = frozenset()
    last_used: str = ""


class _Usage:
    """What models have read, by the name of the rater that stands for each."""

    def __init__(self, store: Store) -> None:
        names = {rater.rater_id: rater.name for rater in store.raters() if rater.is_model}
        self._cases: dict[str, set[str]] = defaultdict(set)
        self._last: dict[str, str] = defaultdict(str)
        for entry in store.annotations():
            if entry.rater_id in names:
                name = names[entry.rater_id]
                self._cases[name].add(entry.case_id)
                self._last[name] = max(self._last[name], entry.created_at)

    def of(self, name: str) -> tuple[frozenset[str], str]:
        """Return the cases read and when last, by a model, however it was told to trust raters."""
        own = [key for key in self._cases if key == name or key.startswith(f"{name} (")]
        cases = frozenset(case_id for key in own for case_id in self._cases[key])
        return cases, max((self._last[key] for key in own), default="")


def models(store: Store, registry: Registry) -> tuple[ModelEntry, ...]:
    """Return every model that can read cases: those trained here first, then the others."""
    usage = _Usage(store)
    fits = [_of_fit(store, registry, fit, usage) for fit in reversed(store.fits())]
    return (
        *(entry for entry in fits if entry is not None),
        *(_of_network(store, network, usage) for network in reversed(store.networks())),
        *(_of_model(model, usage) for model in registry.models()),
    )


def _of_model(model: Model, usage: _Usage) -> ModelEntry:
    card = model.card
    read, last_used = usage.of(f"{card.title} {model.version}")
    return ModelEntry(
        kind="built-in",
        key=model.name,
        title=card.title,
        draws=card.what_it_draws,
        trained_on="no images",
        licence=card.licence,
        card=(
            ("What it draws", card.what_it_draws),
            ("Works on", card.works_on),
            ("Limits", card.limits),
            ("Trained on", "Nothing: it follows rules."),
            ("Licence", card.licence),
            ("Version", f"{model.name} {model.version}"),
        ),
        parameters=model.parameters if model.parameters.model_fields else None,
        read=read,
        last_used=last_used,
    )


def _of_network(store: Store, network: SuppliedNetwork, usage: _Usage) -> ModelEntry:
    card, schema = network.card, store.project().schema
    outputs = dict(card.labels)
    draws = ", ".join(
        f"{outputs.get(channel, f'output {channel}')} as {label_name(schema, value)}"
        for channel, value in network.label_values
    )
    read, last_used = usage.of(network_reader(network))
    sizes = [f"{card.n_dims}D", f"{card.n_channels} channel" + "s" * (card.n_channels != 1)]
    if card.spacing_mm is not None:
        spacing = " × ".join("any" if mm is None else f"{mm:g}" for mm in card.spacing_mm)
        sizes.append(f"voxels of {spacing} mm")
    accepted = f"Accepted by {network.licence_accepted_by}, {network.created_at[:10]}."
    return ModelEntry(
        kind="supplied",
        key=network.network_id,
        title=card.title,
        draws=draws,
        trained_on=card.trained_on or NOT_SAID,
        licence=card.licence.splitlines()[0] if card.licence else NOT_SAID,
        card=(
            ("What it draws", draws),
            ("Takes", ", ".join(sizes) + f"; grey levels by {card.intensity.scaling}"),
            ("Trained on", card.trained_on or NOT_SAID),
            ("Intended use", card.intended_use or NOT_SAID),
            ("Limits", card.limits or NOT_SAID),
            ("Source", card.source or NOT_SAID),
            ("Licence", f"{card.licence or NOT_SAID}\n{accepted}"),
            ("Files", f"{network.path}\n{len(network.files)} checked, {network.network_id[:12]}"),
        ),
        parameters=NetworkSettings,
        read=read,
        last_used=last_used,
    )


def _of_fit(store: Store, registry: Registry, fit: Fit, usage: _Usage) -> ModelEntry | None:
    """Return a trained model; None where its trainer has gone, or has another version by now."""
    if fit.recipe.kind != "trainer":
        return None
    try:
        trainer = registry.trainer(fit.recipe.name)
    except UnknownNameError:
        return None
    if trainer.version != fit.recipe.version:
        return None
    learned_from = _learned_from(store, fit)
    read, last_used = usage.of(reader_name(store, registry, fit, None))
    if not trainer.draws:
        read = frozenset(one.case_id for one in store.forecasts() if one.fit_id == fit.fit_id)
    draws = "what it learned from readers" if trainer.draws else "nothing: it foretells disputes"
    settings = ", ".join(f"{name} {value}" for name, value in fit.recipe.parameters)
    return ModelEntry(
        kind="trained",
        key=fit.fit_id,
        title=f"{trained_title(store, registry, fit)} {fit.fit_id[:8]}",
        draws=draws,
        trained_on=learned_from,
        licence="of this project",
        card=(
            ("Trained on", learned_from[:1].upper() + learned_from[1:] + "."),
            ("What it learned", "\n".join(told(store, fit)) or "It says nothing of that."),
            ("Trained", f"{fit.created_at[:16].replace('T', ' ')} UTC"),
            ("Settings", settings or "none"),
            ("Licence", "As the readings of this project that it learned from."),
            ("Version", f"{trainer.name} {trainer.version}, fit {fit.fit_id[:12]}"),
        ),
        is_drawn=trainer.draws,
        read=read,
        last_used=last_used,
    )


def _learned_from(store: Store, fit: Fit) -> str:
    recipe = fit.recipe
    readings = [store.annotation(annotation_id) for annotation_id in recipe.inputs]
    names = {rater.rater_id: rater.name for rater in store.raters()}
    n_cases = len({entry.case_id for entry in readings})
    by = ", ".join(sorted({names[entry.rater_id] for entry in readings}))
    cases = "one case" if n_cases == 1 else f"{n_cases} cases"
    return f"{cases} of this project, {len(readings)} readings by {by}"
