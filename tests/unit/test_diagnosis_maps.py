"""Maps of trust that serve the diagnosis: what they must keep, and what they must not leak."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("torch", reason="the recipes train networks with PyTorch")

import torch

from annotator.analysis.diagnosis_criterion import compare_aucs
from annotator.analysis.phantoms import simulate_study
from annotator.api import FusedVoxels, LearnedFusionMethod, no_progress
from annotator.domain.errors import AnnotatorError, CancelledError
from annotator.domain.reading import Diagnosis
from annotator_recipes.diagnosis_image import DiagnosisImage, DiagnosisImageParameters
from annotator_recipes.diagnosis_image_learning import WARNING
from annotator_recipes.diagnosis_image_net import CoordinateSettings, fit_maps
from annotator_recipes.diagnosis_judges import Judge, train_judge
from annotator_recipes.diagnosis_map import DiagnosisMap, DiagnosisMapParameters
from annotator_recipes.diagnosis_map_net import ExpertnessMap, MapSettings, train_map
from annotator_recipes.diagnosis_stack import Stack, stack_cases
from annotator_recipes.images import Sampling, read_drawn
from annotator_recipes.weights import from_bytes, to_bytes
from tests.made_cases import cases_of_study, made_case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.api import CaseVotes
    from annotator_recipes.diagnosis_question import DiagnosisParameters

pytestmark = pytest.mark.unit

N_CASES = 80
RATERS = tuple(f"r{number}" for number in range(1, 7))
MAP = MapSettings(n_epochs=4, patience=4, learning_rate=3e-3, smoothness=0.5, restraint=3.0, seed=0)
FIT = CoordinateSettings(n_steps=40, learning_rate=5e-3, n_hidden=24, n_layers=8, seed=0)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def nothing() -> None:
    """Ignore the end of a step."""


@functools.cache
def cases() -> tuple[CaseVotes, ...]:
    return tuple(cases_of_study(simulate_study("global-skill", n_cases=N_CASES, seed=3, size=40)))


@functools.cache
def is_ill() -> NDArray[np.bool_]:
    return np.array(
        [entry.answer("finding") == "ill" for case in cases()
         for entry in list(case.diagnoses.values())[:1]]
    )  # fmt: skip


@functools.cache
def stack() -> Stack:
    sampling = Sampling(labels=(1, 2), size=32, n_slices=1, n_channels=1)
    return stack_cases([read_drawn(case, sampling, 40.0) for case in cases()], RATERS)


def wanted(answers: NDArray[np.bool_]) -> torch.Tensor:
    return torch.from_numpy(answers.astype(np.float32))


@functools.cache
def judge() -> Judge:
    return train_judge("shape", stack(), wanted(is_ill()), n_epochs=1, seed=0, step=nothing)


@functools.cache
def fitted() -> tuple[torch.Tensor, torch.Tensor]:
    """The weights and the losses of maps that were each fitted to one of eight images."""
    return fit_maps(judge(), stack().select(range(8)), wanted(is_ill()[:8]), FIT, nothing)


@functools.cache
def trained() -> ExpertnessMap:
    with torch.enable_grad():
        network, _ = train_map(judge(), stack(), wanted(is_ill()), len(RATERS), MAP, nothing)
    return network


def auc(told: torch.Tensor, answers: NDArray[np.bool_]) -> float:
    score = told.detach().numpy().astype(np.float64)
    found, _, _ = compare_aucs(score, score, answers, np.zeros(len(answers), np.int64), n=2)
    return found.value


def permuted(part: Stack, order: list[int]) -> Stack:
    return replace(
        part,
        shares=part.shares[:, order],
        rater=part.rater[:, order],
        present=part.present[:, order],
    )


class Deaf(Judge):
    """Says the same whatever the mask."""

    def forward(self, stack: Stack, masks: torch.Tensor) -> torch.Tensor:
        return stack.mean_by_case(0.0 * masks.sum(dim=(1, 2, 3)) + stack.image.mean(dim=(1, 2, 3)))


def test_start_is_the_mean_of_the_raters() -> None:
    part = stack().select(range(4))
    even = torch.full((4, 6, 32, 32), 1 / 6)
    start, losses = fit_maps(judge(), part, wanted(is_ill()[:4]), replace(FIT, n_steps=0), nothing)
    assert torch.equal(start, even)
    assert losses.shape == (1, 4)
    assert torch.equal(ExpertnessMap(1, 2, 6)(part), even)
    torch.testing.assert_close(part.mix(start), part.shares.mean(dim=1))


def test_loss_of_every_image_falls() -> None:
    _, losses = fitted()
    assert losses.shape == (41, 8)
    assert bool((losses[-1] < losses[0]).all())


def test_weights_sum_to_one_and_stay_within_the_bound() -> None:
    weights, _ = fitted()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(8, 32, 32))
    hasty, _ = fit_maps(
        judge(),
        stack().select([0]),
        wanted(is_ill()[:1]),
        replace(FIT, learning_rate=0.5),
        nothing,
    )
    e = float(np.e)
    for found in (weights, hasty):
        assert float(found.min()) >= 1 / (1 + 5 * e) - 1e-6
        assert float(found.max()) <= e / (e + 5) + 1e-6
    assert float(hasty.max() - hasty.min()) > 0.1
    torch.testing.assert_close(trained()(stack()).sum(dim=1), torch.ones(N_CASES, 32, 32))


def test_permuted_raters_permute_the_maps() -> None:
    order = [3, 0, 5, 1, 4, 2]
    part = stack().select(range(6))
    network = trained()
    with torch.no_grad():
        assert float(network(part).std()) > 0.01
        torch.testing.assert_close(network(permuted(part, order)), network(part)[:, order])
    answers = wanted(is_ill()[:6])
    first, _ = fit_maps(judge(), part, answers, replace(FIT, n_steps=15), nothing)
    second, _ = fit_maps(judge(), permuted(part, order), answers, replace(FIT, n_steps=15), nothing)
    torch.testing.assert_close(second, first[:, order], atol=1e-3, rtol=0)


def test_raters_who_agree_give_their_mask() -> None:
    part = stack().select(range(4))
    alike = replace(part, shares=part.shares[:, :1].expand(-1, 6, -1, -1, -1))
    weights, _ = fit_maps(judge(), alike, wanted(is_ill()[:4]), replace(FIT, n_steps=10), nothing)
    torch.testing.assert_close(alike.mix(weights), alike.shares[:, 0])
    with torch.no_grad():
        torch.testing.assert_close(alike.mix(trained()(alike)), alike.shares[:, 0])


def test_maps_do_not_move_where_the_judge_ignores_the_mask() -> None:
    part, answers = stack().select(range(8)), wanted(is_ill()[:8])
    weights, losses = fit_maps(Deaf(), part, answers, replace(FIT, n_steps=20), nothing)
    assert torch.equal(weights, torch.full_like(weights, 1 / 6))
    assert torch.equal(losses[0], losses[-1])
    network, _ = train_map(Deaf(), part, answers, 6, replace(MAP, restraint=0.0), nothing)
    with torch.no_grad():
        torch.testing.assert_close(network(part), torch.full((8, 6, 32, 32), 1 / 6))


def high_frequency_share(weights: torch.Tensor) -> float:
    """Return which part of the power of maps, their means aside, is above a quarter cycle."""
    power = torch.fft.fft2(weights - weights.mean(dim=(2, 3), keepdim=True)).abs().square()
    line = torch.fft.fftfreq(weights.shape[-1]).abs()
    is_high = torch.maximum(line[:, None], line) > 0.25
    return float(power[..., is_high].sum() / power.sum())


def test_coordinates_draw_smoother_maps_than_free_pixels() -> None:
    part, answers = stack().select(range(8)), wanted(is_ill()[:8])
    free = torch.zeros(8, 6, 32, 32, requires_grad=True)
    optimiser = torch.optim.Adam([free], lr=0.05)
    for _ in range(40):
        weights = torch.softmax(torch.sigmoid(free), dim=1)
        loss = ((1 - 2 * answers) * judge()(part, part.mix(weights))).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    smooth, _ = fitted()
    assert 3 * high_frequency_share(smooth) < high_frequency_share(weights.detach())


def test_diagnoses_by_chance_leak_through_the_image_and_not_through_the_map() -> None:
    chance = np.random.default_rng(0).permutation(is_ill())
    half = N_CASES // 2
    taught, held_out = stack().select(range(half)), stack().select(range(half, N_CASES))
    told = train_judge("shape", taught, wanted(chance[:half]), n_epochs=1, seed=0, step=nothing)
    of_mean = auc(told(held_out, held_out.mix(held_out.even())), chance[half:])
    some = held_out.select(range(20))
    answers = chance[half : half + 20]
    weights, _ = fit_maps(told, some, wanted(answers), FIT, nothing)
    before = auc(told(some, some.mix(some.even())), answers)
    assert auc(told(some, some.mix(weights)), answers) > before + 0.2
    network, _ = train_map(told, taught, wanted(chance[:half]), 6, MAP, nothing)
    with torch.no_grad():
        of_map = auc(told(held_out, held_out.mix(network(held_out))), chance[half:])
    assert of_map - of_mean < 0.1


def test_network_judge_tells_more_with_the_drawings() -> None:
    half = N_CASES // 2
    taught, held_out = stack().select(range(half)), stack().select(range(half, N_CASES))
    blank = replace(taught, shares=torch.zeros_like(taught.shares))
    found = []
    for part, other in ((taught, held_out), (blank, held_out)):
        network = train_judge(
            "network", part, wanted(is_ill()[:half]), n_epochs=12, seed=0, step=nothing
        )
        shown = replace(other, shares=other.shares * float(part is taught))
        found.append(auc(network(shown, shown.mix(shown.even())), is_ill()[half:]))
    assert found[0] > found[1] + 0.1


QUICK = {"question": "finding", "size": 32, "folds": 2, "min_per_class": 10, "positive": ("ill",)}


def method_and_settings(name: str) -> tuple[LearnedFusionMethod, DiagnosisParameters]:
    if name == "map":
        return DiagnosisMap(), DiagnosisMapParameters.model_validate({**QUICK, "n_epochs": 1})
    return DiagnosisImage(), DiagnosisImageParameters.model_validate({**QUICK, "n_steps": 10})


@functools.cache
def learned(name: str) -> bytes:
    method, settings = method_and_settings(name)
    return method.learn(cases(), settings, no_progress).content


def fuse(name: str, case: CaseVotes, content: bytes | None = None) -> FusedVoxels:
    method, settings = method_and_settings(name)
    fused = method.fuse_learned(case, content or learned(name), settings, no_progress)
    assert isinstance(fused, FusedVoxels)
    return fused


@pytest.mark.parametrize("name", ["map", "image"])
def test_method_fuses_on_the_grid(name: str) -> None:
    case = cases()[0]
    fused = fuse(name, case)
    window = case.window(0)
    assert fused.box == window.box
    assert fused.weights is not None
    assert fused.probability.dtype == fused.weights.dtype == np.float32
    assert fused.probability.shape == (3, *window.index.shape)
    np.testing.assert_allclose(fused.probability.sum(axis=0), 1.0, atol=1e-5)
    np.testing.assert_allclose(fused.weights.sum(axis=0), 1.0, atol=1e-5)
    masks = window.masks(case.votes)
    for number, label in enumerate(case.votes.labels):
        expected = (fused.weights * (masks == label)).sum(axis=0)
        np.testing.assert_allclose(fused.probability[number], expected, atol=1e-5)
    by_label = {row.label: 0.0 for row in fused.performance}
    for row in fused.performance:
        assert row.weight is not None
        by_label[row.label] += row.weight
    assert by_label == pytest.approx({1: 1.0, 2: 1.0}, abs=1e-5)
    assert fused.training_target_only == (name == "image")
    assert (WARNING in fused.warnings) == (name == "image")


@pytest.mark.parametrize("name", ["map", "image"])
def test_same_bytes(name: str) -> None:
    method, settings = method_and_settings(name)
    assert method.learn(cases(), settings, no_progress).content == learned(name)
    first, second = fuse(name, cases()[1]), fuse(name, cases()[1])
    assert first.probability.tobytes() == second.probability.tobytes()


@pytest.mark.parametrize("name", ["map", "image"])
def test_a_case_is_fused_by_what_was_learned_without_it(name: str) -> None:
    facts, arrays = from_bytes(learned(name))
    case = cases()[0]
    fold = facts["folds"][case.case_id]
    own = {key: array for key, array in arrays.items() if key.startswith(f"{fold}.")}
    spoiled = {key: np.full_like(array, 9) for key, array in arrays.items()} | own
    expected = fuse(name, case).probability
    np.testing.assert_array_equal(fuse(name, case, to_bytes(facts, spoiled)).probability, expected)
    other = replace(case, case_id="new")
    everyone = {key: array for key, array in arrays.items() if key.startswith("all.")}
    spoiled = {key: np.full_like(array, 9) for key, array in arrays.items()} | everyone
    np.testing.assert_array_equal(
        fuse(name, other, to_bytes(facts, spoiled)).probability, fuse(name, other).probability
    )


def test_map_believes_the_accurate_more_than_the_unsteady() -> None:
    with torch.no_grad():
        mean = trained()(stack()).mean(dim=(0, 2, 3))
    assert float(mean[:2].sum()) > 2 * float(mean[4:].sum())


def test_map_works_with_any_panel() -> None:
    case = cases()[0]
    masks = case.window(None).masks(case.votes)
    image = case.window(None).image
    two = made_case("two", image, {"r1": masks[0], "stranger": masks[3]}, labels=(1, 2))
    fused = fuse("map", two)
    assert fused.weights is not None
    assert fused.weights.shape[0] == 2
    alone = made_case("one", image, {"r4": masks[3]}, labels=(1, 2))
    fused = fuse("map", alone)
    assert fused.weights is not None
    np.testing.assert_allclose(fused.weights, 1.0, atol=1e-6)
    empty = made_case("none", image, {"r1": 0 * masks[0], "r2": 0 * masks[0]}, labels=(1, 2))
    assert (fuse("map", empty).probability[0] == 1).all()


def test_volumes_are_read_by_slices_and_weighed_in_all() -> None:
    study = simulate_study("dependent-raters", n_cases=24, seed=1, shape="organ", size=24)
    sizes = np.array([np.mean(case.readings) for case in study.cases])
    volumes = [
        replace(case, diagnoses={"r1": Diagnosis(answers=(("large", "yes" if big else "no"),))})
        for case, big in zip(cases_of_study(study), sizes > np.median(sizes), strict=True)
    ]
    method = DiagnosisMap()
    settings = DiagnosisMapParameters(
        question="large", size=32, folds=2, min_per_class=5, slices=3, n_epochs=1
    )
    content = method.learn(volumes, settings, no_progress).content
    fused = method.fuse_learned(volumes[0], content, settings, no_progress)
    window = volumes[0].window(0)
    assert fused.weights is not None
    assert fused.weights.shape == (5, *window.index.shape)
    np.testing.assert_allclose(fused.weights.sum(axis=0), 1.0, atol=1e-5)
    image = DiagnosisImage()
    own = DiagnosisImageParameters(
        question="large", size=32, folds=2, min_per_class=5, slices=3, n_steps=3
    )
    content = image.learn(volumes, own, no_progress).content
    found = image.fuse_learned(volumes[0], content, own, no_progress)
    np.testing.assert_allclose(found.probability.sum(axis=0), 1.0, atol=1e-5)


def without_diagnoses(case: CaseVotes) -> CaseVotes:
    return replace(case, diagnoses={})


@pytest.mark.parametrize("name", ["map", "image"])
def test_refusals_say_why(name: str) -> None:
    method, settings = method_and_settings(name)
    with pytest.raises(AnnotatorError, match="answered question 'finding'"):
        method.learn([without_diagnoses(case) for case in cases()], settings, no_progress)
    many = settings.model_copy(update={"min_per_class": 60})
    with pytest.raises(AnnotatorError, match="60 of each are needed"):
        method.learn(cases(), many, no_progress)
    wrong = settings.model_copy(update={"question": "findings"})
    with pytest.raises(AnnotatorError, match="did you mean 'finding'"):
        method.learn(cases(), wrong, no_progress)
    wrong = settings.model_copy(update={"positive": ("il",)})
    with pytest.raises(AnnotatorError, match="did you mean 'ill'"):
        method.learn(cases(), wrong, no_progress)
    chance = np.random.default_rng(0).permutation(is_ill())
    shuffled = [
        replace(
            case,
            diagnoses={"r1": Diagnosis(answers=(("finding", "ill" if ill else "healthy"),))},
        )
        for case, ill in zip(cases(), chance, strict=True)
    ]
    with pytest.raises(AnnotatorError, match="better than chance"):
        method.learn(shuffled, settings, no_progress)


def test_image_needs_the_diagnosis_of_its_case() -> None:
    with pytest.raises(AnnotatorError, match="has no diagnosis for 'finding'"):
        fuse("image", without_diagnoses(cases()[0]))
    assert fuse("map", without_diagnoses(cases()[0])).weights is not None


@pytest.mark.parametrize("name", ["map", "image"])
def test_learning_can_be_cancelled(name: str) -> None:
    method, settings = method_and_settings(name)
    seen: list[float] = []

    def stop(fraction: float, message: str) -> None:
        assert message
        seen.append(fraction)
        if fraction > 0.5:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        method.learn(cases(), settings, stop)
    assert seen == sorted(seen)
    assert seen[-1] < 0.9
