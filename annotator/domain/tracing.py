"""What may be wrong with a neuron's tracing, and what was decided about it.

The tree itself is arrays (`analysis.tracing.tree`). Places are in the *image frame*: µm along the
image's own axes x, y and z from the centre of its first voxel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "hint"]
TraceSource = Literal["format", "structure", "shape", "image", "learned", "tracers"]
TraceChoice = Literal["keep", "cut", "connect", "take", "uncertain"]
PointUm = tuple[float, float, float]
"""``(x, y, z)`` in the image frame, µm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFinding:
    """Somewhere to look in a tracing: one event along the tree, however many nodes it covers.

    Attributes
    ----------
    check : str
        Stable name of what found it, such as ``"loop"``.
    node_id : int
        Id of the node where the wrong part begins.
    node_ids : tuple of int
        Ids of the nodes concerned, from the beginning on; ``node_id`` is the first.
    value, threshold : float or None
        What was measured and from where on it is reported, in ``unit``; None where there is no
        such number.
    impact_um : float
        Cable that hangs on it: the length of the wrong part and of the subtree below.
    probability : float
        How likely it is an error, 0 to 1.
    tracers_for, tracers_against : tuple of str
        Who traced the part and who did not; empty where one tree is looked at alone.
    line : int or None
        Line of the file, counted from 1, where the finding is one of the file.
    why : str
        One sentence.
    """

    check: str
    source: TraceSource
    severity: Severity
    node_id: int
    node_ids: tuple[int, ...]
    point_um: PointUm
    value: float | None
    threshold: float | None
    unit: str
    impact_um: float
    probability: float
    why: str
    tracers_for: tuple[str, ...] = ()
    tracers_against: tuple[str, ...] = ()
    line: int | None = None

    @property
    def at_stake_um(self) -> float:
        """What findings are ranked by: cable times the probability of an error."""
        return self.impact_um * self.probability
