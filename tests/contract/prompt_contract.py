"""What every prompt model must do, whoever wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.api import ModelCard, Prompt, no_progress
from annotator.domain.errors import AnnotatorError
from tests.phantoms import blob

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import PromptAnswer, PromptModel

SPACING_MM = (2.0, 1.0, 1.0)


class PromptModelContract:
    """Subclass it with ``model``; ``least_dice`` is what a box around a plain ball must reach."""

    least_dice = 0.8

    def model(self) -> PromptModel:
        raise NotImplementedError

    def image(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return an image ``(z, y, x)`` and the one bright object on it."""
        return blob((12, 48, 48), (6, 22, 25), 9.0, spacing_mm=SPACING_MM)

    def ask(self, *prompts: Prompt) -> PromptAnswer:
        image, _ = self.image()
        return self.model().take_in(image, SPACING_MM, no_progress).answer(prompts)

    def test_it_tells_what_it_is(self) -> None:
        model = self.model()
        assert isinstance(model.card, ModelCard)
        assert model.kinds
        assert model.kinds <= {"click", "box", "scribble", "lasso"}
        assert model.card.licence, "whose licence a person works under is told"

    def test_a_box_becomes_the_object(self) -> None:
        _, truth = self.image()
        rows = truth[6].any(axis=1).nonzero()[0]
        columns = truth[6].any(axis=0).nonzero()[0]
        corners = ((6, int(rows[0]), int(columns[0])), (6, int(rows[-1]), int(columns[-1])))
        answer = self.ask(Prompt(kind="box", is_positive=True, voxels=corners))
        drawn = spread(answer, truth.shape)
        assert dice(drawn[6], truth[6]) >= self.least_dice
        if not self.model().is_3d:
            assert not drawn[np.arange(12) != 6].any(), "other slices stay as they are"

    def test_the_answer_lies_in_the_image(self) -> None:
        image, _ = self.image()
        answer = self.ask(Prompt(kind="click", is_positive=True, voxels=((6, 22, 25),)))
        low, high = np.asarray(answer.box)
        assert (low >= 0).all()
        assert (high <= image.shape).all()
        assert answer.mask.shape == tuple(high - low)
        assert answer.mask.dtype == np.bool_

    def test_the_same_prompts_give_the_same_answer_and_the_image_stays(self) -> None:
        image, _ = self.image()
        before = image.copy()
        prompts = (
            Prompt(kind="click", is_positive=True, voxels=((6, 22, 25),)),
            Prompt(kind="click", is_positive=False, voxels=((6, 3, 3),)),
        )
        taken = self.model().take_in(image, SPACING_MM, no_progress)
        first = taken.answer(prompts)
        taken.answer(prompts[:1])
        second = taken.answer(prompts)
        assert first.box == second.box
        np.testing.assert_array_equal(first.mask, second.mask)
        np.testing.assert_array_equal(image, before)

    def test_only_what_is_not_meant_is_too_little(self) -> None:
        with pytest.raises(AnnotatorError, match="first"):
            self.ask(Prompt(kind="click", is_positive=False, voxels=((6, 22, 25),)))


def spread(answer: PromptAnswer, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return an answer over the whole grid."""
    found = np.zeros(shape, np.bool_)
    found[tuple(slice(*ends) for ends in zip(*answer.box, strict=True))] = answer.mask
    return found


def dice(one: NDArray[np.bool_] | np.bool_, other: NDArray[np.bool_] | np.bool_) -> float:
    return 2 * int((one & other).sum()) / max(int(one.sum() + other.sum()), 1)
