"""Torch modules that read: where they run, how precisely, and what their failures mean.

Import only where a network is opened: this module imports torch.
"""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from annotator.domain.errors import DeviceLostError
from annotator_networks.batches import check_batch, check_output, in_file_order, in_pieces
from annotator_networks.failures import told
from annotator_networks.torch_layout import first_output, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from annotator.api import Device, NetworkCard


_PROGRAM_WORTH_S, _MODULE_WORTH_S = 0.1, 4.0
"""Time spent on windows of one shape after which laying out for them pays: it takes as long."""
_DROPOUTS = {"Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout"}


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


class TorchNetwork:
    """A module on a device, ready to read; batches that share it take turns, or stand beside.

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
    n_fixed : int or None
        How many images it takes at once; None where any number will do.
    modules : sequence of modules
        What ``forward`` is made of, where layers that drop units can be found in it.
    """

    def __init__(
        self,
        forward: Callable[[torch.Tensor], Any],
        card: NetworkCard,
        device: torch.device,
        *,
        mixed: bool,
        n_fixed: int | None = None,
        modules: Sequence[torch.nn.Module] = (),
    ) -> None:
        self.device = device_words(device)
        self._forward = forward
        self._card = card
        self._on = device
        self._is_mixed = mixed and device.type == "cuda"
        self._n_fixed = n_fixed
        self._dropouts = [layer for one in modules for layer in one.modules() if _drops(layer)]
        self.n_dropouts = len(self._dropouts)
        # Layers that drop units are switched for a while, which others must not see.
        self.n_beside = 1 if self._dropouts or device.type != "cpu" else torch.get_num_threads()
        self._turn = threading.Lock()
        self._alone = threading.local()
        self._modules = modules
        self._quick: dict[tuple[int, ...], Callable[[torch.Tensor], Any]] = {}
        self._spent_s: dict[tuple[int, ...], float] = {}
        is_program = isinstance(forward, torch.jit.ScriptModule)
        self._worth_s = _PROGRAM_WORTH_S if is_program else _MODULE_WORTH_S
        self._laying_out = threading.Lock()

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits ``(n, label, z, y, x)`` for ``(n, channel, z, y, x)``."""
        with self._turn:
            return self._infer(batch)

    def infer_beside(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Do as ``infer`` does, in the calling thread alone and beside others."""
        if self.n_beside == 1:
            return self.infer(batch)
        if not getattr(self._alone, "is_set", False):
            torch.set_num_threads(1)  # of the threads that start below this one
            self._alone.is_set = True
        return self._infer(batch)

    def infer_dropping(self, batch: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
        """Do as ``infer`` does with dropout on; the same seed drops the same units."""
        cards = [self._on] if self._on.type == "cuda" else []
        with self._turn, torch.random.fork_rng(devices=cards):
            torch.manual_seed(seed)
            for layer in self._dropouts:
                layer.train()
            try:
                return self._infer(batch)
            finally:
                for layer in self._dropouts:
                    layer.eval()

    def _infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        check_batch(batch, self._card)
        try:
            found = in_pieces(self._read, batch, self._n_fixed)
            if self._is_mixed and not np.isfinite(found).all():
                self._is_mixed = False
                found = in_pieces(self._read, batch, self._n_fixed)
        except Exception as error:
            failure = told(error, f"reading a window of {batch.shape}")
            if self._on.type == "cuda" and isinstance(failure, MemoryError):
                torch.cuda.empty_cache()
            raise failure from error
        check_output(found, batch, self._card)
        return found

    def _read(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        # Always a copy: what reads may write to what it is given.
        given = torch.from_numpy(np.array(in_file_order(batch, self._card), np.float32, order="C"))
        with torch.inference_mode(), self._precision():
            found = self._calculate(given.to(self._on))
        return in_file_order(found.float().cpu().numpy(), self._card)

    def _calculate(self, given: torch.Tensor) -> torch.Tensor:
        shape = tuple(given.shape)
        quick = self._quick.get(shape)
        if quick is not None:
            return first_output(quick(given))
        begin_s = time.perf_counter()
        found = first_output(self._forward(given))
        if self._on.type == "cpu" and not self._dropouts:
            self._lay_out_in_time(given, found, time.perf_counter() - begin_s)
        return found

    def _lay_out_in_time(self, given: torch.Tensor, found: torch.Tensor, spent_s: float) -> None:
        shape = tuple(given.shape)
        with self._laying_out:
            before_s = self._spent_s.get(shape, 0.0)
            self._spent_s[shape] = before_s + spent_s
            if before_s < self._worth_s <= before_s + spent_s:
                quick = lay_out(self._forward, self._modules, given, found)
                if quick is not None:
                    self._quick[shape] = quick

    def _precision(self) -> AbstractContextManager[Any]:
        if self._is_mixed:
            return torch.autocast("cuda", dtype=torch.float16)
        return nullcontext()


def _drops(layer: torch.nn.Module) -> bool:
    """Say whether a layer drops units at random; of programs only the names of layers are known."""
    name = str(getattr(layer, "original_name", type(layer).__name__))
    return name in _DROPOUTS and getattr(layer, "p", 0.0) > 0.0
