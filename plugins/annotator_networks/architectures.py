"""Networks that can be built by name: a list that is known, and arguments that are plain values."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from annotator.domain.errors import AnnotatorError, UnknownNameError
from annotator_networks.failures import told

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

_OWN = {"annotator.UNet": ("annotator_recipes.nets", "UNet")}
MONAI_NETS = frozenset(
    {
        "AttentionUnet",
        "BasicUNet",
        "BasicUNetPlusPlus",
        "BasicUnet",
        "BasicUnetPlusPlus",
        "DynUNet",
        "DynUnet",
        "FlexibleUNet",
        "HighResNet",
        "MedNeXt",
        "MedNeXtB",
        "MedNeXtL",
        "MedNeXtM",
        "MedNeXtS",
        "SegResNet",
        "SegResNetDS",
        "SegResNetDS2",
        "SwinUNETR",
        "UNETR",
        "UNet",
        "Unet",
        "VNet",
    }
)
"""Classes of monai.networks.nets that draw, and that neither download nor load anything."""
_MONAI = "monai.networks.nets"
_LARGEST = 100_000
_LONGEST = 64
_DEEPEST = 6


def build(name: str, arguments: Mapping[str, Any]) -> torch.nn.Module:
    """Return a network of a known architecture with fresh weights.

    Parameters
    ----------
    name : str
        ``annotator.UNet``, or a class of monai.networks.nets with or without its package.
    arguments : mapping
        Plain values: numbers, texts, lists, objects.

    Raises
    ------
    UnknownNameError
        For an architecture that is not on the list.
    AnnotatorError
        Where the arguments do not make one.
    """
    package, _, short = name.rpartition(".")
    is_known = name in _OWN or (
        short in MONAI_NETS and f"{package or _MONAI}.".startswith(f"{_MONAI}.")
    )
    if not is_known:
        raise UnknownNameError("architecture", name, {*_OWN, *MONAI_NETS})
    place, short = _OWN.get(name, (_MONAI, short))
    plain = {key: checked(value, key) for key, value in arguments.items()}
    if "pretrained" in plain:
        plain["pretrained"] = False  # its weights come from the file; nothing is downloaded
    try:
        kind = getattr(import_module(place), short)
    except ImportError as error:
        raise AnnotatorError(
            f"{name} needs MONAI, which cannot be imported ({error}); install it with: "
            "pip install monai"
        ) from error
    try:
        with warnings.catch_warnings():
            # MONAI warns of arguments that older files have; what they do is unchanged.
            warnings.simplefilter("ignore")
            module: torch.nn.Module = kind(**plain)
    except Exception as error:
        raise told(error, f"building {name}") from error
    return module


def checked(value: Any, name: str, depth: int = 0) -> Any:  # noqa: ANN401 - plain values
    """Return a plain value; raises AnnotatorError where one is no such, or is beyond reason."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        if abs(value) > _LARGEST:
            raise AnnotatorError(f"{name} is {value}; no network has such a size")
        return value
    if isinstance(value, str) and len(value) <= 200:
        return value
    if depth < _DEEPEST and isinstance(value, list | tuple) and len(value) <= _LONGEST:
        return type(value)(checked(one, name, depth + 1) for one in value)
    if depth < _DEEPEST and isinstance(value, dict) and len(value) <= _LONGEST:
        return {str(key): checked(one, name, depth + 1) for key, one in value.items()}
    raise AnnotatorError(f"{name} is no plain value, or too large a one ({type(value).__name__})")
