"""All metrics of two tracings at once, each under its own name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from annotator.analysis.tracing.metrics_critical import CriticalNodes, critical_nodes
from annotator.analysis.tracing.metrics_diadem import Diadem, DiademLimits, diadem
from annotator.analysis.tracing.metrics_edges import FoundEdges, found_edges
from annotator.analysis.tracing.metrics_length import SharedLength, shared_length
from annotator.analysis.tracing.metrics_ssd import SubstantialDistance, substantial_distance
from annotator.analysis.tracing.metrics_structure import StructureDistance, structure_distance
from annotator.analysis.tracing.sound import sound_tree
from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.analysis.tracing.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceMetrics:
    """What the metrics of the field say of a tracing against another; see each family."""

    length: SharedLength
    structure: StructureDistance
    spatial: SubstantialDistance
    edges: FoundEdges
    nodes: CriticalNodes
    topology: Diadem

    def numbers(self) -> dict[str, float | None]:
        """Return every number by its name; distances in the trees' unit, shares 0 to 1."""
        return {
            "length_precision": self.length.precision,
            "length_recall": self.length.recall,
            "length_f1": self.length.f1,
            "esa": self.structure.esa,
            "dsa": self.structure.dsa,
            "pds": self.structure.pds,
            "diadem": self.topology.score,
            "pyneval_ssd_score": self.spatial.score,
            "pyneval_ssd_precision": self.spatial.precision,
            "pyneval_ssd_recall": self.spatial.recall,
            "pyneval_length_precision": self.edges.precision,
            "pyneval_length_recall": self.edges.recall,
            "pyneval_critical_precision": self.nodes.precision,
            "pyneval_critical_recall": self.nodes.recall,
            "pyneval_critical_distance": self.nodes.mean_distance,
        }


def measure(test: Tree, gold: Tree, *, tolerance: float) -> TraceMetrics:
    """Return all metrics of ``test`` against ``gold``.

    ``tolerance``, in the trees' unit, is that of the shared length and of DIADEM's cylinder; the
    others have the defaults of the programs that they come from, which are meant for voxels. Nodes
    whose place is no number are left out, and loops are cut. Raises AnnotatorError where no node is
    left.
    """
    test, gold = sound_tree(test), sound_tree(gold)
    if not len(test) or not len(gold):
        raise AnnotatorError("nothing to measure: a tracing has no node with a place")
    return TraceMetrics(
        length=shared_length(test, gold, tolerance=tolerance),
        structure=structure_distance(test, gold),
        spatial=substantial_distance(test, gold),
        edges=found_edges(test, gold),
        nodes=critical_nodes(test, gold),
        topology=diadem(test, gold, DiademLimits(xy=tolerance, z=tolerance)),
    )
