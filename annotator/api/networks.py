"""The door of network formats: files that a user brings become networks that read images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

Activation = Literal["none", "softmax", "sigmoid"]
Scaling = Literal["none", "range", "z-score", "percentiles"]
Device = Literal["cpu", "cuda", "mps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """How modality values become what a network takes in; the same for every channel.

    Attributes
    ----------
    scaling : str
        ``none``; ``range`` maps ``low`` to 0 and ``high`` to 1; ``z-score`` subtracts ``mean`` and
        divides by ``deviation``, those of the image itself where they are None; ``percentiles``
        maps the percentiles ``low`` and ``high`` of the image to 0 and 1.
    clip : tuple of float or None
        Values are first held within these modality values.
    """

    scaling: Scaling = "z-score"
    low: float = 0.0
    high: float = 1.0
    mean: float | None = None
    deviation: float | None = None
    clip: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkCard:
    """What is known of a network before it is used: for a person, and for reading with it.

    Attributes
    ----------
    title, trained_on, source, licence, intended_use, limits : str
        For a person; empty where its author does not say.
    n_dims : int
        2 where it reads slice by slice, 3 where it reads volumes.
    n_channels : int
        Channels that it takes in.
    labels : tuple of (int, str)
        Channel that it gives out and what that shows, background left out.
    activation : str
        What makes probabilities of what it gives out.
    spacing_mm : tuple of float or None
        ``(z, y, x)`` it was trained at; None where it takes the image as it is. Networks of two
        dimensions have None along z.
    patch : tuple of int or None
        Side of its windows, ``(z, y, x)`` or ``(y, x)``; None where any size will do.
    multiple : int
        Sides of a window must be multiples of it.
    axes : str
        Order of the axes that its files take in: ``zyx``, or ``xyz`` as NIfTI arrays have them.
        Only `Network.infer` goes by it: it turns what it is given, which always has z first.
    orientation : str or None
        Where its x, y and z lead, in this order, for example ``RAS``; None where it takes the image
        as it is.
    overlap : float
        Share of a window that the next one covers again.
    flips : tuple of str
        Axes along which its author averages flipped images, of ``z``, ``y``, ``x``.
    """

    title: str
    n_dims: Literal[2, 3]
    n_channels: int
    labels: tuple[tuple[int, str], ...]
    activation: Activation = "softmax"
    intensity: Intensity = Intensity()
    spacing_mm: tuple[float | None, float, float] | None = None
    patch: tuple[int, ...] | None = None
    multiple: int = 1
    axes: Literal["zyx", "xyz"] = "zyx"
    orientation: str | None = None
    overlap: float = 0.5
    flips: tuple[str, ...] = ()
    trained_on: str = ""
    source: str = ""
    licence: str = ""
    intended_use: str = ""
    limits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppliedNetwork:
    """A network that a user brought to a project; its files stay where they are.

    Attributes
    ----------
    network_id : str
        SHA-256 over the format and every file.
    format : str
        Name of its format.
    path : str
        The file or folder.
    card : NetworkCard
        As its files give it, with what the user corrected.
    label_values : tuple of (int, int)
        Channel that it gives out and the value of the schema that this draws; channels that are
        left out draw nothing.
    files : tuple of (str, str)
        Each file, relative to the folder of ``path``, and its SHA-256.
    licence_accepted_by : str
        Who was shown the licence and accepted it.
    """

    network_id: str
    format: str
    path: str
    card: NetworkCard
    label_values: tuple[tuple[int, int], ...]
    files: tuple[tuple[str, str], ...]
    licence_accepted_by: str
    created_at: str


class Network(Protocol):
    """A network on a device, ready to read. Used by one thread at a time."""

    device: str
    """What it runs on, in words: ``CPU``, ``NVIDIA H100`` …"""

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what it gives out, ``(n, label, z, y, x)``, for ``(n, channel, z, y, x)``.

        Without z for a network of two dimensions. No activation is applied. Must not write to its
        input. Raises MemoryError where the device has too little memory, DeviceLostError where it
        does not answer any more.
        """
        ...


@runtime_checkable
class DropoutNetwork(Network, Protocol):
    """A network that can read with units dropped at random, as it was trained."""

    n_dropouts: int
    """Layers that drop units; 0 where it has none."""

    def infer_dropping(self, batch: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
        """Do as ``infer`` does with dropout on; the same seed drops the same units."""
        ...


@runtime_checkable
class SharedNetwork(Network, Protocol):
    """A network that several threads may ask at once, each of them working alone on its windows.

    Windows beside each other use the cores of a processor better than cores that share a window.
    """

    n_beside: int
    """How many threads pay; 1 where sharing does not, or is not possible."""

    def infer_beside(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Do as ``infer`` does, in the calling thread alone."""
        ...


class NetworkFormat(Protocol):
    """A kind of file, or folder, that holds a network. Nothing in one is ever run as a program."""

    name: str
    title: str

    def recognises(self, path: Path) -> bool:
        """Say whether a path looks like this format; reads little and never raises."""
        ...

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return every file that the network depends on, sorted: its identity is made of them."""
        ...

    def inspect(self, path: Path) -> NetworkCard:
        """Return the card that the files give; raises AnnotatorError where they are refused."""
        ...

    def open(self, path: Path, card: NetworkCard, device: Device, *, mixed: bool) -> Network:
        """Load the weights onto a device; ``mixed`` asks for half precision where it is safe.

        Raises DeviceLostError where there is no such device, MemoryError where it is too small,
        AnnotatorError where the files are refused.
        """
        ...


__all__ = [
    "Activation",
    "Device",
    "DropoutNetwork",
    "Intensity",
    "Network",
    "NetworkCard",
    "NetworkFormat",
    "Scaling",
    "SharedNetwork",
    "SuppliedNetwork",
]
