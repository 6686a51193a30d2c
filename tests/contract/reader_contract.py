"""What every study reader has to keep, whoever wrote it.

Subclass it, say how the reader and one good study are made, and pytest runs the lot.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.api import no_progress, series_id
from annotator.domain.errors import CancelledError, UnreadableError

if TYPE_CHECKING:
    from pathlib import Path

    from annotator.api import FoundSeries, ScanResult, StudyReader

GARBAGE = {
    "empty": b"",
    "text": b"a shopping list: milk, bread and cheese\n" * 40,
    "zeros": bytes(4096),
    "noise": np.random.default_rng(7).bytes(4096),
}


class ReaderContract:
    """The laws of a reader. Must not raise for a bad file, nor write to its input."""

    suffixes: tuple[str, ...]
    """Ends of file names that are the reader's."""

    def reader(self) -> StudyReader:
        """Return a new reader."""
        raise NotImplementedError

    def write_study(self, folder: Path) -> None:
        """Write one series that the reader reads."""
        raise NotImplementedError

    def scan(self, *paths: Path) -> ScanResult:
        return self.reader().scan(paths, no_progress)

    def one(self, folder: Path) -> FoundSeries:
        self.write_study(folder)
        (found,) = self.scan(folder).found
        return found

    def test_name_is_plain(self) -> None:
        assert self.reader().name.isidentifier()

    def test_nothing_is_found_in_nothing(self, tmp_path: Path) -> None:
        for result in (self.scan(), self.scan(tmp_path)):
            assert (result.found, result.skipped) == ((), ())

    def test_facts_fit_the_voxels(self, tmp_path: Path) -> None:
        read = self.one(tmp_path).read(no_progress)
        series = read.series
        assert read.voxels.shape[:3] == series.geometry.shape
        assert series.n_channels == (read.voxels.shape[3] if read.voxels.ndim == 4 else 1)
        assert series.dtype == read.voxels.dtype.name
        assert read.voxels.dtype.isnative
        assert read.voxels.flags.c_contiguous
        assert series.series_id == series_id(
            series.geometry,
            read.voxels,
            rescale=(series.slope, series.intercept),
            source_uid=series.dicom.series_uid if series.dicom else "",
        )
        direction = np.reshape(series.geometry.direction, (3, 3))
        assert np.allclose(direction.T @ direction, np.eye(3), atol=1e-3)
        assert min(series.geometry.spacing_mm) > 0

    def test_same_identity_twice(self, tmp_path: Path) -> None:
        found = self.one(tmp_path)
        (again,) = self.scan(tmp_path).found
        first, second = found.read(no_progress), again.read(no_progress)
        assert first.series == second.series
        assert np.array_equal(first.voxels, second.voxels)

    def test_first_slice_is_that_of_the_whole(self, tmp_path: Path) -> None:
        found = self.one(tmp_path)
        first, voxels = found.first_slice(), found.read(no_progress).voxels
        assert first.dtype == voxels.dtype
        assert np.array_equal(first, voxels[0])

    def test_input_is_never_written(self, tmp_path: Path) -> None:
        self.write_study(tmp_path)

        def state() -> dict[str, tuple[int, bytes]]:
            return {
                path.name: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).digest())
                for path in tmp_path.iterdir()
            }

        before = state()
        for found in self.scan(tmp_path).found:
            found.first_slice()
            found.read(no_progress)
        assert state() == before

    def test_paths_are_absolute_and_exist(self, tmp_path: Path) -> None:
        found = self.one(tmp_path)
        files = {str(path) for path in tmp_path.iterdir()}
        assert set(found.paths) <= files
        assert set(found.read(no_progress).series.paths) <= files
        assert found.title

    @pytest.mark.parametrize("kind", sorted(GARBAGE))
    def test_garbage_is_skipped_with_a_reason(self, tmp_path: Path, kind: str) -> None:
        for suffix in self.suffixes:
            path = tmp_path / f"bad{suffix}"
            path.write_bytes(GARBAGE[kind])
            result = self.scan(path)
            assert result.found == ()
            assert [item.path for item in result.skipped] == [str(path)]
            assert len(result.skipped[0].reason) < 500

    def test_bad_files_leave_the_good_ones_alone(self, tmp_path: Path) -> None:
        self.write_study(tmp_path)
        for kind, content in GARBAGE.items():
            (tmp_path / f"{kind}{self.suffixes[0]}").write_bytes(content)
        result = self.scan(tmp_path)
        assert len(result.found) == 1
        assert len(result.skipped) == len(GARBAGE)
        result.found[0].read(no_progress)

    def test_cut_files_are_told_in_words(self, tmp_path: Path) -> None:
        self.write_study(tmp_path)
        for path in tmp_path.iterdir():
            whole = path.read_bytes()
            for share in (0.02, 0.3, 0.7, 0.97):
                path.write_bytes(whole[: int(len(whole) * share)])
                for found in self.scan(path).found:
                    with pytest.raises(UnreadableError):
                        found.read(no_progress)
            path.write_bytes(whole)

    def test_missing_file_is_skipped(self, tmp_path: Path) -> None:
        path = tmp_path / f"gone{self.suffixes[0]}"
        result = self.scan(path)
        assert result.found == ()
        assert [item.path for item in result.skipped] == [str(path)]

    def test_files_of_others_are_in_neither_list(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.txt"
        path.write_text("nothing to see")
        result = self.scan(tmp_path)
        assert (result.found, result.skipped) == ((), ())

    def test_reading_a_file_that_went_is_told_in_words(self, tmp_path: Path) -> None:
        found = self.one(tmp_path)
        for path in tmp_path.iterdir():
            path.unlink()
        with pytest.raises(UnreadableError):
            found.read(no_progress)
        with pytest.raises(UnreadableError):
            found.first_slice()

    def test_progress_stops_scan_and_read(self, tmp_path: Path) -> None:
        found = self.one(tmp_path)

        def stop(fraction: float, message: str) -> None:
            assert 0 <= fraction <= 1
            assert message
            raise CancelledError("stop")

        with pytest.raises(CancelledError):
            self.reader().scan([tmp_path], stop)
        with pytest.raises(CancelledError):
            found.read(stop)

    def test_progress_can_stop_late(self, tmp_path: Path) -> None:
        found = self.one(tmp_path)

        def stop(fraction: float, message: str) -> None:
            if fraction > 0:
                raise CancelledError(message)

        with pytest.raises(CancelledError):
            found.read(stop)

    def test_progress_never_goes_back(self, tmp_path: Path) -> None:
        found = self.one(tmp_path)
        told: list[float] = []
        found.read(lambda fraction, _: told.append(fraction))
        assert told == sorted(told)
        assert told[-1] == 1.0
