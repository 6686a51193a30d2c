"""What every contour detector keeps, whatever it judges contours by."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from annotator.analysis.contour_deviation import signed_deviation_mm
from annotator.analysis.contour_points import contour_points
from annotator.analysis.simulate_outline import move_outline, smooth_noise
from annotator.api import ContourLesson, DrawnContour, no_progress
from annotator.domain.errors import AnnotatorError, CancelledError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.api import ContourDetector, Progress

FLAT, SOLID = (1, 48, 48), (8, 13, 13)
TOLERANCE_MM = 1.2


def blob(number: int, shape: tuple[int, int, int]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return a round object, and an image in which it is bright."""
    random = np.random.default_rng(number)
    axes = np.ogrid[tuple(slice(size) for size in shape)]
    squared = np.zeros(shape)
    for axis, size in zip(axes, shape, strict=True):
        if size > 1:
            squared = squared + ((axis - size / 2) / (size * random.uniform(0.28, 0.34))) ** 2
    truth = squared <= 1.0
    sigma = [0.0 if size == 1 else 1.0 for size in shape]
    image = ndimage.gaussian_filter(100.0 * truth, sigma) + 8.0 * random.standard_normal(shape)
    return truth, image.astype(np.float32)


def lesson(number: int, shape: tuple[int, int, int], *, is_right: bool = False) -> ContourLesson:
    """Return a contour that was drawn too far out at some places and too far in at others."""
    truth, image = blob(number, shape)
    random = np.random.default_rng(100 + number)
    drawn = truth
    if not is_right:
        width = [0.0 if size == 1 else 4.0 for size in shape]
        by_mm = 1.8 if shape == FLAT else 1.0
        drawn = move_outline(truth, by_mm * smooth_noise(shape, width, random), (1.0, 1.0, 1.0))
    points = contour_points(drawn, (1.0, 1.0, 1.0))
    contour = DrawnContour(
        name=f"case {number}",
        label=1,
        mask=drawn.astype(np.uint8),
        image=image,
        spacing_mm=(1.0, 1.0, 1.0),
    )
    return ContourLesson(drawn=contour, deviation_mm=signed_deviation_mm(points, truth))


class ContourDetectorContract:
    """Subclasses say which detector, and parameters with which it takes seconds."""

    def detector(self) -> ContourDetector:
        raise NotImplementedError

    def quick(self) -> BaseModel:
        raise NotImplementedError

    def learn(
        self,
        lessons: list[ContourLesson],
        progress: Progress = no_progress,
    ) -> bytes:
        learned = self.detector().learn(lessons, self.quick(), seed=3, progress=progress)
        assert all(learned.summary)
        return learned.content

    @pytest.mark.parametrize("shape", [FLAT, SOLID], ids=["picture", "volume"])
    def test_what_was_learned_tells_wrong_from_right(self, shape: tuple[int, int, int]) -> None:
        lessons = [lesson(number, shape) for number in range(6)]
        told: list[float] = []
        content = self.learn(lessons, lambda fraction, message: told.append(fraction))
        assert told == sorted(told)
        assert 0.0 <= told[0] <= told[-1] <= 1.0
        wrong, right, ways = [], [], []
        for number in (50, 51, 52):
            asked = lesson(number, shape)
            before = asked.drawn.image.copy(), asked.drawn.mask.copy()
            judged = self.detector().judge(content, asked.drawn, no_progress)
            np.testing.assert_array_equal(asked.drawn.image, before[0])
            np.testing.assert_array_equal(asked.drawn.mask, before[1])
            for part in (judged.too_far_out, judged.too_far_in, judged.deviation_mm):
                assert part.shape == (len(asked.deviation_mm),)
                assert part.dtype == np.float32
            both = judged.too_far_out + judged.too_far_in
            assert both.min() >= 0.0
            assert both.max() <= 1.0 + 1e-6
            is_wrong = np.abs(asked.deviation_mm) > TOLERANCE_MM
            wrong.append(both[is_wrong])
            right.append(both[np.abs(asked.deviation_mm) < 0.5 * TOLERANCE_MM])
            way = np.sign(judged.too_far_out - judged.too_far_in)
            ways.append((way == np.sign(asked.deviation_mm))[is_wrong])
        assert np.concatenate(wrong).mean() > np.concatenate(right).mean() + 0.3
        assert np.concatenate(ways).mean() > 0.8

    def test_the_same_lessons_give_the_same_bytes_which_judge_what_comes(self) -> None:
        lessons = [lesson(number, FLAT) for number in range(6)]
        content = self.learn(lessons)
        assert self.learn(lessons) == content
        drawn = lesson(7, FLAT).drawn
        empty = replace(drawn, mask=np.zeros(FLAT, np.uint8))
        assert len(self.detector().judge(content, empty, no_progress).too_far_out) == 0
        in_colour = replace(drawn, image=np.repeat(drawn.image[..., None], 3, axis=-1))
        np.testing.assert_allclose(
            self.detector().judge(content, in_colour, no_progress).too_far_out,
            self.detector().judge(content, drawn, no_progress).too_far_out,
            atol=1e-4,
        )

    def test_too_little_to_learn_from_is_refused_with_the_reason(self) -> None:
        with pytest.raises(AnnotatorError, match="signed"):
            self.learn([])
        with pytest.raises(AnnotatorError, match="signed-off cases"):
            self.learn([lesson(1, FLAT), lesson(2, FLAT)])
        with pytest.raises(AnnotatorError, match="off by more than"):
            self.learn([lesson(number, FLAT, is_right=True) for number in range(10)])

    def test_learning_can_be_cancelled_and_other_bytes_are_refused(self) -> None:
        def cancel(fraction: float, message: str) -> None:
            if fraction > 0.3:
                raise CancelledError("enough")

        with pytest.raises(CancelledError):
            self.learn([lesson(number, FLAT) for number in range(6)], cancel)
        with pytest.raises(AnnotatorError):
            self.detector().judge(b"something else", lesson(1, FLAT).drawn, no_progress)
