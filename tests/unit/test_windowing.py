from __future__ import annotations

import numpy as np
import pytest

from annotator.analysis.windowing import auto_window
from annotator.domain.windows import CT_WINDOWS, presets_for

pytestmark = pytest.mark.unit


def test_ct_presets_have_unique_names_and_the_usual_levels() -> None:
    windows = {window.name: (window.level, window.width) for window in presets_for("CT")}
    assert len(windows) == len(CT_WINDOWS)
    assert windows["lung"] == (-600, 1500)
    assert windows["bone"] == (400, 1800)
    assert windows["brain"] == (40, 80)
    assert windows["soft tissue"] == (50, 400)


def test_modalities_without_a_fixed_scale_have_no_presets() -> None:
    assert presets_for("MR") == ()
    assert presets_for("PT") == ()
    assert presets_for("PT", "SUVbw")


def test_auto_window_covers_what_occurs_in_modality_units() -> None:
    voxels = np.linspace(0, 1000, 64**3).reshape(64, 64, 64).astype(np.int16)
    window = auto_window(voxels, slope=2.0, intercept=-1000.0)
    assert window.level == pytest.approx(0, abs=20)
    assert window.width == pytest.approx(1980, abs=40)


def test_auto_window_looks_inside_the_head_not_at_the_air() -> None:
    voxels = np.zeros((40, 40, 40), np.float32)
    voxels[15:25, 15:25, 15:25] = np.linspace(100, 200, 1000).reshape(10, 10, 10)
    window = auto_window(voxels)
    assert window.level == pytest.approx(150, abs=2)


def test_auto_window_of_constant_empty_and_nan_images_is_usable() -> None:
    for voxels in (
        np.full((2, 3, 4), 7, np.uint8),
        np.full((2, 3, 4), np.nan, np.float32),
        np.zeros((0, 3, 4), np.int16),
    ):
        assert auto_window(voxels).width > 0


def test_auto_window_with_negative_slope_has_a_positive_width() -> None:
    voxels = np.arange(1000, dtype=np.uint16).reshape(1, 25, 40)
    window = auto_window(voxels, slope=-1.0, intercept=4095.0)
    assert window.width > 0
    assert window.level == pytest.approx(4095 - 500, abs=10)
