"""Many cases from the vote histograms that are kept of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from annotator.analysis import kernels
from annotator.analysis.overlap import (
    mean_entropy_bits,
    measure_overlap,
    summarise,
    voxel_kappa,
)
from annotator.analysis.runs import encode
from annotator.analysis.votes import merge_votes
from annotator.domain.errors import IntegrityError
from annotator.domain.reading import Diagnosis
from annotator.domain.review import VoteSummary
from annotator.jobs.cohort import CaseAgreement, Cohort, summarise_cohort
from annotator.jobs.finding import find_readings
from annotator.jobs.readings import Readings
from annotator.store.case_votes import pack, unpack
from annotator.store.tables import case_votes
from tests.unit.project_builder import SHAPE, add_case, block, make_session

if TYPE_CHECKING:
    from pathlib import Path

    from annotator.session.session import Session

pytestmark = pytest.mark.unit
NO_SUMMARY = VoteSummary(mean_dice=None, kappa=None, entropy_bits=0.0)


def read(session: Session, case_id: str, name: str, shift: int) -> None:
    mask = block(((0, 2, 2 + shift), (3, 8, 7)), SHAPE)
    geometry = session.store.series(session.store.case(case_id).series_ids[0]).geometry
    session.add_reading(case_id, name, mask, geometry, Diagnosis())


def search(session: Session, case_id: str, *, include_models: bool = False) -> Readings:
    readings = Readings.load(session.store, case_id, include_models=include_models)
    find_readings(session.store, readings, actor="system")
    return readings


def expected(readings: Readings) -> tuple[float | None, float | None, float]:
    overlap = measure_overlap(readings.votes, 1.0)
    return overlap.mean_dice(), voxel_kappa(readings.votes), mean_entropy_bits(readings.votes)


def numbers(case: CaseAgreement) -> tuple[float | None, float | None, float]:
    return case.mean_dice, case.kappa, case.entropy_bits


def test_a_project_is_summarised_from_what_was_found(tmp_path: Path) -> None:
    with make_session(tmp_path) as session:
        for name in ("Ann", "Bob"):
            session.add_rater(name)
        cases = [add_case(session, number) for number in range(5)]
        for number, case in enumerate(cases[:4]):
            read(session, case.case_id, "Ann", 0)
            if number != 3:
                read(session, case.case_id, "Bob", 1 + number)
        found = [search(session, case.case_id) for case in cases[:2]]
        cohort = summarise_cohort(session.store)
        assert [case.title for case in cohort.cases] == ["Case 0", "Case 1"]
        assert [case.n_readings for case in cohort.cases] == [2, 2]
        for row, readings in zip(cohort.cases, found, strict=True):
            assert numbers(row) == pytest.approx(expected(readings))
        assert (cohort.stale, cohort.unknown) == ((), ("Case 2",))
        assert cohort.single == ("Case 3", "Case 4")
        assert cohort.left_out == (
            "1 case not searched for disputes yet; 2 cases with fewer than two readings"
        )
        assert cohort.worst(1) == (cohort.cases[1],)

        read(session, cases[0].case_id, "Ann", 4)
        cohort = summarise_cohort(session.store)
        assert cohort.stale == ("Case 0",)
        assert "changed since" in cohort.left_out
        told: list[float] = []
        again = summarise_cohort(
            session.store, recompute=True, progress=lambda done, _: told.append(done)
        )
        assert told == [0.0, 0.5]
        assert (again.stale, again.unknown) == ((), ())
        for row, wanted in zip(again.cases, cases[:3], strict=True):
            readings = Readings.load(session.store, wanted.case_id)
            assert numbers(row) == pytest.approx(expected(readings))
        assert summarise_cohort(session.store) == again
        assert session.store.verify() == ()


def test_what_was_found_with_a_model_counts_with_it(tmp_path: Path) -> None:
    with make_session(tmp_path) as session:
        for name in ("Ann", "Bob"):
            session.add_rater(name)
        session.store.add_rater("net", is_model=True, actor="system")
        case = add_case(session, 0)
        for shift, name in enumerate(("Ann", "Bob", "net")):
            read(session, case.case_id, name, shift)
        readings = search(session, case.case_id, include_models=True)
        (row,) = summarise_cohort(session.store).cases
        assert row.n_readings == 3
        assert numbers(row) == pytest.approx(expected(readings))
        read(session, case.case_id, "net", 4)
        assert summarise_cohort(session.store).stale == ("Case 0",)


def test_a_histogram_of_an_older_program_is_counted(tmp_path: Path) -> None:
    with make_session(tmp_path) as session:
        for name in ("Ann", "Bob"):
            session.add_rater(name)
        case = add_case(session, 0)
        for shift, name in enumerate(("Ann", "Bob")):
            read(session, case.case_id, name, shift)
        search(session, case.case_id)
        now = summarise_cohort(session.store)
        with session.store._database.alter() as connection:
            (content,) = connection.execute(select(case_votes.c.content)).scalars()
            older = content[content.index(zstandard.MAGIC_NUMBER.to_bytes(4, "little")) :]
            connection.execute(update(case_votes).values(content=older))
        assert session.store.votes_after("", 9)[0].summary is None
        assert summarise_cohort(session.store) == now
        with session.store._database.alter() as connection:
            connection.execute(update(case_votes).values(content=content[:9]))
        with pytest.raises(IntegrityError, match="vote histogram"):
            summarise_cohort(session.store)


def test_a_project_without_cases() -> None:
    empty = Cohort(cases=(), stale=(), unknown=(), single=())
    assert (empty.median_dice, empty.worst(3), empty.left_out) == (None, (), "")


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 4))
@settings(deadline=None, max_examples=50)
def test_a_histogram_says_what_the_votes_say(seed: int, n_raters: int, n_labels: int) -> None:
    random = np.random.default_rng(seed)
    labels = sorted(random.choice(np.arange(1, 2000), n_labels, replace=False).tolist())
    values = np.array([0, *labels], np.uint16)
    masks = [random.choice(values, (2, 5, 6), p=None) for _ in range(n_raters)]
    if random.random() < 0.2:
        masks = [np.zeros((2, 5, 6), np.uint16)] * n_raters
    votes = merge_votes([encode(mask) for mask in masks], labels=labels)
    kept = unpack(pack(votes.patterns, votes.counts, votes.labels, NO_SUMMARY))
    places, counts, known = kept.places, kept.counts, kept.labels
    assert known == votes.labels
    assert counts.flags.aligned
    assert places.flags.aligned
    assert np.array_equal(counts, votes.counts)
    assert np.array_equal(np.array(known)[places], votes.patterns)
    wanted = (
        measure_overlap(votes, 1.0).mean_dice(),
        voxel_kappa(votes),
        pytest.approx(mean_entropy_bits(votes), abs=1e-12),
    )
    found = summarise(places, counts, known)
    with kernels.without_kernels():
        slow = summarise(places, counts, known)
    for one in (found, slow):
        assert one.entropy_bits == wanted[2]
        assert one.kappa == (wanted[1] if wanted[1] is None else pytest.approx(wanted[1]))
        assert one.mean_dice == (wanted[0] if wanted[0] is None else pytest.approx(wanted[0]))


def test_more_labels_than_a_byte_counts() -> None:
    labels = tuple(range(400))
    patterns = np.arange(400, dtype=np.uint16)[:, None].repeat(2, axis=1)
    kept = unpack(pack(patterns, np.ones(400, np.int64), labels, NO_SUMMARY))
    places, counts, known = kept.places, kept.counts, kept.labels
    assert places.dtype == np.uint16
    assert np.array_equal(places, patterns)
    assert (len(counts), known) == (400, labels)
    assert summarise(places, counts, known).mean_dice == 1.0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"abc",
        pack(np.zeros((1, 2), np.uint16), np.ones(1, np.int64), (0,), NO_SUMMARY)[:-2],
    ],
)
def test_damage_is_an_integrity_error(content: bytes) -> None:
    with pytest.raises(IntegrityError, match="vote histogram"):
        unpack(content)
