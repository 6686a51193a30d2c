"""Torch modules that read: where they run, how precisely, and what their failures mean.

Import only where a network is opened: this module imports torch.
"""

from __future__ import annotations

import re
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from annotator.domain.errors import AnnotatorError, DeviceLostError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from annotator.api import Device, NetworkCard

_NO_MEMORY = re.compile(
    r"out of memory|can't allocate memory|cannot allocate memory|not enough memory"
    r"|ALLOC_FAILED|CUDNN_STATUS_NOT_INITIALIZED|std::bad_alloc",
    re.IGNORECASE,
)
_LOST = re.compile(
    r"CUDA error|CUDA driver|device-side assert|device lost|device is lost|ECC error"
    r"|CUDNN_STATUS_(EXECUTION|INTERNAL|MAPPING)|CUBLAS_STATUS_(EXECUTION|INTERNAL)|NVML"
    r"|MPS.*(command buffer|device)|HIP error",
    re.IGNORECASE,
)


def best_device() -> Device:
    """Return the fastest kind of device that there is."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def require_device(device: Device) -> torch.device:
    """Return a device; raises DeviceLostError where this machine has none of that kind."""
    is_missing = {
        "cpu": False,
        "cuda": not torch.cuda.is_available(),
        "mps": not torch.backends.mps.is_available(),
    }
    if is_missing[device]:
        raise DeviceLostError(
            f"this machine, or the PyTorch on it ({torch.__version__}), has no {device!r} device"
        )
    return torch.device(device)


def device_words(device: torch.device) -> str:
    """Return what a device is called."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return "Apple GPU" if device.type == "mps" else "CPU"


def told(error: Exception, doing: str) -> Exception:
    """Return what an error of torch means: MemoryError, DeviceLostError, or AnnotatorError."""
    if isinstance(error, AnnotatorError | MemoryError):
        return error
    words = str(error).strip()
    first = words.splitlines()[0] if words else type(error).__name__
    if isinstance(error, torch.OutOfMemoryError) or _NO_MEMORY.search(words):
        return MemoryError(f"{doing}: {first}")
    if isinstance(error, torch.AcceleratorError) or _LOST.search(words):
        return DeviceLostError(f"{doing}: the device does not answer any more ({first})")
    return AnnotatorError(f"{doing}: {type(error).__name__}: {first}")


class TorchNetwork:
    """A module on a device, ready to read; batches that share it take turns.

    Parameters
    ----------
    forward : callable
        Gives logits ``(n, label, z, y, x)`` for ``(n, channel, z, y, x)`` in the order of the
        card's ``axes``, without z in two dimensions; of several outputs, a list, a tuple or a dict,
        the first, or ``out``, is taken.
    card : NetworkCard
        What it takes in.
    device : torch.device
        Where its weights are.
    mixed : bool
        Use half precision on CUDA. Where what comes of it is not finite, the batch is read again
        in full precision, and so is all that follows. Other devices keep full precision: half of
        it is slower on most of them.
    """

    def __init__(
        self,
        forward: Callable[[torch.Tensor], Any],
        card: NetworkCard,
        device: torch.device,
        *,
        mixed: bool,
    ) -> None:
        self.device = device_words(device)
        self._forward = forward
        self._card = card
        self._on = device
        self._is_mixed = mixed and device.type == "cuda"
        self._turn = threading.Lock()

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits ``(n, label, z, y, x)`` for ``(n, channel, z, y, x)``."""
        check_batch(batch, self._card)
        with self._turn:
            try:
                found = self._read(batch)
                if self._is_mixed and not np.isfinite(found).all():
                    self._is_mixed = False
                    found = self._read(batch)
            except Exception as error:
                if self._on.type == "cuda" and isinstance(error, torch.OutOfMemoryError):
                    torch.cuda.empty_cache()
                raise told(error, f"reading a window of {batch.shape}") from error
        check_output(found, batch, self._card)
        return found

    def _read(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        # Always a copy: what reads may write to what it is given.
        given = torch.from_numpy(np.array(in_file_order(batch, self._card), np.float32, order="C"))
        with torch.inference_mode(), self._precision():
            found = first_output(self._forward(given.to(self._on)))
        return in_file_order(found.float().cpu().numpy(), self._card)

    def _precision(self) -> AbstractContextManager[Any]:
        if self._is_mixed:
            return torch.autocast("cuda", dtype=torch.float16)
        return nullcontext()


def first_output(found: Any) -> torch.Tensor:  # noqa: ANN401 - whatever a module gives out
    """Return the finest of what a module gives out."""
    if isinstance(found, dict) and found:
        found = found.get("out", next(iter(found.values())))
    if isinstance(found, list | tuple) and found:
        found = found[0]
    if not isinstance(found, torch.Tensor):
        raise AnnotatorError(f"the network gives out a {type(found).__name__}, not an image")
    return found


def in_file_order(batch: NDArray[np.float32], card: NetworkCard) -> NDArray[np.float32]:
    """Return a batch with its axes turned into the order of the files, or back again."""
    if card.axes == "zyx":
        return batch
    return batch.transpose(0, 1, *range(batch.ndim - 1, 1, -1))


def check_batch(batch: NDArray[np.float32], card: NetworkCard) -> None:
    """Raise AnnotatorError where a batch is not what a network takes in."""
    if batch.ndim != 2 + card.n_dims or batch.shape[1] != card.n_channels:
        axes = "z, y, x" if card.n_dims == 3 else "y, x"
        raise AnnotatorError(
            f"{card.title} takes in (n, {card.n_channels}, {axes}), not {batch.shape}"
        )


def check_output(found: NDArray[np.float32], batch: NDArray[np.float32], card: NetworkCard) -> None:
    """Raise AnnotatorError where what came out does not fit the card."""
    if found.ndim != batch.ndim or (found.shape[0], *found.shape[2:]) != (
        batch.shape[0],
        *batch.shape[2:],
    ):
        raise AnnotatorError(
            f"{card.title} gave {found.shape} for a window of {batch.shape}; "
            "an image of the same size is needed"
        )
    needed = 1 + max((channel for channel, _ in card.labels), default=0)
    if found.shape[1] < needed:
        raise AnnotatorError(
            f"{card.title} gave {found.shape[1]} channels; its card names channel {needed - 1}"
        )
