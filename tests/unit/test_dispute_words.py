"""Sizes as they are told to a person."""

from __future__ import annotations

import pytest

from annotator.analysis.dispute_words import size_in_words
from annotator.domain.geometry import Geometry

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("n_voxels", "words"),
    [(5, "5 mm³"), (999, "999 mm³"), (2_238, "2.24 cm³"), (2_980_123, "2,980 cm³")],
)
def test_a_volume_has_no_exponent(n_voxels: int, words: str) -> None:
    assert size_in_words(n_voxels, Geometry(shape=(200, 200, 200))) == words


def test_neither_has_an_area() -> None:
    flat = Geometry(shape=(1, 400, 400), spacing_mm=(1.0, 0.5, 0.5))
    assert size_in_words(160_000, flat) == "40,000 mm²"
