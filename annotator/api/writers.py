"""The door of mask writers: masks become files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from annotator.domain.reading import Annotation
    from annotator.domain.schema import LabelSchema
    from annotator.domain.study import Case, Series


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskForExport:
    """One mask on its way out.

    Values of ``mask`` are labels, or overlaps of the schema: see `domain.label_groups.MaskValues`.
    ``role`` is ``reading``, ``fused`` or ``adjudicated``; ``creator`` is the rater's or reviewer's
    name, or the fusion's title; ``probability`` is ``(z, y, x)`` float32 per label value, if kept;
    ``belief`` says by rater name how far a fusion believed them, ``(z, y, x)`` float32, 0 to 1;
    ``origin`` says of an adjudicated mask which disputed region decided each voxel, 0 for none; of
    a reading that started from a model whose each voxel is: 1 the model's and kept, 2 added, 3
    changed to another label, 4 removed.
    """

    case: Case
    series: Series
    schema: LabelSchema
    role: str
    creator: str
    is_automatic: bool
    content_id: str
    mask: NDArray[np.unsignedinteger]
    annotation: Annotation | None = None
    probability: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    belief: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    origin: NDArray[np.unsignedinteger] | None = None


class MaskWriter(Protocol):
    """Writes a mask to files and reads them back.

    One that sets ``writes_slides`` is given masks of slides too, whose ``mask`` fits memory as long
    as only what is drawn is copied; they come without probabilities.
    """

    name: str

    def write(self, item: MaskForExport, directory: Path, stem: str) -> tuple[Path, ...]:
        """Write the files, read each back and compare; raise IntegrityError on a difference."""
        ...
