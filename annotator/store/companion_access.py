"""The part of a store for series that stand beside a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.store import companions
from annotator.store.access import Access

if TYPE_CHECKING:
    from annotator.domain.companions import AttachedSeries, CompanionKind
    from annotator.domain.study import Series


class CompanionAccess(Access):
    """Series beside a case, to be looked at and never drawn on."""

    def attach_series(
        self, case_id: str, series_id: str, kind: CompanionKind, *, actor: str
    ) -> bool:
        """Put a series of the project beside a case; False where it stands there already."""
        return self._write(actor, companions.attach, case_id, series_id, kind)

    def detach_series(self, case_id: str, series_id: str, *, actor: str) -> bool:
        """Take a series away that was put beside a case; False where it was not."""
        return self._write(actor, companions.detach, case_id, series_id)

    def attached_series(self, case_id: str) -> tuple[AttachedSeries, ...]:
        """Return what was put beside a case, in the order in which it came."""
        return self._read(companions.attached, case_id)

    def series_of_patient(self, series: Series) -> tuple[Series, ...]:
        """Return the other series whose files name the same study, or the same patient."""
        return self._read(companions.of_patient, series)
