from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError, CancelledError, UnknownNameError
from tests.made_cases import made_case
from tests.unit.recipe_phantoms import SQUARE, dice, drawn, read_by, sizes, whole

pytest.importorskip("torch", reason="networks need PyTorch")

import torch

from annotator_recipes.trust_vector import TrustVectorParameters, TrustVectorTrainer, WarmTrust
from annotator_recipes.trust_vector_net import one_trusted, random_trust
from annotator_recipes.weights import to_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import CaseVotes, Learned

pytestmark = pytest.mark.unit

QUICK = TrustVectorParameters(
    size=32, width=8, levels=2, batch=4, epochs=12, patience=12, learning_rate=6e-3
)
SHORT = QUICK.model_copy(update={"epochs": 2, "width": 4})


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def by_sizes() -> Learned:
    """What is learned of an exact rater, one who draws large and one who draws small."""
    torch.set_num_threads(1)
    return TrustVectorTrainer().train(read_by(30, 1, sizes)[0], QUICK, no_progress)


@pytest.fixture(scope="module")
def unseen() -> list[CaseVotes]:
    return read_by(8, 2, sizes)[0]


def test_trusting_one_alone_draws_as_they_do(by_sizes: Learned, unseen: list[CaseVotes]) -> None:
    warm = WarmTrust.load(by_sizes.content)
    alone: dict[str, list[float]] = {rater: [] for rater in warm.rater_ids}
    alike: dict[str, list[float]] = {rater: [] for rater in warm.rater_ids}
    for case in unseen:
        warm.set_image(whole(case), SQUARE)
        masks = dict(
            zip(case.votes.rater_ids, case.window(None).masks(case.votes)[:, 0], strict=True)
        )
        for rater in warm.rater_ids:
            said = masks[rater] == 1
            alone[rater].append(dice(drawn(warm.predict({rater: 1.0})) > 0.5, said))
            alike[rater].append(dice(drawn(warm.predict(None)) > 0.5, said))
    for rater in ("large", "small"):
        assert np.mean(alone[rater]) > np.mean(alike[rater]) + 0.05
    assert np.mean(alone["exact"]) > np.mean(alike["exact"]) - 0.02


def test_volume_rises_with_trust_in_who_draws_large(
    by_sizes: Learned, unseen: list[CaseVotes]
) -> None:
    warm = WarmTrust.load(by_sizes.content)
    for case in unseen:
        warm.set_image(whole(case), SQUARE)
        volumes = [
            float(drawn(warm.predict({"large": share, "small": 1.0 - share})).sum())
            for share in np.linspace(0, 1, 11)
        ]
        assert (np.diff(volumes) > 0).all()


def test_how_trust_is_told(by_sizes: Learned) -> None:
    warm = WarmTrust.load(by_sizes.content)
    assert warm.rater_ids == ("exact", "large", "small")
    np.testing.assert_allclose(warm.vector(None), 1 / 3, atol=1e-7)
    np.testing.assert_allclose(warm.vector({"large": 3, "small": 1}), [0, 0.75, 0.25])
    with pytest.raises(UnknownNameError, match="did you mean 'large'"):
        warm.vector({"larg": 1.0})
    with pytest.raises(AnnotatorError, match="at least one"):
        warm.vector({"large": 0.0})
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(AnnotatorError, match="from 0 upwards"):
            warm.vector({"large": wrong})
    with pytest.raises(AnnotatorError, match="no image"):
        warm.draw(None, 0)


def test_other_trust_in_the_same_image_reuses_the_way_down(
    by_sizes: Learned, unseen: list[CaseVotes], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []

    def load(learned: bytes) -> WarmTrust:
        warm = loaded(learned)
        warm._network.encoder.register_forward_hook(lambda *given: encoded.append(1))
        return warm

    loaded = WarmTrust.load
    monkeypatch.setattr(WarmTrust, "load", load)
    trainer = TrustVectorTrainer()
    assert trainer.takes_trust

    def ask(case: CaseVotes, trust: dict[str, float] | None) -> NDArray[np.float32]:
        return drawn(
            trainer.predict(
                by_sizes.content, whole(case), SQUARE, trust=trust, progress=no_progress
            )
        )

    first = ask(unseen[0], None)
    ask(unseen[0], {"large": 1.0})
    np.testing.assert_array_equal(ask(unseen[0], None), first)
    assert len(encoded) == 1
    other = ask(unseen[1], None)
    assert len(encoded) == 2
    assert not np.array_equal(other, first)
    np.testing.assert_array_equal(ask(unseen[0], None), first)


def test_what_was_learned_is_told(by_sizes: Learned) -> None:
    assert "trusting large alone" in " ".join(by_sizes.summary)


def test_mixtures_never_trust_who_is_absent() -> None:
    random = np.random.default_rng(0)
    present = np.array([[True, False, True], [False, True, False]])
    for draw in (random_trust, one_trusted):
        for _ in range(20):
            found = draw(present, random).numpy()
            np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-6)
            assert (found[~present] == 0).all()


def test_a_volume_of_two_labels_with_raters_missing() -> None:
    random = np.random.default_rng(0)
    cases = []
    for number in range(6):
        mask = np.zeros((60, 16, 20), np.uint8)
        mask[10:30, 4:12, 4:16] = 1
        mask[10:30, 6:9, 8:12] = 2
        image = (mask + random.standard_normal(mask.shape)).astype(np.float32)
        masks = {rater: np.roll(mask, place, axis=2) for place, rater in enumerate("abc")}
        del masks["abc"[number % 3]]
        cases.append(made_case(str(number), image, masks, labels=(1, 2)))
    learned = TrustVectorTrainer().train(cases, SHORT, no_progress)
    warm = WarmTrust.load(learned.content)
    warm.set_image(whole(cases[0]), SQUARE)
    found = warm.predict({"b": 1.0})
    assert found.probability is not None
    assert found.labels == (0, 1, 2)
    assert found.probability.shape == (3, 60, 16, 20)
    np.testing.assert_allclose(found.probability.sum(axis=0), 1.0, atol=1e-5)
    for z in (0, 59):
        np.testing.assert_array_equal(warm.draw({"b": 1.0}, z), found.probability[:, z])


def test_the_same_seed_gives_the_same_bytes() -> None:
    cases, _ = read_by(8, 1, sizes)
    first, second, other = (
        TrustVectorTrainer().train(cases, SHORT.model_copy(update={"seed": seed}), no_progress)
        for seed in (1, 1, 2)
    )
    assert first.content == second.content
    assert first.content != other.content


def test_it_is_refused_or_stopped_in_words() -> None:
    cases, _ = read_by(8, 1, sizes)
    with pytest.raises(AnnotatorError, match="at least 6 cases"):
        TrustVectorTrainer().train(cases[:2], SHORT, no_progress)
    with pytest.raises(AnnotatorError, match="no network that is told trust"):
        WarmTrust.load(to_bytes({"kind": "difficulty"}, {}))

    def stop(fraction: float, message: str) -> None:
        if message.startswith("round 2"):
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        TrustVectorTrainer().train(cases, SHORT, stop)
