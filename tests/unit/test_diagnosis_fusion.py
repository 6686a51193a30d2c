from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from annotator.analysis.diagnosis_fusion import fuse_by_structure
from annotator.analysis.moments import label_moments
from annotator.analysis.phantoms import simulate_study
from annotator.analysis.runs import encode
from annotator.analysis.votes import merge_votes
from annotator.api import CaseVotes, FusedPatterns, VotePatterns, no_progress
from annotator.domain.errors import AnnotatorError
from annotator.domain.reading import Diagnosis
from annotator_builtins.diagnosis_first import DiagnosisFirst, DiagnosisFirstParameters
from tests.disc_cup import RATERS, SPACING_MM, DiscCup, draw_discs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from annotator.api import CaseWindow, Learned

pytestmark = pytest.mark.unit

# Background, rim by all, cup by all; then disputes about the rim, the cup, and which of both.
PATTERNS = np.array(
    [[0] * 6, [1] * 6, [2] * 6, [1, 0, 1, 0, 1, 0], [2, 0, 0, 2, 2, 2], [1, 2, 2, 1, 0, 1]],
    np.uint16,
)


def no_window(margin: int | None) -> CaseWindow:
    raise AssertionError("nothing here looks at voxels")


def said(answer: str, key: str = "glaucoma") -> Diagnosis:
    return Diagnosis(answers=((key, answer), ("note", "free text")))


def case_of(
    discs: DiscCup, number: int, raters: Sequence[int] = range(6), answers: Sequence[str] = ()
) -> CaseVotes:
    """A case with the moments of a disc, on votes that are alike in all cases."""
    truth = "yes" if discs.is_ill[number] else "no"
    own = list(raters)
    return CaseVotes(
        case_id=f"case {number:03d}",
        title=f"Case {number}",
        votes=VotePatterns(
            rater_ids=tuple(RATERS[rater] for rater in own),
            patterns=PATTERNS[:, own],
            counts=np.array([900, 40, 30, 10, 8, 5]),
            labels=(0, 1, 2),
            voxel_mm3=0.01,
        ),
        shape=(1, 40, 40),
        spacing_mm=SPACING_MM,
        moments=lambda: discs.moments[number][own],
        window=no_window,
        diagnoses={
            RATERS[rater]: said(answer)
            for rater, answer in zip(own, answers or [truth] * len(own), strict=True)
        },
    )


def learn(cases: Sequence[CaseVotes], **parameters: Any) -> Learned:  # noqa: ANN401
    settings = DiagnosisFirstParameters(**parameters)
    return DiagnosisFirst().learn(cases, settings, no_progress)


def fuse(case: CaseVotes, learned: Learned) -> FusedPatterns:
    method = DiagnosisFirst()
    fused = method.fuse_learned(case, learned.content, method.parameters(), no_progress)
    assert isinstance(fused, FusedPatterns)
    np.testing.assert_allclose(fused.probability.sum(axis=1), 1.0, atol=1e-12)
    return fused


@pytest.fixture(scope="module")
def cases() -> list[CaseVotes]:
    discs = draw_discs(160, 11)
    return [case_of(discs, number) for number in range(160)]


@pytest.fixture(scope="module")
def learned(cases: list[CaseVotes]) -> Learned:
    return learn(cases[:150])


def weights_of(learned: Learned) -> NDArray[np.float64]:
    return np.array(json.loads(learned.content)["weights"])


@given(st.integers(0, 2**32))
def test_equal_weights_are_the_share_of_raters(seed: int) -> None:
    random = np.random.default_rng(seed)
    n_raters, labels = int(random.integers(1, 6)), (0, 1, 4, 9)
    patterns = random.choice(labels, (12, n_raters))
    equal = np.full((n_raters, 3), 1 / n_raters)
    share = (patterns[:, :, None] == np.array(labels)).mean(axis=1)
    np.testing.assert_allclose(fuse_by_structure(patterns, labels, equal), share, atol=1e-12)
    weights = random.dirichlet(np.full(n_raters, 0.5), 3).T
    found = fuse_by_structure(patterns, labels, weights)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert (found >= 0).all()
    alike = np.repeat(patterns[:, :1], n_raters, axis=1)
    same = fuse_by_structure(alike, labels, weights)
    np.testing.assert_allclose(same, alike[:, :1] == np.array(labels), atol=1e-12)


def test_one_structure_in_question_has_the_weight_of_those_who_drew_it() -> None:
    weights = np.array([[0.7, 0.1], [0.2, 0.1], [0.1, 0.8]])
    patterns = np.array([[1, 0, 0], [0, 2, 2], [1, 2, 0]])
    found = fuse_by_structure(patterns, (0, 1, 2), weights)
    np.testing.assert_allclose(found[0], [0.3, 0.7, 0.0])
    np.testing.assert_allclose(found[1], [0.1, 0.0, 0.9])
    np.testing.assert_allclose(found[2], np.array([0.45, 0.7, 0.1]) / 1.25)


def test_who_is_accurate_is_believed(learned: Learned, cases: list[CaseVotes]) -> None:
    content = json.loads(learned.content)
    assert content["raters"] == sorted(RATERS)
    weights = weights_of(learned)
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, atol=1e-5)
    rank = [content["raters"][place] for place in np.argsort(-weights.mean(axis=1))]
    assert set(rank[:2]) == {"accurate", "careful"}
    assert content["auc"]["gain"][0] > 0.01
    assert "150 cases, 0 by the reviewer and 150 by the majority of raters" in learned.summary[0]
    assert any("label 2" in text and "accurate" in text for text in learned.summary)
    assert f"{content['auc']['weighted'][0]:.3f}" in learned.summary[-1]


def test_the_same_cases_in_any_order_give_the_same_bytes(cases: list[CaseVotes]) -> None:
    order = np.random.default_rng(2).permutation(60).tolist()
    first = learn(cases[:60], min_per_class=20)
    again = learn([cases[place] for place in order], min_per_class=20)
    assert again.content == first.content
    assert again.summary == first.summary


def test_a_case_is_fused_by_what_was_learned_without_it(
    learned: Learned, cases: list[CaseVotes]
) -> None:
    content = json.loads(learned.content)
    assert sorted(one for fold in content["folds"] for one in fold["cases"]) == [
        case.case_id for case in cases[:150]
    ]
    places = [content["raters"].index(name) for name in RATERS]
    for case in (cases[3], cases[4], cases[155]):
        own = [fold["weights"] for fold in content["folds"] if case.case_id in fold["cases"]]
        weights = np.array(own[0] if own else content["weights"])[places]
        fused = fuse(case, learned)
        np.testing.assert_allclose(fused.probability[3, 1], weights[[0, 2, 4], 0].sum(), atol=1e-5)
        for row in fused.performance:
            expected = weights[RATERS.index(row.rater_id), row.label - 1]
            assert row.weight == pytest.approx(expected, abs=1e-5)
            assert row.weight_interval is not None
            assert row.weight_interval[0] < row.weight_interval[1]
        assert fused.chosen[:3].tolist() == [0, 1, 2]
        assert fused.warnings == ()


def test_absent_and_new_raters(learned: Learned, cases: list[CaseVotes]) -> None:
    full = {(row.rater_id, row.label): row.weight for row in fuse(cases[155], learned).performance}
    case = cases[155]
    some = replace(
        case,
        votes=replace(case.votes, rater_ids=RATERS[:3], patterns=case.votes.patterns[:, :3]),
    )
    for row in fuse(some, learned).performance:
        total = sum(full[name, row.label] or 0.0 for name in RATERS[:3])
        assert row.weight == pytest.approx((full[row.rater_id, row.label] or 0.0) / total)
    new = replace(some, votes=replace(some.votes, rater_ids=("accurate", "new", "wild")))
    fused = fuse(new, learned)
    assert any("not learned of new" in text for text in fused.warnings)
    by_name = {row.rater_id: row.weight or 0.0 for row in fused.performance if row.label == 2}
    assert by_name["accurate"] > by_name["new"] > by_name["wild"]
    other = replace(case, votes=replace(case.votes, labels=(0, 1, 2, 7)))
    fused = fuse(other, learned)
    assert any("label 7" in text for text in fused.warnings)
    alike = [row.weight for row in fused.performance if row.label == 7]
    assert alike == [pytest.approx(1 / 6)] * 6


def test_cases_that_not_everybody_read_are_learned_from() -> None:
    discs = draw_discs(150, 12)
    random = np.random.default_rng(4)
    some = [
        case_of(discs, number, sorted(random.choice(6, 4, replace=False).tolist()))
        for number in range(150)
    ]
    found = learn(some)
    content = json.loads(found.content)
    weights = weights_of(found).mean(axis=1)
    best = {content["raters"][place] for place in np.argsort(-weights)[:3]}
    assert {"accurate", "careful"} <= best


def test_the_reviewer_goes_before_the_majority_and_ties_are_left_out() -> None:
    discs = draw_discs(120, 13)
    cases = [case_of(discs, number) for number in range(120)]
    for number in range(40):
        wrong = "no" if discs.is_ill[number] else "yes"
        truth = "yes" if discs.is_ill[number] else "no"
        cases[number] = replace(
            case_of(discs, number, answers=[wrong] * 6), final_diagnosis=said(truth)
        )
    cases[40] = case_of(discs, 40, answers=["yes", "no"] * 3)
    cases[41] = case_of(discs, 41, answers=["unsure"] * 6)
    cases[42] = case_of(discs, 42, answers=["unsure", "unsure", "unsure", "unsure", "yes", ""])
    found = learn(cases)
    told = found.summary[0]
    assert "of 118 cases, 40 by the reviewer and 78 by the majority of raters" in told
    assert "1 left out where raters are split; 1 left out where nobody said" in told
    listed = {one for fold in json.loads(found.content)["folds"] for one in fold["cases"]}
    assert not {"case 040", "case 041"} & listed


def test_too_few_diagnoses_are_refused_with_numbers(cases: list[CaseVotes]) -> None:
    with pytest.raises(AnnotatorError, match=r"^diagnosis-first refuses.* 30 of each") as told:
        learn(cases[:40])
    n_ill = sum(case.diagnoses["wild"].answer("glaucoma") == "yes" for case in cases[:40])
    assert f"{n_ill} cases are positive and {40 - n_ill} negative" in str(told.value)
    assert learn(cases[:60], min_per_class=20).content


@pytest.mark.parametrize("shuffled", ["masks", "diagnoses"])
def test_masks_that_tell_nothing_are_refused(shuffled: str) -> None:
    discs = draw_discs(120, 14)
    order = np.random.default_rng(78).permutation(120)
    if shuffled == "masks":
        discs = replace(discs, moments=discs.moments[order])
    else:
        discs = replace(discs, is_ill=discs.is_ill[order])
    with pytest.raises(AnnotatorError, match=r"^diagnosis-first refuses.*chance: AUC 0\.\d"):
        learn([case_of(discs, number) for number in range(120)])


def asked(case: CaseVotes, **answers: str) -> CaseVotes:
    given = Diagnosis(answers=tuple(answers.items()))
    return replace(case, diagnoses=dict.fromkeys(case.votes.rater_ids, given))


def test_the_question_must_be_clear(cases: list[CaseVotes]) -> None:
    graded = [
        asked(case, grade="high" if number % 2 else "low", size="12")
        for number, case in enumerate(cases[:80])
    ]
    with pytest.raises(AnnotatorError, match=r"no question is.*grade \(high, low\); size \(12\)"):
        learn(graded)
    with pytest.raises(AnnotatorError, match="did you mean 'grade'"):
        learn(graded, question="grad")
    with pytest.raises(AnnotatorError, match="positive to some of: high, low"):
        learn(graded, question="grade")
    with pytest.raises(AnnotatorError, match="did you mean 'high'"):
        learn(graded, question="grade", positive=("hihg",))
    with pytest.raises(AnnotatorError, match="chance"):
        learn(graded, question="grade", positive="high")
    twice = [asked(case, a="yes", b="no") for case in cases[:80]]
    with pytest.raises(AnnotatorError, match="several questions are"):
        learn(twice)
    with pytest.raises(AnnotatorError, match="0 cases are positive and 80 negative"):
        learn(twice, question="b")
    with pytest.raises(AnnotatorError, match="there are none"):
        learn([asked(case) for case in cases[:80]])


def test_parameters_are_checked() -> None:
    given = DiagnosisFirstParameters.model_validate({"positive": "high, very high"})
    assert given.positive == ("high", "very high")
    for wrong in ({"folds": 1}, {"min_per_class": 2}, {"no_such": 1}):
        with pytest.raises(ValidationError):
            DiagnosisFirstParameters.model_validate(wrong)


def test_on_drawn_cups_the_fusion_has_the_sizes_that_were_learned_from() -> None:
    study = simulate_study("global-skill", n_cases=70, seed=3, size=32)
    found = []
    for case in study.cases:
        cups = [(mask == 2).astype(np.uint8) for mask in case.readings]
        votes = merge_votes([encode(cup) for cup in cups], labels=[1])
        spacing = case.phantom.spacing_mm
        answer = said("yes" if case.phantom.is_diseased else "no")
        found.append(
            CaseVotes(
                case_id=case.case_id,
                title=case.case_id,
                votes=VotePatterns(
                    rater_ids=study.rater_ids,
                    patterns=votes.patterns,
                    counts=votes.counts,
                    labels=votes.labels,
                    voxel_mm3=1.0,
                ),
                shape=votes.grid.shape,
                spacing_mm=spacing,
                moments=partial(label_moments, votes, spacing),
                window=no_window,
                diagnoses=dict.fromkeys(study.rater_ids, answer),
            )
        )
    learned = learn(found, min_per_class=20)
    content = json.loads(learned.content)
    how = {rater_id: member.how for rater_id, member in
           zip(study.rater_ids, study.members, strict=True)}  # fmt: skip
    mean = weights_of(learned).mean(axis=1)
    by_kind = {kind: max(mean[place] for place, one in enumerate(content["raters"])
                         if how[one] == kind) for kind in how.values()}  # fmt: skip
    assert by_kind["accurate"] > by_kind["unsteady"]
    first = found[0]
    fused = fuse(first, learned)
    weights = np.array([row.weight for row in fused.performance])
    drawn = weights @ first.moments()[:, 0, 0]
    assert first.votes.counts @ fused.probability[:, 1] == pytest.approx(drawn, rel=1e-6)
