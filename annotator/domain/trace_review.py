"""Reviewing tracings: what was found in one, what was decided, what was signed off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotator.domain.reading import Diagnosis
    from annotator.domain.tracing import PointUm, Severity, TraceChoice, TraceFinding

_RANK: dict[Severity, int] = {"error": 0, "warning": 1, "hint": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceOffer:
    """A branch of another tracing that could be taken over at a finding.

    Attributes
    ----------
    annotation_id, rater_id : str
        The other tracing and who made it.
    node_ids : tuple of int
        The branch's nodes in the other tracing, parents before children.
    to_id : int
        The node of the reviewed tracing that it would hang on.
    length_um : float
        Cable that it would add.
    """

    annotation_id: str
    rater_id: str
    node_ids: tuple[int, ...]
    to_id: int
    length_um: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceItem:
    """One place to decide on: what was found there by one check or several.

    ``region`` is its number in the queue, from 1 on; ``reasons`` are worst first and never empty.
    """

    region: int
    reasons: tuple[TraceFinding, ...]
    offers: tuple[TraceOffer, ...] = ()

    @property
    def node_id(self) -> int:
        """The node of the reviewed tracing where the wrong part begins."""
        return self.reasons[0].node_id

    @property
    def point_um(self) -> PointUm:
        """Where to look."""
        return self.reasons[0].point_um

    @property
    def severity(self) -> Severity:
        """The severest of its reasons."""
        return min((reason.severity for reason in self.reasons), key=_RANK.__getitem__)

    @property
    def at_stake_um(self) -> float:
        """What the queue is ranked by: cable times the probability of an error."""
        return max(reason.at_stake_um for reason in self.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTraces:
    """What was found when one tracing of a case, the base, was looked through.

    Attributes
    ----------
    inputs : tuple of str
        The tracings that counted, ascending; the base is one of them.
    checked : tuple of str
        What was looked for: names of checks, of the learned detector, of the comparison.
    n_nodes, n_voxels : int
        Size of the base; of the image, 0 where there was none to look at.
    cable_um : float
        Length of the base.
    """

    case_id: str
    base_id: str
    findings_key: str
    inputs: tuple[str, ...]
    checked: tuple[str, ...]
    n_nodes: int
    n_voxels: int
    cable_um: float
    items: tuple[TraceItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceVerdict:
    """What a reviewer decided at a place; a later one on the same place replaces it.

    Attributes
    ----------
    region : int
        Number of the place in the queue.
    choice : TraceChoice
        ``keep``: it is right. ``cut``: from ``node_id`` on it is not of this neuron, and is taken
        away. ``connect``: ``node_id`` with all below it belongs on ``to_id``. ``take``: the nodes
        ``taken`` of the tracing ``annotation_id`` are added on ``to_id``. ``uncertain``: left as it
        is, and on the list of ends to look at again.
    node_id, to_id : int or None
        Nodes of the reviewed tracing.
    """

    case_id: str
    region: int
    reviewer_id: str
    choice: TraceChoice
    reason: str
    comment: str = ""
    node_id: int
    to_id: int | None = None
    annotation_id: str | None = None
    taken: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSignOff:
    """An adjudicated tracing: what was found, what was decided; its tree is kept under its id."""

    sign_off_id: str
    case_id: str
    reviewer_id: str
    found: FoundTraces
    verdicts: tuple[TraceVerdict, ...]
    diagnosis: Diagnosis
    created_at: str
