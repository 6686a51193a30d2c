from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skimage.data
from scipy import ndimage

from annotator.api import no_progress
from annotator.bundled import resource
from annotator.domain.geometry import Geometry
from annotator.domain.schema import Code, Label, LabelSchema
from annotator_builtins.body_model import BodyModel
from annotator_builtins.dicom_reader import DicomReader
from annotator_builtins.label_choice import choose_label
from annotator_builtins.lung_model import LungModel
from annotator_builtins.vessel_model import VesselModel, field_of_view, vesselness
from tests.phantoms import chest, ct_series, dice, fundus, fundus_series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Model
    from annotator.domain.study import Series

pytestmark = pytest.mark.unit


def _schema(*names: str) -> LabelSchema:
    labels = tuple(
        Label(value=value, name=name, color="#ff0000") for value, name in enumerate(names, 1)
    )
    return LabelSchema(name="test", title="Test", labels=labels)


def _predict(
    model: Model, voxels: NDArray[Any], series: Series, schema: LabelSchema
) -> NDArray[np.unsignedinteger]:
    assert model.refuses(series, schema) is None
    return model.predict(voxels, series, schema, model.parameters(), no_progress)


def test_lungs_of_a_phantom() -> None:
    voxels, geometry, lungs, _ = chest()
    mask = _predict(LungModel(), voxels, ct_series(geometry), _schema("Lung"))
    assert dice(mask, lungs) > 0.97


def test_body_of_a_phantom_without_its_table() -> None:
    voxels, geometry, _, body = chest()
    mask = _predict(BodyModel(), voxels, ct_series(geometry), _schema("Body"))
    assert dice(mask, body) > 0.98


def test_lungs_of_stored_values_with_a_rescale() -> None:
    voxels, geometry, lungs, _ = chest()
    stored = (voxels.astype(np.int32) + 1024).astype(np.uint16)
    series = ct_series(geometry, intercept=-1024.0)
    assert dice(_predict(LungModel(), stored, series, _schema("Lung")), lungs) > 0.97


def test_lungs_of_coronal_slices() -> None:
    voxels, geometry, lungs, _ = chest()
    coronal = np.ascontiguousarray(np.moveaxis(voxels, 0, 1))
    turned = Geometry(
        shape=(coronal.shape[0], coronal.shape[1], coronal.shape[2]),
        spacing_mm=(geometry.spacing_mm[1], geometry.spacing_mm[0], geometry.spacing_mm[2]),
        direction=(1, 0, 0, 0, 0, 1, 0, 1, 0),
    )
    mask = _predict(LungModel(), coronal, ct_series(turned), _schema("Lung"))
    assert dice(mask, np.moveaxis(lungs, 0, 1)) > 0.97


def test_no_lungs_in_a_head() -> None:
    voxels, geometry, lungs, _ = chest()
    solid = np.where(lungs & (voxels < -320), 40, voxels).astype(np.int16)
    mask = _predict(LungModel(), solid, ct_series(geometry), _schema("Lung"))
    assert not mask.any()


def test_vessels_of_a_phantom_beat_a_threshold() -> None:
    picture, truth = fundus()
    mask = _predict(VesselModel(), picture[None], fundus_series((420, 420)), _schema("Vessel"))[0]
    inside = field_of_view(picture)
    green = picture[..., 1].astype(float)
    thresholds = np.percentile(green[inside], np.arange(1, 40))
    plain = max(dice((green < level) & inside, truth) for level in thresholds)
    assert dice(mask, truth) > 0.75
    assert dice(mask, truth) > plain + 0.2


def test_vessel_strength_separates_better_than_darkness() -> None:
    picture, truth = fundus()
    inside, strength = vesselness(picture, no_progress)
    ours = _area_under_roc(strength[inside], truth[inside])
    plain = _area_under_roc(-picture[..., 1][inside].astype(float), truth[inside])
    assert ours > 0.93
    assert ours > plain + 0.15


def test_vessels_of_a_real_photograph() -> None:
    picture = np.asarray(skimage.data.retina())  # type: ignore[no-untyped-call]
    series = fundus_series((picture.shape[0], picture.shape[1]))
    mask = _predict(VesselModel(), picture[None], series, _schema("Vessel"))[0] > 0
    inside = field_of_view(picture)
    share = mask.sum() / inside.sum()
    assert 0.08 < share < 0.2, "vessels cover about an eighth of a retina"
    assert not mask[~inside].any()
    fovea = mask[660:740, 660:740]
    assert fovea.mean() < 0.02, "the fovea has no vessels"
    arcade = mask[300:340, 430:540]
    assert arcade.any(axis=0).mean() > 0.95, "the upper arcade is one unbroken vessel"


def test_one_label_is_taken_whatever_its_name() -> None:
    chosen = choose_label(_schema("Label 1"), words=("lung",), codes=())
    assert chosen is not None
    assert chosen.value == 1


def test_a_code_goes_before_a_name() -> None:
    coded = replace(
        _schema("Lung tumour", "Parenchyma").labels[1],
        code=Code(scheme="SCT", value="39607008", meaning="Lung structure"),
    )
    schema = replace(_schema(), labels=(_schema("Lung tumour").labels[0], coded))
    chosen = choose_label(schema, words=("lung",), codes=("39607008",))
    assert chosen is not None
    assert chosen.value == 2


def test_lungs_refuse_a_schema_of_sides() -> None:
    _, geometry, _, _ = chest((4, 16, 16))
    reason = LungModel().refuses(ct_series(geometry), _schema("Left lung", "Right lung"))
    assert reason is not None
    assert "Left lung" in reason


def test_lungs_refuse_other_modalities() -> None:
    _, geometry, _, _ = chest((4, 16, 16))
    series = replace(ct_series(geometry), modality="MR")
    assert "MR" in (LungModel().refuses(series, _schema("Lung")) or "")


@pytest.mark.parametrize(
    ("name", "litres"), [("chest-ct-1", (1.0, 2.5)), ("chest-ct-2", (1.5, 5.0))]
)
def test_lungs_of_real_chests(name: str, litres: tuple[float, float]) -> None:
    folder = resource(f"sample/{name}")
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    (found,) = DicomReader().scan(sorted(folder.iterdir()), no_progress).found
    content = found.read(no_progress)
    series, voxels = content.series, content.voxels
    mask = _predict(LungModel(), voxels, series, _schema("Lungs")) > 0
    values_hu = voxels[mask] * series.slope + series.intercept
    assert litres[0] < mask.sum() * series.geometry.voxel_mm3 / 1e6 < litres[1]
    assert -900 < float(np.median(values_hu)) < -600
    _, n_parts = ndimage.label(mask)
    assert n_parts <= 2
    body = _predict(BodyModel(), voxels, series, _schema("Body")) > 0
    assert (mask & ~body).sum() < 0.01 * mask.sum(), "lungs lie inside the body"


def _area_under_roc(scores: NDArray[Any], truth: NDArray[np.bool_]) -> float:
    order = np.argsort(scores, kind="stable")
    ranks = np.empty(len(scores))
    ranks[order] = np.arange(1, len(scores) + 1)
    n_true = int(truth.sum())
    return float(
        (ranks[truth].sum() - n_true * (n_true + 1) / 2) / (n_true * (len(scores) - n_true))
    )
