"""Trained networks as bytes (safetensors), and back; nothing in them is ever run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.domain.errors import AnnotatorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_FACTS = "facts"
_HEADER_BYTES = 8


def to_bytes(facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return facts (what JSON can hold) and arrays as bytes; the same content, the same bytes."""
    from safetensors.numpy import save

    held = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return save(held, metadata={_FACTS: json.dumps(facts, sort_keys=True)})


def from_bytes(content: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the facts and the arrays that `to_bytes` wrote; raises AnnotatorError."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(content)
        size = int.from_bytes(content[:_HEADER_BYTES], "little")
        header = json.loads(content[_HEADER_BYTES : _HEADER_BYTES + size])
        facts = json.loads(header["__metadata__"][_FACTS])
    except (SafetensorError, ValueError, KeyError) as error:
        raise AnnotatorError(f"this is not what a recipe learned: {error}") from error
    return facts, arrays
