"""One row of the reviewer's queue, whatever is reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from annotator.analysis.standing import Standing
    from annotator.domain.review import CaseScore
    from annotator.domain.study import Reads

QueueState = Literal["waiting", "open", "signed off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """One row of the reviewer's queue.

    ``reads`` says what is reviewed: ``open_case`` opens masks, ``open_tracing`` tracings, of which
    ``at_stake_um`` is what is at stake at all places without a verdict.
    ``score`` and ``standing`` are None until the present readings have been compared;
    ``foretold`` is how likely a trained model held a dispute to be, 0 to 1, None where none did;
    ``n_rejected`` is how many places a check of labels or of contours rejects that all raters
    agree on; ``note``
    says what a reviewer should know first, for example that readings came in after the sign-off.
    """

    case_id: str
    title: str
    score: CaseScore | None
    state: QueueState
    n_regions: int
    n_decided: int
    n_readings: int
    n_rejected: int = 0
    note: str = ""
    standing: Standing | None = None
    foretold: float | None = None
    reads: Reads = "mask"
    at_stake_um: float = 0.0
