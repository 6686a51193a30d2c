"""The masks of a case on their way out: each reading, each fusion, the adjudication."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.network_output import unquantised
from annotator.analysis.runs import decode
from annotator.api import MaskForExport
from annotator.domain.errors import IntegrityError, UnknownNameError
from annotator.file_names import slug
from annotator.jobs.fusion_facts import believed, readings_of
from annotator.jobs.provenance import provenance_of
from annotator.jobs.readings import current_fusions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.domain.reading import Annotation
    from annotator.domain.review import Fusion
    from annotator.domain.study import Case
    from annotator.jobs.readings import Readings
    from annotator.registry import Registry
    from annotator.store import Store


def items_of_case(
    store: Store, registry: Registry, case: Case, stem: str
) -> Iterator[tuple[str, MaskForExport]]:
    """Yield (file stem, mask): latest readings, what was fused of them, adjudication.

    Stems are ``<stem>_reading-<rater>``, ``<stem>_fused-<method>`` (with the first letters of the
    fusion's id where a method was used with several parameters), in the place of ``fused``
    ``training-target`` where that is no reference, and ``<stem>_adjudicated``. One mask is in
    memory at a time.
    """
    taken: set[str] = set()
    for name, item in _items(store, registry, case):
        unique, times = f"{stem}_{name}", 1
        while unique.casefold() in taken:
            times += 1
            unique = f"{stem}_{name}-{times}"
        taken.add(unique.casefold())
        yield unique, item


def _items(store: Store, registry: Registry, case: Case) -> Iterator[tuple[str, MaskForExport]]:
    series = store.series(case.series_ids[0])
    schema = store.project().schema
    raters = {rater.rater_id: rater for rater in store.raters()}
    for annotation in store.annotations(case.case_id):
        rater = raters[annotation.rater_id]
        whose = provenance_of(store, annotation)
        yield (
            f"reading-{slug(rater.name)}",
            MaskForExport(
                case=case,
                series=series,
                schema=schema,
                role="reading",
                creator=rater.name,
                is_automatic=rater.is_model,
                content_id=annotation.annotation_id,
                mask=decode(store.annotation_mask(annotation.annotation_id)),
                annotation=annotation,
                probability={} if series.slide else _kept_probability(store, annotation),
                origin=None if whose is None else decode(whose),
            ),
        )
    fusions = current_fusions(store, case.case_id)
    times = Counter(fusion.recipe.method for fusion in fusions)
    for fusion in fusions:
        # What knows the diagnosis of its case must not be taken for a reference outside either.
        made_for = "training-target" if fusion.training_target_only else "fused"
        name = f"{made_for}-{slug(fusion.recipe.method)}"
        if times[fusion.recipe.method] > 1:
            name += f"-{fusion.fusion_id[:8]}"
        yield name, fused_item(store, registry, case, fusion)
    adjudication = store.adjudication(case.case_id)
    if adjudication is not None:
        mask, origin = store.adjudication_mask(adjudication.adjudication_id)
        yield (
            "adjudicated",
            MaskForExport(
                case=case,
                series=series,
                schema=schema,
                role="adjudicated",
                creator=raters[adjudication.reviewer_id].name,
                is_automatic=False,
                content_id=adjudication.adjudication_id,
                mask=decode(mask),
                origin=decode(origin),
            ),
        )


def _kept_probability(store: Store, annotation: Annotation) -> dict[int, NDArray[np.float32]]:
    """Return the probability of each label that a model kept; people leave none."""
    found = {}
    for kind, label in store.prediction_maps(annotation.annotation_id):
        if kind == "probability":
            runs = store.prediction_map(annotation.annotation_id, "probability", label)
            if runs is not None:
                found[label] = unquantised(decode(runs))
    return found


def fused_item(
    store: Store, registry: Registry, case: Case, fusion: Fusion, *, with_belief: bool = False
) -> MaskForExport:
    """Return a fusion on its way out, with the probability of each label.

    ``with_belief`` adds how far each rater was believed.
    """
    schema = store.project().schema
    readings = readings_of(store, fusion)
    names = {rater_id: readings.raters[rater_id].name for rater_id in readings.rater_ids}
    belief = {
        name: believed(store, readings, fusion, rater_id)
        for rater_id, name in names.items()
        if with_belief
    }
    return MaskForExport(
        case=case,
        series=store.series(case.series_ids[0]),
        schema=schema,
        role="fused",
        creator=_method_title(registry, fusion.recipe.method),
        is_automatic=True,
        content_id=fusion.fusion_id,
        mask=decode(store.fusion_labels(fusion.fusion_id)),
        probability={} if readings.series.slide else probability_maps(store, readings, fusion),
        belief=belief,
    )


def probability_maps(
    store: Store, readings: Readings, fusion: Fusion
) -> dict[int, NDArray[np.float32]]:
    """Return the probability of each label that occurs, ``(z, y, x)`` float32, 0 to 1."""
    labels = readings.drawn_labels
    patterns, table = store.fusion_probability(fusion.fusion_id)
    if table.shape[1] != len(labels):
        raise IntegrityError(
            f"fusion {fusion.fusion_id[:12]}… holds {table.shape[1]} labels; its readings have "
            f"{len(labels)} with background"
        )
    index = decode(patterns)
    return {
        value: np.asarray(table[:, column], np.float32)[index]
        for column, value in enumerate(labels)
        if value
    }


def _method_title(registry: Registry, name: str) -> str:
    try:
        return registry.fusion_method(name).title
    except UnknownNameError:  # its plugin may have gone since
        return name
