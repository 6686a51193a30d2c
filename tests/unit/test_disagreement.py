from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from annotator.analysis.disagreement import find_regions, is_disputed
from annotator.analysis.ranking import case_score, structure_scores
from annotator.analysis.runs import MaskRuns, decode, encode
from annotator.analysis.segments import connect, cut_into_rows
from annotator.analysis.votes import VoteRuns, merge_votes, to_dense
from annotator.domain.geometry import Geometry
from annotator.domain.reading import Diagnosis
from annotator.domain.schema import DiagnosisField, Label, LabelSchema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.domain.review import CaseScore, Finding, StructureScore

pytestmark = pytest.mark.unit

SCHEMA = LabelSchema(
    name="chest",
    title="Chest",
    labels=(
        Label(value=1, name="lung nodule", color="#ff0000"),
        Label(value=2, name="vessel", color="#00ff00"),
    ),
    fields=(DiagnosisField(key="grade", title="Grade", choices=(("1", "mild"), ("2", "severe"))),),
)
SPACING = (2.0, 1.0, 1.0)


def merged(masks: list[NDArray[np.uint16]]) -> VoteRuns:
    return merge_votes([encode(mask) for mask in masks], labels=[1, 2])


def regions(
    votes: VoteRuns, spacing: tuple[float, float, float] = SPACING
) -> tuple[tuple[Finding, ...], MaskRuns]:
    return find_regions(
        votes,
        Geometry(shape=votes.grid.shape, spacing_mm=spacing),
        rater_ids=[f"r{number}" for number in range(votes.patterns.shape[1])],
        case_id="case",
        schema=SCHEMA,
    )


def score(votes: VoteRuns, diagnoses: tuple[Diagnosis, ...] = ()) -> CaseScore:
    geometry = Geometry(shape=votes.grid.shape, spacing_mm=SPACING)
    return case_score(
        [votes],
        geometry,
        regions(votes)[0],
        case_id="case",
        schema=SCHEMA,
        diagnoses=diagnoses,
    )


def blobs(seed: int, shape: tuple[int, int, int], n_raters: int) -> list[NDArray[np.uint16]]:
    """Smooth blobs of two labels that raters threshold differently."""
    random = np.random.default_rng(seed)
    common = ndimage.gaussian_filter(random.standard_normal(shape), 1.5)
    masks = []
    for _ in range(n_raters):
        field = common + 0.35 * ndimage.gaussian_filter(random.standard_normal(shape), 1.0)
        scale = field.std()
        masks.append(((field > scale) + (field > 1.6 * scale)).astype(np.uint16))
    return masks


def empty(n_raters: int, shape: tuple[int, int, int] = (10, 30, 30)) -> list[NDArray[np.uint16]]:
    return [np.zeros(shape, np.uint16) for _ in range(n_raters)]


@given(
    st.integers(0, 2**32),
    st.tuples(st.integers(1, 8), st.integers(1, 16), st.integers(1, 16)),
    st.integers(2, 6),
)
@settings(deadline=None, max_examples=60)
def test_regions_partition_the_disputed_voxels(
    seed: int, shape: tuple[int, int, int], n_raters: int
) -> None:
    masks = blobs(seed, shape, n_raters)
    votes = merged(masks)
    findings, region_map = regions(votes)
    numbers = decode(region_map)
    disputed = np.any([mask != masks[0] for mask in masks], axis=0)
    assert ((numbers > 0) == disputed).all()
    assert [finding.region for finding in findings] == list(range(1, int(numbers.max()) + 1))
    scores = [finding.score for finding in findings]
    assert scores == sorted(scores, reverse=True)
    for finding in findings:
        own = numbers == finding.region
        assert finding.size_mm3 == pytest.approx(own.sum() * 2.0)
        assert own[finding.centre]
        per_slice = own.sum(axis=(1, 2))
        assert per_slice[finding.centre[0]] == per_slice.max()
        inside = tuple(slice(low, high) for low, high in zip(*finding.box, strict=True))
        assert own[inside].sum() == own.sum()
        assert own[inside].any(axis=(1, 2))[[0, -1]].all()
        raters = {*finding.raters_for, *finding.raters_against}
        assert raters == {f"r{number}" for number in range(n_raters)}
        assert not {*finding.raters_for} & {*finding.raters_against}
        assert 0 < finding.mean_entropy <= 1 + 1e-9
        assert (finding.max_distance_mm is None) == (
            finding.kind == "presence" or "speck" in finding.why
        )
        assert any((mask[own] == finding.label).any() for mask in masks)
    again, same_map = regions(votes)
    assert again == findings
    assert {k: v.ends.tobytes() for k, v in same_map.slabs.items()} == {
        k: v.ends.tobytes() for k, v in region_map.slabs.items()
    }


@given(
    st.integers(0, 2**32),
    st.tuples(st.integers(1, 7), st.integers(1, 9), st.integers(1, 9)),
    st.floats(0.05, 0.6),
)
@settings(deadline=None, max_examples=80)
def test_connected_objects_equal_dense_labelling(
    seed: int, shape: tuple[int, int, int], density: float
) -> None:
    random = np.random.default_rng(seed)
    masks = [(random.random(shape) < density).astype(np.uint16) for _ in range(2)]
    votes = merged(masks)
    chosen = (votes.patterns != 0).any(axis=1)
    pieces = cut_into_rows(votes, chosen)
    number = connect(pieces, votes.grid)
    dense = np.zeros(shape, np.int64).reshape(-1)
    dense[pieces.voxels(shape[2])] = np.repeat(number, pieces.size) + 1
    expected, _ = ndimage.label(to_dense(votes, chosen, np.bool_), np.ones((3, 3, 3)))
    assert (dense.reshape(shape) == expected).all()


def test_an_object_that_half_the_raters_drew_is_one_presence_dispute() -> None:
    masks = empty(4)
    for mask in masks:
        mask[2:5, 2:9, 2:9] = 1
    masks[0][3, 2:9, 9] = 1
    masks[1][6:9, 18:25, 18:24] = 1
    masks[2][6:9, 18:25, 18:25] = 1
    (worst, *rest), _ = regions(merged(masks))
    assert worst.kind == "presence"
    assert worst.raters_for == ("r1", "r2")
    assert worst.raters_against == ("r0", "r3")
    assert worst.max_distance_mm is None
    assert worst.why == "2 of 4 raters drew lung nodule here (294 mm³) that the others left out"
    assert [finding.kind for finding in rest] == ["boundary"]
    assert score(merged(masks)).n_presence == 1


def test_another_label_in_its_place_is_told() -> None:
    masks = empty(3)
    for mask, label in zip(masks, (1, 1, 2), strict=True):
        mask[2:6, 4:12, 4:12] = label
    (finding,), _ = regions(merged(masks))
    assert finding.label == 1
    assert finding.why == "2 of 3 raters drew lung nodule here (512 mm³); 1 drew vessel instead"


def test_a_bulge_is_set_apart_from_the_rim() -> None:
    shape = (24, 60, 60)
    axes = np.ogrid[tuple(slice(0, size) for size in shape)]
    radius = np.sqrt(((axes[0] - 12) * 2.0) ** 2 + (axes[1] - 30) ** 2 + (axes[2] - 26) ** 2)
    masks = [(radius < reach).astype(np.uint16) for reach in (15.0, 16.0, 15.5)]
    masks[1][9:15, 26:35, 38:54] = 1
    findings, _ = regions(merged(masks))
    first, last = findings[0], findings[-1]
    assert first.kind == last.kind == "boundary"
    assert first.raters_for == ("r1",)
    assert "1 of 3 raters count most of this place" in first.why
    assert first.max_distance_mm == pytest.approx(13.2, abs=0.2)
    assert "along the edge" in last.why
    assert len(findings) <= 4


def test_specks_are_gathered_and_come_last() -> None:
    masks = empty(3)
    for mask in masks:
        mask[2:5, 2:9, 2:9] = 1
    masks[0][4, 9, 3:7] = 1
    for place in range(12, 28, 2):
        masks[1][8, place, place] = 1
    findings, _ = regions(merged(masks))
    assert findings[-1].why.startswith("8 specks and small objects of lung nodule")
    assert findings[-1].size_mm3 == pytest.approx(16.0)
    assert len(findings) == 2


@pytest.mark.parametrize("seed", range(5))
def test_largest_distance_equals_brute_force(seed: int) -> None:
    random = np.random.default_rng(seed)
    masks = empty(3, (8, 24, 24))
    for mask in masks:
        low, high = random.integers(3, 6, 3), random.integers(14, 18, 3)
        mask[2 + low[0] % 3 : 7, low[1] : high[1], low[2] : high[2]] = 1
    findings, region_map = regions(merged(masks))
    numbers = decode(region_map)
    union = np.any([mask != 0 for mask in masks], axis=0)
    outer = union & ~ndimage.binary_erosion(union)
    for finding in findings:
        own = numbers == finding.region
        here = own & outer if (own & outer).any() else own
        expected = 0.0
        for mask in masks:
            away = ndimage.distance_transform_edt(mask == 0, SPACING)
            expected = max(expected, float(away[here & (mask == 0)].max(initial=0.0)))
        assert finding.max_distance_mm == pytest.approx(expected)


def test_pictures_speak_of_areas_and_pixels() -> None:
    masks = empty(2, (1, 20, 20))
    masks[0][0, 3:9, 3:9] = 1
    votes = merged(masks)
    (finding,), _ = regions(votes, (1.0, 0.5, 0.5))
    assert "(9 mm²)" in finding.why
    (loose,), _ = find_regions(
        votes,
        Geometry(shape=(1, 20, 20), is_calibrated=False),
        rater_ids=["a", "b"],
        case_id="case",
        schema=SCHEMA,
    )
    assert loose.why == "1 of 2 raters drew lung nodule here (36 pixels) that the other left out"


def test_agreement_has_no_regions_and_no_score() -> None:
    mask = empty(1)[0]
    mask[2:5, 3:8, 3:8] = 1
    votes = merged([mask, mask, mask])
    assert not is_disputed(votes).any()
    findings, region_map = regions(votes)
    assert (findings, dict(region_map.slabs)) == ((), {})
    found = score(votes)
    assert (found.score, found.mean_dice, found.why) == (0.0, 1.0, "All raters agree.")
    nothing = score(merged(empty(2)))
    assert (nothing.score, nothing.mean_dice) == (0.0, None)
    assert nothing.why == "No rater drew anything."


def test_cases_rank_presence_over_diagnosis_over_outlines() -> None:
    near, far, missed = empty(3), empty(3), empty(3)
    for masks, shift in ((near, 1), (far, 4), (missed, 0)):
        for number, mask in enumerate(masks):
            mask[2:6, 4 + shift * number : 14 + shift * number, 4:14] = 1
    missed[0][8:10, 20:26, 20:26] = 1
    answers = tuple(Diagnosis(answers=(("grade", key),)) for key in ("1", "2", "2"))
    ranked = [score(merged(near)), score(merged(far)), score(merged(near), answers)]
    ranked.append(score(merged(missed)))
    assert [found.score for found in ranked] == sorted(found.score for found in ranked)
    assert ranked[1].score < 1 < ranked[2].score < 2 < ranked[3].score
    assert ranked[2].diagnosis_disputed
    assert "Grade is disputed (2 × severe, 1 × mild)" in ranked[2].why
    assert ranked[0].why.startswith("Outlines lie")


def test_outline_distance_does_not_grow_with_size() -> None:
    found = []
    for side in (8, 20):
        masks = empty(3, (12, 40, 40))
        for number, mask in enumerate(masks):
            mask[3:9, 5 : 5 + side + 2 * number, 5 : 5 + side] = 1
        (structure,) = structures(merged(masks))
        assert structure.outline_mm is not None
        found.append(structure.outline_mm)
    assert found[1] == pytest.approx(found[0], rel=0.35)


def structures(votes: VoteRuns) -> tuple[StructureScore, ...]:
    geometry = Geometry(shape=votes.grid.shape, spacing_mm=SPACING)
    return structure_scores(votes, geometry, regions(votes)[0], schema=SCHEMA)


def test_doubt_is_one_minus_the_soft_dice_of_mean_and_majority() -> None:
    masks = blobs(3, (6, 20, 20), 5)
    votes = merged(masks)
    for one in structures(votes):
        mean = np.mean([mask == one.label for mask in masks], axis=0)
        tallies = [np.sum([mask == value for mask in masks], axis=0) for value in (0, 1, 2)]
        majority = np.argmax(tallies, axis=0) == one.label
        soft = 2 * (mean * majority).sum() / (mean.sum() + majority.sum())
        assert one.doubt == pytest.approx(1 - soft)
        assert one.n_raters == 5
        assert one.n_drew == sum(bool((mask == one.label).any()) for mask in masks)


def test_a_structure_that_few_drew_is_said_first() -> None:
    masks = empty(3)
    masks[0][2:5, 3:9, 3:9] = 1
    (one,) = structures(merged(masks))
    assert one.why.startswith("only 1 of 3 raters drew any lung nodule")
    assert (one.outline_mm, one.doubt, one.n_presence) == (None, 1.0, 1)
