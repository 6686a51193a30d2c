"""The part of a store for studies and people: project, series, cases, raters, assignments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.api import no_progress
from annotator.store import cases, projects, raters
from annotator.store import series as series_rows
from annotator.store.access import Access
from annotator.store.slide_cache import write_slide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.api import Progress, PyramidVoxels, SlideFiles
    from annotator.domain.reading import Assignment, Box, Rater
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case, Reads, Series
    from annotator.store.projects import ProjectInfo
    from annotator.store.slide_cache import OpenSlide


class StudyAccess(Access):
    """Project, series, cases, raters and assignments."""

    def project(self) -> ProjectInfo:
        """Return title, schema and seed."""
        return self._read(projects.read)

    def set_schema(self, schema: LabelSchema, *, actor: str) -> None:
        """Replace the label schema; raises AnnotatorError where masks would mean another thing.

        Values of labels that share a voxel stay, and are added where labels can share one now.
        """
        self._write(actor, projects.set_schema, schema)

    open_slide: OpenSlide | None = None
    """What opens the kept files of slides; who opens a project with plugins sets it."""

    def add_series(self, series: Series, voxels: NDArray[Any], *, actor: str) -> None:
        """Keep a series and cache its voxels, ``(z, y, x[, channel])``; once."""
        series_rows.check_voxels(series, voxels)
        self._database.refuse_if_read_only()
        if not series_rows.is_cached(self.cache_dir, series):
            series_rows.write_voxels(self.cache_dir, series.series_id, voxels)
        self._write(actor, series_rows.add, series)

    def add_slide(
        self, series: Series, files: SlideFiles, progress: Progress = no_progress, *, actor: str
    ) -> None:
        """Keep a slide and its own files; once."""
        self._database.refuse_if_read_only()
        if not series_rows.is_cached(self.cache_dir, series):
            write_slide(self.cache_dir, series, files, progress)
        self._write(actor, series_rows.add, series)

    def series(self, series_id: str) -> Series:
        """Return the facts of a series."""
        return self._read(series_rows.read, series_id)

    def voxels(self, series_id: str) -> NDArray[Any]:
        """Return stored voxels, ``(z, y, x[, channel])``, memory-mapped; must not be written to.

        Raises AnnotatorError for a slide, which no memory holds: see `image`.
        """
        return series_rows.read_voxels(self.cache_dir, self.series(series_id))

    def image(self, series_id: str) -> NDArray[Any] | PyramidVoxels:
        """Return what `voxels` does and, of a slide, what reads its voxels by regions."""
        series = self.series(series_id)
        if series.slide is None:
            return series_rows.read_voxels(self.cache_dir, series)
        return series_rows.read_slide(self.cache_dir, series, self.open_slide)

    def slide(self, series_id: str) -> PyramidVoxels:
        """Return what reads a slide by regions."""
        return series_rows.read_slide(self.cache_dir, self.series(series_id), self.open_slide)

    def rebuild_voxels(self, series_id: str, voxels: NDArray[Any]) -> None:
        """Put voxels back into the cache; they must be those of the series."""
        self._database.refuse_if_read_only()
        series_rows.rebuild_voxels(self.cache_dir, self.series(series_id), voxels)

    def add_case(
        self, title: str, series_ids: Sequence[str], *, reads: Reads = "mask", actor: str
    ) -> Case:
        """Add a case, or return the one that has these series already and is read so."""
        return self._write(actor, cases.add, title, series_ids, reads)

    def cases(self) -> tuple[Case, ...]:
        """Return the cases that are read as masks, in the order in which they came.

        Without repeats: a repeat is read by one rater for comparison with their own first reading;
        it is never fused, reviewed, learned from or exported.
        """
        return self._read(cases.of_study)

    def tracing_cases(self) -> tuple[Case, ...]:
        """Return the cases on which neurons are traced, in the order in which they came."""
        return self._read(cases.traced)

    def every_case(self) -> tuple[Case, ...]:
        """Return the cases of both kinds in the order in which they came, without repeats."""
        return self._read(cases.without_repeats)

    def tracing_case(self, case_id_or_title: str) -> Case:
        """Return one case by id or title; raises AnnotatorError where nothing is traced on it."""
        return self._read(cases.read_traced, case_id_or_title)

    def cases_with_repeats(self) -> tuple[Case, ...]:
        """Return every case that somebody reads, repeats too, in the order in which they came."""
        return self._read(cases.every)

    def case(self, case_id_or_title: str) -> Case:
        """Return one case, or a repeat, by id or title."""
        return self._read(cases.read, case_id_or_title)

    def study_case(self, case_id_or_title: str) -> Case:
        """Return one case by id or title; raises AnnotatorError for a repeat or a tracing."""
        return self._read(cases.read_of_study, case_id_or_title)

    def add_rater(
        self, name: str, *, is_model: bool = False, may_review: bool = True, actor: str
    ) -> Rater:
        """Add a person or a model; a name that is taken is refused."""
        return self._write(actor, raters.add, name, is_model=is_model, may_review=may_review)

    def raters(self) -> tuple[Rater, ...]:
        """Return all raters in the order in which they came."""
        return self._read(raters.every)

    def rater(self, id_or_name: str) -> Rater:
        """Return one rater."""
        return self._read(raters.read, id_or_name)

    def assign(
        self,
        case_id: str,
        rater_id: str,
        position: int,
        *,
        regions: tuple[Box, ...] = (),
        actor: str,
    ) -> None:
        """Give a case to a rater at this place in their order, whole or boxes of it only; once."""
        self._write(actor, raters.assign, case_id, rater_id, position, regions=regions)

    def assignments(self, rater_id: str | None = None) -> tuple[Assignment, ...]:
        """Return assignments by rater and position."""
        return self._read(raters.assigned, rater_id)
