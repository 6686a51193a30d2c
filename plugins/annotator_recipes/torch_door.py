"""The way to torch: imported when it is first needed, or missed in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from numpy.typing import NDArray


def require_torch(what: str) -> ModuleType:
    """Return torch; raises AnnotatorError, saying how to get it, where it is not installed."""
    try:
        import torch
    except ImportError as error:
        raise AnnotatorError(
            f"{what} needs PyTorch, which is not installed ({error}); install it with: "
            "pip install 'annotator[torch]'"
        ) from error
    return torch


def seed_everything(torch: ModuleType, seed: int) -> None:
    """Make what follows repeatable: the same seed, the same bytes on the same machine."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(mode=True, warn_only=True)


def pick_device(torch: ModuleType) -> Any:  # noqa: ANN401 - a torch.device
    """Return the fastest device there is: CUDA, Apple's, else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def state_arrays(network: Any, prefix: str) -> dict[str, NDArray[Any]]:  # noqa: ANN401 - a torch module
    """Return the weights of a network by name, each name with a prefix."""
    return {
        f"{prefix}.{name}": value.detach().cpu().numpy()
        for name, value in network.state_dict().items()
    }


def load_state(network: Any, prefix: str, arrays: Mapping[str, NDArray[Any]]) -> None:  # noqa: ANN401
    """Put back what `state_arrays` returned; raises AnnotatorError where it does not fit."""
    import torch

    start = f"{prefix}."
    own = {
        name.removeprefix(start): torch.from_numpy(np.array(value))
        for name, value in arrays.items()
        if name.startswith(start)
    }
    try:
        network.load_state_dict(own)
    except RuntimeError as error:
        raise AnnotatorError(f"the weights do not fit the network: {error}") from error
