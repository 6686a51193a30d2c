"""The readings of a case that count, ready to be fused, compared and searched for disputes."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from annotator.analysis.group_votes import groups_in, join_masks, labels_of
from annotator.analysis.label_tables import group_table, mapped
from annotator.analysis.partial_readings import complete_readings
from annotator.analysis.runs import labels_in as labels_of_runs
from annotator.analysis.votes import VoteRuns, merge_votes
from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.domain.label_groups import MaskValues

if TYPE_CHECKING:
    from collections.abc import Sequence

    from annotator.analysis.runs import MaskRuns
    from annotator.domain.reading import Annotation, Box, Rater
    from annotator.domain.review import Fusion
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case, Series
    from annotator.store import Store

FINDINGS_VERSION = "1"


class Readings:
    """Latest readings of one case, ordered by annotation id; masks are loaded when asked for.

    May be read from any thread.
    """

    def __init__(self, store: Store, case: Case, annotations: Sequence[Annotation]) -> None:
        self._store = store
        self.case = case
        self.annotations = tuple(sorted(annotations, key=lambda entry: entry.annotation_id))
        self._of_group: dict[str, Readings] = {}

    @classmethod
    def load(cls, store: Store, case_id: str, *, include_models: bool = False) -> Readings:
        """Return the latest reading of each person, and of each model where that is asked for.

        Raises AnnotatorError where the case is a repeat, which counts nowhere.
        """
        case = store.study_case(case_id)
        return cls(store, case, counted(store, case.case_id, include_models=include_models))

    @property
    def include_models(self) -> bool:
        """Whether predictions of models are among the readings."""
        return any(self.raters[rater_id].is_model for rater_id in self.rater_ids)

    @property
    def annotation_ids(self) -> tuple[str, ...]:
        """Ids of the annotations, ascending."""
        return tuple(entry.annotation_id for entry in self.annotations)

    @property
    def rater_ids(self) -> tuple[str, ...]:
        """Raters in the order of the annotations: the columns of the vote patterns."""
        return tuple(entry.rater_id for entry in self.annotations)

    @cached_property
    def schema(self) -> LabelSchema:
        """The project's schema."""
        return self._store.project().schema

    @cached_property
    def series(self) -> Series:
        """The series whose grid the masks lie on."""
        return self._store.series(self.case.series_ids[0])

    @cached_property
    def raters(self) -> dict[str, Rater]:
        """Raters of the project by id."""
        return {rater.rater_id: rater for rater in self._store.raters()}

    @cached_property
    def masks(self) -> tuple[MaskRuns, ...]:
        """Masks in the order of the annotations.

        Outside the regions that a rater was asked for, their mask is what most others drew.
        """
        found = self._store.annotation_masks(self.annotation_ids)
        if not self.regions:
            return found
        boxes = [self.regions.get(rater_id, ()) for rater_id in self.rater_ids]
        drawn = groups_in(self.values, labels_of_runs(found)) if self.values.may_overlap else ()
        if len(drawn) < 2:
            return complete_readings(found, boxes, labels_in(found))
        by_group = []
        for group in drawn:
            table = group_table(self.values, group)
            own = [mapped(mask, table) for mask in found]
            by_group.append(complete_readings(own, boxes, labels_in(own)))
        return tuple(join_masks(parts, self.values) for parts in zip(*by_group, strict=True))

    @cached_property
    def regions(self) -> dict[str, tuple[Box, ...]]:
        """The half-open boxes of those raters who were not asked for the whole case, by id."""
        return {
            entry.rater_id: entry.regions
            for entry in self._store.partial_readers(self.case.case_id)
            if entry.rater_id in self.rater_ids
        }

    @cached_property
    def values(self) -> MaskValues:
        """What the values of the project's masks stand for."""
        return MaskValues(self.schema)

    @cached_property
    def labels(self) -> tuple[int, ...]:
        """Mask values that occur in any mask, ascending, 0 first; at least one besides 0.

        They depend on the readings alone: a label that the schema gains later changes no fusion.
        """
        return labels_in(self.masks)

    @cached_property
    def drawn_labels(self) -> tuple[int, ...]:
        """Labels that occur in any mask, each once, ascending, 0 first.

        These are `labels`, but for the values of labels that share voxels.
        """
        return labels_of(self.values, self.labels)

    @property
    def all_labels(self) -> tuple[int, ...]:
        """The columns of a fusion of these readings: `drawn_labels` of all label groups."""
        return self.drawn_labels

    def by_group(self, *others: MaskRuns) -> tuple[Readings, ...]:
        """Return these readings once for each label group that they, or other masks, hold.

        Where that is one group or none, these readings themselves: nothing overlaps in them.
        """
        if not self.values.may_overlap:
            return (self,)
        held = {*self.labels, *labels_of_runs(others)}
        drawn = groups_in(self.values, held)
        return tuple(map(self.of_group, drawn)) if len(drawn) > 1 else (self,)

    def of_group(self, group: str) -> Readings:
        """Return what these readings hold of one label group; themselves where there is but one."""
        if not self.values.may_overlap:
            return self
        if group not in self._of_group:
            self._of_group[group] = GroupReadings(self, group)
        return self._of_group[group]

    @property
    def only_group(self) -> str:
        """The label group that is drawn, where it is one; the first where it is none."""
        return (*groups_in(self.values, self.labels), self.values.groups[0])[0]

    def own(self, mask: MaskRuns) -> MaskRuns:
        """Return what another mask of the project holds of the label group of these readings."""
        return mask

    @cached_property
    def votes(self) -> VoteRuns:
        """The vote patterns of all masks."""
        return merge_votes(self.masks, labels=self.labels)

    def mask_of(self, rater_id: str) -> MaskRuns:
        """Return the mask of one rater; raises UnknownNameError where they did not read this."""
        if rater_id not in self.rater_ids:
            raise UnknownNameError("reading by rater", rater_id, self.rater_ids)
        return self.masks[self.rater_ids.index(rater_id)]

    @property
    def findings_key(self) -> str:
        """The key of everything that is found in exactly these readings."""
        return findings_key(self.annotation_ids)

    def require_two(self) -> None:
        """Raise AnnotatorError where there is nothing to compare."""
        n_readings = len(self.annotations)
        if n_readings < 2:
            has = "one reading" if n_readings == 1 else "no reading"
            raise AnnotatorError(
                f"case {self.case.title!r} has {has}; two or more must have been submitted"
            )


class GroupReadings(Readings):
    """What readings hold of one label group; ``labels`` are its labels, no overlaps."""

    def __init__(self, whole: Readings, group: str) -> None:
        super().__init__(whole._store, whole.case, whole.annotations)
        self.whole = whole
        self.group = group
        self.table = group_table(whole.values, group)

    @cached_property
    def masks(self) -> tuple[MaskRuns, ...]:
        """Masks in the order of the annotations, with nothing in them of other groups."""
        return tuple(map(self.own, self.whole.masks))

    @cached_property
    def labels(self) -> tuple[int, ...]:
        """Labels that occur in any mask, ascending, 0 first; at least one of the group."""
        found = {0, *labels_of_runs(self.masks)}
        of_group = [one.value for one in self.schema.labels if one.group == self.group]
        return tuple(sorted(found if len(found) > 1 else {0, min(of_group)}))

    @cached_property
    def schema(self) -> LabelSchema:
        """The project's schema, whole."""
        return self.whole.schema

    @cached_property
    def series(self) -> Series:
        """The series whose grid the masks lie on."""
        return self.whole.series

    @cached_property
    def raters(self) -> dict[str, Rater]:
        """Raters of the project by id."""
        return self.whole.raters

    @cached_property
    def regions(self) -> dict[str, tuple[Box, ...]]:
        """The half-open boxes of those raters who were not asked for the whole case, by id."""
        return self.whole.regions

    def by_group(self, *others: MaskRuns) -> tuple[Readings, ...]:
        """Return these readings, whatever else other masks hold."""
        return (self,)

    @property
    def all_labels(self) -> tuple[int, ...]:
        """The columns of a fusion of the readings that these are a part of."""
        return self.whole.drawn_labels

    @property
    def only_group(self) -> str:
        """The label group of these readings."""
        return self.group

    def of_group(self, group: str) -> Readings:
        """Return these readings; they are of one group already."""
        if group != self.group:
            raise ValueError(f"readings of group {self.group!r} hold nothing of {group!r}")
        return self

    def own(self, mask: MaskRuns) -> MaskRuns:
        """Return what another mask of the project holds of this group."""
        return mapped(mask, self.table)


def labels_in(masks: Sequence[MaskRuns]) -> tuple[int, ...]:
    """Return the labels that occur in any mask, ascending, 0 first; at least one besides 0."""
    found = set(labels_of_runs(masks))
    return tuple(sorted({0} | ((found - {0}) or {1})))


def counted(store: Store, case_id: str, *, include_models: bool) -> tuple[Annotation, ...]:
    """Return the latest annotations of a case that count in a fusion."""
    models = set()
    if not include_models:
        models = {rater.rater_id for rater in store.raters() if rater.is_model}
    return tuple(
        entry for entry in store.annotations(case_id, latest=True) if entry.rater_id not in models
    )


def counted_by_case(store: Store, *, include_models: bool) -> dict[str, tuple[Annotation, ...]]:
    """Return what `counted` returns, for every case that has any, by id: in one look."""
    models = set()
    if not include_models:
        models = {rater.rater_id for rater in store.raters() if rater.is_model}
    found: dict[str, list[Annotation]] = defaultdict(list)
    for entry in store.annotations():
        if entry.rater_id not in models:
            found[entry.case_id].append(entry)
    return {case_id: tuple(entries) for case_id, entries in found.items()}


def current_fusions(store: Store, case_id: str) -> tuple[Fusion, ...]:
    """Return the fusions of the readings that count now, oldest first.

    One that lacks a person's latest reading, or holds an older revision, is out of date. Of those
    that differ in what their method had learned by then, only the newest counts.
    """
    latest = {entry.annotation_id for entry in counted(store, case_id, include_models=True)}
    needed = {entry.annotation_id for entry in counted(store, case_id, include_models=False)}
    found = [
        fusion for fusion in store.fusions(case_id) if needed <= set(fusion.recipe.inputs) <= latest
    ]
    newest = {replace(fusion.recipe, fit_id=None): fusion.recipe.fit_id for fusion in found}
    return tuple(
        fusion
        for fusion in found
        if newest[replace(fusion.recipe, fit_id=None)] == fusion.recipe.fit_id
    )


def has_current_findings(store: Store, case_id: str) -> bool:
    """Whether what is stored as found in a case was found in the readings that count now."""
    found = store.findings(case_id)
    return found is not None and found[0] in {
        findings_key([entry.annotation_id for entry in counted(store, case_id, include_models=on)])
        for on in (False, True)
    }


def findings_key(annotation_ids: Sequence[str]) -> str:
    """Return the key of the findings in a set of annotations: SHA-256 over their ids."""
    content = json.dumps([FINDINGS_VERSION, *sorted(annotation_ids)])
    return hashlib.sha256(content.encode()).hexdigest()
