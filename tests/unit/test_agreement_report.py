"""The agreement report on masks whose figures are known by hand, as a file and as a job."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import ndimage

from annotator.analysis.case_bootstrap import case_draws, mean_ends, sum_ends
from annotator.analysis.runs import decode, encode
from annotator.api import no_progress
from annotator.domain.errors import AnnotatorError, CancelledError
from annotator.domain.reading import Diagnosis
from annotator.jobs.agreement_report import ReportSettings, report_agreement
from annotator.jobs.run import run_job
from tests.unit.project_builder import SHAPE, add_case, block, make_session
from tests.unit.report_case import LESION, N_CASES, NAMES, VOXEL_MM3, report_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from annotator.jobs.agreement_facts import AgreementReport
    from annotator.session.session import Session

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with report_session(tmp_path_factory.mktemp("report")) as opened:
        yield opened


@pytest.fixture(scope="module")
def report(session: Session) -> AgreementReport:
    return session.agreement_report()


@pytest.fixture(scope="module")
def with_models(session: Session) -> AgreementReport:
    return session.agreement_report(include_models=True)


def sizes(extra: int = 0, factor: float = 1.0) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the voxels of each case's lesion, some columns wider."""
    columns = np.array([3 + place % 3 + extra for place in range(N_CASES)], float)
    return columns * 8 * factor


def test_about(report: AgreementReport) -> None:
    about = report.about
    assert (about.n_cases, about.n_cases_in_project, about.n_signed_off) == (N_CASES, 13, 0)
    assert [rater.name for rater in about.raters] == list(NAMES)
    assert {rater.n_readings for rater in about.raters} == {N_CASES}
    assert about.left_out == ("1 case has fewer than two submitted readings",)
    assert about.spacing_mm == ((2.0, 0.5, 0.5), (2.0, 0.5, 0.5))
    (fusion,) = about.fusions
    assert (fusion.method, fusion.n_cases) == ("soft-vote", N_CASES)


def test_pairs_of_raters(report: AgreementReport) -> None:
    names = {(report.rater_name(r.rater_a), report.rater_name(r.rater_b)): r for r in report.pairs}
    assert list(names) == [(NAMES[0], NAMES[1]), (NAMES[0], NAMES[2]), (NAMES[1], NAMES[2])]
    same, apart = names[NAMES[0], NAMES[1]], names[NAMES[0], NAMES[2]]
    assert (same.dice.value, same.dice.low, same.dice.high) == (1.0, 1.0, 1.0)
    assert (same.kappa.value, same.hd95_mm.value, same.surface_dice.value) == (1.0, 0.0, 1.0)
    assert apart.surface_dice.value == 1.0, "half a millimetre apart, within two"
    expected = 2 * sizes() / (sizes() + sizes(1))
    assert apart.dice.value == pytest.approx(expected.mean())
    assert apart.iou.value == pytest.approx((sizes() / sizes(1)).mean())
    assert apart.dice.low is not None
    assert apart.dice.high is not None
    assert expected.min() < apart.dice.low < expected.mean() < apart.dice.high < expected.max()
    assert apart.dice.n_cases == N_CASES


def test_label_is_the_mean_of_its_pairs(report: AgreementReport) -> None:
    (row,) = report.labels
    assert row.label == LESION
    pairs = [pair.dice.value or 0.0 for pair in report.pairs]
    assert row.dice.value == pytest.approx(np.mean(pairs))
    assert row.agreed_share.value == pytest.approx((sizes() / sizes(1)).mean())


def test_kappa_looks_at_the_surroundings_only(tmp_path: Path) -> None:
    found = []
    for number_, shape in enumerate(((8, 24, 24), (8, 60, 60))):
        with make_session(tmp_path / str(number_)) as opened:
            case = add_case(opened, 1, shape)
            for name, high in (("Ann", 12), ("Bob", 14)):
                rater = opened.store.add_rater(name, actor="system")
                mask = encode(block(((3, 8, 8), (5, 12, high)), shape))
                opened.store.add_annotation(
                    case.case_id, rater.rater_id, mask, Diagnosis(), actor="system"
                )
            (row,) = opened.agreement_report().pairs
            found.append((row.kappa.value, row.ac1.value))
    assert found[0] == found[1]
    n_near = 8 * 10 * 12
    share, both, one = 1.0 / n_near, 2 * 4 * 4, 2 * 4 * 2
    observed = 1 - one * share
    by_chance = both * share * (both + one) * share
    by_chance += (1 - both * share) * (1 - (both + one) * share)
    assert found[0][0] == pytest.approx((observed - by_chance) / (1 - by_chance))


def test_raters_against_references(report: AgreementReport) -> None:
    rows = {(report.rater_name(row.rater_id), row.reference): row for row in report.raters}
    assert set(rows) == {(name, kind) for name in NAMES for kind in ("fused", "others")}
    for kind in ("fused", "others"):
        assert rows["Cy", kind].dice.value == pytest.approx(
            (2 * sizes() / (sizes() + sizes(1))).mean()
        )
        assert rows["Cy", kind].size_bias.value == pytest.approx((sizes(1) / sizes() - 1).mean())
    assert rows[NAMES[0], "fused"].dice.value == 1.0
    # Ann's others are Bob and Cy: what both drew is Bob's, the tie beyond it is background.
    assert rows[NAMES[0], "others"].dice.value == 1.0


def test_sizes(report: AgreementReport) -> None:
    (row,) = report.sizes
    assert row.unit == "mm³"
    assert len(row.points) == 3 * N_CASES
    (first, *_) = row.points
    assert first.size == sizes()[0] * VOXEL_MM3
    by_name = {
        (report.rater_name(pair.rater_a), report.rater_name(pair.rater_b)): pair.difference
        for pair in row.pairs
    }
    assert by_name[NAMES[0], NAMES[1]].bias.value == 0.0
    assert by_name[NAMES[0], "Cy"].bias.value == pytest.approx(-8 * VOXEL_MM3)
    assert by_name[NAMES[0], "Cy"].sd == pytest.approx(0.0)
    assert row.icc.form("C,1").value == pytest.approx(1.0)
    assert row.icc.form("A,1").value == row.icc_bootstrap.value
    assert row.scatter is not None
    # Within each case: 0, 0 and one column, whose variance is a third of that column's square.
    assert row.scatter.within_sd.value == pytest.approx(8 * VOXEL_MM3 / 3**0.5)


def test_answers(report: AgreementReport) -> None:
    (row,) = report.questions
    assert (row.n_cases, row.n_answers) == (N_CASES, 3 * N_CASES)
    assert row.agreement.value == pytest.approx((1.0 + 1 / 3) / 2)
    pairs = {(report.rater_name(p.rater_a), report.rater_name(p.rater_b)): p for p in row.pairs}
    assert pairs[NAMES[0], NAMES[1]].kappa is None, "one answer throughout"
    assert pairs[NAMES[0], "Cy"].agreement == 0.5
    assert pairs[NAMES[0], "Cy"].kappa == pytest.approx(0.0)
    assert pairs[NAMES[0], "Cy"].kappa_linear is None


def test_probabilities_are_held_against_raters(report: AgreementReport) -> None:
    rows = {row.target: row for row in report.calibration}
    assert set(rows) == {"left-out", "same-raters"}
    same = rows["same-raters"]
    # The share of raters is what raters say: nothing is miscalibrated against all of them.
    assert same.ece.value == pytest.approx(0.0, abs=1e-9)
    assert (same.ece_each.value or 0.0) > 0.0
    assert sum(one.n_voxels for one in same.bins) == same.n_voxels
    left_out = rows["left-out"]
    assert left_out.n_voxels == same.n_voxels
    assert (left_out.ece.value or 0.0) > 0.0
    assert left_out.ece.low is not None
    (fused,) = report.fused
    assert fused.soft_dice.value == 1.0, "the soft vote is the share of raters"
    drawn = np.stack([sizes(), sizes(), sizes(1)], axis=1) * VOXEL_MM3
    mean = drawn.mean(axis=1, keepdims=True)
    spread = np.abs(drawn[:, :, None] - drawn[:, None, :]).mean(axis=(1, 2)) / 2
    assert fused.crps.value == pytest.approx((np.abs(drawn - mean).mean(axis=1) - spread).mean())


def test_order_of_reading(report: AgreementReport) -> None:
    assert [len(row.points) for row in report.drift] == [N_CASES] * 3
    cy = report.drift[2]
    assert [point.number for point in cy.points] == list(range(1, N_CASES + 1))
    moments = [point.submitted_at for point in cy.points]
    assert moments == sorted(moments)
    assert cy.slope is not None
    assert cy.slope.low <= cy.slope.value <= cy.slope.high
    assert sum(week.dice.n_cases for week in report.weeks) == 3 * N_CASES


def test_cases_least_agreed_first(report: AgreementReport) -> None:
    dice = [row.dice for row in report.cases]
    assert dice == sorted(dice)
    assert report.cases[0].disputed_size == 8 * VOXEL_MM3


def test_models_stand_beside_people(report: AgreementReport, with_models: AgreementReport) -> None:
    assert with_models.labels == report.labels
    assert with_models.sizes == report.sizes
    assert with_models.questions == report.questions
    assert len(with_models.pairs) == 6
    own = [row for row in with_models.raters if with_models.rater_name(row.rater_id) == "Model"]
    assert {row.reference for row in own} == {"fused", "others"}
    assert own[0].size_bias.value == pytest.approx(-0.5)
    (group,) = with_models.groups
    assert group.nearest_of_models.value == pytest.approx(2 / 3), "half of Ann's or Bob's"
    iou = np.stack([np.full(N_CASES, 0.5), np.full(N_CASES, 0.5), sizes() / sizes(1) / 2], axis=1)
    between = (1 - iou).mean(axis=1)
    people = 4 * (1 - sizes() / sizes(1)) / 9
    assert group.energy.value == pytest.approx((2 * between - people).mean())
    assert group.energy_unbiased.value is None, "one model has no distance to another"


def test_a_model_is_not_held_against_what_it_never_draws(tmp_path: Path) -> None:
    with make_session(tmp_path) as opened:
        case = add_case(opened, 1)
        masks = {"Ann": 1, "Bob": 1, "Finds organs": 2}
        for name, label in masks.items():
            rater = opened.store.add_rater(name, is_model=name == "Finds organs", actor="system")
            drawn = encode(block(((0, 2, 2), (2, 6, 6)), value=label))
            opened.store.add_annotation(
                case.case_id, rater.rater_id, drawn, Diagnosis(), actor="system"
            )
        found = opened.agreement_report(include_models=True)
    assert [label.label for label in found.about.labels] == [LESION]
    assert len(found.pairs) == 1
    assert found.groups == ()


def test_signed_off_mask_is_a_reference(tmp_path: Path) -> None:
    with make_session(tmp_path) as opened:
        case = add_case(opened, 1)
        reviewer = opened.store.add_rater("Rev", actor="system")
        for name, high in (("Ann", 6), ("Bob", 7), ("Cy", 7)):
            rater = opened.store.add_rater(name, actor="system")
            mask = encode(block(((0, 2, 2), (2, 6, high))))
            opened.store.add_annotation(
                case.case_id, rater.rater_id, mask, Diagnosis(), actor="system"
            )
        fusion = opened.fuse(case.case_id, "majority")
        opened.find(case.case_id)
        stored = opened.store.findings(case.case_id)
        assert stored is not None
        opened.store.sign_off(
            case.case_id,
            reviewer_id=reviewer.rater_id,
            fusion_id=fusion.fusion_id,
            findings_key=stored[0],
            verdicts=(),
            diagnosis=Diagnosis(),
            mask=encode(block(((0, 2, 2), (2, 6, 6)))),
            origin=encode(np.zeros(SHAPE, np.uint8)),
            actor="system",
        )
        found = opened.agreement_report()
    assert found.about.n_signed_off == 1
    rows = {(found.rater_name(row.rater_id), row.reference): row for row in found.raters}
    assert rows["Ann", "signed-off"].dice.value == 1.0
    assert rows["Bob", "signed-off"].dice.value == pytest.approx(2 * 32 / (32 + 40))
    assert rows["Bob", "fused"].dice.value == 1.0
    (row,) = [row for row in found.calibration if row.target == "signed-off"]
    # Two of three say of eight voxels what the reviewer took out; all else is certain and so.
    assert row.ece.value == pytest.approx(8 * (2 / 3) / row.n_voxels)
    assert row.brier.value == pytest.approx(8 * (2 / 3) ** 2 / row.n_voxels)
    assert row.ece.low is None, "one case has no interval over cases"


def test_a_map_that_differs_from_place_to_place(tmp_path: Path) -> None:
    """Rows of probability do not follow the votes; every voxel is looked up in dense arrays."""
    shape = (3, 20, 20)
    with make_session(tmp_path) as opened:
        case = add_case(opened, 1, shape)
        masks = [block(((0, 5, 5), (3, 13, high)), shape) for high in (12, 14, 15)]
        for name, mask in zip(NAMES, masks, strict=True):
            rater = opened.store.add_rater(name, actor="system")
            opened.store.add_annotation(
                case.case_id, rater.rater_id, encode(mask), Diagnosis(), actor="system"
            )
        fusion = opened.fuse(case.case_id, "spatial-staple")
        rows, table = opened.store.fusion_probability(fusion.fusion_id)
        settings = ReportSettings(band_mm=1.0, surface_cases=0)
        found = report_agreement(
            opened.store, opened.registry, opened.cases(), no_progress, settings
        )
    says = np.stack([mask == 1 for mask in masks])
    probability = table[decode(rows), 1]
    seed = says.any(axis=0) != says.all(axis=0)
    for mask, axis in itertools.product(says, range(3)):
        edge = np.diff(mask, axis=axis)
        seed |= np.pad(edge, [(0, int(one == axis)) for one in range(3)])
        seed |= np.pad(edge, [(int(one == axis), 0) for one in range(3)])
    band = ndimage.distance_transform_edt(~seed, sampling=(2.0, 0.5, 0.5)) <= 1.0
    p, share = probability[band], says.mean(axis=0)[band]
    place = np.clip((p * 10).astype(int), 0, 9)
    gaps = [abs((p - share)[place == one].sum()) for one in range(10)]
    (row,) = [row for row in found.calibration if row.target == "same-raters"]
    assert row.n_voxels == band.sum()
    assert row.ece.value == pytest.approx(sum(gaps) / band.sum())
    assert row.brier.value == pytest.approx(((probability - says) ** 2)[:, band].mean())
    (left_out,) = [row for row in found.calibration if row.target == "left-out"]
    assert left_out.method == "share of raters", "this one is not repeated without a rater"
    (fused,) = found.fused
    sizes_ = says.sum(axis=(1, 2, 3)) * VOXEL_MM3
    apart = np.abs(sizes_[:, None] - sizes_[None, :]).mean() / 2
    expected = np.abs(sizes_ - probability.sum() * VOXEL_MM3).mean() - apart
    assert fused.crps.value == pytest.approx(expected)


def test_surfaces_of_a_lot_of_cases(session: Session) -> None:
    def run(n_cases: int | None) -> AgreementReport:
        settings = ReportSettings(surface_cases=n_cases)
        return report_agreement(
            session.store, session.registry, session.cases(), no_progress, settings
        )

    few, none = run(4), run(0)
    assert few.about.n_surface_cases == 4
    assert few.labels[0].hd95_mm.n_cases == 4
    assert few.labels[0].dice.n_cases == N_CASES
    assert none.labels[0].hd95_mm.value is None


def test_nothing_to_report(tmp_path: Path) -> None:
    with make_session(tmp_path) as opened:
        add_case(opened, 1)
        with pytest.raises(AnnotatorError, match="no case has two submitted readings"):
            opened.agreement_report()


def test_cancel_stops_between_cases(session: Session) -> None:
    seen: list[float] = []

    def progress(fraction: float, message: str) -> None:
        seen.append(fraction)
        assert message
        if len(seen) == 3:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        session.agreement_report(progress=progress)
    assert seen == sorted(seen)
    assert len(seen) == 3


def test_document_is_json(with_models: AgreementReport) -> None:
    text = json.dumps(with_models.as_document(), allow_nan=False)
    assert json.loads(text)["about"]["n_cases"] == N_CASES


def test_report_as_a_job(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "new" / "agreement.html"
    job = session.store.add_job("report", {"path": str(path)}, actor="system")
    ended = run_job(session.store.location, job.job_id, session.registry)
    assert (ended.state, ended.error) == ("done", "")
    assert json.loads(ended.result)["n_bytes"] == path.stat().st_size
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    job = session.store.add_job("report", {"path": str(tmp_path)}, actor="system")
    ended = run_job(session.store.location, job.job_id, session.registry)
    assert ended.state == "failed"
    assert "is a directory" in ended.error


def test_intervals_are_those_of_single_draws() -> None:
    values = np.random.default_rng(3).normal(size=9)
    draws = case_draws(9)
    assert (draws.sum(axis=1) == 9).all()
    means = [np.repeat(values, times.astype(int)).mean() for times in draws]
    assert mean_ends(values) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))
    sums = np.stack([values, np.ones(9)], axis=1)
    assert sum_ends(sums, lambda drawn: drawn[:, 0] / drawn[:, 1]) == pytest.approx(
        mean_ends(values)
    )
    assert mean_ends(values[:1]) is None
