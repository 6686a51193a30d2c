"""Trials of propagation, crisp edges, paired slices and crossed strips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import SimpleITK as sitk
import torch
from recipe_rows import Pair, Trial
from recipes_a import COMMON, PlainTrainer, mean_dice, read
from recipes_b_sets import edge_f1, few, inner_edge, touching, volumes
from recipes_sets import SQUARE
from scipy import ndimage

from annotator.analysis.bent_phantoms import bent_pair
from annotator.analysis.evaluation import auroc
from annotator.analysis.propagation import outline_doubt
from annotator.api import PlacedImage, no_progress
from annotator.domain.geometry import Geometry
from annotator_builtins.registration import RegistrationParameters, RegistrationPropagator
from annotator_builtins.registration_images import Pair as MatchedPair
from annotator_builtins.registration_steps import match
from annotator_builtins.volume_reader import VolumeReader
from annotator_recipes.atlas_flow import AtlasFlowParameters
from annotator_recipes.atlas_flow_learning import learn_flow
from annotator_recipes.crisp_edges_recipe import CrispEdges
from annotator_recipes.images import normalise_intensity
from annotator_recipes.outline_trainers import (
    CrispEdgesTrainer,
    CrossoverTrainer,
    PairedSlicesTrainer,
)
from annotator_recipes.paired_slices_recipe import SparseSlices
from annotator_recipes.segmenting_plan import Plan
from annotator_recipes.torch_door import load_state
from annotator_recipes.weights import from_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from recipes_sets import Known

    from annotator.analysis.bent_phantoms import BentPair
    from annotator.api import CaseVotes, Propagated
    from annotator_recipes.segmenting import Recipe
    from annotator_recipes.segmenting_plan import SegmenterParameters

    Mask = NDArray[np.integer]

HIPPOCAMPI = Path(__file__).parents[3] / "shared" / "data" / "hippocampus"
N_TEST = 12
ROUNDS = {"epochs": 6, "steps": 12}


def dice(drawn: Mask, truth: Mask) -> float:
    """Return the mean Dice over the labels of the truth."""
    labels = [label for label in np.unique(truth).tolist() if label]
    return float(
        np.mean(
            [
                2
                * ((drawn == one) & (truth == one)).sum()
                / max(1, (drawn == one).sum() + (truth == one).sum())
                for one in labels
            ]
        )
    )


def _near(*masks: Mask) -> NDArray[np.bool_]:
    drawn = np.any([mask > 0 for mask in masks], axis=0)
    found: NDArray[np.bool_] = ndimage.binary_dilation(drawn, iterations=3)
    return found


def _placed(image: NDArray[np.float32]) -> PlacedImage:
    shape = image.shape
    return PlacedImage(image=image, geometry=Geometry(shape=(shape[0], shape[1], shape[2])))


def _registered(source: PlacedImage, mask: Any, target: PlacedImage) -> Propagated:  # noqa: ANN401
    carrier = RegistrationPropagator().take_in(
        source, mask, (), RegistrationParameters(), no_progress
    )
    return carrier.carry(target, no_progress)


def registration(seed: int, *, quick: bool) -> Iterable[Pair]:
    """Match bodies bent in known ways, half replaced ones, and hippocampi of different people."""
    name = "propagate: registration"
    side = 20 if quick else 24
    pair = bent_pair((side, side, side), seed=seed, reach_mm=4.0)
    both = MatchedPair.of(_placed(pair.source), _placed(pair.target))
    way = match(both.target, both.source, no_progress, smoothness=1.0, rounds=40)
    near = _near(pair.target_mask)
    gap = both.way_mm(way) - pair.there
    bent = "known bending, against the drawing as it is"
    yield Pair(
        recipe=name,
        claim=bent,
        measure="error of the way, mm",
        with_recipe=float(np.linalg.norm(gap, axis=0)[near].mean()),
        without=float(np.linalg.norm(pair.there, axis=0)[near].mean()),
        less_is_better=True,
    )
    drawn = both.carried(pair.source_mask, way)
    yield Pair(
        recipe=name,
        claim=bent,
        measure="Dice",
        with_recipe=dice(drawn, pair.target_mask),
        without=dice(pair.source_mask, pair.target_mask),
    )
    yield from _foretold(name, "wrong voxels foretold, known bending", pair, pair.target)
    image = pair.target.copy()
    half = side // 2
    image[..., half:] = bent_pair(image.shape, seed=seed + 100).source[..., half:]
    yield from _foretold(name, "wrong voxels foretold, half is another body", pair, image)
    if not quick and HIPPOCAMPI.exists():
        yield from _hippocampi(name, seed)


def _foretold(name: str, claim: str, pair: BentPair, image: NDArray[np.float32]) -> Iterable[Pair]:
    found = _registered(_placed(pair.source), pair.source_mask, _placed(image))
    near = _near(found.mask, pair.target_mask)
    yield _doubts(name, claim, found, pair.target_mask, near, pair.spacing_mm)


def _doubts(
    name: str,
    claim: str,
    found: Propagated,
    truth: Mask,
    near: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
) -> Pair:
    """Return how well the doubt foretells wrong voxels, against the distance to the outline."""
    same = np.full(found.mask.shape, float(np.median(found.error_mm[near])), np.float32)
    scores = [
        auroc(outline_doubt(found.mask, error, spacing_mm)[near], (found.mask != truth)[near])
        for error in (found.error_mm, same)
    ]
    return Pair(
        recipe=name,
        claim=claim,
        measure="AUROC of doubt by place, against the same error everywhere",
        with_recipe=float(scores[0] or 0.5),
        without=float(scores[1] or 0.5),
    )


def _hippocampi(name: str, seed: int) -> Iterable[Pair]:
    """Carry one person's hippocampus to another's."""
    names = sorted(path.name for path in (HIPPOCAMPI / "imagesTr").glob("*.nii.gz"))
    one, other = names[2 * seed], names[2 * seed + 5]
    source, source_mask = _volume("imagesTr", one), _volume("labelsTr", one)
    target, truth = _volume("imagesTr", other), _volume("labelsTr", other)
    mask = np.round(source_mask.image).astype(np.uint8)
    wanted = np.round(truth.image).astype(np.uint8)
    found = _registered(source, mask, target)
    still = MatchedPair.of(source, target)
    middles = [
        one.TransformContinuousIndexToPhysicalPoint([(side - 1) / 2 for side in one.GetSize()])
        for one in (still.target, still.source)
    ]
    shift = np.subtract(middles[1], middles[0]).tolist()
    laid = still.carried(mask, sitk.TranslationTransform(3, shift))
    claim = "hippocampi of two people, against images laid middle on middle"
    yield Pair(
        recipe=name,
        claim=claim,
        measure="Dice of head and tail",
        with_recipe=dice(found.mask, wanted),
        without=dice(laid, wanted),
    )
    near = _near(found.mask, wanted)
    claim = "wrong voxels foretold, hippocampi"
    yield _doubts(name, claim, found, wanted, near, target.geometry.spacing_mm)


def _volume(folder: str, name: str) -> PlacedImage:
    scan = VolumeReader().scan([HIPPOCAMPI / folder / name], no_progress)
    series = scan.found[0].read(no_progress)
    return PlacedImage(image=series.voxels.astype(np.float32), geometry=series.series.geometry)


def label_transfer(seed: int, *, quick: bool) -> Iterable[Pair]:
    """Learn the way to two bent bodies, with the cycles and without."""
    n_targets = 2
    pairs = [
        bent_pair((1, 48, 48), seed=seed, reach_mm=4.0, noise=0.1, bend=bend)
        for bend in range(n_targets)
    ]
    found = [_flow(pairs, seed, cycle, quick=quick) for cycle in (1.0, 0.0)]
    measures = (
        ("error of the way, mm", True),
        ("Dice", False),
        ("gap there and back, mm", True),
    )
    for place, (measure, is_less) in enumerate(measures):
        yield Pair(
            recipe="propagate: label transfer",
            claim="known bending, cycles against none",
            measure=measure,
            with_recipe=found[0][place],
            without=found[1][place],
            less_is_better=is_less,
        )


def _flow(
    pairs: Sequence[BentPair], seed: int, cycle: float, *, quick: bool
) -> tuple[float, float, float]:
    settings = AtlasFlowParameters(
        rounds=5 if quick else 100, size=48, width=4, cycle=cycle, seed=seed, learning_rate=5e-3
    )
    source, mask = _placed(pairs[0].source), pairs[0].source_mask
    targets = [_placed(pair.target) for pair in pairs]
    carrier = learn_flow(source, mask, targets, settings, no_progress)
    found = []
    for pair, target in zip(pairs, targets, strict=True):
        there, _ = carrier.ways(target)
        near = _near(pair.target_mask)
        off = np.linalg.norm(there[0].cpu().numpy() - pair.there[1:, 0], axis=0)
        drawn = carrier.carry(target, no_progress)
        found.append(
            (
                float(off[near[0]].mean()),
                dice(drawn.mask, pair.target_mask),
                float(drawn.error_mm[near].mean()),
            )
        )
    first, second, third = np.mean(found, axis=0).tolist()
    return first, second, third


def crisp(seed: int, *, quick: bool) -> Iterable[Pair]:
    """Draw rounds that nearly touch, with edges and without."""
    learn, test = touching(12, seed), touching(N_TEST, seed + 1000)
    trainer = CrispEdgesTrainer()
    plain = _taught(PlainTrainer(), learn, test, seed, quick=quick)
    settings, content = _content(trainer, [one.given for one in learn], seed, quick=quick)
    shown = read(trainer, content, test)
    edges = _edges(CrispEdges(settings), content, test)
    slopes = [np.hypot(*np.gradient(one[1])) for one in plain]
    truths = [inner_edge(case.truth) for case in test]
    (told, width), (sloped, slope_width) = (_best_cut(maps, truths) for maps in (edges, slopes))
    claim = "rounds 1 to 2 pixels apart"
    for measure, ours, theirs, is_less in (
        ("F1 of edges at 1 pixel", told, sloped, False),
        ("width of edges, pixels", width, slope_width, True),
    ):
        yield Pair(
            recipe="crisp-edges",
            claim=f"{claim}: edges it tells, against the plain network's slope, each cut best",
            measure=measure,
            with_recipe=ours,
            without=theirs,
            less_is_better=is_less,
        )
    for measure, judge, is_less in (
        ("Dice", mean_dice, False),
        ("F1 of outlines at 1 pixel", _outlines, False),
        ("rounds too many or too few", _miscounted, True),
    ):
        yield Pair(
            recipe="crisp-edges",
            claim=f"{claim}: what it draws",
            measure=measure,
            with_recipe=judge(shown, test),
            without=judge(plain, test),
            less_is_better=is_less,
        )


def _best_cut(
    maps: Sequence[NDArray[np.floating]], truths: Sequence[NDArray[np.bool_]]
) -> tuple[float, float]:
    """Return F1 and width of edges above the share of the highest value that does best."""
    highest = float(max(one.max() for one in maps))
    found = []
    for cut in highest * np.linspace(0.1, 0.9, 9):
        edges = [one > cut for one in maps]
        right = [edge_f1(one, so) for one, so in zip(edges, truths, strict=True)]
        wide = [one.sum() / so.sum() for one, so in zip(edges, truths, strict=True)]
        found.append((float(np.mean(right)), float(np.mean(wide))))
    return max(found)


def _outlines(shown: NDArray[np.float64], cases: Sequence[Known]) -> float:
    drawn = shown.argmax(axis=1)
    return float(
        np.mean(
            [
                edge_f1(inner_edge(one), inner_edge(case.truth))
                for one, case in zip(drawn, cases, strict=True)
            ]
        )
    )


def _miscounted(shown: NDArray[np.float64], cases: Sequence[Known]) -> float:
    def count(mask: Mask) -> int:
        pieces, n_pieces = ndimage.label(mask > 0)
        return int((np.bincount(pieces.ravel(), minlength=n_pieces + 1)[1:] >= 5).sum())

    drawn = shown.argmax(axis=1)
    off = [abs(count(one) - count(case.truth)) for one, case in zip(drawn, cases, strict=True)]
    return float(np.mean(off))


def _content(
    trainer: Any,  # noqa: ANN401 - any trainer
    cases: Sequence[CaseVotes],
    seed: int,
    *,
    quick: bool,
    **own: object,
) -> tuple[Any, bytes]:
    rounds = {"epochs": 2, "steps": 3} if quick else ROUNDS
    settings = trainer.parameters.model_validate({**COMMON, **rounds, "seed": seed, **own})
    return settings, trainer.train(cases, settings, no_progress).content


def _taught(
    trainer: Any,  # noqa: ANN401 - any trainer
    learn: Sequence[Known],
    test: Sequence[Known],
    seed: int,
    *,
    quick: bool,
    **own: object,
) -> NDArray[np.float64]:
    """Train on some pictures and read others: probability, ``(case, label, y, x)``."""
    cases = [one.given for one in learn]
    return read(trainer, _content(trainer, cases, seed, quick=quick, **own)[1], test)


def _edges(recipe: CrispEdges, content: bytes, cases: Sequence[Known]) -> list[Any]:
    facts, arrays = from_bytes(content)
    plan = Plan.of_facts(facts["plan"])
    networks = recipe.networks(plan)
    load_state(networks, "networks", arrays)
    networks.eval()
    images = np.stack([normalise_intensity(case.image)[0] for case in cases])[:, None]
    with torch.inference_mode():
        found = recipe.edges(networks, torch.from_numpy(images))
    return [one[0].numpy() for one in found]


class SparseTrainer(PairedSlicesTrainer):
    """The same training on the same drawn slices, one by one."""

    name = "sparse"
    title = "Network of single slices"

    def recipe(self, settings: SegmenterParameters) -> Recipe:
        """Return the recipe that knows which slices are drawn."""
        return SparseSlices(settings)


def paired(seed: int, *, quick: bool) -> Iterable[Pair]:
    """Learn from volumes of which every fourth slice is drawn."""
    test = volumes(3, seed + 1000, every=1)
    cases = [case for case, _ in volumes(3, seed, every=4)]
    shown = {
        trainer.name: _volume_dice(
            trainer, _content(trainer, cases, seed, quick=quick, held_out=0.0)[1], test
        )
        for trainer in (PairedSlicesTrainer(), SparseTrainer(), PlainTrainer())
    }
    for other, words in (
        ("sparse", "against the same slices one by one"),
        ("plain", "against taking the others for empty"),
    ):
        yield Pair(
            recipe="paired-slices",
            claim=f"3 volumes, each fourth slice drawn, {words}",
            measure="Dice of whole volumes",
            with_recipe=shown["paired-slices"],
            without=shown[other],
        )


def _volume_dice(
    trainer: Any,  # noqa: ANN401 - any trainer
    content: bytes,
    cases: Sequence[tuple[CaseVotes, NDArray[np.uint8]]],
) -> float:
    found = []
    for case, truth in cases:
        image = case.window(None).image
        shown = trainer.predict(content, image, SQUARE, trust=None, progress=no_progress)
        found.append(dice(shown.probability.argmax(axis=0), truth))
    return float(np.mean(found))


def crossed(seed: int, *, quick: bool) -> Iterable[Pair]:
    """Learn from four pictures by crossed strips, against strips without the loss and a U-Net."""
    test = few(N_TEST, seed + 1000)
    learn = few(4, seed)
    given: dict[str, Any] = {"quick": quick, "held_out": 0.0}
    trainer = CrossoverTrainer()
    shown = mean_dice(_taught(trainer, learn, test, seed, **given), test)
    alone = _taught(trainer, learn, test, seed, crossing_weight=0.0, **given)
    plain = _taught(PlainTrainer(), learn, test, seed, **given)
    for words, other in (("the same strips without the loss", alone), ("a U-Net", plain)):
        yield Pair(
            recipe="crossover",
            claim=f"4 pictures, against {words}",
            measure="Dice",
            with_recipe=shown,
            without=mean_dice(other, test),
        )


TRIALS: dict[str, Trial] = {
    "registration": registration,
    "label-transfer": label_transfer,
    "crisp-edges": crisp,
    "paired-slices": paired,
    "crossover": crossed,
}
