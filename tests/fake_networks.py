"""A format of networks for tests: they tell bright voxels, and fail as they are told to.

A plugin of its own, so that worker processes find it too: `installed` writes what makes it one.
What a network does is in its file, as JSON; what goes wrong meanwhile in ``FAKE_NETWORK_TROUBLE``.
"""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.api import Intensity, NetworkCard, Plugin
from annotator.domain.errors import AnnotatorError, DeviceLostError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from annotator.api import Device, Network

TROUBLE = "FAKE_NETWORK_TROUBLE"
CARD = NetworkCard(
    title="Bright",
    n_dims=3,
    n_channels=1,
    labels=((1, "Lesion"),),
    intensity=Intensity(scaling="range", low=0.0, high=1000.0),
    patch=(4, 8, 8),
    licence="CC0",
)


class BrightNetwork:
    """Gives out more for channel 1 the brighter a voxel is; 0 for the others."""

    n_dropouts = 1

    def __init__(self, card: NetworkCard, device: Device, steepness: float) -> None:
        self.device = {"cpu": "CPU", "cuda": "Fake card", "mps": "Fake chip"}[device]
        self._card = card
        self._is_card = device != "cpu"
        self._steepness = steepness
        self._n_read = 0

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        self._suffer(batch)
        n_channels = 1 + max(channel for channel, _ in self._card.labels)
        found = np.zeros((len(batch), n_channels, *batch.shape[2:]), np.float32)
        found[:, n_channels - 1] = self._steepness * (batch[:, 0] - 0.5)
        return found

    def infer_dropping(self, batch: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
        kept = np.random.default_rng(seed).random(batch.shape, dtype=np.float32) < 0.8
        return self.infer(batch * kept)

    def _suffer(self, batch: NDArray[np.float32]) -> None:
        trouble = json.loads(os.environ.get(TROUBLE, "{}"))
        if "mark" in trouble:
            Path(trouble["mark"]).touch()
        time.sleep(trouble.get("sleep_s", 0.0))
        self._n_read += len(batch)
        if batch[:, 0].size > trouble.get("most_voxels", batch.size):
            raise MemoryError
        if self._is_card and self._n_read > trouble.get("lost_after", self._n_read):
            raise DeviceLostError("it fell off the bus")
        if self._n_read > trouble.get("killed_after", self._n_read):
            os.kill(os.getpid(), signal.SIGKILL)


class FakeFormat:
    """Files that end in ``.fake``."""

    name = "fake"
    title = "Fake network"

    def recognises(self, path: Path) -> bool:
        return path.suffix == ".fake"

    def files(self, path: Path) -> tuple[Path, ...]:
        return (path,)

    def inspect(self, path: Path) -> NetworkCard:
        from annotator.api.network_cards import card_from

        content = json.loads(path.read_text())
        return card_from(content["card"], what=path.name)

    def open(self, path: Path, card: NetworkCard, device: Device, *, mixed: bool) -> Network:
        trouble = json.loads(os.environ.get(TROUBLE, "{}"))
        if device not in trouble.get("devices", ["cpu"]):
            raise DeviceLostError(f"there is no {device}")
        if trouble.get("broken"):
            raise AnnotatorError("its weights are damaged")
        return BrightNetwork(card, device, json.loads(path.read_text())["steepness"])


PLUGIN = Plugin(name="fake-networks", network_formats=(FakeFormat,))


def write_network(path: Path, card: NetworkCard = CARD, *, steepness: float = 50.0) -> Path:
    """Write the file of a network."""
    path.write_text(json.dumps({"card": asdict(card), "steepness": steepness}))
    return path


def installed(directory: Path) -> Path:
    """Return a directory that makes this an installed plugin where it is on the path."""
    facts = directory / "fake_networks-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-networks\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[annotator.plugins]\nfake = tests.fake_networks:PLUGIN\n"
    )
    return directory
