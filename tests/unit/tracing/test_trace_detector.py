"""The detector that comes with the program, on made neurons whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.analysis.tracing.checks import check_tree
from annotator.analysis.tracing.course import trace_course
from annotator.analysis.tracing.events import find_wrong_parts
from annotator.analysis.tracing.events_scoring import EventScore, score_events, true_starts
from annotator.api import no_progress
from annotator.api.tracing import TraceLesson
from annotator.domain.errors import AnnotatorError
from annotator_recipes.trace_committee import calibrate_odds
from annotator_recipes.trace_detector import TraceCommittee, TraceCommitteeParameters
from tests.unit.tracing.spoiled_neurons import spoiled, tree_of

pytestmark = pytest.mark.unit

WITHIN_UM = 10.0


def test_it_finds_errors_in_unseen_neurons_that_the_checks_do_not() -> None:
    pytest.importorskip("torch")
    detector = TraceCommittee()
    settings = TraceCommitteeParameters(members=2, rounds=8, learning_rate=3e-3)
    lessons = [spoiled(number) for number in range(5)]
    learned = detector.learn(lessons, settings, seed=1, progress=no_progress)
    found, checked = EventScore(), EventScore()
    for number in (5, 6):
        lesson = spoiled(number)
        tree = tree_of(lesson.traced)
        course = trace_course(tree)
        starts = true_starts(course, lesson.is_wrong)
        judged = detector.judge(learned, lesson.traced, no_progress)
        right, wrong = judged[~lesson.is_wrong], judged[lesson.is_wrong]
        assert (wrong[:, None] > right[None]).mean() > 0.9
        alerts = [part.start for part in find_wrong_parts(course, judged)]
        told = [one.node_id - 1 for one in check_tree(tree, lesson.traced.image)]
        for rows, is_learned in ((alerts, True), (told, False)):
            score = score_events(
                course, np.array(rows, np.int64), starts, lesson.is_wrong, within_um=WITHIN_UM
            )
            found, checked = (found + score, checked) if is_learned else (found, checked + score)
    assert found.n_errors >= 4
    assert found.recall >= 0.75
    assert found.precision >= 0.75
    assert found.precision > checked.precision
    assert found.recall >= checked.recall


def test_odds_are_calibrated_by_points_that_were_not_learned_from() -> None:
    random = np.random.default_rng(0)
    odds = random.normal(scale=2.0, size=20_000)
    is_wrong = random.random(len(odds)) < 1 / (1 + np.exp(-(0.5 * odds - 1.0)))
    slope, level = calibrate_odds(odds, is_wrong, np.ones(len(odds), np.float32))
    assert slope == pytest.approx(0.5, abs=0.05)
    assert level == pytest.approx(-1.0, abs=0.06)


def test_tracings_with_and_without_an_image_are_not_mixed() -> None:
    pytest.importorskip("torch")
    one, other = spoiled(0), spoiled(1)
    blind = TraceLesson(
        traced=type(other.traced)(
            name=other.traced.name,
            points=other.traced.points,
            radii=other.traced.radii,
            parents=other.traced.parents,
            image=None,
        ),
        is_wrong=other.is_wrong,
    )
    with pytest.raises(AnnotatorError, match="some have one and some have none"):
        TraceCommittee().learn(
            [one, blind], TraceCommitteeParameters(), seed=0, progress=no_progress
        )
