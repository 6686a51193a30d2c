"""What a network sees of modality values: the same while it trains as when it reads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from annotator.api import Intensity, NetworkCard, no_progress
from annotator.api.network_cards import problem_of
from tests.made_cases import made_case

pytest.importorskip("torch", reason="networks need PyTorch")

import torch

from annotator_recipes.segmenting import Recipe
from annotator_recipes.segmenting_cases import TrainingCase, read_case, working_image
from annotator_recipes.segmenting_intensity import OF_THE_IMAGE, scaled
from annotator_recipes.segmenting_plan import Plan, SegmenterParameters, make_plan
from annotator_recipes.unet import UNetTrainer
from annotator_recipes.weights import from_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import nn

    from annotator.api import CaseVotes

pytestmark = pytest.mark.unit

SETTINGS = SegmenterParameters(
    dimensions="2d", width=4, levels=2, epochs=1, steps=1, batch=1, held_out=0.0
)


def chest(number: int, *, modality: str = "CT", n_air: int = 10) -> CaseVotes:
    """A slab of tissue of about 60 HU, a lump of about 120 in it, air beside, a bit of metal."""
    random = np.random.default_rng(number)
    image = random.normal(60, 10, (2, 40, 48)).astype(np.float32)
    mask = np.zeros(image.shape, np.uint8)
    mask[:, 8:30, 10:30] = 1
    image[mask == 1] = random.normal(120, 20, int(mask.sum()))
    image[:, :, 48 - n_air :] = -1000
    image[0, 0, 0] = 3000 + 100 * number
    case = made_case(f"chest {number}", image, {"ann": mask})
    return replace(case, modality=modality)


def whole(case: CaseVotes) -> NDArray[np.float32]:
    return case.window(None).image


def drawn_values(cases: Sequence[CaseVotes]) -> NDArray[np.float64]:
    parts = [whole(case)[case.window(None).masks(case.votes)[0] == 1] for case in cases]
    return np.concatenate(parts).astype(np.float64)


def test_ct_is_scaled_by_what_was_drawn_in_all_cases() -> None:
    cases = [chest(number) for number in range(4)]
    plan = make_plan(cases, SETTINGS, 1)
    values = drawn_values(cases)
    low, high = np.percentile(values, [0.5, 99.5])
    assert plan.intensity.clip == pytest.approx((low, high))
    assert plan.intensity.mean == pytest.approx(values.mean(), abs=1e-3)
    assert plan.intensity.deviation == pytest.approx(values.std(), abs=1e-3)
    expected = (np.clip(whole(cases[0]), low, high) - values.mean()) / values.std()
    np.testing.assert_allclose(read_case(cases[0], 0, plan).image[0], expected, atol=1e-4)


def test_it_is_what_nnunet_does() -> None:
    schemes = pytest.importorskip(
        "nnunetv2.preprocessing.normalization.default_normalization_schemes",
        reason="compares with nnU-Net",
    )
    cases = [chest(number) for number in range(4)]
    values = drawn_values(cases)
    low, high = np.percentile(values, [0.5, 99.5])
    properties = {
        "mean": values.mean(),
        "std": values.std(),
        "percentile_00_5": low,
        "percentile_99_5": high,
    }
    peer = schemes.CTNormalization(use_mask_for_norm=False, intensityproperties=properties)
    plan = make_plan(cases, SETTINGS, 1)
    np.testing.assert_allclose(
        read_case(cases[1], 1, plan).image[0], peer.run(whole(cases[1]).copy()), atol=1e-3
    )
    peer = schemes.ZScoreNormalization(use_mask_for_norm=False, intensityproperties={})
    np.testing.assert_allclose(
        scaled(whole(cases[1]), OF_THE_IMAGE), peer.run(whole(cases[1]).copy()), atol=1e-4
    )


def test_the_same_tissue_looks_the_same_beside_more_air() -> None:
    cases = [chest(number) for number in range(3)]
    little, much = whole(chest(9, n_air=2)), whole(chest(9, n_air=17))
    is_same = little == much
    by_ct = make_plan(cases, SETTINGS, 1).intensity
    np.testing.assert_array_equal(scaled(little, by_ct)[is_same], scaled(much, by_ct)[is_same])
    assert np.abs(scaled(little, OF_THE_IMAGE) - scaled(much, OF_THE_IMAGE))[is_same].min() > 0.1


@pytest.mark.parametrize(
    ("modalities", "way", "is_ct"),
    [
        (("CT", "CT"), "auto", True),
        (("CT", "MR"), "auto", False),
        (("OT", "CT"), "auto", False),
        (("OT", "OT"), "ct", True),
        (("CT", "CT"), "image", False),
    ],
)
def test_only_ct_counts_as_ct(modalities: tuple[str, ...], way: str, *, is_ct: bool) -> None:
    cases = [chest(number, modality=name) for number, name in enumerate(modalities)]
    settings = SegmenterParameters.model_validate({**SETTINGS.model_dump(), "intensity": way})
    plan = make_plan(cases, settings, 1)
    assert (plan.intensity.clip is not None) == is_ct
    assert is_ct or plan.intensity == OF_THE_IMAGE
    assert Plan.of_facts(plan.facts()) == plan


def test_what_tells_nothing_is_scaled_by_the_image() -> None:
    image = np.zeros((1, 16, 16), np.float32)
    mask = np.zeros(image.shape, np.uint8)
    nothing = replace(made_case("nothing", image, {"ann": mask}), modality="CT")
    mask[0, 4:8, 4:8] = 1
    flat = replace(made_case("flat", image, {"ann": mask}), modality="CT")
    for case in (nothing, flat):
        intensity = make_plan([case], SETTINGS, 1).intensity
        assert intensity == OF_THE_IMAGE
        assert not scaled(image, intensity).any()


class Sees(Recipe):
    """Its logits are the image itself, so that its answer tells what was seen."""

    seen: ClassVar[dict[str, NDArray[np.float32]]] = {}

    def prepare(self, case: TrainingCase, plan: Plan) -> TrainingCase:
        self.seen[case.title] = case.image
        return case

    def read(self, networks: nn.ModuleDict, image: torch.Tensor) -> torch.Tensor:
        return torch.cat([-image, image], dim=1) / 8


class SeeingTrainer(UNetTrainer):
    def recipe(self, settings: SegmenterParameters) -> Recipe:
        return Sees(settings)


def test_training_and_reading_see_the_same_numbers() -> None:
    torch.set_num_threads(1)
    cases = [chest(number) for number in range(2)]
    learned = SeeingTrainer().train(cases, SETTINGS, no_progress)
    assert any("HU" in sentence for sentence in learned.summary)
    ((title, trained_on),) = Sees.seen.items()  # there was one step, of one window
    case = next(case for case in cases if case.title == title)
    shown = SeeingTrainer().predict(
        learned.content, whole(case), case.spacing_mm, trust=None, progress=no_progress
    )
    assert shown.probability is not None
    odds = np.log(shown.probability[1] / shown.probability[0])
    np.testing.assert_allclose(4 * odds, trained_on[0], atol=1e-4)
    facts, _ = from_bytes(learned.content)
    kept = Plan.of_facts(facts["plan"])
    again, _ = working_image(whole(case), case.spacing_mm, kept)
    np.testing.assert_array_equal(again, trained_on)


def test_an_intensity_is_one_that_cards_can_hold() -> None:
    intensity = make_plan([chest(1)], SETTINGS, 1).intensity
    assert isinstance(intensity, Intensity)
    card = NetworkCard(
        title="U-Net", n_dims=2, n_channels=1, labels=((1, "Lump"),), intensity=intensity
    )
    assert problem_of(card) == ""
