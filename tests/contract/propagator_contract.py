"""What every propagator keeps, whatever it carries drawings by."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.analysis.bent_phantoms import bent_pair
from annotator.api import PlacedImage, no_progress
from annotator.domain.errors import AnnotatorError, CancelledError
from annotator.domain.geometry import Geometry
from annotator.domain.study import Series

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydantic import BaseModel

    from annotator.analysis.bent_phantoms import BentPair
    from annotator.api import Progress, Propagated, Propagator

FLAT = (1, 48, 40)
SOLID = (16, 24, 20)


def series(geometry: Geometry, modality: str = "MR") -> Series:
    return Series(
        series_id="made",
        kind="volume" if geometry.is_volume else "picture",
        modality=modality,
        description="",
        geometry=geometry,
        dtype="float32",
    )


def ends(pair: BentPair) -> tuple[PlacedImage, PlacedImage]:
    shape = pair.source.shape
    geometry = Geometry(shape=(shape[0], shape[1], shape[2]), spacing_mm=pair.spacing_mm)
    return (
        PlacedImage(image=pair.source, geometry=geometry),
        PlacedImage(image=pair.target, geometry=geometry),
    )


def dice(drawn: NDArray[np.integer], truth: NDArray[np.integer]) -> float:
    return float(2 * ((drawn > 0) & (truth > 0)).sum() / ((drawn > 0).sum() + (truth > 0).sum()))


class PropagatorContract:
    """Subclasses say which propagator, and parameters with which it takes seconds."""

    def propagator(self) -> Propagator:
        raise NotImplementedError

    def quick(self) -> BaseModel:
        raise NotImplementedError

    def carry(
        self,
        source: PlacedImage,
        mask: NDArray[np.unsignedinteger],
        target: PlacedImage,
        progress: Progress = no_progress,
    ) -> Propagated:
        propagator = self.propagator()
        carrier = propagator.take_in(source, mask, [lambda: target], self.quick(), progress)
        return carrier.carry(target, progress)

    def test_name_is_stable_and_plain(self) -> None:
        propagator = self.propagator()
        assert propagator.name == propagator.name.lower().strip()
        assert " " not in propagator.name
        assert propagator.version
        assert propagator.title

    def test_parameters_have_defaults_and_refuse_unknown_ones(self) -> None:
        parameters = self.propagator().parameters
        parameters()
        with pytest.raises(ValueError, match="no_such_parameter"):
            parameters.model_validate({"no_such_parameter": 1})

    def test_refuses_another_kind_of_image_in_words(self) -> None:
        solid, flat = series(Geometry(shape=SOLID)), series(Geometry(shape=FLAT))
        assert self.propagator().refuses(solid, solid) is None
        for source, target in (
            (solid, flat),
            (solid, series(solid.geometry, "CT")),
            (flat, replace(flat, kind="video")),
            (flat, replace(flat, geometry=replace(flat.geometry, is_calibrated=False))),
        ):
            reason = self.propagator().refuses(source, target)
            assert reason is not None
            assert len(reason.split()) > 3

    def test_what_was_bent_is_drawn_better_than_without_bending(self) -> None:
        pair = bent_pair(FLAT, seed=3, reach_mm=4.0)
        source, target = ends(pair)
        found = self.carry(source, pair.source_mask, target)
        assert dice(found.mask, pair.target_mask) > dice(pair.source_mask, pair.target_mask) + 0.01
        self.check_form(found, FLAT)

    def test_volumes_are_drawn_on_too(self) -> None:
        pair = bent_pair(SOLID, seed=3, reach_mm=4.0)
        source, target = ends(pair)
        found = self.carry(source, pair.source_mask, target)
        assert dice(found.mask, pair.target_mask) > dice(pair.source_mask, pair.target_mask) - 0.01
        self.check_form(found, SOLID)

    def check_form(self, found: Propagated, shape: tuple[int, int, int]) -> None:
        assert found.mask.shape == found.error_mm.shape == shape
        assert found.mask.dtype == np.uint8
        assert set(np.unique(found.mask).tolist()) <= {0, 1, 2}
        assert found.error_mm.dtype == np.float32
        assert np.isfinite(found.error_mm).all()
        assert 0 <= found.folded < 0.01

    def test_same_images_same_mask_and_inputs_stay_as_they_are(self) -> None:
        pair = bent_pair(FLAT, seed=4)
        source, target = ends(pair)
        for image in (source.image, target.image, pair.source_mask):
            image.setflags(write=False)
        first, second = (self.carry(source, pair.source_mask, target) for _ in range(2))
        np.testing.assert_array_equal(first.mask, second.mask)
        np.testing.assert_array_equal(first.error_mm, second.error_mm)

    def test_an_empty_drawing_is_refused(self) -> None:
        pair = bent_pair(FLAT, seed=5)
        source, target = ends(pair)
        with pytest.raises(AnnotatorError, match="nothing is drawn"):
            self.carry(source, np.zeros_like(pair.source_mask), target)

    @pytest.mark.parametrize("stop_at", [0.0, 0.3, 0.7])
    def test_stops_when_asked(self, stop_at: float) -> None:
        pair = bent_pair(FLAT, seed=6)
        source, target = ends(pair)

        def stop(fraction: float, message: str) -> None:
            assert 0 <= fraction <= 1
            assert message
            if fraction >= stop_at:
                raise CancelledError("stopped")

        with pytest.raises(CancelledError):
            self.carry(source, pair.source_mask, target, stop)
