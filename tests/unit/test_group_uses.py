"""Labels that may share a voxel: fused and compared as if each group were alone."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from annotator.analysis.group_votes import entropy_of, split_masks
from annotator.analysis.runs import decode, encode
from annotator.analysis.votes import to_dense
from annotator.api import FusedVoxels, LearnedFusionMethod, no_progress
from annotator.domain.errors import AnnotatorError
from annotator.domain.label_groups import MaskValues
from annotator.jobs.agreement_report import report_agreement
from annotator.jobs.case_votes import case_votes, vote_patterns
from annotator.jobs.cohort import summarise_cohort
from annotator.jobs.comparing import compare_case
from annotator.jobs.export_items import probability_maps
from annotator.jobs.finding import find_readings
from annotator.jobs.fusing import fuse_readings, rerun_fusion
from annotator.jobs.fusion_facts import believed, changes_from_vote
from annotator.jobs.group_fusing import _joint_rows
from annotator.jobs.group_learning import of_group
from annotator.jobs.keeping import keep_voxels
from annotator.jobs.learning import relearn, told
from annotator.jobs.lessons import LessonCases, lessons_of
from annotator.jobs.parameters import check_parameters
from annotator.jobs.rater_report import report_raters
from annotator.jobs.readings import Readings
from annotator.registry import Registry
from tests.two_groups import (
    BOTH,
    DISC,
    LESION,
    RATERS,
    SCHEMA,
    MadeCase,
    as_values,
    make_cases,
    make_project,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.domain.review import Fusion
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

N_CASES = 10
VALUES = MaskValues(SCHEMA)
QUESTION: dict[str, object] = {"question": "finding", "min_per_class": 5, "folds": 2}
OF_IMAGES: dict[str, object] = {"size": 32, "slices": 1}
PARAMETERS: dict[str, dict[str, object]] = {
    "diagnosis-first": QUESTION,
    "diagnosis-first-map": {**QUESTION, **OF_IMAGES, "n_epochs": 1, "judge_epochs": 1},
    "diagnosis-first-image": {
        **QUESTION, **OF_IMAGES, "judge_epochs": 1, "n_steps": 1, "n_layers": 2, "n_hidden": 4
    },
    "self-calibrated": {
        **OF_IMAGES, "width": 4, "levels": 2, "epochs": 1, "patience": 1, "warm_up": 1
    },
}  # fmt: skip
METHODS = [method.name for method in Registry.load().fusion_methods()]
SLOW_TO_LEARN = [name for name in METHODS if name in PARAMETERS]
"""What these make of a group is looked at in the project of both: learning thrice takes seconds."""


class Projects(NamedTuple):
    """The same readings: of both groups, of the discs alone, of the lesions alone."""

    cases: list[MadeCase]
    both: Session
    discs: Session
    lesions: Session

    @property
    def alone(self) -> tuple[Session, Session]:
        """The projects of one group."""
        return self.discs, self.lesions


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Projects]:
    path = tmp_path_factory.mktemp("groups")
    cases = make_cases(N_CASES)
    with (
        make_project(path / "both", cases) as both,
        make_project(path / "discs", cases, (DISC,)) as discs,
        make_project(path / "lesions", cases, (LESION,)) as lesions,
    ):
        yield Projects(cases=cases, both=both, discs=discs, lesions=lesions)


def readings_of(session: Session, number: int = 0) -> Readings:
    return Readings.load(session.store, session.store.case(f"Case {number}").case_id)


def fuse(session: Session, method: str, number: int = 0) -> Fusion:
    given, readings = PARAMETERS.get(method, {}), readings_of(session, number)
    return fuse_readings(session.store, session.registry, readings, method, given, actor="me")


def labels_of(session: Session, fusion: Fusion) -> NDArray[np.unsignedinteger]:
    return decode(session.store.fusion_labels(fusion.fusion_id))


def maps_of(session: Session, fusion: Fusion) -> dict[int, NDArray[np.float32]]:
    return probability_maps(session.store, readings_of(session), fusion)


def in_words(fact: object) -> str:
    """Return a fact as text that does not depend on the order of its raters."""
    text = re.sub(r"-?\d+\.\d+(e-?\d+)?", lambda found: f"{float(found[0]):.6f}", repr(fact))
    return re.sub(
        r"rater_a='(\w+)', rater_b='(\w+)'", lambda found: str(sorted(found.groups())), text
    )


@pytest.mark.parametrize("method", [name for name in METHODS if name not in SLOW_TO_LEARN])
def test_groups_are_fused_as_if_each_were_alone(projects: Projects, method: str) -> None:
    fusion = fuse(projects.both, method)
    alone = [fuse(session, method) for session in projects.alone]
    masks = [labels_of(*one) for one in zip(projects.alone, alone, strict=True)]
    expected = as_values(masks[0] == DISC, masks[1] == LESION)
    assert {*np.unique(expected)} == {0, DISC, LESION, BOTH}
    np.testing.assert_array_equal(labels_of(projects.both, fusion), expected)

    found = maps_of(projects.both, fusion)
    for session, one in zip(projects.alone, alone, strict=True):
        for label, chance in maps_of(session, one).items():
            np.testing.assert_allclose(found[label], chance, atol=1e-6)
    assert found.keys() == {DISC, LESION}
    _, table = projects.both.store.fusion_probability(fusion.fusion_id)
    np.testing.assert_allclose(table[:, 0], (1 - table[:, 1]) * (1 - table[:, 2]), atol=1e-12)

    told_alone = {(one.rater_id, one.label): one for each in alone for one in each.performance}
    assert len(fusion.performance) == len(told_alone) == 2 * len(RATERS)
    for row in fusion.performance:
        for key, value in asdict(row).items():
            other = getattr(told_alone[row.rater_id, row.label], key)
            assert value == (other if value is None or key == "rater_id" else pytest.approx(other))

    rater_id = fusion.performance[0].rater_id
    # Where raters differ about one group only, they are believed as far as they are there.
    trust = believed(projects.both.store, readings_of(projects.both), fusion, rater_id)
    least = [
        believed(session.store, readings_of(session), one, rater_id)
        for session, one in zip(projects.alone, alone, strict=True)
    ]
    both = np.where(least[0] == 0, least[1], np.where(least[1] == 0, least[0], np.min(least, 0)))
    np.testing.assert_allclose(trust, both, atol=1e-6)
    again = rerun_fusion(projects.both.store, projects.both.registry, fusion.fusion_id, actor="me")
    assert again == fusion


@pytest.mark.parametrize("name", SLOW_TO_LEARN)
def test_methods_that_learn_do_so_of_each_group_by_itself(projects: Projects, name: str) -> None:
    session, whole = projects.both, readings_of(projects.both)
    fusion = fuse(session, name)
    found, labels = maps_of(session, fusion), labels_of(session, fusion)
    assert isinstance(fusion.recipe.fit_id, str)
    content = session.store.fit_content(fusion.recipe.fit_id)
    method = session.registry.fusion_method(name)
    assert isinstance(method, LearnedFusionMethod)
    settings = check_parameters(name, method.parameters, PARAMETERS[name])
    for part in whole.by_group():
        votes = vote_patterns(part)
        case = case_votes(session.store, part)
        fused = method.fuse_learned(case, of_group(content, part), settings, no_progress)
        (label,) = part.labels[1:]
        if isinstance(fused, FusedVoxels):
            alone = keep_voxels(fused, votes, part.votes.grid, name)
            drawn = decode(alone.labels) == label
            chance = alone.probability[decode(alone.patterns), 1]
        else:
            drawn = to_dense(part.votes, fused.chosen == label, np.bool_)
            chance = to_dense(part.votes, fused.probability[:, 1], np.float64)
        np.testing.assert_array_equal(np.isin(labels, VALUES.holding(label)), drawn)
        np.testing.assert_allclose(found[label], chance, atol=1e-6)


def test_what_fusion_methods_learn_is_of_each_group(projects: Projects) -> None:
    session = projects.both
    fit_id = fuse(session, "pooled-staple").recipe.fit_id
    assert fit_id is not None
    fit, content = session.store.fit(fit_id), session.store.fit_content(fit_id)
    method = session.registry.fusion_method("pooled-staple")
    assert isinstance(method, LearnedFusionMethod)
    settings = check_parameters(method.name, method.parameters, {})
    lessons = lessons_of(session.store, include_models=False)
    for part, alone in zip(readings_of(session).by_group(), projects.alone, strict=True):
        cases = LessonCases(session.store, lessons, part.only_group)
        learned = method.learn(cases, settings, no_progress).content
        assert of_group(content, part) == learned
        # A case that holds one group only goes by what was learned of that one.
        assert of_group(content, readings_of(alone)) == learned
        with pytest.raises(AnnotatorError, match="let it learn again"):
            of_group(learned, part)
    said = told(session.store, fit)
    assert said[0].startswith("organ: ")
    assert any(one.startswith("finding: ") for one in said)
    assert relearn(session.store, session.registry, fit_id, no_progress, actor="me") == fit


def test_joint_rows_of_many_groups_are_those_of_each() -> None:
    random = np.random.default_rng(4)
    tables = [random.random((60_000, 2)) for _ in range(5)]
    places = [random.integers(0, len(table), (2, 4, 5)) for table in tables]
    for place in places:
        place[0, 0, 0] = 0
    rows, index = _joint_rows(tables, places)
    assert index[0, 0, 0] == 0
    for row, place in zip(rows, places, strict=True):
        np.testing.assert_array_equal(row[index], place)


def test_changes_from_the_vote_are_of_each_label(projects: Projects) -> None:
    fusion = fuse(projects.both, "staple")
    found = changes_from_vote(projects.both.store, readings_of(projects.both), fusion)
    parts = [
        changes_from_vote(session.store, readings_of(session), fuse(session, "staple"))
        for session in projects.alone
    ]
    alone = {one.label: one for part in parts for one in part.labels if one.n_after}
    assert {one.label: one for one in found.labels} == alone
    maps = [decode(part.map) > 0 for part in parts]
    np.testing.assert_array_equal(decode(found.map) > 0, maps[0] | maps[1])
    assert found.n_voxels == (maps[0] | maps[1]).sum()


def test_disagreement_is_that_of_the_group_disputed_most(projects: Projects) -> None:
    votes = readings_of(projects.both).votes
    found = entropy_of(votes, VALUES)
    for pattern, entropy in zip(votes.patterns.tolist(), found.tolist(), strict=True):
        shares = [np.mean([VALUES.in_group(one, group) > 0 for one in pattern])
                  for group in SCHEMA.groups]  # fmt: skip
        each = [-sum(p * np.log2(p) for p in (share, 1 - share) if p) for share in shares]
        assert entropy == pytest.approx(max(each))


def test_disputes_are_those_of_each_group(projects: Projects) -> None:
    """Regions of the same places, sizes and words, in one order; each map by itself."""
    found = [
        find_readings(session.store, readings_of(session), actor="me")
        for session in (projects.both, *projects.alone)
    ]
    (score, findings, maps), *alone = found
    assert [one.region for one in findings] == list(range(1, len(findings) + 1))
    assert [one.score for one in findings] == sorted((one.score for one in findings), reverse=True)
    wanted = [one for _, regions, _ in alone for one in regions]
    assert {(one.label, one.box, one.why) for one in findings} == {
        (one.label, one.box, one.why) for one in wanted
    }
    assert len(findings) == len(wanted)
    numbers = {one.region: one for one in findings}
    for group, (_, regions, own) in zip(SCHEMA.groups, alone, strict=True):
        (only,) = own.values()
        before = decode(only, np.dtype(np.uint16))
        after = decode(maps[group], np.dtype(np.uint16))
        assert ((before > 0) == (after > 0)).all()
        for one in regions:
            (number,) = np.unique(after[before == one.region]).tolist()
            assert numbers[number].why == one.why
    assert [one.label for one in score.structures] == [DISC, LESION]
    assert {one.why for one in score.structures} == {
        one.why for each, *_ in alone for one in each.structures
    }


def test_agreement_is_told_of_every_label_once(projects: Projects) -> None:
    found = compare_case(readings_of(projects.both))
    discs, lesions = (compare_case(readings_of(session)) for session in projects.alone)
    pairs = sorted(in_words(one) for one in (*discs.pairs, *lesions.pairs))
    assert sorted(map(in_words, found.pairs)) == pairs
    assert found.mean_dice == pytest.approx(np.mean([discs.mean_dice, lesions.mean_dice]))
    assert found.kappa == pytest.approx(np.mean([discs.kappa, lesions.kappa]))

    cohort = summarise_cohort(projects.both.store, recompute=True)
    (own,) = (one for one in cohort.cases if one.title == "Case 0")
    assert (own.mean_dice, own.kappa) == (found.mean_dice, found.kappa)
    assert own.entropy_bits == found.mean_entropy_bits


def test_reports_are_those_of_each_group(projects: Projects) -> None:
    every = (projects.both, *projects.alone)
    cases = [projects.both.store.case(f"Case {number}") for number in (1, 2)]
    for session in every:
        fuse(session, "staple", 1)
    reports = [
        report_agreement(session.store, session.registry, cases, no_progress) for session in every
    ]
    both, *alone = reports
    assert [one.name for one in both.about.labels] == ["Disc", "Lesion"]
    for name in ("labels", "pairs", "raters", "sizes", "calibration", "fused"):
        wanted = [in_words(one) for report in alone for one in getattr(report, name)]
        assert sorted(map(in_words, getattr(both, name))) == sorted(wanted), name
    raters = [report_raters(session.store, cases) for session in every]
    wanted = [in_words(one) for report in raters[1:] for one in report.rows]
    assert sorted(map(in_words, raters[0].rows)) == sorted(wanted)


def test_one_group_is_left_as_it_is() -> None:
    masks = [encode(case.mask(RATERS[0], (DISC,))) for case in make_cases(2)]
    ((group, found),) = split_masks(masks, VALUES)
    assert group == "organ"
    assert all(one is other for one, other in zip(found, masks, strict=True))
