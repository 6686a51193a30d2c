from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from annotator.analysis.runs import decode
from annotator.api import series_id
from annotator.domain.errors import AnnotatorError, CancelledError, IntegrityError
from annotator.domain.geometry import Geometry
from annotator.domain.study import Series
from annotator.jobs.handlers import HANDLERS
from annotator.jobs.network_reading import (
    NetworkReader,
    first_patch,
    network_settings,
    smaller_patch,
)
from annotator.jobs.run import run_job
from annotator.jobs.supplying import see, supply
from annotator.registry import Registry
from tests.fake_networks import (
    CARD,
    PLUGIN,
    TROUBLE,
    BrightNetwork,
    FakeFormat,
    write_network,
)
from tests.unit.project_builder import add_case, make_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import NetworkCard
    from annotator.domain.geometry import Direction
    from annotator.domain.study import Case
    from annotator.jobs.network_reading import NetworkReading
    from annotator.session.session import Session

pytestmark = pytest.mark.unit


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with make_session(tmp_path) as opened:
        yield opened


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.register(PLUGIN)
    return registry


class Bench:
    """A project with networks: reads cases here and now."""

    def __init__(self, session: Session, registry: Registry, path: Path) -> None:
        self.session, self.registry, self.path = session, registry, path
        self.messages: list[str] = []

    def bring(self, card: NetworkCard = CARD, **options: float) -> str:
        path = write_network(self.path / f"{card.title}.fake", card, **options)
        found = supply(
            self.session.store,
            see(self.registry, path),
            licence_accepted_by="Anna",
            actor="system",
        )
        return found.network_id

    def read(self, case: Case, *names: str, **settings: object) -> NetworkReading:
        reader = NetworkReader(
            self.session.store, self.registry, names, network_settings(settings), self._note
        )
        return reader.read_case(case.case_id, self._note, actor="system")

    def mask(self, found: NetworkReading) -> NDArray[np.unsignedinteger]:
        (runs,) = self.session.store.annotation_masks([found.annotation.annotation_id])
        return decode(runs)

    def chance(self, found: NetworkReading) -> NDArray[np.float32]:
        chance = self.session.prediction_map(found.annotation.annotation_id, "probability", 1)
        assert chance is not None
        return chance

    def unsure(self, found: NetworkReading) -> NDArray[np.float32]:
        unsure = self.session.prediction_map(found.annotation.annotation_id, "uncertainty")
        assert unsure is not None
        return unsure

    def _note(self, _fraction: float, message: str) -> None:
        self.messages.append(message)


@pytest.fixture
def bench(session: Session, registry: Registry, tmp_path: Path) -> Bench:
    return Bench(session, registry, tmp_path)


def voxels_of(session: Session, case: Case) -> NDArray[Any]:
    return session.store.voxels(case.series_ids[0])


def smooth_case(
    session: Session, shape: tuple[int, int, int], geometry: Geometry | None = None
) -> tuple[Case, NDArray[np.int16]]:
    """Add a case with a bright ball off the centre."""
    axes = np.meshgrid(*[np.linspace(-1, 1, size) for size in shape], indexing="ij")
    away = sum((axis - 0.1 * place) ** 2 for place, axis in enumerate(axes, start=1))
    voxels = np.round(1000 * np.exp(-away / 0.4)).astype(np.int16)
    geometry = geometry or Geometry(shape=shape)
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality="MR",
        description="",
        geometry=geometry,
        dtype="int16",
    )
    session.store.add_series(series, voxels, actor="system")
    return session.store.add_case("Ball", [series.series_id], actor="system"), voxels


def test_a_network_reads_a_case(bench: Bench, session: Session) -> None:
    case = add_case(session, 1)
    network_id = bench.bring()
    found = bench.read(case, "Bright")
    bright = voxels_of(session, case) > 500
    np.testing.assert_array_equal(bench.mask(found) > 0, bright)
    rater = session.store.rater(found.annotation.rater_id)
    assert (rater.name, rater.is_model) == (f"Bright {network_id[:8]}", True)
    expected = 1 / (1 + np.exp(-50 * (voxels_of(session, case) / 1000 - 0.5)))
    np.testing.assert_allclose(bench.chance(found), expected, atol=0.02)
    unsure = bench.unsure(found)
    assert unsure.max() <= 1
    is_clear = np.abs(expected - 0.5) > 0.49
    assert unsure[is_clear].max() < 0.15
    assert found.device == "CPU"
    assert bench.read(case, "Bright").annotation == found.annotation
    assert session.store.verify() == ()


@pytest.mark.parametrize("keep_maps", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
def test_settings_change_what_is_kept_not_what_is_drawn(
    bench: Bench, session: Session, keep_maps: bool, batch: int
) -> None:
    case = add_case(session, 1)
    bench.bring()
    found = bench.read(case, "Bright", keep_maps=keep_maps, batch=batch, overlap=0.25)
    np.testing.assert_array_equal(bench.mask(found) > 0, voxels_of(session, case) > 500)
    kept = session.store.prediction_maps(found.annotation.annotation_id)
    assert kept == ((("probability", 1), ("uncertainty", 0)) if keep_maps else ())
    assert session.prediction_map(found.annotation.annotation_id, "probability", 2) is None


def test_progress_counts_windows(bench: Bench, session: Session) -> None:
    case = add_case(session, 1)
    bench.bring()
    n_windows = bench.read(case, "Bright").n_windows
    assert f"Case 1: window {n_windows} of {n_windows}" in bench.messages


@pytest.mark.parametrize("flips", ["none", "x", "zyx"])
def test_flips_are_turned_back(bench: Bench, session: Session, flips: str) -> None:
    case = add_case(session, 1)
    bench.bring()
    found = bench.read(case, "Bright", flips=flips)
    np.testing.assert_array_equal(bench.mask(found) > 0, voxels_of(session, case) > 500)
    if flips != "none":
        assert bench.unsure(found).max() == 0, "flips of this network agree"


def test_samples_tell_where_dropout_matters(bench: Bench, session: Session) -> None:
    case = add_case(session, 1)
    bench.bring()
    unsure = bench.unsure(bench.read(case, "Bright", samples=8))
    voxels = voxels_of(session, case)
    assert unsure[voxels > 600].mean() > 10 * unsure[voxels < 400].mean()


def test_networks_that_differ_are_unsure_together(bench: Bench, session: Session) -> None:
    case = add_case(session, 1)
    bench.bring(steepness=50.0)
    bench.bring(replace(CARD, title="Dark"), steepness=-50.0)
    found = bench.read(case, "Bright", "Dark")
    rater = session.store.rater(found.annotation.rater_id)
    assert rater.name.startswith("Bright ")
    assert " + Dark " in rater.name
    unsure = bench.unsure(found)
    away = np.abs(voxels_of(session, case) - 500)
    assert unsure[away > 200].min() > 0.9
    assert np.abs(bench.chance(found) - 0.5).max() < 0.05
    same = bench.read(case, "Bright", "Bright")
    np.testing.assert_array_equal(bench.mask(same) > 0, voxels_of(session, case) > 500)
    assert bench.unsure(same).max() == 0


def test_slices_are_read_in_tiles(bench: Bench, session: Session) -> None:
    case = add_case(session, 1)
    bench.bring(replace(CARD, n_dims=2, patch=(8, 6)))
    found = bench.read(case, "Bright", flips="zyx")
    np.testing.assert_array_equal(bench.mask(found) > 0, voxels_of(session, case) > 500)


OBLIQUE = (0.936, -0.275, 0.218, 0.289, 0.956, -0.037, -0.198, 0.098, 0.975)


@pytest.mark.parametrize(
    ("orientation", "keep_maps"), [(None, True), ("RAS", True), ("LPI", False), ("RPS", False)]
)
@pytest.mark.parametrize("direction", [Geometry(shape=(1, 1, 1)).direction, OBLIQUE])
def test_predictions_come_back_to_exactly_the_grid(
    bench: Bench,
    session: Session,
    orientation: str | None,
    keep_maps: bool,
    direction: Direction,
) -> None:
    shape = (13, 30, 25)
    geometry = Geometry(shape=shape, spacing_mm=(2.3, 0.7, 0.9), direction=direction)
    case, voxels = smooth_case(session, shape, geometry)
    bench.bring(
        replace(
            CARD,
            activation="sigmoid",
            labels=((0, "Lesion"),),
            spacing_mm=(1.0, 1.0, 1.0),
            orientation=orientation,
            patch=(8, 8, 8),
        )
    )
    found = bench.read(case, "Bright", keep_maps=keep_maps)
    mask = bench.mask(found) > 0
    truth = voxels > 500
    if keep_maps:
        assert ((bench.chance(found) > 0.5) == mask).mean() > 0.98
    assert mask.shape == shape
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.95


def test_a_photograph_is_read_in_its_three_channels(bench: Bench, session: Session) -> None:
    voxels = np.random.default_rng(1).integers(0, 255, (1, 20, 17, 3), dtype=np.uint8)
    geometry = Geometry(shape=(1, 20, 17), is_calibrated=False)
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="picture",
        modality="OP",
        description="",
        geometry=geometry,
        dtype="uint8",
        n_channels=3,
    )
    session.store.add_series(series, voxels, actor="system")
    case = session.store.add_case("Eye", [series.series_id], actor="system")
    intensity = replace(CARD.intensity, high=255.0)
    bench.bring(replace(CARD, n_dims=2, patch=None, n_channels=3, intensity=intensity))
    np.testing.assert_array_equal(
        bench.mask(bench.read(case, "Bright")) > 0, voxels[..., 0] > 127.5
    )
    grey = add_case(session, 1)
    with pytest.raises(AnnotatorError, match=r"takes in 3 channels; 'Case 1' has 1 in 1 series"):
        bench.read(grey, "Bright")


@pytest.mark.parametrize("skip_empty", [True, False])
def test_windows_of_air_are_left_out_where_that_is_safe(
    bench: Bench, session: Session, skip_empty: bool
) -> None:
    shape = (16, 64, 64)
    noise = np.random.default_rng(1).normal(-1000, 20, shape)
    noise[4:12, 8:24, 8:24] = 700
    noise[6:10, 12:20, 12:20] = -1000  # a hollow is inside
    voxels = noise.astype(np.int16)
    geometry = Geometry(shape=shape)
    series = Series(
        series_id=series_id(geometry, voxels),
        kind="volume",
        modality="CT",
        description="",
        geometry=geometry,
        dtype="int16",
    )
    session.store.add_series(series, voxels, actor="system")
    case = session.store.add_case("CT", [series.series_id], actor="system")
    bench.bring(replace(CARD, patch=(8, 8, 8)))
    found = bench.read(case, "Bright", skip_empty=skip_empty)
    np.testing.assert_array_equal(bench.mask(found) > 0, voxels > 500)
    assert (found.n_left_out > found.n_windows / 2) == skip_empty
    assert any("left out" in note for note in found.notes) == skip_empty


def test_memory_that_gives_out_is_told_and_got_round(
    bench: Bench, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, voxels = smooth_case(session, (40, 40, 40))
    bench.bring(replace(CARD, patch=(32, 32, 32)))
    monkeypatch.setenv(TROUBLE, json.dumps({"most_voxels": 16**3}))
    found = bench.read(case, "Bright", batch=4)
    np.testing.assert_array_equal(bench.mask(found) > 0, voxels > 500)
    told = " ".join(found.notes)
    assert "2 at once were read instead" in told
    assert "windows of 16 × 16 × 16 were read instead" in told
    assert any("16 × 16 × 16" in message for message in bench.messages)
    monkeypatch.setenv(TROUBLE, json.dumps({"most_voxels": 10}))
    with pytest.raises(AnnotatorError, match="needs more memory than CPU has, for windows of 16"):
        bench.read(case, "Bright")
    assert session.store.verify() == ()


def test_a_card_that_is_lost_gives_way_to_the_processor(
    bench: Bench, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = add_case(session, 1)
    bench.bring()
    monkeypatch.setenv(TROUBLE, json.dumps({"devices": ["cpu", "cuda"], "lost_after": 2}))
    found = bench.read(case, "Bright")
    np.testing.assert_array_equal(bench.mask(found) > 0, voxels_of(session, case) > 500)
    assert found.device == "CPU"
    assert found.notes == (
        "Fake card was lost (it fell off the bus): the processor went on instead",
    )
    monkeypatch.setenv(TROUBLE, "{}")
    found = bench.read(case, "Bright", device="mps")
    assert found.notes == ("there is no mps: the processor was used instead",)


def test_what_cannot_be_used_is_refused(
    bench: Bench, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = add_case(session, 1)
    bench.bring()
    with pytest.raises(AnnotatorError, match="no parameter 'flip'; did you mean 'flips'"):
        bench.read(case, "Bright", flip="x")
    monkeypatch.setenv(TROUBLE, json.dumps({"broken": True}))
    with pytest.raises(AnnotatorError, match="its weights are damaged"):
        bench.read(case, "Bright")
    (bench.path / "Bright.fake").write_text("{}")
    with pytest.raises(IntegrityError, match=r"Bright\.fake changed since"):
        bench.read(case, "Bright")


class SharedBright(BrightNetwork):
    """Reads a window only while another one is being read, but for the odd last one."""

    n_beside = 2
    together = threading.Barrier(2)
    n_met = 0

    def infer_beside(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with suppress(threading.BrokenBarrierError):
            self.together.wait(2.0)
            SharedBright.n_met += 1
        return self.infer(batch)


def test_windows_are_read_beside_each_other(
    bench: Bench, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, _ = smooth_case(session, (6, 20, 22))
    bench.bring(replace(CARD, patch=(4, 8, 8)))
    alone = bench.read(case, "Bright")
    bench.bring(replace(CARD, title="Shared", patch=(4, 8, 8)))
    monkeypatch.setattr(
        FakeFormat, "open", lambda _, __, card, device, **___: SharedBright(card, device, 50.0)
    )
    shared = bench.read(case, "Shared")
    assert SharedBright.n_met >= 4
    np.testing.assert_array_equal(bench.mask(shared), bench.mask(alone))
    np.testing.assert_array_equal(bench.chance(shared), bench.chance(alone))


def test_a_cancel_keeps_nothing(bench: Bench, session: Session, registry: Registry) -> None:
    case = add_case(session, 1)
    bench.bring()
    reader = NetworkReader(
        session.store, registry, ["Bright"], network_settings({}), lambda *_: None
    )

    def stop(fraction: float, _: str) -> None:
        if fraction > 0.4:
            raise CancelledError("enough")

    with pytest.raises(CancelledError):
        reader.read_case(case.case_id, stop, actor="system")
    assert session.store.annotations(case.case_id) == ()
    reader.read_case(case.case_id, lambda *_: None, actor="system")
    assert len(session.store.annotations(case.case_id)) == 1


def test_the_job_reads_all_cases_and_tells_of_each(
    bench: Bench, session: Session, registry: Registry
) -> None:
    cases = [add_case(session, number) for number in (1, 2)]
    network_id = bench.bring()
    given = {"network": network_id[:10], "parameters": {"flips": "none"}}
    job = session.store.add_job("predict", given, actor="system")
    ended = run_job(session.store.location, job.job_id, registry)
    result = json.loads(ended.result)
    assert (ended.state, ended.error) == ("done", "")
    assert result["reader"] == f"Bright {network_id[:8]}"
    assert [entry["case"] for entry in result["annotations"]] == [one.case_id for one in cases]
    assert result["notes"] == []
    again = HANDLERS["predict"](session.store, registry, given, lambda *_: None)
    assert again["annotations"] == result["annotations"]


def test_sides_of_windows_follow_card_and_image() -> None:
    loose = replace(CARD, patch=None, multiple=16)
    assert first_patch(CARD, (50, 50, 50)) == (4, 8, 8)
    assert first_patch(loose, (40, 300, 300)) == (48, 96, 96)
    assert first_patch(replace(loose, n_dims=2), (40, 300, 700)) == (1, 304, 512)
    assert smaller_patch(loose, (48, 96, 96)) == (48, 48, 48)
    assert smaller_patch(loose, (32, 32, 32)) == (16, 16, 16)
    assert smaller_patch(loose, (16, 16, 16)) is None
