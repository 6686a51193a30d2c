"""The tracings of a case: the one that is reviewed, and the others beside it."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING

from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator.jobs.traced_images import traced_image

if TYPE_CHECKING:
    from annotator.analysis.tracing.tree import Tree
    from annotator.api.tracing import TracedImage
    from annotator.domain.reading import Annotation, Rater
    from annotator.domain.study import Case, Series
    from annotator.store import Store

FINDINGS_VERSION = "traces 1"


class TraceReadings:
    """The latest tracing of each tracer on one case; trees and image are loaded when asked for.

    Automatic tracers count like people: most tracings that are reviewed are theirs.
    """

    def __init__(self, store: Store, case: Case, base: str | None) -> None:
        self._store = store
        self.case = case
        found = store.annotations(case.case_id, latest=True)
        if not found:
            raise AnnotatorError(
                f"nobody has traced {case.title!r} yet; a tracing must have been submitted, or "
                "added from a file (annotator add-tracing)"
            )
        self.annotations: tuple[Annotation, ...] = tuple(
            sorted(found, key=lambda entry: entry.annotation_id)
        )
        self.base = self._choose(base)

    @classmethod
    def load(cls, store: Store, case_id: str, base: str | None = None) -> TraceReadings:
        """Return the tracings of a case, with the one that is reviewed: of this rater, or chosen.

        Chosen is the one that was signed off last time; else that of the first person among the
        raters, of the first automatic tracer where no person has traced. Raises AnnotatorError
        where nobody has.
        """
        return cls(store, store.tracing_case(case_id), base)

    def _choose(self, base: str | None) -> Annotation:
        by_rater = {entry.rater_id: entry for entry in self.annotations}
        if base is not None:
            rater = self._store.rater(base)
            if rater.rater_id not in by_rater:
                names = [self.raters[rater_id].name for rater_id in by_rater]
                raise UnknownNameError("tracing by", rater.name, names)
            return by_rater[rater.rater_id]
        before = self._store.trace_sign_off(self.case.case_id)
        if before is not None:
            signed = self._store.annotation(before.found.base_id).rater_id
            if signed in by_rater:
                return by_rater[signed]
        people_first = sorted(self.raters.values(), key=lambda rater: rater.is_model)
        return next(by_rater[one.rater_id] for one in people_first if one.rater_id in by_rater)

    @cached_property
    def raters(self) -> dict[str, Rater]:
        """Raters of the project by id, in the order in which they came."""
        return {rater.rater_id: rater for rater in self._store.raters()}

    @property
    def annotation_ids(self) -> tuple[str, ...]:
        """Ids of the tracings, ascending."""
        return tuple(entry.annotation_id for entry in self.annotations)

    @property
    def others(self) -> tuple[Annotation, ...]:
        """All tracings but the reviewed one."""
        return tuple(entry for entry in self.annotations if entry != self.base)

    @cached_property
    def series(self) -> Series:
        """The series that was traced."""
        return self._store.series(self.case.series_ids[0])

    @cached_property
    def image(self) -> TracedImage:
        """The volume that was traced."""
        return traced_image(self._store, self.series)

    @cached_property
    def trees(self) -> dict[str, Tree]:
        """The tree of each tracing, by annotation id."""
        return {
            annotation_id: self._store.annotation_tree(annotation_id)
            for annotation_id in self.annotation_ids
        }

    @property
    def tree(self) -> Tree:
        """The tree that is reviewed."""
        return self.trees[self.base.annotation_id]

    def name_of(self, annotation_id: str) -> str:
        """Return who made a tracing."""
        by_id = {entry.annotation_id: entry.rater_id for entry in self.annotations}
        if annotation_id not in by_id:
            raise UnknownNameError("tracing", annotation_id, self.annotation_ids)
        return self.raters[by_id[annotation_id]].name

    @property
    def findings_key(self) -> str:
        """The key of what is found in exactly this tracing, beside exactly these others."""
        content = json.dumps([FINDINGS_VERSION, self.base.annotation_id, *self.annotation_ids])
        return hashlib.sha256(content.encode()).hexdigest()
