"""What every format of networks keeps, whatever its files are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from annotator.api import NetworkCard
from annotator.api.network_cards import problem_of
from annotator.domain.errors import AnnotatorError, DeviceLostError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from annotator.api import NetworkFormat


class NetworkFormatContract:
    """Subclasses say which format, make a network by its own library, and read with that."""

    spatial: tuple[int, ...] = (4, 8, 12)
    n_channels = 1

    def format(self) -> NetworkFormat:
        raise NotImplementedError

    def make(self, folder: Path) -> Path:
        """Write a network with the outputs 1 (Lesion) and 2 (Organ) into an empty folder."""
        raise NotImplementedError

    def weights(self, path: Path) -> Path:
        """Return the file that holds the weights."""
        return path

    def expected(self, path: Path, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``(n, label, z, y, x)`` as the library that the network comes from gives it."""
        raise NotImplementedError

    def batch(self, n_images: int = 2) -> NDArray[np.float32]:
        random = np.random.default_rng(5)
        return random.normal(size=(n_images, self.n_channels, *self.spatial)).astype(np.float32)

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        folder = tmp_path / "given"
        folder.mkdir()
        return self.make(folder)

    def test_has_a_plain_name_and_a_title(self) -> None:
        found = self.format()
        assert found.name == found.name.lower().replace(" ", "")
        assert found.title.strip()

    def test_knows_its_own_and_nothing_else(self, path: Path, tmp_path: Path) -> None:
        found = self.format()
        assert found.recognises(path)
        text = tmp_path / f"text{path.suffix or '.txt'}"
        text.write_text("no network")
        empty = tmp_path / "empty"
        empty.mkdir()
        assert not found.recognises(empty)
        assert not found.recognises(tmp_path / "missing")
        if found.recognises(text):  # formats without a mark of their own go by the name
            with pytest.raises(AnnotatorError):
                found.inspect(text)

    def test_names_every_file_once_and_within(self, path: Path) -> None:
        files = self.format().files(path)
        folder = path if path.is_dir() else path.parent
        assert list(files) == sorted(set(files))
        assert all(file.is_file() and file.is_relative_to(folder) for file in files)
        assert self.weights(path) in files

    def test_card_says_what_it_reads_and_draws(self, path: Path) -> None:
        card = self.format().inspect(path)
        assert isinstance(card, NetworkCard)
        assert problem_of(card) == ""
        assert dict(card.labels) == {1: "Lesion", 2: "Organ"}
        assert card.n_dims == len(self.spatial)
        assert card.n_channels == self.n_channels
        assert "CC0" in card.licence

    def test_card_is_silent_where_the_files_are(self, path: Path) -> None:
        card = self.format().inspect(path)
        assert card.intended_use == ""
        assert card.trained_on == ""

    def test_gives_out_what_its_own_library_does(self, path: Path) -> None:
        batch = self.batch()
        found = self.format()
        network = found.open(path, found.inspect(path), "cpu", mixed=True)
        assert network.device == "CPU"
        given = network.infer(batch)
        assert given.dtype == np.float32
        np.testing.assert_allclose(given, self.expected(path, batch), rtol=0, atol=1e-5)
        assert np.ptp(given) > 1e-3

    def test_number_of_images_changes_nothing(self, path: Path) -> None:
        batch = self.batch(3)
        found = self.format()
        network = found.open(path, found.inspect(path), "cpu", mixed=False)
        one_by_one = np.concatenate([network.infer(batch[at : at + 1]) for at in range(3)])
        np.testing.assert_allclose(network.infer(batch), one_by_one, rtol=0, atol=1e-5)

    def test_must_not_write_to_its_input(self, path: Path) -> None:
        batch = self.batch()
        before = batch.copy()
        batch.setflags(write=False)
        found = self.format()
        found.open(path, found.inspect(path), "cpu", mixed=False).infer(batch)
        np.testing.assert_array_equal(batch, before)

    def test_refuses_a_wrong_batch_in_words(self, path: Path) -> None:
        found = self.format()
        network = found.open(path, found.inspect(path), "cpu", mixed=False)
        wrong = np.zeros((1, self.n_channels + 1, *self.spatial), np.float32)
        with pytest.raises(AnnotatorError, match="takes in"):
            network.infer(wrong)

    def test_says_that_a_device_is_missing(self, path: Path) -> None:
        import torch

        if torch.cuda.is_available():
            pytest.skip("there is a CUDA device here")
        found = self.format()
        with pytest.raises(DeviceLostError, match="no 'cuda' device"):
            found.open(path, found.inspect(path), "cuda", mixed=True)

    def test_refuses_weights_that_are_cut_short(self, path: Path) -> None:
        found = self.format()
        card = found.inspect(path)
        weights = self.weights(path)
        content = weights.read_bytes()
        weights.write_bytes(content[: len(content) * 2 // 3])
        with pytest.raises(AnnotatorError):
            found.open(path, card, "cpu", mixed=False)
        weights.write_bytes(b"")
        with pytest.raises(AnnotatorError):
            found.open(path, card, "cpu", mixed=False)
