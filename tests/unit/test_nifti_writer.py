from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotator.domain.errors import AnnotatorError, IntegrityError
from annotator.domain.geometry import Geometry
from annotator_builtins.nifti_writer import NiftiWriter
from tests.exports import export_item, load_nifti, plain_series

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.domain.geometry import Direction

pytestmark = pytest.mark.unit


def _affine_of(geometry: Geometry) -> NDArray[np.float64]:
    """Return the RAS affine over (x, y, z) that NIfTI should hold."""
    columns = np.reshape(geometry.direction, (3, 3)) * np.array(geometry.spacing_mm[::-1])
    lps = np.eye(4)
    lps[:3, :3] = columns
    lps[:3, 3] = geometry.origin_mm
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps


def test_affine_by_nibabel(tmp_path: Path) -> None:
    series = plain_series()
    (path,) = NiftiWriter().write(export_item(series), tmp_path, "case_rater")
    assert path.name == "case_rater_labels.nii.gz"
    read = load_nifti(path)
    np.testing.assert_allclose(read.affine, _affine_of(series.geometry), atol=1e-4)
    assert read.get_data_dtype() == np.uint8
    assert read.header["qform_code"] > 0


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    angles=st.tuples(*[st.floats(-3, 3)] * 3),
    spacing=st.tuples(*[st.floats(0.05, 8)] * 3),
    origin=st.tuples(*[st.floats(-900, 900)] * 3),
)
def test_any_oblique_grid(
    tmp_path: Path,
    angles: tuple[float, float, float],
    spacing: tuple[float, float, float],
    origin: tuple[float, float, float],
) -> None:
    geometry = Geometry(
        shape=(3, 4, 5), spacing_mm=spacing, origin_mm=origin, direction=_rotation(angles)
    )
    (path,) = NiftiWriter().write(export_item(plain_series(geometry)), tmp_path, "any")
    read = load_nifti(path)
    np.testing.assert_allclose(read.affine, _affine_of(geometry), atol=2e-3)


def _rotation(angles: tuple[float, float, float]) -> Direction:
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        turn = np.eye(3)
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turn[[first, second], [first, second]] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    a, b, c, d, e, f, g, h, i = (float(value) for value in matrix.reshape(-1))
    return (a, b, c, d, e, f, g, h, i)


def test_large_values_need_16_bits(tmp_path: Path) -> None:
    item = export_item(plain_series())
    mask = item.mask.astype(np.uint16)
    mask[mask == 4] = 1605
    (path,) = NiftiWriter().write(replace(item, mask=mask), tmp_path, "atlas")
    read = load_nifti(path)
    assert read.get_data_dtype() == np.uint16
    assert np.asarray(read.dataobj).max() == 1605


def test_one_label_has_one_probability_file(tmp_path: Path) -> None:
    item = export_item(plain_series())
    map_of_one = np.linspace(0, 1, item.mask.size, dtype=np.float32).reshape(item.mask.shape)
    one_label = replace(item.schema, labels=item.schema.labels[:1])
    paths = NiftiWriter().write(
        replace(item, schema=one_label, probability={1: map_of_one}), tmp_path, "c_staple"
    )
    assert [path.name for path in paths] == [
        "c_staple_labels.nii.gz",
        "c_staple_probability.nii.gz",
    ]
    read = load_nifti(paths[1])
    assert read.get_data_dtype() == np.float32
    np.testing.assert_array_equal(np.asarray(read.dataobj).transpose(2, 1, 0), map_of_one)


def test_several_labels_have_a_file_each_and_one_of_any(tmp_path: Path) -> None:
    item = export_item(plain_series())
    maps = {value: np.full(item.mask.shape, 0.25 * value, np.float32) for value in (1, 2)}
    paths = NiftiWriter().write(replace(item, probability=maps), tmp_path, "c_staple")
    assert [path.name for path in paths] == [
        "c_staple_labels.nii.gz",
        "c_staple_probability.nii.gz",
        "c_staple_probability_1.nii.gz",
        "c_staple_probability_2.nii.gz",
    ]
    assert np.asarray(load_nifti(paths[1]).dataobj)[0, 0, 0] == np.float32(0.75)


def test_a_file_that_reads_back_otherwise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = export_item(plain_series())
    real = SimpleITK.ReadImage

    def spoiled(path: str) -> object:
        image = real(path)
        image[0, 0, 0] = 7
        return image

    monkeypatch.setattr(SimpleITK, "ReadImage", spoiled)
    with pytest.raises(IntegrityError, match="other voxels"):
        NiftiWriter().write(item, tmp_path, "spoiled")
    assert not list(tmp_path.iterdir())


def test_itk_failing_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise RuntimeError("Exception thrown in SimpleITK WriteImage:\nsomething broke")

    monkeypatch.setattr(SimpleITK, "WriteImage", fail)
    with pytest.raises(AnnotatorError, match="something broke"):
        NiftiWriter().write(export_item(plain_series()), tmp_path, "broken")
