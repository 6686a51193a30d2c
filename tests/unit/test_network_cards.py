"""Cards of MONAI bundles and nnU-Net folders mean what these libraries do before reading."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs annotator[torch]")
pytest.importorskip("monai", reason="a peer of the development environment")
from monai.transforms.intensity.array import (  # noqa: E402
    NormalizeIntensity,
    ScaleIntensity,
    ScaleIntensityRange,
    ScaleIntensityRangePercentiles,
)

from annotator.domain.errors import AnnotatorError  # noqa: E402
from annotator_networks.bundle_card import bundle_card  # noqa: E402
from annotator_networks.bundle_config import Config, NotPlainError  # noqa: E402
from annotator_networks.nnunet_plans import plans_card, read_plans  # noqa: E402
from tests.unit.small_networks import (  # noqa: E402
    NNUNET_DATASET,
    bundle_config,
    bundle_metadata,
    nnunet_plans,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import Intensity, NetworkCard

pytestmark = pytest.mark.unit

IMAGE = np.random.default_rng(1).normal(40, 120, size=(1, 5, 6, 7)).astype(np.float32)
BY_NUMBERS: dict[str, Any] = {"subtrahend": 40, "divisor": 25.0}
UNET = {"in_channels": 1, "out_channels": 3, "spatial_dims": 3}


def card_of(
    transforms: list[Any],
    metadata: dict[str, Any] | None = None,
    network: dict[str, Any] | None = None,
    **config: Any,  # noqa: ANN401 - parts of a configuration
) -> NetworkCard:
    told = {"preprocessing": {"_target_": "Compose", "transforms": transforms}, **config}
    return bundle_card(
        bundle_metadata() if metadata is None else metadata,
        Config(told),
        UNET if network is None else network,
        name="bundle",
        licence="",
    )


def scaled(image: NDArray[np.float32], told: Intensity) -> NDArray[np.float64]:
    """Scale an image as `Intensity` is described."""
    values = image.astype(np.float64)
    if told.clip is not None:
        values = np.clip(values, *told.clip)
    if told.scaling == "z-score":
        mean = values.mean() if told.mean is None else told.mean
        deviation = values.std() if told.deviation is None else told.deviation
        return (values - mean) / deviation
    if told.scaling == "none":
        return values
    low, high = told.low, told.high
    if told.scaling == "percentiles":
        low, high = np.percentile(values, [low, high])
    return (values - low) / (high - low)


def array(found: Any) -> NDArray[np.float64]:  # noqa: ANN401 - a tensor of MONAI's
    return np.asarray(found, np.float64)


@settings(max_examples=40)
@given(
    low=st.floats(-1000, 0),
    width=st.floats(10, 3000),
    bottom=st.sampled_from([-1.0, 0.0, 0.25]),
    top=st.sampled_from([1.0, 2.0]),
    clip=st.booleans(),
)
def test_ranges_mean_the_same(
    low: float, width: float, bottom: float, top: float, clip: bool
) -> None:
    values: dict[str, Any] = {
        "a_min": low,
        "a_max": low + width,
        "b_min": bottom,
        "b_max": top,
        "clip": clip,
    }
    card = card_of([{"_target_": "ScaleIntensityRanged", "keys": "image", **values}])
    expected = array(ScaleIntensityRange(**values)(IMAGE))
    np.testing.assert_allclose(scaled(IMAGE, card.intensity), expected, rtol=1e-4, atol=1e-4)
    assert card.limits == ""


@pytest.mark.parametrize(
    ("step", "theirs"),
    [
        ({"_target_": "NormalizeIntensityd"}, NormalizeIntensity()),
        (
            {"_target_": "NormalizeIntensityd", **BY_NUMBERS},
            NormalizeIntensity(**BY_NUMBERS),
        ),
        ({"_target_": "monai.transforms.ScaleIntensityd"}, ScaleIntensity()),
        (
            {
                "_target_": "ScaleIntensityRangePercentilesd",
                "lower": 2,
                "upper": 98,
                "b_min": 0,
                "b_max": 1,
            },
            ScaleIntensityRangePercentiles(2, 98, 0, 1),
        ),
    ],
)
def test_scalings_mean_the_same(step: dict[str, Any], theirs: Any) -> None:  # noqa: ANN401
    card = card_of([{"_target_": "LoadImaged"}, step, {"_target_": "EnsureTyped"}])
    np.testing.assert_allclose(
        scaled(IMAGE, card.intensity), array(theirs(IMAGE)), rtol=1e-4, atol=1e-4
    )
    assert card.limits == ""


def test_a_range_before_a_z_score_only_clips() -> None:
    window: dict[str, Any] = {
        "a_min": -100.0,
        "a_max": 200.0,
        "b_min": 0.0,
        "b_max": 1.0,
        "clip": True,
    }
    card = card_of(
        [
            {"_target_": "ScaleIntensityRanged", **window},
            {"_target_": "NormalizeIntensityd", "keys": "image"},
        ]
    )
    expected = array(NormalizeIntensity()(ScaleIntensityRange(**window)(IMAGE)))
    np.testing.assert_allclose(scaled(IMAGE, card.intensity), expected, rtol=1e-4, atol=1e-4)


def test_the_whole_of_a_bundle() -> None:
    config = bundle_config({**UNET, "channels": [4, 8], "strides": [2]})
    metadata = {
        **bundle_metadata(),
        "data_source": "Task09",
        "authors": "A and B",
        "references": ["R 2020", "S 2021"],
        "intended_use": "research",
        "license": "Apache 2.0",
    }
    card = bundle_card(metadata, Config(config), UNET, name="bundle", licence="")
    assert card.labels == ((1, "Lesion"), (2, "Organ"))
    assert card.spacing_mm == (2.0, 1.25, 1.5)
    assert card.patch == (64, 80, 96)
    assert (card.axes, card.orientation, card.multiple) == ("xyz", "RAS", 16)
    assert (card.activation, card.overlap) == ("softmax", 0.25)
    assert card.intensity.clip == (-57.0, 164.0)
    assert (card.trained_on, card.intended_use) == ("Task09", "research")
    assert card.source == "A and B\nR 2020\nS 2021"
    assert card.licence == "Apache 2.0"
    assert card.limits == ""


@pytest.mark.parametrize(
    ("codes", "axes", "orientation"),
    [("RAS", "xyz", "RAS"), ("LPS", "xyz", "LPS"), ("SPL", "zyx", "LPS"), ("ASR", "xyz", None)],
)
def test_orientations(codes: str, axes: str, orientation: str | None) -> None:
    card = card_of(
        [
            {"_target_": "Orientationd", "axcodes": codes},
            {"_target_": "Spacingd", "pixdim": [1.0, 2.0, 3.0]},
        ]
    )
    assert (card.axes, card.orientation) == (axes, orientation)
    assert ("images are turned to ASR" in card.limits) == (orientation is None)
    assert card.spacing_mm == ((1.0, 2.0, 3.0) if axes == "zyx" else (3.0, 2.0, 1.0))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"_target_": "CropForegroundd"}, "CropForeground is not known"),
        ({"_target_": "scripts.Own"}, "Own is not known"),
        ({"_target_": "Spacingd", "pixdim": [1, 1, -1]}, "brought to a spacing of [1, 1, -1]"),
        ({"_target_": "Spacingd"}, "Spacing has values that are not understood"),
        ({"_target_": "NormalizeIntensityd", "nonzero": True}, "voxels that are not 0"),
        ({"_target_": "ScaleIntensityd", "minv": -1}, "otherwise than to 0 … 1"),
        ("$import os", "is a program, which is not run"),
        (3, "a step that is no transform"),
    ],
)
def test_what_is_not_done_again_is_told(step: Any, words: str) -> None:  # noqa: ANN401
    assert words in card_of([step]).limits


def test_what_nobody_says_stays_empty() -> None:
    card = card_of([], metadata={}, network={"in_channels": 2})
    assert (card.title, card.labels, card.n_channels) == ("bundle", (), 2)
    assert card.intensity.scaling == "none"
    said = (card.trained_on, card.source, card.licence, card.intended_use, card.limits)
    assert said == ("", "", "", "", "")
    assert (card.spacing_mm, card.patch, card.orientation) == (None, None, None)


def test_sigmoids_are_found_after_reading() -> None:
    after = {"_target_": "Compose", "transforms": [{"_target_": "Activationsd", "sigmoid": True}]}
    assert card_of([], postprocessing=after).activation == "sigmoid"
    assert card_of([], network={"in_channels": 1, "out_channels": 1}).activation == "sigmoid"


def test_sums_and_references_are_followed() -> None:
    config = Config(
        {
            "a": 2,
            "b": ["@a", "$@a + 1", "$-@a * 3"],
            "c": {"d": "$[@b#1] * 2 + [@c::e]", "e": "$7 // 2"},
        }
    )
    assert config.get("b") == [2, 3, -6]
    assert config.get("c") == {"d": [3, 3, 3], "e": 3}
    assert config.get("nothing") is None
    with pytest.raises(NotPlainError, match="is a program"):
        config.plain("$@a.real")


def plans(path: Path, **changes: Any) -> NetworkCard:  # noqa: ANN401 - parts of a dataset
    dataset = json.loads(json.dumps({**NNUNET_DATASET, **changes}))
    return plans_card(path, read_plans(path, nnunet_plans(), dataset), [0, 2], "")


def test_plans_give_axes_windows_flips_and_labels(tmp_path: Path) -> None:
    path = tmp_path / "Dataset001_Tiny" / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    card = plans(path)
    assert card.title == "Dataset001_Tiny 3d_fullres"
    assert (card.spacing_mm, card.patch) == ((1.0, 3.0, 0.5), (12, 4, 8))
    assert card.flips == ("x", "y")
    assert card.labels == ((1, "Lesion"), (2, "Organ"))
    assert card.activation == "softmax"
    assert "margin of zeros" in card.limits
    ignoring = plans(path, labels={"background": 0, "Lesion": 1, "Organ": 2, "ignore": 3})
    assert ignoring.labels == card.labels


def test_regions_overlap_and_are_outputs_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    card = plans(
        path,
        labels={"background": 0, "whole tumour": [1, 2], "core": [2]},
        regions_class_order=[1, 2],
    )
    assert card.labels == ((0, "whole tumour"), (1, "core"))
    assert card.activation == "sigmoid"


def test_cascades_and_unknown_configurations_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    told = nnunet_plans()
    told["configurations"]["3d_fullres"]["previous_stage"] = "3d_lowres"
    with pytest.raises(AnnotatorError, match="second stage of a cascade"):
        read_plans(path, told, NNUNET_DATASET)
    told = nnunet_plans()
    told["configurations"]["2d"] = told["configurations"]["3d_fullres"]
    with pytest.raises(AnnotatorError, match="ending in one of: __2d, __3d_fullres"):
        read_plans(tmp_path / "renamed", told, NNUNET_DATASET)
