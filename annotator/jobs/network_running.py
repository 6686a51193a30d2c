"""A network on a device: what it does when the device, or the memory, gives out."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.analysis.network_output import activate, disagreement
from annotator.api.networks import DropoutNetwork, SharedNetwork
from annotator.domain.errors import AnnotatorError, DeviceLostError

if TYPE_CHECKING:
    from annotator.analysis.network_output import OutputMeaning, Values
    from annotator.api import Device, Network, NetworkFormat, SuppliedNetwork
    from annotator.jobs.network_settings import NetworkSettings

_FASTEST: tuple[Device, ...] = ("cuda", "mps", "cpu")
_AT_ONCE_ON_A_CARD = 4


class RunningNetwork:
    """A supplied network that reads windows; falls back in words rather than fail.

    Parameters
    ----------
    network_format, supplied : NetworkFormat, SuppliedNetwork
        The network; its files must have been checked.
    settings : NetworkSettings
        How it is to read.
    meaning : OutputMeaning
        What its channels stand for.

    Attributes
    ----------
    notes : list of str
        Where it fell back, a sentence each.
    batch : int
        Windows to hand over at once.
    """

    def __init__(
        self,
        network_format: NetworkFormat,
        supplied: SuppliedNetwork,
        settings: NetworkSettings,
        meaning: OutputMeaning,
    ) -> None:
        self.notes: list[str] = []
        self.card = supplied.card
        self._format = network_format
        self._path = Path(supplied.path)
        self._settings = settings
        self._meaning = meaning
        self._network = self._open_fastest()
        self.batch = settings.batch or (1 if self._kind == "cpu" else _AT_ONCE_ON_A_CARD)
        self._flips = self._flip_sets()
        self.n_samples = self._samples()

    @property
    def device(self) -> str:
        """What it runs on, in words."""
        return self._network.device

    @property
    def n_beside(self) -> int:
        """How many threads may read windows beside each other."""
        network = self._network
        if self.n_samples > 1 or not isinstance(network, SharedNetwork):
            return 1
        return network.n_beside

    @property
    def n_members(self) -> int:
        """How many readings of each window are averaged."""
        return len(self._flips) * self.n_samples

    @property
    def tells_disagreement(self) -> bool:
        """Whether `read` adds a channel: how far its readings differ."""
        return self.n_members > 1 and self._settings.keep_maps

    def read(self, windows: Values, *, is_beside: bool = False) -> Values:
        """Return what the network gives out for ``(n, channel, z, y, x)``, the mean of members.

        With ``is_beside`` in the calling thread alone; `n_beside` threads may do so at a time.

        Channels that compete or are open are averaged before their activation, as nnU-Net does.
        Raises MemoryError where one window is too many.
        """
        try:
            return self._read_members(windows, is_beside=is_beside)
        except MemoryError:
            if len(windows) == 1:
                raise
        half = len(windows) // 2
        self.batch = half
        self._note(
            f"{self.device} has too little memory for {len(windows)} windows at once: {half} at "
            "once were read instead"
        )
        return np.concatenate(
            [self.read(part, is_beside=is_beside) for part in (windows[:half], windows[half:])]
        )

    def _read_members(self, windows: Values, *, is_beside: bool) -> Values:
        total: Values | None = None
        members: list[Values] = []
        for number, axes in enumerate(self._flips):
            for sample in range(self.n_samples):
                seed = number * self.n_samples + sample
                turned = np.flip(windows, axes) if axes else windows
                found = self._infer(turned, seed, is_beside=is_beside)
                own = np.flip(found, axes) if axes else found
                total = own if total is None else total + own
                if self.tells_disagreement:
                    members.append(activate(own.swapaxes(0, 1), self._meaning.activation))
        if total is None:
            raise AnnotatorError(f"{self.card.title} gave out nothing")
        if self.n_members > 1:
            total = np.asarray(total / np.float32(self.n_members), np.float32)
        if not self.tells_disagreement:
            return total
        unsure = disagreement(members, is_open=self._meaning.is_open)
        return np.concatenate([total, unsure[:, None]], axis=1)

    def _infer(self, windows: Values, seed: int, *, is_beside: bool) -> Values:
        try:
            return self._infer_here(windows, seed, is_beside=is_beside)
        except DeviceLostError as error:
            if self._kind == "cpu":
                raise
            self._note(f"{self.device} was lost ({error}): the processor went on instead")
            self._network = self._open("cpu")
            self.batch = 1
            return self._infer_here(windows, seed, is_beside=False)

    def _infer_here(self, windows: Values, seed: int, *, is_beside: bool) -> Values:
        is_flat = self.card.n_dims == 2
        given = np.ascontiguousarray(windows[:, :, 0] if is_flat else windows)
        network = self._network
        if self.n_samples > 1 and isinstance(network, DropoutNetwork):
            found = network.infer_dropping(given, seed)
        elif is_beside and isinstance(network, SharedNetwork):
            found = network.infer_beside(given)
        else:
            found = network.infer(given)
        found = found[:, :, None] if is_flat else found
        if found.ndim != windows.ndim or (found.shape[0], *found.shape[2:]) != (
            windows.shape[0],
            *windows.shape[2:],
        ):
            raise AnnotatorError(
                f"{self.card.title} gave {found.shape} for windows of {windows.shape}"
            )
        if not np.isfinite(found).all():
            raise AnnotatorError(
                f"{self.card.title} gave out numbers that are not finite; its intensities may not "
                "fit these images"
            )
        return found

    def _flip_sets(self) -> tuple[tuple[int, ...], ...]:
        """Return the axes of a batch that each member is flipped along."""
        wanted = self._settings.flips
        letters = {"author": "".join(self.card.flips), "none": ""}.get(wanted, wanted)
        axes = [
            2 + "zyx".index(letter)
            for letter in sorted(set(letters), reverse=True)
            if letter != "z" or self.card.n_dims == 3
        ]
        return tuple(
            chosen for n in range(len(axes) + 1) for chosen in itertools.combinations(axes, n)
        )

    def _samples(self) -> int:
        wanted = self._settings.samples
        if wanted == 1:
            return 1
        network = self._network
        if isinstance(network, DropoutNetwork) and network.n_dropouts:
            return wanted
        self._note(
            f"{self.card.title} has nothing that drops units at random, or cannot be told to: it "
            "was read once, not in samples"
        )
        return 1

    def _open_fastest(self) -> Network:
        if self._settings.device != "auto":
            try:
                return self._open(self._settings.device)
            except DeviceLostError as error:
                self._note(f"{error}: the processor was used instead")
                return self._open("cpu")
        for device in _FASTEST[:-1]:
            try:
                return self._open(device)
            except (DeviceLostError, MemoryError):
                continue
        return self._open("cpu")

    def _open(self, device: Device) -> Network:
        self._kind: Device = device
        try:
            return self._format.open(self._path, self.card, device, mixed=self._settings.mixed)
        except (AnnotatorError, MemoryError):
            raise
        except Exception as error:  # a plugin may raise anything; its name must be told
            raise AnnotatorError(
                f"{self._format.title} failed to open {self.card.title}: "
                f"{type(error).__name__}: {error}"
            ) from error

    def _note(self, words: str) -> None:
        if words not in self.notes:
            self.notes.append(words)
