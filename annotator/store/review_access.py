"""The part of a store for review: fusions, findings, verdicts, adjudications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.domain.review import Verdict
from annotator.store import (
    adjudications,
    case_votes,
    contour_errors,
    fusions,
    label_errors,
    unblinding,
)
from annotator.store import findings as finding_rows
from annotator.store.access import Access

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from annotator.analysis.runs import MaskRuns
    from annotator.domain.reading import Diagnosis
    from annotator.domain.review import (
        Adjudication,
        CaseScore,
        CheckedContours,
        CheckedLabels,
        Finding,
        Fusion,
        FusionRecipe,
        RaterPerformance,
        VoteSummary,
    )
    from annotator.store.case_votes import StoredHistogram, StoredVotes


class ReviewAccess(Access):
    """Fusions, findings, verdicts and adjudications."""

    def add_fusion(
        self,
        recipe: FusionRecipe,
        *,
        labels: MaskRuns,
        patterns: MaskRuns,
        probability: NDArray[np.float64],
        performance: Sequence[RaterPerformance],
        warnings: Sequence[str],
        weights: Mapping[str, MaskRuns] = fusions.NO_WEIGHTS,
        training_target_only: bool = False,
        actor: str,
    ) -> Fusion:
        """Keep a recipe and its result; another result for a known recipe is an IntegrityError.

        ``patterns`` holds per voxel the row of its pattern in ``probability``, which is
        ``(pattern, label)``; row 0 is where everyone has background. ``weights`` holds by rater
        ``1 + round(254 * weight)``, and 0 where nobody was weighed.
        """
        return self._write(
            actor,
            fusions.add,
            recipe,
            labels=labels,
            patterns=patterns,
            probability=probability,
            performance=performance,
            warnings=warnings,
            weights=weights,
            training_target_only=training_target_only,
        )

    def fusions(self, case_id: str) -> tuple[Fusion, ...]:
        """Return the fusions of a case, newest last."""
        return self._read(fusions.of_case, case_id)

    def fusion(self, fusion_id: str) -> Fusion:
        """Return one fusion."""
        return self._read(fusions.read, fusion_id)

    def fusion_labels(self, fusion_id: str) -> MaskRuns:
        """Return the fused labels."""
        return self._read(fusions.read_labels, fusion_id)

    def fusion_probability(self, fusion_id: str) -> tuple[MaskRuns, NDArray[np.float64]]:
        """Return per voxel the row of its pattern (0: all background), and the table of rows.

        The table is ``(pattern, label)``, as in `add_fusion`.
        """
        return self._read(fusions.read_probability, fusion_id)

    def fusion_weights(self, fusion_id: str) -> dict[str, MaskRuns]:
        """Return how far each rater was believed, as in `add_fusion`; empty where not weighed."""
        return self._read(fusions.read_weights, fusion_id)

    def put_findings(
        self,
        case_id: str,
        findings_key: str,
        score: CaseScore,
        findings: Sequence[Finding],
        *,
        actor: str,
    ) -> None:
        """Replace the findings of a case."""
        self._write(actor, finding_rows.put, case_id, findings_key, score=score, found=findings)

    def findings(self, case_id: str) -> tuple[str, tuple[Finding, ...]] | None:
        """Return the key of the findings of a case and the findings, or None."""
        return self._read(finding_rows.read, case_id)

    def put_votes(
        self,
        case_id: str,
        findings_key: str,
        *,
        patterns: NDArray[np.uint16],
        counts: NDArray[np.int64],
        labels: Sequence[int],
        summary: VoteSummary,
        actor: str,
    ) -> None:
        """Replace the vote histogram of a case, and what follows from it.

        ``patterns`` is ``(pattern, rater)``, ``counts`` the voxels of each, ``labels`` ascending.
        """
        content = case_votes.pack(patterns, counts, labels, summary)
        self._write(actor, case_votes.put, case_id, findings_key, content)

    def votes_after(self, case_id: str, most: int) -> tuple[StoredVotes, ...]:
        """Return cases and how far their raters agree, by id, from the next one on.

        Without repeats.
        """
        return self._read(case_votes.after, case_id, most)

    def vote_histogram(self, case_id: str) -> StoredHistogram | None:
        """Return the vote histogram that is kept of a case, or None."""
        return self._read(case_votes.read, case_id)

    def put_label_errors(self, found: CheckedLabels, *, actor: str) -> None:
        """Keep what was found in the readings of a case, in place of what was found before."""
        self._write(actor, label_errors.put, found)

    def label_errors(self, case_id: str) -> CheckedLabels | None:
        """Return what was found when the readings of a case were checked last, or None."""
        return self._read(label_errors.read, case_id)

    def put_contour_errors(self, found: CheckedContours, *, actor: str) -> None:
        """Keep what is held wrong along the contours of a case, in place of what was before."""
        self._write(actor, contour_errors.put, found)

    def contour_errors(self, case_id: str) -> CheckedContours | None:
        """Return what a check of the contours of a case found last, or None."""
        return self._read(contour_errors.read, case_id)

    def case_scores(self) -> tuple[CaseScore, ...]:
        """Return the scores of cases, hardest first."""
        return self._read(finding_rows.scores)

    def case_score(self, case_id: str) -> CaseScore | None:
        """Return the score of a case, or None where it was not compared yet."""
        return self._read(finding_rows.score_of, case_id)

    def note_review(self, case_id: str, rater_id: str, *, actor: str) -> None:
        """Note that a person sees all readings of a case: they cannot read it blinded again."""
        self._write(actor, unblinding.note, case_id, rater_id)

    def has_reviewed(self, case_id: str, rater_id: str) -> bool:
        """Whether a person has seen the readings of a case in review."""
        return self._read(unblinding.is_noted, case_id, rater_id)

    def reviewed(self) -> frozenset[tuple[str, str]]:
        """Return (case id, rater id) of everybody who has seen the readings of a case in review."""
        return self._read(unblinding.every)

    def add_verdict(self, verdict: Verdict, findings_key: str, *, actor: str) -> None:
        """Append a verdict on a region."""
        self._write(actor, finding_rows.add_verdict, verdict, findings_key)

    def undo_verdict(
        self, case_id: str, findings_key: str, *, reviewer_id: str, actor: str
    ) -> Verdict | None:
        """Take back the reviewer's newest verdict on these findings, and return it."""
        return self._write(
            actor, finding_rows.undo_verdict, case_id, findings_key, reviewer_id, Verdict
        )

    def verdicts(self, case_id: str, findings_key: str) -> tuple[Verdict, ...]:
        """Return the verdicts that hold, one a region."""
        return self._read(finding_rows.holding, case_id, findings_key, Verdict)

    def sign_off(
        self,
        case_id: str,
        *,
        reviewer_id: str,
        fusion_id: str,
        findings_key: str,
        verdicts: Sequence[Verdict],
        diagnosis: Diagnosis,
        mask: MaskRuns,
        origin: MaskRuns,
        actor: str,
    ) -> Adjudication:
        """Keep the decided mask; ``origin``: which region decided each voxel (0: undisputed).

        ``verdicts`` are those that made the mask; ConflictError where others hold by now.
        """
        return self._write(
            actor,
            adjudications.sign_off,
            case_id,
            reviewer_id=reviewer_id,
            fusion_id=fusion_id,
            findings_key=findings_key,
            verdicts=verdicts,
            diagnosis=diagnosis,
            mask=mask,
            origin=origin,
        )

    def adjudication(self, case_id: str) -> Adjudication | None:
        """Return the adjudication that holds, or None."""
        return self._read(adjudications.of_case, case_id)

    def adjudications(self, case_id: str) -> tuple[Adjudication, ...]:
        """Return all adjudications of a case, the one that holds last."""
        return self._read(adjudications.every_of_case, case_id)

    def adjudication_by_id(self, adjudication_id: str) -> Adjudication:
        """Return one adjudication, whether it still holds or not."""
        return self._read(adjudications.read, adjudication_id)

    def adjudication_mask(self, adjudication_id: str) -> tuple[MaskRuns, MaskRuns]:
        """Return the decided mask and its origin."""
        return self._read(adjudications.read_masks, adjudication_id)
