"""Between which answers a disputed item lies, without any model of the raters.

The most sensitive reading of an item is the highest answer that anybody gave, the most specific the
lowest; where the two part, the item is hard (Yu et al., MICCAI 2020, arXiv 2007.14848).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.diagnoses.answers import MISSING, check_answers

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bracket:
    """The most specific and the most sensitive answer to each item, ``(item,)``; -1 for none.

    They mean something where classes are in ascending order. ``is_disputed`` does not need one.
    """

    specific: NDArray[np.int64]
    sensitive: NDArray[np.int64]

    @property
    def is_disputed(self) -> NDArray[np.bool_]:
        """Whether two answers to the item differ, ``(item,)``."""
        return np.asarray(self.specific != self.sensitive)


def bracket_answers(answers: NDArray[np.integer], n_classes: int) -> Bracket:
    """Return the bracket of answers ``(item, rater)``, -1 for none."""
    table = check_answers(answers, n_classes)
    lowest = np.where(table == MISSING, n_classes, table).min(axis=1, initial=n_classes)
    return Bracket(
        specific=np.where(lowest == n_classes, MISSING, lowest),
        sensitive=table.max(axis=1, initial=MISSING),
    )
