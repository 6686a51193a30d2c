"""What every model keeps, whatever it draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.api import ModelCard, no_progress
from annotator.domain.errors import CancelledError
from annotator.domain.schema import Label, LabelSchema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Model
    from annotator.domain.study import Series

ONE_LABEL = LabelSchema(
    name="one", title="One", labels=(Label(value=1, name="Label 1", color="#ff0000"),)
)


class ModelContract:
    """Subclasses say which model, and give a series that it fits, small enough for seconds."""

    def model(self) -> Model:
        raise NotImplementedError

    def fitting(self) -> tuple[NDArray[Any], Series]:
        raise NotImplementedError

    def unfitting(self) -> Series:
        raise NotImplementedError

    def schema(self) -> LabelSchema:
        return ONE_LABEL

    def test_has_a_card_in_words(self) -> None:
        card = self.model().card
        assert isinstance(card, ModelCard)
        for name in ("title", "what_it_draws", "works_on", "limits", "licence"):
            assert getattr(card, name).strip(), name

    def test_name_is_stable_and_plain(self) -> None:
        model = self.model()
        assert model.name == model.name.lower().strip()
        assert " " not in model.name
        assert model.version

    def test_parameters_have_defaults_and_refuse_unknown_ones(self) -> None:
        parameters = self.model().parameters
        parameters()
        with pytest.raises(ValueError, match="no_such_parameter"):
            parameters.model_validate({"no_such_parameter": 1})

    def test_fits_what_it_says_it_fits(self) -> None:
        _, series = self.fitting()
        assert self.model().refuses(series, self.schema()) is None

    def test_refuses_a_wrong_series_in_words(self) -> None:
        reason = self.model().refuses(self.unfitting(), self.schema())
        assert reason is not None
        assert len(reason.split()) > 3

    def test_refuses_a_schema_without_its_label(self) -> None:
        _, series = self.fitting()
        other = LabelSchema(
            name="other",
            title="Other",
            labels=(
                Label(value=1, name="Aardvark", color="#ff0000"),
                Label(value=2, name="Zebra", color="#00ff00"),
            ),
        )
        reason = self.model().refuses(series, other)
        assert reason is not None
        assert "Aardvark" in reason

    def test_draws_on_the_grid_with_values_of_the_schema(self) -> None:
        voxels, series = self.fitting()
        mask = self._predict(voxels, series)
        assert mask.shape == series.geometry.shape
        assert mask.dtype in (np.uint8, np.uint16)
        assert set(np.unique(mask).tolist()) <= {0, *self.schema().values}
        assert mask.any()

    def test_must_not_write_to_its_input(self) -> None:
        voxels, series = self.fitting()
        before = voxels.copy()
        voxels.setflags(write=False)
        self._predict(voxels, series)
        np.testing.assert_array_equal(voxels, before)

    def test_same_input_same_mask(self) -> None:
        voxels, series = self.fitting()
        np.testing.assert_array_equal(self._predict(voxels, series), self._predict(voxels, series))

    def test_empty_image_gives_no_error(self) -> None:
        voxels, series = self.fitting()
        mask = self._predict(np.zeros_like(voxels), series)
        assert mask.shape == series.geometry.shape

    def test_progress_rises_to_one(self) -> None:
        voxels, series = self.fitting()
        seen: list[float] = []
        model = self.model()
        model.predict(
            voxels,
            series,
            self.schema(),
            model.parameters(),
            lambda fraction, message: seen.append(fraction),
        )
        assert seen == sorted(seen)
        assert seen[0] == 0
        assert seen[-1] == 1

    @pytest.mark.parametrize("stop_at", [0.0, 0.3, 0.6])
    def test_stops_when_asked(self, stop_at: float) -> None:
        voxels, series = self.fitting()
        model = self.model()

        def stop(fraction: float, message: str) -> None:
            if fraction >= stop_at:
                raise CancelledError("stopped")

        with pytest.raises(CancelledError):
            model.predict(voxels, series, self.schema(), model.parameters(), stop)

    def _predict(self, voxels: NDArray[Any], series: Series) -> NDArray[np.unsignedinteger]:
        model = self.model()
        return model.predict(voxels, series, self.schema(), model.parameters(), no_progress)
