"""The part of a store for the quality of readings: rules, gold cases, repeats, partial readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.store import gold, partial, repeats, rules
from annotator.store.access import Access

if TYPE_CHECKING:
    from annotator.analysis.runs import MaskRuns
    from annotator.domain.job import ClearedJobs
    from annotator.domain.quality import GoldCase, Partial, RepeatCase, Rule
    from annotator.domain.reading import Diagnosis
    from annotator.store.rules import RuleKind


class QualityAccess(Access):
    """Rules, gold cases, repeats and partial readings."""

    def put_rule(self, rule: Rule | ClearedJobs, *, actor: str) -> None:
        """Keep a rule in place of the one of its kind."""
        self._write(actor, rules.put, rule)

    def rule(self, kind: type[RuleKind]) -> RuleKind | None:
        """Return the rule of a kind, or None where the project has none."""
        return self._read(rules.read, kind)

    def put_gold(
        self, case_id: str, *, mask: MaskRuns, diagnosis: Diagnosis, source: str, actor: str
    ) -> GoldCase:
        """Keep the truth of a case; ``source`` says where it comes from."""
        return self._write(actor, gold.put, case_id, mask=mask, diagnosis=diagnosis, source=source)

    def remove_gold(self, case_id: str, *, actor: str) -> None:
        """Make a gold case a case like any other."""
        self._write(actor, gold.remove, case_id)

    def gold_cases(self) -> tuple[GoldCase, ...]:
        """Return all gold cases in the order in which they were marked."""
        return self._read(gold.every)

    def gold_mask(self, case_id: str) -> MaskRuns:
        """Return the true mask of a gold case."""
        return self._read(gold.read_mask, case_id)

    def add_repeat(
        self, original_id: str, rater_id: str, position: int, *, actor: str
    ) -> RepeatCase:
        """Give a case to a rater a second time, as a case of its own; once."""
        return self._write(actor, repeats.add, original_id, rater_id, position)

    def repeats(self) -> tuple[RepeatCase, ...]:
        """Return all repeats in the order in which they were given."""
        return self._read(repeats.every)

    def repeat(self, case_id: str) -> RepeatCase | None:
        """Return what a case repeats, or None where it is no repeat."""
        return self._read(repeats.of_case, case_id)

    def partial_readers(self, case_id: str | None = None) -> tuple[Partial, ...]:
        """Return who was asked for which regions only, of one case or of all."""
        return self._read(partial.every, case_id)
