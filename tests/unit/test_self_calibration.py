from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity

from annotator.analysis import self_calibration as by_numpy
from annotator.api import LearnedFusionMethod, no_progress
from annotator.domain.errors import AnnotatorError, CancelledError
from tests.made_cases import made_case
from tests.unit.recipe_phantoms import (
    SIDE,
    SQUARE,
    dice,
    drawn,
    halves,
    picture,
    read_by,
    whole,
)

pytest.importorskip("torch", reason="networks need PyTorch")

import torch

from annotator_recipes.nets import UNet
from annotator_recipes.self_calibration import (
    SelfCalibratedFusion,
    SelfCalibratedTrainer,
    SelfCalibrationParameters,
)
from annotator_recipes.self_calibration_net import (
    LossWeights,
    SelfCalibration,
    calibration_loss,
    consensus_loss,
    exchange,
    expertness,
)
from annotator_recipes.soft_losses import soft_entropy, ssim
from annotator_recipes.weights import to_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import CaseVotes, Learned

pytestmark = pytest.mark.unit

QUICK = SelfCalibrationParameters(
    size=32,
    width=8,
    levels=2,
    batch=4,
    epochs=10,
    patience=10,
    warm_up=4,
    learning_rate=6e-3,
    beta=8.0,
    sigma=2.0,
)
SHORT = QUICK.model_copy(update={"epochs": 2, "warm_up": 1, "width": 4})


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def random_maps(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """An estimate ``(n, label, y, x)``, what each rater would draw, and who is there."""
    random = np.random.default_rng(seed)
    estimate = np.moveaxis(random.dirichlet(np.ones(3), (2, 12, 14)), -1, 1)
    would = np.moveaxis(random.dirichlet(np.ones(3), (2, 4, 12, 14)), -1, 2)
    return estimate, would, np.array([[True] * 4, [True, False, True, True]])


@pytest.mark.parametrize("sigma", [0.0, 1.5])
def test_tensors_weigh_as_arrays_do(sigma: float) -> None:
    estimate, would, present = random_maps(seed=1)
    found = expertness(
        torch.from_numpy(estimate), torch.from_numpy(would), torch.from_numpy(present), 5.0, sigma
    ).numpy()
    for number in range(2):
        expected = by_numpy.expertness(
            estimate[number], would[number], beta=5.0, sigma=sigma, present=present[number]
        )
        np.testing.assert_allclose(found[number], expected, atol=1e-12)


def test_structural_similarity_is_that_of_a_peer() -> None:
    random = np.random.default_rng(0)
    first = random.random((40, 50))
    second = 0.6 * first + 0.4 * random.random((40, 50))
    expected = structural_similarity(  # type: ignore[no-untyped-call]
        first,
        second,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
    )
    as_maps = [torch.from_numpy(one)[None, None] for one in (first, second)]
    assert ssim(*as_maps).item() == pytest.approx(expected, abs=1e-9)


def test_the_loss_falls_as_the_similarity_of_probabilities_rises() -> None:
    """Added as it is, similarity would be driven down; of logits, it would mean nothing."""
    random = np.random.default_rng(2)
    target = torch.zeros(1, 2, 32, 32)
    target[:, 1, 8:24, 8:24] = 1.0
    target[:, 0] = 1.0 - target[:, 1]
    far = torch.from_numpy(random.normal(size=(1, 2, 32, 32)).astype(np.float32))
    right = 6.0 * (target - 0.5)
    similarity, part = [], []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        logits = (1 - share) * far + share * right
        similarity.append(ssim(logits.softmax(1)[:, 1:], target[:, 1:]).item())
        with_it = consensus_loss(logits, target, 0.7) - consensus_loss(logits, target, 0.0)
        part.append(with_it.item())
    assert (np.diff(similarity) > 0).all()
    np.testing.assert_allclose(part, [0.7 * (1 - value) for value in similarity], atol=1e-6)
    moved = consensus_loss(far + 5.0, target, 0.7)
    assert moved.item() == pytest.approx(consensus_loss(far, target, 0.7).item(), abs=1e-5)


def test_believing_all_alike_in_one_pass_is_a_plain_network_that_learns_the_mean() -> None:
    random = np.random.default_rng(3)
    image = torch.from_numpy(random.normal(size=(4, 1, 16, 16)).astype(np.float32))
    said = (random.random((4, 3, 1, 16, 16)) > 0.5).astype(np.float32)
    readings = torch.from_numpy(np.concatenate([1 - said, said], axis=2))
    present = torch.ones(4, 3, dtype=torch.bool)
    torch.manual_seed(7)
    both = SelfCalibration(1, 3, 2, (4, 8), passes=1, beta=0.0, sigma=2.0)
    torch.manual_seed(7)
    plain = UNet(1, 2, (4, 8))
    ours, theirs = (torch.optim.Adam(one.parameters(), lr=1e-2) for one in (both, plain))
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        loss = calibration_loss(
            both(image, present),
            readings,
            present,
            LossWeights(shuffle=0.3, ssim=0.0),
            by_mean=False,
            order=exchange(present, generator),
        )
        ours.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        ours.step()
        expected = soft_entropy(plain(image), readings.mean(dim=1), 1).mean()
        theirs.zero_grad()
        expected.backward()  # type: ignore[no-untyped-call]
        theirs.step()
    torch.testing.assert_close(both.consensus(image), plain(image), rtol=1e-4, atol=1e-5)


def test_raters_are_exchanged_among_those_who_are_there() -> None:
    present = torch.tensor([[True, False, True, True], [False, True, True, False]])
    seen = set()
    for seed in range(30):
        order = exchange(present, torch.Generator().manual_seed(seed))
        assert order[0, 1] == 1
        assert sorted(order[0].tolist()) == [0, 1, 2, 3]
        assert set(order[1, 1:3].tolist()) == {1, 2}
        seen.add(tuple(order[0].tolist()))
    assert len(seen) == 6


@pytest.fixture(scope="module")
def by_halves() -> Learned:
    """What is learned of two raters, each of whom knows one half of the picture."""
    torch.set_num_threads(1)
    return SelfCalibratedTrainer().train(read_by(40, 1, halves)[0], QUICK, no_progress)


def test_maps_of_expertness_show_where_each_rater_is_good(by_halves: Learned) -> None:
    cases, depths = read_by(12, 2, halves)
    trainer = SelfCalibratedTrainer()
    weights, planted = [], []
    for case, depth in zip(cases, depths, strict=True):
        found = trainer.predict(
            by_halves.content, whole(case), SQUARE, trust=None, progress=no_progress
        )
        assert found.rater_ids == ("east", "west")
        assert found.weights is not None
        np.testing.assert_allclose(found.weights.sum(axis=0), 1.0, atol=1e-5)
        near = np.abs(depth) < 4
        is_east = np.broadcast_to(np.arange(SIDE) > (SIDE - 1) / 2, depth.shape)
        weights.append(found.weights[:, 0][:, near].ravel())
        planted.append(np.stack([is_east, ~is_east])[:, near].ravel())
    rho = spearmanr(np.concatenate(weights), np.concatenate(planted)).statistic
    assert rho > 0.5


def test_fusion_believes_each_rater_where_they_are_good(by_halves: Learned) -> None:
    cases, depths = read_by(12, 4, halves)
    fused, voted = [], []
    for case, depth in zip(cases, depths, strict=True):
        found = SelfCalibratedFusion().fuse_learned(case, by_halves.content, QUICK, no_progress)
        np.testing.assert_allclose(found.probability.sum(axis=0), 1.0, atol=1e-5)
        assert found.weights is not None
        assert {row.rater_id for row in found.performance} == {"east", "west"}
        assert sum(row.weight or 0.0 for row in found.performance) == pytest.approx(1.0, abs=1e-5)
        (_, y0, x0), (_, y1, x1) = found.box
        own = np.zeros(depth.shape, np.bool_)
        own[y0:y1, x0:x1] = found.probability[1, 0] > 0.5
        fused.append(dice(own, depth > 0))
        voted.append(dice(case.window(None).masks(case.votes)[:, 0].mean(axis=0) > 0.5, depth > 0))
    assert np.mean(fused) > np.mean(voted) + 0.05


def test_prediction_tells_raters_apart(by_halves: Learned) -> None:
    cases, depths = read_by(8, 6, halves)
    for case, depth in zip(cases, depths, strict=True):
        found = SelfCalibratedTrainer().predict(
            by_halves.content, whole(case), SQUARE, trust=None, progress=no_progress
        )
        assert found.probability is not None
        assert found.rater_probability is not None
        assert found.labels == (0, 1)
        assert found.probability.shape == (2, 1, SIDE, SIDE)
        assert found.rater_probability.shape == (2, 2, 1, SIDE, SIDE)
        np.testing.assert_allclose(found.probability.sum(axis=0), 1.0, atol=1e-5)
        np.testing.assert_allclose(found.rater_probability.sum(axis=1), 1.0, atol=1e-5)
        assert dice(drawn(found) > 0.5, depth > 0) > 0.85


def test_what_was_learned_is_told(by_halves: Learned) -> None:
    text = " ".join(by_halves.summary)
    assert "pass 1" in text
    assert "what east would draw" in text


def test_the_same_seed_gives_the_same_bytes() -> None:
    cases, _ = read_by(8, 1, halves)
    first, second, other = (
        SelfCalibratedTrainer().train(cases, SHORT.model_copy(update={"seed": seed}), no_progress)
        for seed in (1, 1, 2)
    )
    assert first.content == second.content
    assert first.content != other.content


def test_a_volume_of_two_labels_with_raters_missing() -> None:
    random = np.random.default_rng(0)
    cases: list[CaseVotes] = []
    raters = ("a", "b", "c")
    for number in range(6):
        mask = np.zeros((4, 24, 36), np.uint8)
        mask[1:3, 6:18, 8:26] = 3
        mask[1:3, 10:14, 12:20] = 5
        image = (mask + random.standard_normal(mask.shape)).astype(np.float32)
        masks = {rater: np.roll(mask, place, axis=2) for place, rater in enumerate(raters)}
        if number < 3:
            del masks["b"]
        cases.append(
            made_case(str(number), image, masks, spacing_mm=(3.0, 1.5, 1.0), labels=(3, 5))
        )
    settings = SHORT.model_copy(update={"passes": 2})
    learned = SelfCalibratedTrainer().train(cases, settings, no_progress)
    found = SelfCalibratedTrainer().predict(
        learned.content, whole(cases[0]), (3.0, 1.5, 1.0), trust=None, progress=no_progress
    )
    assert found.probability is not None
    assert found.labels == (0, 3, 5)
    assert found.rater_ids == raters
    assert found.probability.shape == (3, 4, 24, 36)
    assert np.isfinite(found.probability).all()
    fused = SelfCalibratedFusion().fuse_learned(cases[0], learned.content, settings, no_progress)
    assert fused.weights is not None
    assert len(fused.weights) == 2
    np.testing.assert_allclose(fused.weights.sum(axis=0), 1.0, atol=1e-5)
    drawn_box = cases[0].window(0).box
    for side in range(3):
        assert fused.box[0][side] <= drawn_box[0][side]
        assert fused.box[1][side] >= drawn_box[1][side]


def test_colour_is_read() -> None:
    cases = []
    for number in range(6):
        random = np.random.default_rng(number)
        depth = random.random((SIDE, SIDE)) > 0.5
        image = np.repeat(picture(depth, random)[..., None], 3, axis=-1)
        masks = {rater: depth[None].astype(np.uint8) for rater in "ab"}
        cases.append(made_case(str(number), image, masks))
    learned = SelfCalibratedTrainer().train(cases, SHORT, no_progress)
    found = SelfCalibratedTrainer().predict(
        learned.content, whole(cases[0]), SQUARE, trust=None, progress=no_progress
    )
    assert found.probability is not None
    assert found.probability.shape == (2, 1, SIDE, SIDE)


def test_a_rater_who_was_never_learned_from_has_no_weight_and_a_warning(
    by_halves: Learned,
) -> None:
    case = read_by(1, 8, lambda depth, random: halves(depth, random) | {"new": depth > 1})[0][0]
    found = SelfCalibratedFusion().fuse_learned(case, by_halves.content, QUICK, no_progress)
    assert found.weights is not None
    assert (found.weights[case.votes.rater_ids.index("new")] == 0).all()
    assert any("new" in warning for warning in found.warnings)
    strangers = read_by(1, 8, lambda depth, random: {"x": depth > 0, "y": depth > 1})[0][0]
    with pytest.raises(AnnotatorError, match="learn again"):
        SelfCalibratedFusion().fuse_learned(strangers, by_halves.content, QUICK, no_progress)


def test_what_does_not_do_is_refused_in_words(by_halves: Learned) -> None:
    trainer = SelfCalibratedTrainer()
    cases, _ = read_by(8, 1, halves)
    with pytest.raises(AnnotatorError, match="at least 6 cases"):
        trainer.train(cases[:5], QUICK, no_progress)
    empty = read_by(6, 1, lambda depth, random: dict.fromkeys("ab", depth > 99))[0]
    with pytest.raises(AnnotatorError, match="nobody has drawn"):
        trainer.train(empty, QUICK, no_progress)
    alone = read_by(6, 1, lambda depth, random: {"a": depth > 0})[0]
    with pytest.raises(AnnotatorError, match="only one"):
        trainer.train(alone, QUICK, no_progress)
    with pytest.raises(AnnotatorError, match="cannot be told"):
        trainer.predict(
            by_halves.content, whole(cases[0]), SQUARE, trust={"west": 1}, progress=no_progress
        )
    with pytest.raises(AnnotatorError, match="not learned by self-calibration"):
        trainer.predict(
            to_bytes({"kind": "other"}, {}),
            whole(cases[0]),
            SQUARE,
            trust=None,
            progress=no_progress,
        )
    aimed = made_case(
        "x",
        np.zeros((1, 8, 8), np.float32),
        dict.fromkeys("ab", np.ones((1, 8, 8), np.uint8)),
        target=lambda: np.zeros((2, 1, 8, 8), np.float32),
    )
    with pytest.raises(AnnotatorError, match="leave the fusion out"):
        trainer.train([*cases, aimed], QUICK, no_progress)


def test_it_stops_when_told_to() -> None:
    told: list[str] = []

    def stop(fraction: float, message: str) -> None:
        told.append(message)
        if message.startswith("round 2"):
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        SelfCalibratedTrainer().train(read_by(8, 1, halves)[0], SHORT, stop)
    assert "loss on cases held out" in told[-1]


def test_it_is_a_fusion_that_learns() -> None:
    assert isinstance(SelfCalibratedFusion(), LearnedFusionMethod)
