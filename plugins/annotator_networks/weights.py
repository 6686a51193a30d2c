"""Weights of torch modules, loaded so that nothing in a file can run.

Import only where weights are loaded: this module imports torch.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from annotator.domain.errors import AnnotatorError
from annotator_networks.archives import checked_archive, members_of
from annotator_networks.failures import told

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_WAY_OUT = (
    "If you trust who made it, load it where it was made and save its weights alone: "
    "safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
)
_NESTED = ("state_dict", "model_state_dict", "network_weights", "model", "network", "net")
"""What training programs call the weights inside of a checkpoint."""
_PREFIXES = ("module.", "_orig_mod.", "model.", "network.", "net.")
_SCALAR: Any = np.float64(0).__reduce__()[0]
_SAFE: tuple[Any, ...] = (
    # What numpy's numbers are made of; training programs keep losses so beside the weights.
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(name)) for name in ("float64", "float32", "int64", "int32", "bool")),
)


def load_checkpoint(path: Path) -> Any:  # noqa: ANN401 - whatever it holds
    """Return what a file holds, tensors on the CPU; raises AnnotatorError where it is refused.

    Safetensors hold tensors only. Of pickles only tensors, numbers, texts, lists and dicts are
    taken in; one that asks for anything else is refused before that is looked up.
    """
    try:
        if path.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            return load_file(str(path))
        is_archive = bool(members_of(path))
        if is_archive:
            with checked_archive(path):
                pass
        with torch.serialization.safe_globals(list(_SAFE)):
            # Mapped, what stands beside the weights (an optimiser's memory, mostly) is not read.
            return torch.load(
                str(path), map_location="cpu", weights_only=True, mmap=is_archive or None
            )
    except pickle.UnpicklingError as error:
        raise AnnotatorError(
            f"{path.name} is refused: it is a pickle that asks for more than weights "
            f"({_asked_for(error)}), and loading such a file can run any program. {_WAY_OUT}"
        ) from error
    except OSError as error:
        raise AnnotatorError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # whatever the parsers of damaged files raise
        if isinstance(told(error, ""), MemoryError):
            raise told(error, f"loading {path.name}") from error
        if isinstance(error, AnnotatorError):
            raise
        raise AnnotatorError(
            f"{path.name} is refused: it is damaged, or holds no weights ({type(error).__name__})"
        ) from error


def _asked_for(error: Exception) -> str:
    words = " ".join(str(error).split())
    start = words.find("GLOBAL ")
    if start >= 0:
        return words[start + len("GLOBAL ") :].split()[0]
    return words.rpartition("WeightsUnpickler error:")[2].strip()[:120] or "other objects"


def weights_in(checkpoint: Any, *, name: str) -> dict[str, torch.Tensor]:  # noqa: ANN401
    """Return the tensors by name in what `load_checkpoint` returned, names without wrappers."""
    found = checkpoint
    for _ in range(3):
        if not isinstance(found, dict):
            break
        if found and all(isinstance(value, torch.Tensor) for value in found.values()):
            return _without_prefix(found)
        inner = next((found[key] for key in _NESTED if isinstance(found.get(key), dict)), None)
        if inner is None:
            break
        found = inner
    raise AnnotatorError(f"{name} holds no weights by name, as a module's state_dict() has them")


def _without_prefix(found: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    names = dict(found)
    for prefix in _PREFIXES:
        if all(key.startswith(prefix) for key in names):
            names = {key.removeprefix(prefix): value for key, value in names.items()}
    return names


def fill(module: Any, weights: Mapping[str, torch.Tensor], *, name: str) -> Any:  # noqa: ANN401
    """Put weights into a module and return it, ready to read; raises AnnotatorError in words."""
    own = module.state_dict()
    tops = {key.partition(".")[0] for key in own}
    wrapped = {f"{top}.{key}": value for top in tops for key, value in weights.items()}
    if len(tops) == 1 and wrapped.keys() == own.keys():
        weights = wrapped
    missing, left = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    differ = [key for key in own.keys() & weights.keys() if own[key].shape != weights[key].shape]
    if missing or left or differ:
        told_of = (
            ("lacks", missing),
            ("has besides", left),
            ("has in other sizes", sorted(differ)),
        )
        words = "; ".join(
            f"{verb} {', '.join(keys[:3])}{' …' if len(keys) > 3 else ''}"
            for verb, keys in told_of
            if keys
        )
        raise AnnotatorError(f"{name} does not fit the network that its card names: it {words}")
    module.load_state_dict(dict(weights))
    return module.eval()
