from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError, CancelledError
from tests.made_cases import made_case
from tests.unit.recipe_phantoms import dice, read_by, sizes, whole

pytest.importorskip("torch", reason="networks need PyTorch")

import torch

from annotator_recipes.segmenting import Recipe
from annotator_recipes.segmenting_cases import Shelf, TrainingCase
from annotator_recipes.segmenting_grid import to_grid, to_working
from annotator_recipes.segmenting_patches import Batch, Windows
from annotator_recipes.segmenting_plan import Plan, SegmenterParameters, make_plan
from annotator_recipes.segmenting_reading import read_working
from annotator_recipes.unet import UNetTrainer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import nn

    from annotator.api import CaseVotes, Learned

pytestmark = pytest.mark.unit

QUICK = SegmenterParameters(width=4, levels=2, epochs=4, steps=10, batch=4, learning_rate=1e-2)
SHORT = QUICK.model_copy(update={"epochs": 3, "steps": 3, "width": 4, "batch": 2})


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


class Desk:
    """A desk that remembers everything, and may be left or made to stop."""

    def __init__(self, *, stop_after: int | None = None) -> None:
        self.points: list[tuple[int, dict[str, float]]] = []
        self.examples: dict[str, tuple[NDArray[np.generic], ...]] = {}
        self.checkpoint: bytes | None = None
        self._stop_after = stop_after

    def log(self, epoch: int, values: Mapping[str, float]) -> None:
        self.points.append((epoch, dict(values)))

    def show_example(
        self,
        title: str,
        image: NDArray[np.float32],
        target: NDArray[np.unsignedinteger],
        drawn: NDArray[np.unsignedinteger],
    ) -> None:
        self.examples[title] = (image, target, drawn)

    def keep(self, checkpoint: bytes) -> None:
        self.checkpoint = checkpoint

    def kept(self) -> bytes | None:
        return self.checkpoint

    def should_stop(self) -> bool:
        return self._stop_after is not None and len(self.points) >= self._stop_after


def train(settings: SegmenterParameters, cases: list[CaseVotes], desk: Desk) -> Learned:
    return UNetTrainer().train_at(cases, settings, no_progress, desk)


def balls(n_cases: int, seed: int, spacing_mm: tuple[float, float, float]) -> list[CaseVotes]:
    """Volumes 24 mm wide with a noisy ball of chance place, drawn by one reader."""
    random = np.random.default_rng(seed)
    shape = tuple(round(24 / step) for step in spacing_mm)
    lines = [(np.arange(size) + 0.5) * step for size, step in zip(shape, spacing_mm, strict=True)]
    place = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)
    cases = []
    for number in range(n_cases):
        away = np.linalg.norm(place - random.uniform(9, 15, 3), axis=-1)
        mask = away < random.uniform(5, 7)
        image = (mask + 0.3 * random.standard_normal(shape)).astype(np.float32)
        cases.append(
            made_case(
                f"{seed}-{number}", image, {"one": mask.astype(np.uint8)}, spacing_mm=spacing_mm
            )
        )
    return cases


def mean_dice(learned: Learned, cases: list[CaseVotes]) -> float:
    found = []
    for case in cases:
        shown = UNetTrainer().predict(
            learned.content, whole(case), case.spacing_mm, trust=None, progress=no_progress
        )
        assert shown.probability is not None
        np.testing.assert_allclose(shown.probability.sum(axis=0), 1.0, atol=1e-4)
        truth = case.window(None).masks(case.votes)[0] == 1
        found.append(dice(shown.probability[1] > 0.5, truth))
    return float(np.mean(found))


def test_learns_slices_and_volumes() -> None:
    pictures = read_by(12, 1, lambda depth, _: {"one": depth > 0})[0]
    unseen = read_by(3, 2, lambda depth, _: {"one": depth > 0})[0]
    assert mean_dice(train(QUICK, pictures, Desk()), unseen) > 0.9
    volumes = balls(5, 1, (2.0, 1.0, 1.0))
    few = QUICK.model_copy(update={"batch": 1, "epochs": 9, "levels": 3})
    assert mean_dice(train(few, volumes, Desk()), balls(2, 2, (1.5, 1.5, 1.5))) > 0.85


def test_breaks_change_nothing() -> None:
    cases = read_by(6, 1, sizes)[0]
    unbroken = train(SHORT, cases, Desk())
    desk = Desk()

    def leave(fraction: float, message: str) -> None:
        if fraction > 0.5 and message.startswith("round"):
            raise CancelledError("left")

    with pytest.raises(CancelledError):
        UNetTrainer().train_at(cases, SHORT, leave, desk)
    assert desk.checkpoint is not None
    assert train(SHORT, cases, desk).content == unbroken.content
    assert UNetTrainer().train(cases, SHORT, no_progress).content == unbroken.content


def test_a_stopped_training_can_be_learned_again() -> None:
    cases = read_by(6, 1, sizes)[0]
    stopped = train(SHORT, cases, Desk(stop_after=2))
    assert stopped.stopped_after == 2
    again = train(SHORT.model_copy(update={"stop_after": 2}), cases, Desk())
    assert (again.content, again.stopped_after) == (stopped.content, 2)


class Greedy(Recipe):
    """Asks for more memory than any machine has."""

    def loss(
        self,
        networks: nn.ModuleDict,
        batch: Batch,
        epoch: int,
        random: np.random.Generator,
    ) -> torch.Tensor:
        return torch.empty(2**50)


class GreedyTrainer(UNetTrainer):
    def recipe(self, settings: SegmenterParameters) -> Recipe:
        return Greedy(settings)


def test_too_little_memory_is_told_in_words() -> None:
    with pytest.raises(AnnotatorError, match="2 windows of 32 × 32 at a time need more memory"):
        GreedyTrainer().train(read_by(3, 1, sizes)[0], SHORT, no_progress)


class Once(Sequence["CaseVotes"]):
    """Cases that may be asked for once each."""

    def __init__(self, cases: list[CaseVotes]) -> None:
        self._cases = cases
        self.asked = [0] * len(cases)

    def __len__(self) -> int:
        return len(self._cases)

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401
        self.asked[index] += 1
        return self._cases[index]


def test_a_plan_goes_through_the_cases_once() -> None:
    cases = Once(read_by(4, 1, sizes)[0])
    assert make_plan(cases, SegmenterParameters(), 1).rater_ids == ("exact", "large", "small")
    assert max(cases.asked) == 1


def test_plans_follow_the_grid() -> None:
    flat = make_plan(read_by(3, 1, sizes)[0], SegmenterParameters(), 1)
    assert (flat.n_dims, flat.patch, flat.spacing_mm[0]) == (2, (32, 32), None)
    even = make_plan(balls(3, 1, (1.0, 1.0, 1.0)), SegmenterParameters(), 1)
    assert (even.n_dims, even.spacing_mm) == (3, (1.0, 1.0, 1.0))
    thick = make_plan(balls(3, 1, (2.0, 1.0, 1.0)), SegmenterParameters(), 1)
    assert (thick.strides[0], thick.kernels[0]) == ((1, 2, 2), (1, 3, 3))
    assert Plan.of_facts(thick.facts()) == thick


class Brightness(Recipe):
    """Draws what is bright, voxel by voxel: the same in whatever windows it is read."""

    def read(self, networks: nn.ModuleDict, image: torch.Tensor) -> torch.Tensor:
        return torch.cat([-image, image], dim=1)


@pytest.mark.parametrize("n_dims", [2, 3])
def test_windows_give_what_the_whole_image_gives(n_dims: int) -> None:
    random = np.random.default_rng(1)
    image = random.standard_normal((1, 9, 30, 41)).astype(np.float32)
    plan = Plan(
        n_dims=n_dims,
        spacing_mm=(None, 1.0, 1.0),
        patch=(4, 8, 8)[3 - n_dims :],
        strides=((2,) * n_dims,),
        kernels=((3,) * n_dims,) * 2,
        widths=(4, 4),
        n_channels=1,
        labels=(0, 1),
        rater_ids=("one",),
        batch=3,
    )
    recipe = Brightness(SegmenterParameters())
    networks = recipe.networks(plan)
    shown = read_working(networks, recipe, plan, image, no_progress)
    expected = 1 / (1 + np.exp(-2 * image))
    np.testing.assert_allclose(shown[1:], expected, atol=1e-5)


def shelf_of(cases: list[CaseVotes], memory_mb: float, reads: list[int]) -> tuple[Shelf, Plan]:
    def count(case: TrainingCase, plan: Plan) -> TrainingCase:
        reads.append(case.number)
        return case

    plan = make_plan(cases, SegmenterParameters(), 1)
    return Shelf(cases, plan, count, memory_mb), plan  # type: ignore[arg-type]


def test_cases_are_forgotten_and_read_again_when_memory_is_short() -> None:
    cases = read_by(5, 1, sizes)[0]
    reads: list[int] = []
    shelf, _ = shelf_of(cases, 1024, reads)
    first = [shelf[number].case.image for number in (0, 1, 2, 3, 4, 0, 1)]
    assert reads == [0, 1, 2, 3, 4]
    small: list[int] = []
    shelf, _ = shelf_of(cases, 0.04, small)
    again = [shelf[number].case.image for number in (0, 1, 2, 3, 4, 0, 1)]
    assert len(small) == 7
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_windows_bend_image_target_and_readings_alike() -> None:
    y, x = np.mgrid[:40, :40]
    disc = np.hypot(y - 20, x - 20) < 12
    image = np.where(disc, 1.0, -1.0).astype(np.float32)[None]
    case = made_case("disc", image, {"one": disc[None].astype(np.uint8)})
    shelf, plan = shelf_of([case], 64, [])
    windows = Windows(shelf, plan, flips="yx", with_readings=True, device=torch.device("cpu"))
    random = np.random.default_rng(3)
    n_bent = 0
    for _ in range(12):
        batch = windows.changed([0, 0], random)
        torch.testing.assert_close(batch.target.sum(dim=1), torch.ones_like(batch.target[:, 0]))
        known = batch.known.bool()
        sure = (batch.target[:, 1] - 0.5).abs() > 0.4
        same = batch.readings[:, 0, 1] == (batch.target[:, 1] > 0.5)
        assert same[known & sure].all()
        bright = batch.image[:, 0] > batch.image.mean()
        agrees = (bright == (batch.target[:, 1] > 0.5))[known]
        assert agrees.float().mean() > 0.9
        n_bent += bool((~known).any())
    assert n_bent > 0
    plain = windows.plain([0], random)
    np.testing.assert_array_equal(plain.target[0, 1].numpy(), disc)


def test_working_voxels_average_and_lead_back() -> None:
    random = np.random.default_rng(1)
    values = random.random((2, 6, 20, 15)).astype(np.float32)
    small = to_working(values, (6, 8, 15))
    np.testing.assert_allclose(small.mean(axis=2), values.mean(axis=2), atol=1e-5)
    ramp = np.broadcast_to(np.linspace(0, 1, 20, dtype=np.float32)[:, None], (1, 20, 15))
    back = to_grid(to_working(ramp, (1, 10, 15)), (1, 20, 15))
    np.testing.assert_allclose(back[:, 1:-1], ramp[:, 1:-1], atol=1e-6)
    share = to_grid(small / small.sum(axis=0), (6, 20, 15))
    np.testing.assert_allclose(share.sum(axis=0), 1.0, atol=1e-5)
