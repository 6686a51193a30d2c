"""How hard a case is: what the review queue is ordered by."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from annotator.analysis.consensus import choose, count_votes
from annotator.analysis.dispute_words import (
    describe_structure,
    length_in_words,
    size_in_words,
)
from annotator.analysis.edges import find_edges
from annotator.analysis.group_votes import join_overlaps
from annotator.analysis.overlap import measure_overlap
from annotator.domain.review import CaseScore, StructureScore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.analysis.votes import VoteRuns
    from annotator.domain.geometry import Geometry
    from annotator.domain.reading import Diagnosis
    from annotator.domain.review import Finding
    from annotator.domain.schema import LabelSchema

_SAMPLE = 2000
_REFERENCE_MM = 5.0


def case_score(
    votes: Sequence[VoteRuns],
    geometry: Geometry,
    findings: Sequence[Finding],
    *,
    case_id: str,
    schema: LabelSchema,
    diagnoses: Sequence[Diagnosis] = (),
) -> CaseScore:
    """Return how much a case is disputed, and why in words.

    ``votes`` are those on each label group: one, unless labels may share voxels.

    The score is above 2 where raters dispute the presence of something, above 1 more where they
    dispute the diagnosis; the rest, below 1, is the mean of a size-free part (how far the outlines
    lie from the consensus, against 5 mm) and a quality part (1 - mean Dice of all pairs).
    """
    n_presence = sum(finding.kind == "presence" for finding in findings)
    presence = sum(finding.score - 1.5 for finding in findings if finding.kind == "presence")
    structures = tuple(
        one for group in votes for one in structure_scores(group, geometry, findings, schema=schema)
    )
    outlines = [one.outline_mm for one in structures if one.outline_mm is not None]
    apart_mm = float(np.mean(outlines)) if outlines else None
    overlaps = [measure_overlap(group, geometry.voxel_mm3) for group in votes]
    mean_dice = join_overlaps(overlaps).mean_dice()
    disputed = disputed_answers(diagnoses, schema)
    doubt = ((apart_mm or 0.0) / ((apart_mm or 0.0) + _REFERENCE_MM) + 1.0 - (mean_dice or 0.0)) / 2
    score = doubt if mean_dice is not None else 0.0
    score += 1.0 if disputed else 0.0
    score += 2.0 + presence / (1.0 + presence) if n_presence else 0.0
    disputed_mm3 = sum(finding.size_mm3 for finding in findings)
    return CaseScore(
        structures=structures,
        case_id=case_id,
        score=score,
        n_presence=n_presence,
        n_boundary=len(findings) - n_presence,
        disputed_mm3=disputed_mm3,
        mean_dice=mean_dice,
        diagnosis_disputed=bool(disputed),
        why=_why(findings, geometry, apart_mm, mean_dice, disputed),
    )


def structure_scores(
    votes: VoteRuns,
    geometry: Geometry,
    findings: Sequence[Finding],
    *,
    schema: LabelSchema,
) -> tuple[StructureScore, ...]:
    """Return how much each label that anybody drew is disputed."""
    tally = count_votes(votes.patterns, votes.labels)
    share = tally / votes.patterns.shape[1]
    majority, _ = choose(share, votes.labels)
    found = []
    for place, label in enumerate(votes.labels):
        n_drew = int((votes.counts @ (votes.patterns == label) > 0).sum())
        if place == 0 or not n_drew:
            continue
        outline_mm = _outline_mm(votes, majority == label, label, geometry.spacing_mm)
        doubt = _doubt(votes.counts, share[:, place], majority == label)
        presence = [one for one in findings if one.label == label and one.kind == "presence"]
        found.append(
            StructureScore(
                label=label,
                n_raters=votes.patterns.shape[1],
                n_drew=n_drew,
                outline_mm=outline_mm,
                doubt=doubt,
                n_presence=len(presence),
                why=describe_structure(
                    label,
                    n_drew=n_drew,
                    n_raters=votes.patterns.shape[1],
                    n_presence=len(presence),
                    outline_mm=outline_mm,
                    doubt=doubt,
                    geometry=geometry,
                    schema=schema,
                ),
            )
        )
    return tuple(found)


def _doubt(
    counts: NDArray[np.int64], share: NDArray[np.float64], is_majority: NDArray[np.bool_]
) -> float:
    """Return one minus the soft Dice of the raters' mean and their majority."""
    mean, majority = float(counts @ share), float(counts @ is_majority)
    return 1.0 - 2.0 * float(counts @ (share * is_majority)) / (mean + majority)


def _outline_mm(
    votes: VoteRuns,
    is_majority: NDArray[np.bool_],
    label: int,
    spacing_mm: tuple[float, float, float],
) -> float | None:
    """Return how far the outlines of a label lie from the majority's, mean in mm.

    The mean runs over raters who drew it, and their edge voxels (2000 of them, evenly spread,
    where there are more).
    """
    if not votes.counts[is_majority].any():
        return None
    says = np.concatenate([is_majority[:, None], votes.patterns == label], axis=1)
    consensus, *own = find_edges(votes, says).raters
    tree = cKDTree(consensus * spacing_mm, balanced_tree=False, compact_nodes=False)
    means = [_mean_distance(tree, edge * spacing_mm) for edge in own if len(edge)]
    return float(np.mean(means))


def _mean_distance(tree: cKDTree, points: NDArray[np.floating]) -> float:
    distance, _ = tree.query(points[:: -(-len(points) // _SAMPLE)])
    return float(np.mean(distance))


def disputed_answers(
    diagnoses: Sequence[Diagnosis], schema: LabelSchema
) -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
    """Return the choice fields that raters answered differently: title, answers with how many."""
    found = []
    for field in schema.fields:
        if field.kind != "choice":
            continue
        titles = dict(field.choices)
        given = Counter(
            answer for diagnosis in diagnoses if (answer := diagnosis.answer(field.key))
        )
        if len(given) > 1:
            ordered = sorted(given.items(), key=lambda pair: (-pair[1], pair[0]))
            named = tuple((titles.get(answer, answer), count) for answer, count in ordered)
            found.append((field.title, named))
    return tuple(found)


def _why(
    findings: Sequence[Finding],
    geometry: Geometry,
    apart_mm: float | None,
    mean_dice: float | None,
    disputed: Sequence[tuple[str, Sequence[tuple[str, int]]]],
) -> str:
    said = []
    presence = [finding for finding in findings if finding.kind == "presence"]
    if len(presence) == 1:
        said.append(presence[0].why)
    elif presence:
        n_voxels = round(sum(finding.size_mm3 for finding in presence) / geometry.voxel_mm3)
        said.append(
            f"{len(presence)} objects that only some raters drew "
            f"({size_in_words(n_voxels, geometry)} in all)"
        )
    for title, answers in disputed:
        listed = ", ".join(f"{count} × {answer}" for answer, count in answers)
        said.append(f"{title} is disputed ({listed})")
    if findings and apart_mm is not None and mean_dice is not None:
        said.append(
            f"outlines lie {length_in_words(apart_mm, geometry)} from the consensus on average, "
            f"mean Dice {mean_dice:.2f}"
        )
    if not said:
        return "All raters agree." if mean_dice is not None else "No rater drew anything."
    sentence = "; ".join(said)
    return sentence[0].upper() + sentence[1:] + "."
