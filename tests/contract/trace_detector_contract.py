"""What every detector of wrong tracing keeps, whatever it learns by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.api import no_progress
from annotator.api.tracing import TracedNeuron
from annotator.domain.errors import AnnotatorError, CancelledError, IntegrityError
from tests.unit.tracing.spoiled_neurons import spoiled

if TYPE_CHECKING:
    from pydantic import BaseModel

    from annotator.api.tracing import TraceDetector

LESSONS = (0, 1)


class TraceDetectorContract:
    """Subclasses say which detector, and parameters with which it takes a second."""

    def detector(self) -> TraceDetector:
        raise NotImplementedError

    def quick(self) -> BaseModel:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def learned(cls) -> bytes:
        lessons = [spoiled(number) for number in LESSONS]
        return cls().detector().learn(lessons, cls().quick(), seed=0, progress=no_progress)

    def test_name_is_stable_and_plain(self) -> None:
        detector = self.detector()
        assert detector.name == detector.name.lower().strip()
        assert " " not in detector.name
        assert detector.version
        assert detector.title

    def test_parameters_have_defaults_and_refuse_unknown_ones(self) -> None:
        parameters = self.detector().parameters
        parameters()
        with pytest.raises(ValueError, match="no_such_parameter"):
            parameters.model_validate({"no_such_parameter": 1})

    def test_the_same_lessons_and_seed_give_the_same_bytes(self, learned: bytes) -> None:
        lessons = [spoiled(number) for number in LESSONS]
        again = self.detector().learn(lessons, self.quick(), seed=0, progress=no_progress)
        assert again == learned

    def test_every_node_has_a_probability(self, learned: bytes) -> None:
        traced = spoiled(3).traced
        judged = self.detector().judge(learned, traced, no_progress)
        assert judged.shape == (len(traced.parents),)
        assert judged.dtype == np.float32
        assert ((judged >= 0) & (judged <= 1)).all()
        assert np.array_equal(judged, self.detector().judge(learned, traced, no_progress))

    def test_a_broken_tracing_is_judged_as_well(self, learned: bytes) -> None:
        whole = spoiled(3).traced
        points, parents = whole.points.copy(), whole.parents.copy()
        points[5] = np.nan
        parents[10] = 20
        points[30] += 1e5
        for rows in (slice(None), slice(0, 1), slice(0, 0)):
            broken = TracedNeuron(
                name="broken",
                points=points[rows],
                radii=whole.radii[rows],
                parents=parents[rows],
                image=whole.image,
            )
            judged = self.detector().judge(learned, broken, no_progress)
            assert judged.shape == (len(broken.parents),)
            assert ((judged >= 0) & (judged <= 1)).all()

    def test_bytes_that_it_did_not_write_are_refused(self, learned: bytes) -> None:
        middle = len(learned) // 2
        hostile = (
            b"",
            b"\x80\x04}q\x00.",
            learned[:middle],
            learned + b"more",
            learned[:9] + b"\xff" * 40 + learned[49:],
            learned[:-4] + b"\x00\x00\xc0\x7f",
        )
        for content in hostile:
            with pytest.raises(IntegrityError):
                self.detector().judge(content, spoiled(3).traced, no_progress)

    def test_too_little_to_learn_from_is_told(self) -> None:
        for lessons in ([], [spoiled(0), spoiled(0)]):
            with pytest.raises(AnnotatorError, match="neuron"):
                self.detector().learn(lessons, self.quick(), seed=0, progress=no_progress)

    def test_it_tells_how_far_it_is_and_can_be_stopped(self) -> None:
        fractions: list[float] = []

        def stop(fraction: float, message: str) -> None:
            assert message
            fractions.append(fraction)
            if fraction > 0.5:
                raise CancelledError("stopped")

        lessons = [spoiled(number) for number in LESSONS]
        with pytest.raises(CancelledError):
            self.detector().learn(lessons, self.quick(), seed=0, progress=stop)
        assert len(fractions) > 2
        assert fractions == sorted(fractions)
        assert 0 <= fractions[0] <= fractions[-1] <= 1
