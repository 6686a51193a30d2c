"""What every mask writer keeps, whatever its format."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from annotator.api import MaskForExport, MaskWriter


class MaskWriterContract:
    """Subclasses say which writer, give an item it can write, and read its files another way."""

    def writer(self) -> MaskWriter:
        raise NotImplementedError

    def item(self) -> MaskForExport:
        raise NotImplementedError

    def read_mask(self, path: Path, item: MaskForExport) -> NDArray[np.unsignedinteger]:
        """Return the mask ``(z, y, x)`` of the first file, by a reader other than the writer's."""
        raise NotImplementedError

    def test_another_reader_finds_the_same_voxels(self, tmp_path: Path) -> None:
        item = self.item()
        paths = self.writer().write(item, tmp_path, "case_reading")
        read = self.read_mask(paths[0], item)
        assert read.shape == item.mask.shape
        assert (read == item.mask).all()

    def test_names_begin_with_the_stem_and_nothing_else_is_left(self, tmp_path: Path) -> None:
        paths = self.writer().write(self.item(), tmp_path, "case_reading")
        assert paths
        assert all(path.name.startswith("case_reading") for path in paths)
        assert sorted(os.listdir(tmp_path)) == sorted(path.name for path in paths)

    def test_writing_again_replaces(self, tmp_path: Path) -> None:
        item = self.item()
        self.writer().write(item, tmp_path, "stem")
        other = item.mask.copy()
        other[other == other.max()] = 0
        other[0, 0, 0] = item.schema.values[0]
        changed = replace(item, mask=other)
        paths = self.writer().write(changed, tmp_path, "stem")
        assert (self.read_mask(paths[0], changed) == other).all()

    def test_must_not_write_to_its_input(self, tmp_path: Path) -> None:
        item = self.item()
        before = item.mask.copy()
        item.mask.setflags(write=False)
        self.writer().write(item, tmp_path, "stem")
        assert (item.mask == before).all()

    def test_a_missing_directory_is_told_in_words(self, tmp_path: Path) -> None:
        missing = tmp_path / "nowhere"
        with pytest.raises(AnnotatorError, match="nowhere"):
            self.writer().write(self.item(), missing, "stem")

    def test_a_failed_write_leaves_the_old_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        item = self.item()
        (path, *_) = self.writer().write(item, tmp_path, "stem")
        before = path.read_bytes()

        def full(source: object, target: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", full)
        with pytest.raises(AnnotatorError, match="No space left"):
            self.writer().write(item, tmp_path, "stem")
        assert path.read_bytes() == before
        assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]
