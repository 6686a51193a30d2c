"""Small networks and their cards for tests, made by the libraries that people make them with."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from pathlib import Path


class Tiny(torch.nn.Module):
    """Two convolutions; three outputs that differ from place to place."""

    def __init__(self, n_dims: int = 3, n_in: int = 1, n_out: int = 3) -> None:
        super().__init__()
        convolution = torch.nn.Conv3d if n_dims == 3 else torch.nn.Conv2d
        self.first = convolution(n_in, 4, 3, padding=1)
        self.last = convolution(4, n_out, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.last(torch.relu(self.first(image)))
        return found


def tiny(n_dims: int = 3, n_in: int = 1, n_out: int = 3, seed: int = 0) -> Tiny:
    torch.manual_seed(seed)
    return Tiny(n_dims, n_in, n_out).eval()


def write_card(path: Path, **fields: Any) -> Path:  # noqa: ANN401 - any field of a card
    card = {
        "title": "Tiny",
        "n_dims": 3,
        "n_channels": 1,
        "labels": {"1": "Lesion", "2": "Organ"},
        "licence": "CC0-1.0",
        **fields,
    }
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


def write_torchscript(path: Path, module: torch.nn.Module) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(module), str(path))
    return path
