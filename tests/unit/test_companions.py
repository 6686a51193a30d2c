"""Series beside a case: which are offered, to whom, under which names; where a plane cuts them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import SimpleITK as sitk

from annotator.analysis.plane_section import index_to_index, index_to_lps, plane_section
from annotator.api import no_progress, series_id
from annotator.domain.companions import can_stand_beside, kind_by_files, study_date, words_of_time
from annotator.domain.errors import (
    AccessDeniedError,
    AnnotatorError,
    CancelledError,
    UnknownNameError,
)
from annotator.domain.geometry import Geometry
from annotator.domain.study import DicomSource, Series, Slide
from annotator.jobs.handlers import HANDLERS
from tests.unit.project_builder import SHAPE, add_case, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from annotator.domain.study import Case
    from annotator.session.session import Session

pytestmark = pytest.mark.unit

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        yield opened


def of_study(number: int, study: str, date: str, *, patient: str = "P7", **more: str) -> Series:
    """Return the facts of a CT of a study."""
    geometry = Geometry(shape=SHAPE, spacing_mm=(2.0, 0.5, 0.5))
    said = {"PatientID": patient, "StudyDate": date, "SeriesNumber": str(number), **more}
    return Series(
        series_id=series_id(geometry, voxels_of(number)),
        kind="volume",
        modality="CT",
        description=f"phase {number}",
        geometry=geometry,
        dtype="int16",
        dicom=DicomSource(
            study_uid=study,
            series_uid=f"{study}.{number}",
            frame_of_reference_uid="1.2",
            sop_class_uid="1.3",
            sop_instance_uids=("1.4",),
            attributes=tuple(said.items()),
        ),
    )


def voxels_of(number: int) -> NDArray[np.int16]:
    return np.random.default_rng(number).integers(0, 1000, SHAPE, dtype=np.int16)


def add(session: Session, number: int, study: str, date: str, **more: str) -> Case:
    series = of_study(number, study, date, **more)
    session.store.add_series(series, voxels_of(number), actor="system")
    return session.store.add_case(f"Case {number}", [series.series_id], actor="system")


def test_the_files_say_what_a_series_is() -> None:
    own = of_study(1, "1.9", "20240310")
    assert kind_by_files(own, of_study(2, "1.9", "20240310")) == "series"
    assert kind_by_files(own, of_study(2, "1.8", "20230110")) == "prior"
    others = (
        of_study(2, "1.8", "20250110"),
        of_study(2, "1.8", "20240310"),
        of_study(2, "1.8", "soon"),
        of_study(2, "1.8", "20230110", patient="P8"),
        of_study(2, "1.8", "20230110", PatientSex="F"),
        replace(own, series_id="n", dicom=None),
    )
    me = of_study(1, "1.9", "20240310", PatientSex="M")
    assert [kind_by_files(me, other) for other in others] == [None] * len(others)
    nobody = of_study(1, "1.9", "20240310", patient="Anonymous")
    assert kind_by_files(nobody, of_study(2, "1.8", "20230110", patient="Anonymous")) is None
    assert kind_by_files(own, of_study(2, "1.8", "2023.01.10")) == "prior"
    for date, words in (
        ("20230110", "prior, 14 months earlier"),
        ("20240309", "prior, 1 day earlier"),
        ("20240228", "prior, 11 days earlier"),
        ("20210301", "prior, 3 years earlier"),
        ("20210901", "prior, 2 years, 6 months earlier"),
        ("20210210", "prior, 3 years, 1 month earlier"),
        ("20240601", "prior, 3 months later"),
        ("", "prior"),
    ):
        assert words_of_time(own, of_study(2, "1.8", date), "prior") == words
    assert words_of_time(own, others[0], "series") == "same study"
    assert study_date(others[2]) is None


def test_only_what_can_be_compared_stands_side_by_side() -> None:
    own = of_study(1, "1.9", "20240310")
    other = of_study(2, "1.9", "20240310")
    assert can_stand_beside(own, other)
    frames = replace(other.geometry, is_time=True)
    for unlike in (
        own,
        replace(other, kind="picture"),
        replace(other, slide=Slide(reader="slides", sha256="0", shapes=((9, 9),))),
        replace(other, geometry=frames),
    ):
        assert not can_stand_beside(own, unlike)


def test_what_is_of_the_patient_is_offered(session: Session) -> None:
    case = add(session, 1, "1.9", "20240310")
    add(session, 3, "1.9", "20240310")
    add(session, 2, "1.9", "20240310")
    add(session, 4, "1.7", "20200310")
    add(session, 5, "1.8", "20230110")
    add(session, 6, "1.6", "20230110", patient="P%")
    add_case(session, 7)
    found = session.companions.of_case(case.case_id)
    assert [(one.title, one.kind) for one in found] == [
        ("phase 2, 2024-03-10", "series"),
        ("phase 3, 2024-03-10", "series"),
        ("phase 5, 2023-01-10", "prior"),
        ("phase 4, 2020-03-10", "prior"),
    ]
    assert [one.when for one in found][1:3] == ["same study", "prior, 14 months earlier"]
    assert not any(one.is_attached for one in found)
    assert session.companions.of_case("Case 7") == ()


def test_real_files_find_each_other(session: Session) -> None:
    """The same slices as single files and as one file; studies of one patient id in three years."""
    folders = ("segmentations/24x38x3/image", "segmentations/24x38x3/multiframe")
    paths = [SHARED / "dcmqi" / name for name in folders]
    generic = SHARED / "dicom2nifti"
    paths += [generic / "generic/compressed/001"]
    paths += [generic / "failing/sliceincrement" / number for number in ("001", "002")]
    if not all(path.exists() for path in paths):
        pytest.skip(f"the files of dcmqi and dicom2nifti are not in {SHARED}")
    session.import_studies(paths)
    found = {
        case.title: [(one.title, one.when) for one in session.companions.of_case(case.case_id)]
        for case in session.cases()
    }
    assert found["123456 · Image 24x38x3"] == [
        ("Multiframe image 24x38x3, 2006-01-01", "same study")
    ]
    assert found["dicom2nifti · CT 3 · block 1"] == [
        ("block 1, 2016-07-22", "prior, 2 years, 9 months earlier"),
        ("MR series 4, 2016-03-09", "prior, 3 years, 1 month earlier"),
    ], "volumes beside volumes"
    assert found["dicom2nifti · MR 4"] == [], "what came later is no prior"
    own = session.store.case("123456 · Image 24x38x3")
    (other,) = session.companions.of_case(own.case_id)
    grid_of = session.store.series(own.series_ids[0]).geometry
    to_other = index_to_index(grid_of, other.series.geometry)
    steps, start = to_other[:3, :3], to_other[:3, 3]
    voxels = session.store.voxels(own.series_ids[0])
    for z in range(grid_of.shape[0]):
        cut, inside = plane_section(
            session.store.voxels(other.series.series_id),
            steps @ (z, 0, 0) + start,
            steps[:, 1],
            steps[:, 2],
            (grid_of.shape[1], grid_of.shape[2]),
        )
        assert inside.all()
        np.testing.assert_allclose(cut, voxels[z], atol=0.01)


def test_series_are_attached_and_detached(session: Session) -> None:
    case, other, third = (add_case(session, number) for number in (1, 2, 3))
    desk = session.companions
    with pytest.raises(AnnotatorError, match=r"series\) or an earlier study \(prior\)"):
        desk.attach_case(case.case_id, other.case_id, None)
    assert desk.attach_case(case.case_id, other.case_id, "prior") == "prior"
    desk.attach_case(case.case_id, third.case_id, "series")
    n_rows = len(session.store.audit())
    desk.attach_case(case.case_id, third.case_id, "series")
    assert len(session.store.audit()) == n_rows, "the same again writes nothing"
    found = desk.of_case(case.case_id)
    assert [(one.title, one.kind, one.is_attached) for one in found] == [
        ("series 3", "series", True),
        ("series 2", "prior", True),
    ]
    desk.attach_case(case.case_id, other.case_id, "series")
    assert [one.kind for one in desk.of_case(case.case_id)] == ["series", "series"]
    assert session.store.case(case.case_id).series_ids == case.series_ids, "models read these"
    with pytest.raises(AnnotatorError, match="itself is drawn on"):
        desk.attach_case(case.case_id, case.case_id, "prior")
    with pytest.raises(UnknownNameError, match="series 2"):
        desk.detach(case.case_id, "serie 2")
    assert desk.detach(case.case_id, "series 2").series.series_id == other.series_ids[0]
    assert [one.title for one in desk.of_case(case.case_id)] == ["series 3"]
    assert session.store.verify() == ()


def test_files_are_attached_and_become_no_cases(session: Session, tmp_path: Path) -> None:
    case = add_case(session, 1)
    image = sitk.GetImageFromArray(voxels_of(9))
    sitk.WriteImage(image, str(tmp_path / "last year.nii.gz"))
    sitk.WriteImage(sitk.Cast(image[:, :, 0], sitk.sitkUInt8), str(tmp_path / "photo.png"))
    (tmp_path / "notes.txt").write_text("no image")
    names = [tmp_path / name for name in ("last year.nii.gz", "photo.png", "notes.txt")]
    report = session.companions.attach_files(case.case_id, names, "prior", no_progress)
    (series,) = report.series
    assert [entry.path.rsplit("/", 1)[1] for entry in report.skipped] == ["notes.txt", "photo.png"]
    assert "a picture cannot stand beside" in report.skipped[1].reason
    assert [one.case_id for one in session.every_case()] == [case.case_id]
    np.testing.assert_array_equal(session.store.voxels(series.series_id), voxels_of(9))
    (found,) = session.companions.of_case(case.case_id)
    assert (found.kind, found.when) == ("prior", "prior")
    session.companions.detach(case.case_id, series.series_id[:12])
    assert session.companions.of_case(case.case_id) == ()


def test_a_rater_sees_images_only_and_no_repeat_is_unmasked(session: Session) -> None:
    case = add(session, 1, "1.9", "20240310")
    add(session, 2, "1.8", "20230110")
    add_case(session, 3)
    ann, bob = session.add_rater("Ann"), session.add_rater("Bob")
    session.store.assign(case.case_id, ann.rater_id, 0, actor="system")
    opened = session.rater_room(ann.rater_id).open_case(case.case_id)
    (one,) = opened.companions()
    assert one.title == "phase 2, 2023-01-10"
    np.testing.assert_array_equal(opened.companion_voxels(one.series.series_id), voxels_of(2))
    with pytest.raises(AccessDeniedError, match="does not stand beside"):
        opened.companion_voxels(session.store.case("Case 3").series_ids[0])
    opened.close()
    with pytest.raises(AccessDeniedError, match="not assigned"):
        session.rater_room(bob.rater_id).open_case(case.case_id)

    repeat = session.store.add_repeat(case.case_id, ann.rater_id, 1, actor="system")
    for case_id in (case.case_id, repeat.case_id):
        opened = session.rater_room(ann.rater_id).open_case(case_id)
        (same,) = opened.companions()
        assert same.series.series_id == one.series.series_id, "not the case itself"
        assert same.title == "CT"
        assert same.when == "prior, 14 months earlier"
        opened.close()
    with pytest.raises(AnnotatorError, match="second time"):
        session.companions.of_case(repeat.case_id)


def rotation(*degrees: float) -> tuple[float, ...]:
    turn = sitk.Euler3DTransform()
    turn.SetRotation(*np.radians(degrees or (0.0, 0.0, 0.0)))
    return tuple(turn.GetMatrix())


LANDMARKS_MM = np.array([(3.0, -4.0, 2.0), (-9.0, 6.0, -7.0), (8.0, 9.0, 11.0)])


def phantom(geometry: Geometry) -> NDArray[np.float32]:
    """Return soft balls at the landmarks, as a grid that lies anywhere sees them."""
    grid = np.indices(geometry.shape).reshape(3, -1)
    places = (index_to_lps(geometry) @ np.vstack([grid, np.ones(grid.shape[1])]))[:3].T
    values = np.zeros(len(places))
    for number, landmark in enumerate(LANDMARKS_MM):
        values += (100 + number) * np.exp(-((places - landmark) ** 2).sum(axis=1) / (2 * 2.0**2))
    return values.reshape(geometry.shape).astype(np.float32)


def grid(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], *degrees: float
) -> Geometry:
    """Return a grid around the origin of the patient, turned."""
    a, b, c, d, e, f, g, h, i = rotation(*degrees)
    centred = Geometry(shape=shape, spacing_mm=spacing, direction=(a, b, c, d, e, f, g, h, i))
    half = [(size - 1) / 2 for size in shape]
    x, y, z = (-at for at in centred.to_lps_mm((half[0], half[1], half[2])))
    return replace(centred, origin_mm=(x, y, z))


OWN = grid((40, 48, 52), (1.0, 0.8, 0.7))


@pytest.mark.parametrize(
    "other",
    [
        grid((30, 44, 36), (1.3, 0.9, 1.1), 12.0, -8.0, 25.0),
        grid((36, 30, 44), (1.2, 1.1, 0.9), 90.0, 0.0, 0.0),
        grid((24, 60, 60), (2.0, 0.6, 0.6)),
    ],
    ids=["turned", "on its side", "straight"],
)
def test_landmarks_lie_where_they_lie_in_the_patient(other: Geometry) -> None:
    """Cut the other grid where SimpleITK resamples it onto ours; balls have the same middles."""
    volume = phantom(other)
    image = sitk.GetImageFromArray(volume)
    image.SetSpacing(other.spacing_mm[::-1])
    image.SetOrigin(other.origin_mm)
    image.SetDirection(other.direction)
    frame = sitk.Image([*OWN.shape[::-1]], sitk.sitkFloat32)
    frame.SetSpacing(OWN.spacing_mm[::-1])
    frame.SetOrigin(OWN.origin_mm)
    frame.SetDirection(OWN.direction)
    peer = sitk.GetArrayFromImage(sitk.Resample(image, frame, sitk.Transform(), sitk.sitkLinear))
    to_other = index_to_index(OWN, other)
    steps = to_other[:3, :3]
    to_own = np.linalg.inv(index_to_lps(OWN))
    for landmark in LANDMARKS_MM:
        z, y, x = to_own[:3, :3] @ landmark + to_own[:3, 3]
        for axis, index in enumerate((round(z), round(y), round(x))):
            rows, columns = (one for one in range(3) if one != axis)
            first = np.zeros(3)
            first[axis] = index
            cut, inside = plane_section(
                volume,
                steps @ first + to_other[:3, 3],
                steps[:, rows],
                steps[:, columns],
                (OWN.shape[rows], OWN.shape[columns]),
            )
            section = peer.take(index, axis=axis)
            deep = inside & (section > 0)
            np.testing.assert_allclose(cut[deep], section[deep], atol=0.02)
            at = np.array((z, y, x))
            near = (
                np.abs(np.indices(cut.shape) - at[[rows, columns]][:, None, None]).max(axis=0) < 8
            )
            weight = np.where(near, cut, 0)
            middle = (np.indices(cut.shape) * weight).sum(axis=(1, 2)) / weight.sum()
            np.testing.assert_allclose(middle, at[[rows, columns]], atol=0.5)


def test_a_known_turn_and_shift_is_found(session: Session) -> None:
    """A body that lay otherwise last year: the matrix takes its places to where they were."""
    own = grid((32, 40, 44), (2.0, 1.5, 1.5))
    turn = sitk.Euler3DTransform()
    turn.SetRotation(0.08, -0.05, 0.12)
    turn.SetTranslation((7.0, -5.0, 4.0))
    before = grid((40, 44, 40), (1.7, 1.6, 1.6), 5.0, 0.0, 0.0)
    ids = []
    for number, (geometry, lay) in enumerate(
        ((own, None), (before, sitk.Euler3DTransform(turn.GetInverse())))
    ):
        found = body(geometry, lay)
        # The case has no numbers around the body, as NIfTI files may.
        voxels = found if lay else np.where(found > -890, found, np.nan).astype(np.float32)
        series = replace(
            of_study(number, "1.9", "20240310"),
            series_id=series_id(geometry, voxels),
            geometry=geometry,
            dtype=voxels.dtype.name,
        )
        session.store.add_series(series, voxels, actor="system")
        ids.append(series.series_id)
    case = session.store.add_case("Body", ids[:1], actor="system")
    given = {"case": case.case_id, "series": ids[1]}
    shares: list[float] = []
    handler = HANDLERS["align series"]
    result = handler(session.store, session.registry, given, lambda part, _: shares.append(part))
    matrix = np.array(result["matrix"])
    for place in ((0.0, 0.0, 0.0), (25.0, 0.0, 0.0), (0.0, -25.0, 10.0), (10.0, 10.0, -25.0)):
        wanted = turn.TransformPoint(place)
        np.testing.assert_allclose((matrix @ (*place, 1.0))[:3], wanted, atol=0.8)
    np.testing.assert_allclose(np.linalg.det(matrix[:3, :3]), 1.0)
    assert shares == sorted(shares)

    def stop(part: float, _: str) -> None:
        if part > 0:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        handler(session.store, session.registry, given, stop)


def body(geometry: Geometry, lay: sitk.Euler3DTransform | None) -> NDArray[np.int16]:
    """Return a body with organs; ``lay`` takes places back to where it is upright."""
    indices = np.indices(geometry.shape).reshape(3, -1)
    places = (index_to_lps(geometry) @ np.vstack([indices, np.ones(indices.shape[1])]))[:3].T
    if lay is not None:
        matrix = np.array(lay.GetMatrix()).reshape(3, 3)
        centre = np.array(lay.GetCenter())
        places = (places - centre) @ matrix.T + centre + np.array(lay.GetTranslation())
    values = np.full(len(places), -900.0)
    for middle, radii, value in (
        ((0, 0, 0), (26, 20, 28), 40.0),
        ((8, 4, 6), (9, 7, 10), 120.0),
        ((-12, -3, -8), (6, 9, 7), -700.0),
        ((-6, 9, 12), (4, 4, 9), 500.0),
    ):
        reach = np.sqrt((((places - middle) / radii) ** 2).sum(axis=1))
        share = 1 / (1 + np.exp((reach - 1) * 20))
        values += share * (value - values)
    return values.reshape(geometry.shape).round().astype(np.int16)


def test_beyond_the_volume_nothing_is_shown() -> None:
    volume = np.full((2, 3, 4), 7, np.uint8)
    right, down = np.array([0.0, 0.0, 0.5]), np.array([0.0, 0.5, 0.0])
    values, inside = plane_section(volume, np.array([1.4, -1.0, -1.0]), down, right, (12, 12))
    np.testing.assert_array_equal(np.flatnonzero(inside.any(axis=1)), np.arange(1, 8))
    np.testing.assert_array_equal(np.flatnonzero(inside.any(axis=0)), np.arange(1, 10))
    np.testing.assert_array_equal(values, np.where(inside, 7, 0))
    _, nothing = plane_section(volume, np.array([1.6, 0.0, 0.0]), down, right, (4, 4))
    assert not nothing.any()
    colour = np.stack([volume, 2 * volume, 3 * volume], axis=-1)
    for tilt in (0.0, 0.3):
        sloped = np.array([tilt, 0.5, 0.0])
        values, inside = plane_section(colour, np.zeros(3), sloped, right, (3, 4))
        np.testing.assert_allclose(values[inside], [[7, 14, 21]] * int(inside.sum()))
