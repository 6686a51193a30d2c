"""Fusing readings, where they disagree, and what the reviewer decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from annotator.domain.reading import Box, Diagnosis

FindingKind = Literal["presence", "boundary", "rejected", "contour"]
Choice = Literal["rater", "fusion", "none", "redraw"]
Ends = tuple[float, float]
"""The lower and the upper end of an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterPerformance:
    """What a fusion thinks of one rater on one label, against its own consensus.

    ``sensitivity`` and ``specificity`` run from 0 to 1; None where undefined (label absent).
    ``weight`` is the rater's share in the fusion, 0 to 1; None where raters are not weighed.
    Intervals are 95 % intervals, None where there is too little to draw them from.
    """

    rater_id: str
    label: int
    sensitivity: float | None
    specificity: float | None
    volume_mm3: float
    sensitivity_interval: Ends | None = None
    specificity_interval: Ends | None = None
    weight: float | None = None
    weight_interval: Ends | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionRecipe:
    """Everything that a fusion depends on; running it again gives the same bytes.

    ``inputs`` are annotation ids, sorted; ``parameters`` are (name, JSON value) pairs, sorted;
    ``fit_id`` names what the method had learned from the project, where it learns.
    """

    case_id: str
    method: str
    method_version: str
    inputs: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...] = ()
    fit_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """A recipe and what came of it; labels and probability are kept as slabs under its id.

    ``warnings`` tells in words where the result should not be trusted. One that is for
    ``training_target_only`` knows an answer that it would be judged by: it is never a reference.
    """

    fusion_id: str
    recipe: FusionRecipe
    performance: tuple[RaterPerformance, ...]
    warnings: tuple[str, ...]
    created_at: str
    training_target_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Somewhere to look: a connected region that raters dispute.

    Attributes
    ----------
    region : int
        Number of the region within the case, 1 the worst; its voxels carry it in the region map.
    kind : {"presence", "boundary", "rejected", "contour"}
        ``presence`` where some raters drew the object and others did not at all; ``rejected`` where
        all agree, but networks that check labels see something else; ``contour`` where all agree,
        but a contour detector holds the line wrong.
    raters_for, raters_against : tuple of str
        Rater ids who drew, or left out, most of the region.
    max_distance_mm : float or None
        Largest distance between two raters' contours here, or how far off a detector holds their
        contour; None for a presence dispute.
    why : str
        One sentence for the reviewer.
    """

    case_id: str
    region: int
    label: int
    kind: FindingKind
    score: float
    size_mm3: float
    box: Box
    centre: tuple[int, int, int]
    raters_for: tuple[str, ...]
    raters_against: tuple[str, ...]
    mean_entropy: float
    max_distance_mm: float | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteSummary:
    """How far the raters of a case agree; None where that is undefined.

    ``mean_dice`` is over labels and pairs of raters, ``kappa`` is Fleiss' over all voxels,
    ``entropy_bits`` the mean over all voxels.
    """

    mean_dice: float | None
    kappa: float | None
    entropy_bits: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelError:
    """A place whose label networks that check labels reject; likely drawn wrong.

    Attributes
    ----------
    rater_ids : tuple of str
        Who drew it so.
    is_agreed : bool
        Whether these are all who read the case.
    drawn, proposed : int
        The label that was drawn, and the one that the networks see.
    doubt : float
        How far the drawn label is rejected, 0 to 1, mean over the place.
    n_voxels : int
        Its size.
    runs : tuple of tuple of int
        Its voxels in the flattened grid, as stretches of first voxel and number of voxels.
    why : str
        One sentence for the reviewer.
    """

    rater_ids: tuple[str, ...]
    is_agreed: bool
    drawn: int
    proposed: int
    doubt: float
    n_voxels: int
    runs: tuple[tuple[int, int], ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedLabels:
    """What a fit that checks labels rejects in the readings of a case, the most first."""

    case_id: str
    fit_id: str
    findings_key: str
    errors: tuple[LabelError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContourError:
    """A stretch of a contour that a contour detector holds wrong.

    Attributes
    ----------
    rater_ids : tuple of str
        Who drew it so.
    label : int
        Whose contour it is.
    direction : {"out", "in"}
        Whether it lies too far out or too far in.
    probability : float
        How likely it is wrong, 0 to 1, mean over the stretch.
    off_mm : float
        How far from the right contour it is expected to lie, mean over the stretch.
    size_mm : float
        Its area, mm²; in a picture its length, mm.
    centre : tuple of int
        A voxel at its middle, ``(z, y, x)``.
    runs : tuple of tuple of int
        The voxels between it and where the contour should be, in the flattened grid, as stretches
        of first voxel and number of voxels.
    why : str
        One sentence for the reviewer.
    """

    rater_ids: tuple[str, ...]
    label: int
    direction: Literal["out", "in"]
    probability: float
    off_mm: float
    size_mm: float
    centre: tuple[int, int, int]
    runs: tuple[tuple[int, int], ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedContours:
    """What a fit holds wrong along the contours of a case, what is most at stake first."""

    case_id: str
    fit_id: str
    findings_key: str
    errors: tuple[ContourError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureScore:
    """How much one label of a case is disputed, by two measures that must not be mixed.

    Attributes
    ----------
    n_raters, n_drew : int
        Readings of the case, and how many of them hold the label.
    outline_mm : float or None
        How far the raters' outlines lie from the majority's, mean in mm: it does not grow with the
        size of the structure. None where no majority drew it.
    doubt : float or None
        How much of the structure is in doubt, 0 to 1: one minus the soft Dice of the raters' mean
        and their majority (arXiv 2402.10665). Small structures have more of it. None where nobody
        drew it.
    n_presence : int
        Objects of the label that some raters drew and others did not at all.
    why : str
        One sentence.
    """

    label: int
    n_raters: int
    n_drew: int
    outline_mm: float | None
    doubt: float | None
    n_presence: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseScore:
    """How much a case is disputed, on its own; `analysis.standing` ranks cases among each other.

    ``score`` is above 2 where the presence of something is disputed, above 1 where the diagnosis
    is, below where outlines are.
    """

    case_id: str
    score: float
    n_presence: int
    n_boundary: int
    disputed_mm3: float
    mean_dice: float | None
    diagnosis_disputed: bool
    why: str
    structures: tuple[StructureScore, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A reviewer's decision on one disputed region.

    ``rater_id`` names whose reading holds when ``choice`` is ``rater``; when it is ``redraw``, the
    drawing of ``reviewer_id``, who gave the verdict, holds. ``fusion_id`` names the fusion that was
    looked at when ``fusion`` or ``none`` was chosen: it decides, whatever is looked at later.
    ``reason`` is a code.
    """

    case_id: str
    region: int
    reviewer_id: str
    choice: Choice
    rater_id: str | None
    reason: str
    comment: str = ""
    fusion_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjudication:
    """A signed-off case: the verdicts, the fusion they started from, the final diagnosis."""

    adjudication_id: str
    case_id: str
    reviewer_id: str
    fusion_id: str
    verdicts: tuple[Verdict, ...]
    diagnosis: Diagnosis
    created_at: str
