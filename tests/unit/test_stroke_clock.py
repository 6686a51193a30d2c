"""The clock of strokes counts pictures that show something drawn, and adds up their parts."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.gui.stroke_clock import StrokeClock

pytestmark = pytest.mark.unit


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def frame(clock: StrokeClock, hands: Hands, *, events: int, tool: float, rest: float) -> None:
    for _ in range(events):
        with clock.drawing():
            hands.time += tool
            clock.touch()
        hands.time += 0.001
    with clock.copying():
        hands.time += 0.002
    hands.time += rest
    clock.compose()
    hands.time += 0.004
    clock.show()


def test_a_frame_holds_all_that_it_shows() -> None:
    hands = Hands()
    clock = StrokeClock(hands)
    frame(clock, hands, events=3, tool=0.005, rest=0.01)
    (one,) = clock.frames
    assert one.n_events == 3
    assert one.tool_s == pytest.approx(0.015)
    assert one.copy_s == pytest.approx(0.002)
    assert one.compose_s == pytest.approx(0.004)
    assert one.total_s == pytest.approx(0.015 + 0.003 + 0.002 + 0.01 + 0.004)
    assert one.wait_s == pytest.approx(0.013)


def test_pictures_that_show_nothing_drawn_do_not_count() -> None:
    hands = Hands()
    clock = StrokeClock(hands)
    clock.compose()
    clock.show()
    with clock.copying():
        pass
    clock.show()
    with clock.drawing():
        hands.time += 1.0
    clock.show()
    assert not clock.frames
    frame(clock, hands, events=1, tool=0.001, rest=0.0)
    assert clock.frames[0].total_s < 0.01


def test_shares_are_percentiles() -> None:
    hands = Hands()
    clock = StrokeClock(hands)
    for rest in np.linspace(0, 0.099, 100):
        frame(clock, hands, events=1, tool=0.001, rest=float(rest))
    whole, tool, *_ = clock.shares()
    assert whole.p50_ms == pytest.approx(8 + 49.5)
    assert whole.p95_ms == pytest.approx(8 + 94.05)
    assert tool.p95_ms == pytest.approx(1.0)
    clock.clear()
    assert not clock.frames
    assert not clock.shares()
