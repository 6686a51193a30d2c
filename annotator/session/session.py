"""One opened project: the application without a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.api import no_progress
from annotator.jobs.importing import import_paths
from annotator.registry import Registry
from annotator.session.access import OwnWork
from annotator.session.assignment import plan_assignments
from annotator.session.rater_room import RaterRoom
from annotator.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from annotator.api import Progress
    from annotator.domain.reading import Rater
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case
    from annotator.jobs.importing import ImportReport
    from annotator.store import ProjectInfo

ACTOR = "system"


class Session:
    """One opened project. Every method may be called from any thread.

    What it hands out is less free: an open case, a draft and a review case belong to one thread.
    """

    def __init__(self, store: Store, registry: Registry | None = None) -> None:
        self.store = store
        self.registry = registry or Registry.load()

    @classmethod
    def open(cls, location: str | Path, *, read_only: bool = False) -> Session:
        """Open an existing project: a directory, or a PostgreSQL URL."""
        return cls(Store.open(location, read_only=read_only))

    @classmethod
    def create(cls, location: str | Path, *, schema: LabelSchema, title: str) -> Session:
        """Make a new project and open it; refuses where there is one already."""
        return cls(Store.create(location, title=title, schema=schema))

    def close(self) -> None:
        """Let the project go."""
        self.store.close()

    def __enter__(self) -> Session:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the project."""
        self.close()

    def project(self) -> ProjectInfo:
        """Return title, schema and seed of the project."""
        return self.store.project()

    def people(self) -> tuple[Rater, ...]:
        """Return the raters who are people, in the order in which they were added."""
        return tuple(rater for rater in self.store.raters() if not rater.is_model)

    def add_rater(self, name: str, *, may_review: bool = True) -> Rater:
        """Add a person."""
        return self.store.add_rater(name, may_review=may_review, actor=ACTOR)

    def cases(self) -> tuple[Case, ...]:
        """Return every case of the project."""
        return self.store.cases()

    def assign(self, n_raters: int | None = None, *, rater_ids: Sequence[str] | None = None) -> int:
        """Give every case to ``n_raters`` people, or to all; return how many assignments are new.

        ``rater_ids`` names who reads, everyone where it is None.
        """
        chosen = [rater.rater_id for rater in self.people()] if rater_ids is None else rater_ids
        plan = plan_assignments(
            [case.case_id for case in self.cases()],
            list(chosen),
            self.store.assignments(),
            n_raters=n_raters,
            seed=self.project().seed,
        )
        for case_id, rater_id, position in plan:
            self.store.assign(case_id, rater_id, position, actor=ACTOR)
        return len(plan)

    def rater_room(self, rater_id: str) -> RaterRoom:
        """Enter the room of one rater; it shows nothing of the others."""
        return RaterRoom(OwnWork(self.store, self.store.rater(rater_id)))

    def import_studies(
        self, paths: Sequence[str | Path], *, progress: Progress = no_progress
    ) -> ImportReport:
        """Import files and directories here and now; ``jobs`` does the same in another process."""
        return import_paths(self.store, self.registry, paths, progress, actor=ACTOR)
