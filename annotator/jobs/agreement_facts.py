"""The agreement report as facts: frozen, in plain numbers, so that it can be written as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from annotator.jobs.mark_facts import MarkAgreement

if TYPE_CHECKING:
    from annotator.analysis.agreement_icc import IccTable
    from annotator.analysis.bland_altman import BlandAltman, Estimate, Repeatability
    from annotator.analysis.calibration import Bin
    from annotator.jobs.acceptance_facts import AcceptanceReport

Reference = Literal["signed-off", "fused", "others"]
"""What a reading is held against: the reviewer's mask, the fused one, the others' majority."""
Target = Literal["signed-off", "left-out", "same-raters"]
"""What a fused probability is held against: see `CalibrationRow`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMean:
    """A mean over cases, with its bootstrap interval over cases.

    ``value`` is None where the number is undefined in every case; the ends are None too where
    there is one case only.
    """

    value: float | None
    low: float | None
    high: float | None
    n_cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterFacts:
    """Who read: by id, with the first and the last time they submitted something compared here."""

    rater_id: str
    name: str
    is_model: bool
    n_readings: int
    first_at: str
    last_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFacts:
    """What was drawn."""

    label: int
    name: str
    color: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionFacts:
    """How readings were fused: one recipe, and in how many cases it was used."""

    method: str
    title: str
    version: str
    parameters: tuple[tuple[str, str], ...]
    n_cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the report is about, and how its numbers were made.

    ``among`` says whose pairs count in sums over pairs: people's, or everybody's where the project
    has fewer than two people. ``spacing_mm`` is the smallest and the largest ``(z, y, x)`` spacing
    of calibrated series, None where there is none. ``n_surface_cases`` of the cases had their
    surface distances measured; ``tolerance_mm`` is that of the surface Dice.
    """

    title: str
    schema: str
    created_at: str
    version: str
    include_models: bool
    among: Literal["people", "everybody"]
    n_cases: int
    n_cases_in_project: int
    n_signed_off: int
    n_two_dimensional: int
    spacing_mm: tuple[tuple[float, float, float], tuple[float, float, float]] | None
    raters: tuple[RaterFacts, ...]
    labels: tuple[LabelFacts, ...]
    fusions: tuple[FusionFacts, ...]
    n_draws: int
    seed: int
    band_mm: float
    n_surface_cases: int
    surface_definition: str
    tolerance_mm: float
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRow:
    """One structure over all cases: the mean of each case's mean over its pairs of raters.

    ``agreed_share`` is how much of what anybody drew everybody drew. ``kappa`` is Cohen's and
    ``ac1`` Gwet's, over the voxels within three voxels of any drawing of it. Distances are in mm.
    """

    label: int
    dice: CaseMean
    iou: CaseMean
    agreed_share: CaseMean
    kappa: CaseMean
    ac1: CaseMean
    hd95_mm: CaseMean
    mean_surface_mm: CaseMean
    surface_dice: CaseMean


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """Two raters on one structure, over the cases that both read."""

    rater_a: str
    rater_b: str
    label: int
    dice: CaseMean
    iou: CaseMean
    kappa: CaseMean
    ac1: CaseMean
    hd95_mm: CaseMean
    mean_surface_mm: CaseMean
    surface_dice: CaseMean


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterRow:
    """One rater on one structure against a reference.

    ``size_bias`` is the mean of (rater - reference) / reference over cases where the reference
    has the structure.
    """

    rater_id: str
    label: int
    reference: Reference
    dice: CaseMean
    size_bias: CaseMean


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePoint:
    """How large one rater drew a structure in one case, in the unit of its row."""

    case_id: str
    rater_id: str
    size: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SizePair:
    """Two raters' sizes of a structure: first minus second."""

    rater_a: str
    rater_b: str
    difference: BlandAltman


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRow:
    """Agreement on the size of a structure, in ``unit``: mm³, mm² in pictures, px without a scale.

    ``icc_bootstrap`` holds ICC(A,1) with its interval over cases; None where it is undefined.
    """

    label: int
    unit: str
    icc: IccTable
    icc_bootstrap: CaseMean
    scatter: Repeatability | None
    pairs: tuple[SizePair, ...]
    points: tuple[SizePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPair:
    """Two raters on one question. Weighted kappa for questions that ask for a number."""

    rater_a: str
    rater_b: str
    n_cases: int
    agreement: float | None
    kappa: float | None
    kappa_linear: float | None
    kappa_quadratic: float | None
    ac1: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRow:
    """Agreement on one question of the diagnosis form, over cases with two or more answers.

    ``agreement`` is the share of pairs of raters who gave the same answer. ``kappa`` is Fleiss',
    undefined where cases have different numbers of answers.
    """

    key: str
    title: str
    n_cases: int
    n_answers: int
    agreement: CaseMean
    kappa: CaseMean
    alpha: CaseMean
    ac1: CaseMean
    pairs: tuple[AnswerPair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRow:
    """How far a fused probability of a structure can be believed, in the band around outlines.

    ``target`` is what it was held against: the ``signed-off`` mask; each rater in turn, ``left-
    out`` of a fusion of the others; or the ``same-raters`` that were fused, which flatters it.
    ``ece_each`` is the error against each rater, averaged over raters, ``ece`` that against all
    together.
    """

    label: int
    target: Target
    method: str
    n_voxels: int
    ece: CaseMean
    ece_each: CaseMean
    ace: CaseMean
    brier: CaseMean
    log_loss: CaseMean
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FusedRow:
    """How well the fused probability of a structure stands for the raters who were fused.

    ``soft_dice`` is its Dice with the share of raters, mean over five cuts; ``crps`` holds its sum
    against their sizes, in ``unit``, ``relative_crps`` over their mean size.
    """

    label: int
    method: str
    unit: str
    soft_dice: CaseMean
    crps: CaseMean
    relative_crps: CaseMean


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekRow:
    """Readings that were submitted in one week: their Dice with the others' majority.

    ``week`` is the Monday, ISO 8601; the interval is over readings.
    """

    week: str
    dice: CaseMean


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPoint:
    """One reading in the order in which a rater submitted them, from 1."""

    number: int
    case_id: str
    submitted_at: str
    dice: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRow:
    """Whether a rater's agreement with the others changed with practice or fatigue.

    ``slope`` is the change of Dice over ten readings, with a t interval; None below ten.
    """

    rater_id: str
    slope: Estimate | None
    points: tuple[OrderPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """People against models on one structure, over cases with both.

    ``nearest_of_people`` is the mean over people of the Dice of the model nearest to each,
    ``nearest_of_models`` the reverse; ``matched`` that of the best one-to-one pairing;
    ``energy`` the squared generalised energy distance, ``energy_unbiased`` its form without the
    distance of a drawing to itself.
    """

    label: int
    nearest_of_people: CaseMean
    nearest_of_models: CaseMean
    matched: CaseMean
    energy: CaseMean
    energy_unbiased: CaseMean


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """One structure in one case: mean Dice of the pairs, and the size that is in dispute."""

    case_id: str
    title: str
    label: int
    n_raters: int
    dice: float
    disputed_size: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementReport:
    """Everything that the report tells."""

    about: About
    labels: tuple[LabelRow, ...]
    pairs: tuple[PairRow, ...]
    raters: tuple[RaterRow, ...]
    sizes: tuple[SizeRow, ...]
    questions: tuple[QuestionRow, ...]
    calibration: tuple[CalibrationRow, ...]
    fused: tuple[FusedRow, ...]
    weeks: tuple[WeekRow, ...]
    drift: tuple[DriftRow, ...]
    groups: tuple[GroupRow, ...]
    cases: tuple[CaseRow, ...]
    acceptance: AcceptanceReport
    marks: MarkAgreement = field(default_factory=MarkAgreement)

    def as_document(self) -> dict[str, Any]:
        """Return it as nested dictionaries and lists, fit for JSON."""
        return asdict(self)

    def rater_name(self, rater_id: str) -> str:
        """Return the name of a rater of this report."""
        return next(one.name for one in self.about.raters if one.rater_id == rater_id)

    def label_name(self, label: int) -> str:
        """Return the name of a structure of this report."""
        return next(one.name for one in self.about.labels if one.label == label)
