"""Marks are told in words without looking at the image more often than needed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.domain.geometry import Geometry
from annotator.domain.marks import Mark
from annotator.domain.schema import LabelSchema
from annotator.drawing.mark_measures import image_surface
from annotator.drawing.mark_words import value_words
from annotator.gui.mark_book import MarkBook

if TYPE_CHECKING:
    from annotator.drawing.surface import Surface

pytestmark = pytest.mark.gui

SCHEMA = LabelSchema(name="none", title="None", labels=())
GEOMETRY = Geometry(shape=(2, 40, 1200))


def test_the_image_is_looked_at_once_for_a_mark_in_the_list_and_never_while_one_is_dragged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[int] = []

    def look(mark: Mark, surface: Surface, unit: str) -> str:
        looked.append(mark.mark_id)
        return value_words(mark, surface, unit)

    monkeypatch.setattr("annotator.gui.mark_book.value_words", look)
    voxels = np.arange(2 * 40 * 1200, dtype=np.int32).reshape(GEOMETRY.shape)
    book = MarkBook(SCHEMA, image_surface(voxels, GEOMETRY), "HU")
    area = Mark(mark_id=1, kind="area", places=((0.0, 0.0, 0.0), (0.0, 30.0, 0.0), (0.0, 0.0, 9.0)))
    for right in range(20):
        dragged = replace(area, places=(*area.places[:2], (0.0, 0.0, 10.0 + right)))
        assert book.shown(dragged).text == f"{30 * (10 + right) / 2:.0f} mm²"
    assert not looked
    points = [
        Mark(mark_id=number, kind="point", places=((0.0, 0.0, float(number)),))
        for number in range(2, 1100)
    ]
    for _ in range(2):
        rows = book.rows([area, *points], None)
    assert sorted(looked) == [mark.mark_id for mark in (area, *points)]
    assert (rows[0].chip, rows[-1].chip) == ("135 mm²", "1099 HU")
