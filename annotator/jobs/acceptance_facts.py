"""What people made of models' drawings, as facts: frozen, in plain numbers, fit for JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from annotator.analysis.anchoring import AnchoringRow
    from annotator.jobs.agreement_facts import CaseMean


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenRow:
    """One person and one model: how often its drawing was offered, and taken as a start.

    Readings of which it is not known what was offered count as taken, or not at all. ``n_withheld``
    were read without the model by the rule of the project. Times are means over readings, seconds
    without pauses: of those that started from the model, of those that could have and did not, and
    of those read without it.
    """

    rater_id: str
    rater_name: str
    model_id: str
    model_name: str
    n_offered: int
    n_taken: int
    n_withheld: int
    taken_s: CaseMean
    untaken_s: CaseMean
    withheld_s: CaseMean


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedRow:
    """What one person made of one structure in the drawings of a model that they started from.

    Counts are voxels, summed over readings: see `LabelAcceptance`. ``mm3`` is the mean volume that
    changed; ``moved_mm`` and ``moved_p95_mm`` are means of how far the surface lies from the
    model's; ``dice`` that of the reading with the model.
    """

    rater_id: str
    rater_name: str
    model_id: str
    model_name: str
    label: int
    label_name: str
    n_readings: int
    n_kept: int
    n_changed: int
    n_removed: int
    n_added: int
    mm3: CaseMean
    moved_mm: CaseMean
    moved_p95_mm: CaseMean
    dice: CaseMean

    @property
    def n_model(self) -> int:
        """Voxels of the structure that the model drew."""
        return self.n_kept + self.n_changed + self.n_removed


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchoringFacts:
    """Readings with a model against readings without it, of one structure, or the time."""

    model_id: str
    model_name: str
    label_name: str
    row: AnchoringRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceReport:
    """What people made of models' drawings, over the cases of a project.

    ``share_without_model`` is the rule of the project; ``n_unknown`` readings tell not what was
    offered: they were drawn elsewhere, or submitted before this was kept.
    """

    n_readings: int
    n_unknown: int
    share_without_model: float
    taken: tuple[TakenRow, ...]
    accepted: tuple[AcceptedRow, ...]
    anchoring: tuple[AnchoringFacts, ...]

    def as_document(self) -> dict[str, Any]:
        """Return it as nested dictionaries and lists, fit for JSON."""
        return asdict(self)
