"""The trial of the rule for further raters, on readings whose effort and quality are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.consensus import choose, count_votes
from annotator.analysis.overlap_trial import outline_share, read_case, stopped_by
from annotator.analysis.runs import encode
from annotator.analysis.votes import spread
from annotator.domain.geometry import Geometry
from annotator.domain.quality import OverlapRule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.analysis.runs import MaskRuns
    from annotator.analysis.votes import VoteRuns

pytestmark = pytest.mark.unit

SHAPE = (1, 60, 60)
GRID = Geometry(shape=SHAPE, spacing_mm=(1.0, 1.0, 1.0))


def square(first: int, last: int) -> NDArray[np.uint8]:
    mask = np.zeros(SHAPE, np.uint8)
    mask[0, first:last, first:last] = 1
    return mask


def majority(votes: VoteRuns) -> MaskRuns:
    share = count_votes(votes.patterns, votes.labels) / votes.patterns.shape[1]
    return spread(votes, choose(share, votes.labels)[0].astype(np.int64))


TRUTH = square(5, 25)
FAR = TRUTH | square(45, 50)
"""An object more, far away"""


def test_each_step_is_the_fusion_of_the_readings_so_far() -> None:
    masks = [encode(mask) for mask in (FAR, TRUTH, TRUTH)]
    first, second = read_case(masks, encode(TRUTH), GRID, (0, 1), majority)
    assert (first.n_raters, first.effort, first.dice) == (2, 2.0, 1.0)
    assert (second.n_raters, second.effort, second.dice) == (3, 3.0, 1.0)
    assert first.evidence.n_presence == 1
    assert first.evidence.mean_dice == pytest.approx(2 * 400 / 825)


def test_regions_cost_the_outline_in_them() -> None:
    masks = [encode(mask) for mask in (FAR, TRUTH, FAR, FAR)]
    truth = encode(FAR)
    whole = read_case(masks, truth, GRID, (0, 1), majority)
    regions = read_case(masks, truth, GRID, (0, 1), majority, in_regions=True)
    assert [step.effort for step in whole] == [2.0, 3.0, 4.0]
    n_small, n_large = 4 * 4, 4 * 19
    share = n_small / (n_small + n_large)
    assert [step.effort for step in regions] == pytest.approx([2.0, 2.0 + share, 2.0 + 2 * share])
    assert [step.dice for step in regions] == [step.dice for step in whole]


def test_the_rule_stops_where_it_is_content() -> None:
    masks = [encode(mask) for mask in (FAR, TRUTH, TRUTH, TRUTH)]
    steps = read_case(masks, encode(TRUTH), GRID, (0, 1), majority)
    lenient = OverlapRule(at_most=4, dice_below=0.9, on_presence=False)
    strict = OverlapRule(at_most=4, dice_below=0.99, on_presence=False)
    assert stopped_by(lenient, steps).n_raters == 2
    assert stopped_by(strict, steps).n_raters == 4
    assert stopped_by(OverlapRule(at_most=3), steps).n_raters == 3, "an object is disputed"


def test_nothing_drawn_costs_nothing_in_regions() -> None:
    empty = encode(np.zeros(SHAPE, np.uint8))
    box = ((0, 0, 0), (1, 30, 30))
    assert outline_share(empty, [box], (0, 1)) == 0.0
    assert outline_share(encode(TRUTH), [box], (0, 1)) == 1.0
    assert outline_share(encode(FAR), [box], (0, 1)) == pytest.approx(76 / 92)


def test_where_nothing_is_an_empty_fusion_is_right() -> None:
    empty = encode(np.zeros(SHAPE, np.uint8))
    (step,) = read_case([empty, empty], empty, GRID, (0, 1), majority)
    assert (step.dice, step.evidence.mean_dice) == (1.0, None)
