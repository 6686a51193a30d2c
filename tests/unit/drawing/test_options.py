"""Options that mean something only beside others name choices that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from annotator.drawing.options import ChoiceOption, is_asked, with_defaults
from annotator.drawing.threshold_brush import HIGH, SPREAD, ThresholdBrush
from annotator.drawing.tools import OPERATIONS, TOOLS

if TYPE_CHECKING:
    from annotator.drawing.gesture import Gesture
    from annotator.drawing.operation import Operation

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("of", [*TOOLS.values(), *OPERATIONS.values()], ids=lambda of: of.name)
def test_an_option_is_asked_for_with_a_choice_of_its_own_tool(
    of: type[Gesture] | Operation,
) -> None:
    choices = {one.key: dict(one.choices) for one in of.options if isinstance(one, ChoiceOption)}
    for option in of.options:
        if option.only_with is not None:
            key, names = option.only_with
            assert set(names) < choices[key].keys()


def test_a_range_is_asked_for_where_it_is_set_by_hand() -> None:
    chosen = with_defaults(ThresholdBrush.options, {})
    assert is_asked(SPREAD, chosen)
    assert not is_asked(HIGH, chosen)
    chosen["source"] = "set"
    assert not is_asked(SPREAD, chosen)
    assert is_asked(HIGH, chosen)
