"""A slide in a project: kept as its file, drawn on, compared, exported and taken in again."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest
import tifffile
from pydantic import BaseModel, ConfigDict

from annotator.analysis import runs, sparse_array, vote_bands
from annotator.analysis.pyramid import PyramidVoxels
from annotator.analysis.runs import decode, encode
from annotator.api import FusedPatterns, Learned, Plugin, no_progress
from annotator.domain.errors import AnnotatorError, CancelledError
from annotator.domain.reading import Diagnosis
from annotator.drawing.capsule import sweep
from annotator.drawing.edit import EditRecorder
from annotator.jobs.contour_drawn import cut_out
from annotator.jobs.export_items import items_of_case
from annotator.jobs.handlers import HANDLERS
from annotator.jobs.importing import import_paths
from annotator.jobs.learning import count_newer
from annotator.jobs.training import train_model
from annotator_builtins.ome_tiff_writer import OmeTiffWriter
from tests.made_slides import NAME, SHAPE, tissue, write_svs, write_zarr
from tests.small_disk import small_disk
from tests.unit.project_builder import add_case, block, make_session
from tests.unit.test_training_desk import Counting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import CaseVotes, Progress, TrainingDesk
    from annotator.domain.reading import Annotation
    from annotator.domain.study import Case
    from annotator.jobs.comparing import CaseAgreement
    from annotator.session.session import Session

pytestmark = pytest.mark.unit


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        yield opened


@pytest.fixture
def as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat the small slides of these tests as those that do not fit memory."""
    monkeypatch.setattr(sparse_array, "LARGE_SLICE", 1 << 20)
    monkeypatch.setattr(runs, "LARGE_SLAB_VOXELS", SHAPE[1] * 100)
    monkeypatch.setattr(vote_bands, "BAND_VOXELS", SHAPE[1] * 90)


def added(session: Session, path: Path) -> Case:
    (case,) = session.import_studies([path], progress=no_progress).cases
    return case


def kept(session: Session, case: Case) -> Path:
    return session.store.cache_dir / f"{case.series_ids[0]}.slide"


def test_slides_among_other_files_are_kept_once_and_open_again(
    session: Session, tmp_path: Path
) -> None:
    study = tmp_path / "study"
    study.mkdir()
    write_svs(study / "a.svs")
    write_zarr(study / "b.ome.zarr", 2)
    (study / "note.txt").write_text("x", encoding="utf-8")
    report = session.import_studies([study], progress=no_progress)
    assert [case.title for case in report.cases] == ["b", "a"]
    assert [entry.path for entry in report.skipped] == [str(study / "note.txt")]
    for case in report.cases:
        series = session.store.series(case.series_ids[0])
        assert series.slide is not None
        voxels = session.store.image(series.series_id)
        assert isinstance(voxels, PyramidVoxels)
        assert voxels.shape == (1, *SHAPE, 3)
        assert voxels.pyramid.shapes == series.slide.shapes
        with pytest.raises(AnnotatorError, match="too large for what needs the whole"):
            session.store.voxels(series.series_id)
    first = session.store.image(report.cases[0].series_ids[0])
    np.testing.assert_array_equal(first[0, 5:900:7, 3], tissue()[5:900:7, 3])
    again = session.import_studies([study], progress=no_progress)
    assert not again.new_case_ids
    assert session.store.verify() == ()
    assert not any(NAME.encode() in path.read_bytes() for path in _files(session.store.cache_dir))


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def test_a_kept_slide_that_was_changed_is_told_and_comes_back_by_importing(
    session: Session, tmp_path: Path
) -> None:
    path = write_svs(tmp_path / "a.svs")
    case = added(session, path)
    (file,) = _files(kept(session, case))
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    (problem,) = session.store.verify()
    assert "the kept slide" in problem
    assert "its hash differs" in problem
    file.write_bytes(content[:1000])
    with pytest.raises(AnnotatorError, match=r"cannot be opened .* Delete that folder and import"):
        session.store.image(case.series_ids[0])
    file.unlink()
    file.parent.rmdir()
    kept(session, case).rmdir()
    with pytest.raises(AnnotatorError, match=r"is gone .* Import the study again .*a\.svs"):
        session.store.image(case.series_ids[0])
    assert not session.import_studies([path], progress=no_progress).new_case_ids
    assert session.store.verify() == ()


def test_a_cancelled_import_and_a_full_disk_leave_nothing(tmp_path: Path, session: Session) -> None:
    path = write_svs(tmp_path / "a.svs")

    def cancel(_: float, message: str) -> None:
        if message.startswith("Keeping"):
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        import_paths(session.store, session.registry, [path], cancel, actor="me")
    assert not _files(session.store.cache_dir)
    with small_disk(tmp_path / "disk", 100):
        session.store.cache_dir = tmp_path / "disk"
        with pytest.raises(AnnotatorError, match="full"):
            import_paths(session.store, session.registry, [path], no_progress, actor="me")
        assert not _files(tmp_path / "disk")
    assert session.store.every_case() == ()


@pytest.mark.usefixtures("as_large")
def test_strokes_on_a_slide_are_kept_taken_back_and_read_again(
    session: Session, tmp_path: Path
) -> None:
    added(session, write_svs(tmp_path / "a.svs"))
    rater = session.add_rater("Ann")
    session.assign()
    room = session.rater_room(rater.rater_id)
    case = room.open_case(session.cases()[0].case_id)
    drawing = case.drawing
    wanted = np.zeros((1, *SHAPE), np.uint8)
    for number, (row, column, radius) in enumerate(
        ((300, 400, 260), (310, 430, 20), (900, 1500, 90))
    ):
        at = (0.0, float(row), float(column))
        recorder = EditRecorder(drawing.mask)
        disc = sweep(
            at, at, radius_mm=radius, spacing_mm=(1, 1, 1), plane=0, shape=drawing.mask.shape
        )
        assert disc is not None
        value = (1, 0, 2)[number]
        recorder.paint_shape(disc, value)
        (_, y0, x0), (_, y1, x1) = disc.box
        wanted[:, y0:y1, x0:x1][disc.inside] = value
        edit = recorder.finish()
        assert edit is not None
        drawing.record("brush", edit)
    drawing.flush()
    np.testing.assert_array_equal(decode(drawing.contents()), wanted)
    before = drawing.mask.copy()
    for _ in range(3):
        drawing.undo()
    assert not drawing.mask.any()
    for _ in range(3):
        drawing.redo()
    np.testing.assert_array_equal(drawing.mask, before)
    case.close()
    again = room.open_case(session.cases()[0].case_id)
    np.testing.assert_array_equal(again.drawing.mask, wanted)
    again.drawing.undo()  # a step that only the disk knows
    np.testing.assert_array_equal(again.drawing.mask, np.where(wanted == 2, 0, wanted))
    again.close()


def _read_by(session: Session, case: Case, names: str) -> list[Annotation]:
    found = []
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    for number, name in enumerate(names):
        rater = session.add_rater(name)
        mask = np.zeros((1, *SHAPE), np.uint8)
        mask[0][(rows - 500 - 9 * number) ** 2 + (columns - 700) ** 2 < (300 + number) ** 2] = 1
        mask[0, 1000 : 1100 + number, 1400:1500] = 2
        found.append(
            session.store.add_annotation(
                case.case_id, rater.rater_id, encode(mask), Diagnosis(), only_new=True, actor="me"
            )
        )
    return found


def _numbers(found: CaseAgreement) -> list[list[float | None]]:
    """Return what was measured of each pair; who is first of a pair is drawn anew by project."""
    rows = [[one.label, one.dice, one.hd95_mm, one.mean_surface_mm] for one in found.pairs]
    return sorted([[value and round(value, 9) for value in row] for row in rows])


def _fused(session: Session, case: Case) -> NDArray[np.unsignedinteger]:
    return decode(session.store.fusion_labels(session.fuse(case.case_id, "staple").fusion_id))


def test_a_large_slide_is_compared_and_fused_as_a_small_picture_is(
    session: Session, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    case = added(session, write_svs(tmp_path / "a.svs"))
    _read_by(session, case, "ABC")
    plain = session.compare(case.case_id), session.find(case.case_id)
    fused = _fused(session, case)
    (tmp_path / "large").mkdir()
    request.getfixturevalue("as_large")
    with make_session(tmp_path / "large") as large:
        other = added(large, tmp_path / "a.svs")
        _read_by(large, other, "ABC")
        again = large.compare(other.case_id), large.find(other.case_id)
        assert _numbers(again[0]) == _numbers(plain[0])
        assert [(one.box, one.size_mm3, one.max_distance_mm) for one in again[1][1]] == [
            (one.box, one.size_mm3, one.max_distance_mm) for one in plain[1][1]
        ]
        np.testing.assert_array_equal(_fused(large, other), fused)
        with pytest.raises(AnnotatorError, match="is a slide: its readings are compared"):
            large.review_room(large.people()[0].rater_id).open_case(other.case_id)


class Looking(Counting):
    """Looks at the image of every case, as trainers do."""

    def _train(
        self,
        cases: Sequence[CaseVotes],
        parameters: BaseModel,
        progress: Progress,
        desk: TrainingDesk | None,
    ) -> Learned:
        assert [case.window(None).image.ndim for case in cases] == [3]
        return super()._train(cases, parameters, progress, desk)


class NoChoice(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LookingFusion:
    """Looks at the image of every case, as learned fusion methods with networks do."""

    name = "looking"
    title = "Looking"
    version = "1"
    parameters: type[BaseModel] = NoChoice
    needs_image = True

    def learn(
        self, cases: Sequence[CaseVotes], parameters: BaseModel, progress: Progress
    ) -> Learned:
        for case in cases:
            case.window(None)
        return Learned(content=b"seen", summary=())

    def fuse_learned(
        self, case: CaseVotes, learned: bytes, parameters: BaseModel, progress: Progress
    ) -> FusedPatterns:
        case.window(None)
        votes = case.votes
        chance = np.stack([(votes.patterns == label).mean(axis=1) for label in votes.labels], 1)
        return FusedPatterns(
            probability=chance,
            chosen=np.array(votes.labels, np.uint16)[chance.argmax(axis=1)],
            undecided=np.zeros(len(chance), np.bool_),
            performance=(),
        )


def test_a_slide_does_not_keep_others_from_being_learned_from(
    session: Session, tmp_path: Path
) -> None:
    session.registry.register(
        Plugin(name="test", trainers=(Looking,), fusion_methods=(LookingFusion,))
    )
    slide = added(session, write_svs(tmp_path / "a.svs"))
    _read_by(session, slide, "AB")
    store, registry = session.store, session.registry
    with pytest.raises(AnnotatorError, match="no case to learn from but slides"):
        train_model(store, registry, "counting", {}, no_progress, actor="me")
    case = add_case(session, 1)
    for rater in store.raters():
        store.add_annotation(
            case.case_id, rater.rater_id, encode(block(((1, 2, 2), (3, 8, 8)))), Diagnosis(),
            actor="me",
        )  # fmt: skip
    fit = train_model(store, registry, "counting", {}, no_progress, actor="me")
    inputs = {one.annotation_id for one in store.annotations(case.case_id)}
    assert set(fit.recipe.inputs) == inputs
    found: Any = HANDLERS["fuse"](store, registry, {"method": "looking"}, no_progress)
    assert [one["case"] for one in found["fusions"]] == [case.case_id]
    assert [one["case"] for one in found["skipped"]] == [slide.case_id]
    learned = store.fit(found["fit"])
    assert set(learned.recipe.inputs) == inputs
    assert count_newer(store, registry, learned) == 0
    assert {one.name for one in registry.fusion_methods() if getattr(one, "needs_image", False)} > {
        "diagnosis-first-image",
        "diagnosis-first-map",
        "self-calibrated",
    }


class Untouched(np.ndarray):
    """A mask that must not be looked at whole."""

    def __ne__(self, other: object) -> NoReturn:
        raise AssertionError


def test_contours_of_a_slide_are_refused_before_its_mask_is_looked_at(
    session: Session, tmp_path: Path
) -> None:
    case = added(session, write_svs(tmp_path / "a.svs"))
    mask = np.zeros((1, *SHAPE), np.uint8).view(Untouched)
    series = session.store.series(case.series_ids[0])
    with pytest.raises(AnnotatorError, match="too large"):
        cut_out(session.store, case, series, [mask])


@pytest.mark.usefixtures("as_large")
def test_an_exported_mask_is_read_by_others_and_taken_in_again(
    session: Session, tmp_path: Path
) -> None:
    openslide = pytest.importorskip("openslide", reason="openslide-python is not installed")
    case = added(session, write_svs(tmp_path / "a.svs"))
    (annotation,) = _read_by(session, case, "A")
    wanted = decode(session.store.annotation_mask(annotation.annotation_id))[0]
    ((stem, item),) = items_of_case(session.store, session.registry, case, "a")
    (path,) = OmeTiffWriter().write(item, tmp_path, stem)
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert 'PhysicalSizeX="0.499"' in (file.ome_metadata or "")
        levels = [level.asarray() for level in file.series[0].levels]
    assert [level.shape for level in levels] == [(1200, 1700), (600, 850)]
    for number, level in enumerate(levels):
        np.testing.assert_array_equal(level, wanted[:: 2**number, :: 2**number])
    with openslide.OpenSlide(path) as peer:
        assert float(peer.properties["openslide.mpp-x"]) == pytest.approx(0.499)
        part = np.asarray(peer.read_region((600, 400), 0, (900, 700)))[..., 0]
        np.testing.assert_array_equal(part, wanted[400:1100, 600:1500])
    report = session.export_here(str(tmp_path / "out"), "nifti")
    assert not report["files"]
    assert "export it as ome-tiff" in report["skipped"][0]["reason"]
    from annotator.cli.readings import read_mask

    session.add_rater("B")
    mask, geometry = read_mask(session.registry, path, no_progress)
    again = session.add_reading(case.case_id, "B", mask, geometry)
    np.testing.assert_array_equal(
        decode(session.store.annotation_mask(again.annotation_id))[0], wanted
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_mask_of_eight_gigapixels_takes_memory_where_it_is_drawn() -> None:
    """In a process of its own, whose memory nobody else has used."""
    program = """
import numpy as np, re
from pathlib import Path
from annotator.analysis.runs import MaskRuns, SlabGrid, decode, encode, replace_slabs
from annotator.drawing.edit import Edit, EditRecorder
from annotator.session.draft import changed_slabs
from annotator.session.recent_steps import RecentStep, parts_of
def most_kb():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
shape, grid = (1, 80_000, 100_000), SlabGrid((1, 80_000, 100_000))
begun = most_kb()
mask = decode(MaskRuns(grid, {}), np.dtype(np.uint8))
slabs = {}
for place in range(1000, 79_000, 3000):
    recorder = EditRecorder(mask)
    recorder.paint((0, place, place), np.ones((1, 40, 40), np.bool_), 1)
    slabs.update(changed_slabs(grid, slabs, recorder.finish()))
again = decode(MaskRuns(grid, slabs))
assert again[0, 1000:1040, 1000:1040].all() and not again[0, 1040, 1000]
assert encode(mask, list(grid.touched(((0, 1000, 0), (1, 1040, 1)))))
replace_slabs(grid, dict.fromkeys(slabs), again)
assert not again[0, 1000:1040].any()
before, after = (np.zeros((1, 4000, 30_000), np.uint8) for _ in range(2))
after[0, ::100, :9] = after[0, ::100, -9:] = 1
edit = Edit(box=((0, 5000, 9000), (1, 9000, 39_000)), before=before, after=after)
step = RecentStep(edit)
step.do_again(again)
assert again[0, 5000:9000, 9000:39_000].sum() == 720
step.take_back(again)
step.put_away(parts_of(edit), 1)
step.do_again(again)
step.take_back(again)
assert not again[0, 5000:9000, 9000:39_000].any()
taken = most_kb() - begun
assert taken < 100 << 10, f"{taken} KB"
print(len(slabs), taken)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
