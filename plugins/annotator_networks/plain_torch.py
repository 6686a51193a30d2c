"""Weights of plain torch modules, with a card that names one of a known set of architectures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from annotator.domain.errors import AnnotatorError
from annotator_networks.card_files import card_path, read_card, with_card
from annotator_networks.torch_door import require_torch
from annotator_networks.torchscript import is_torchscript

if TYPE_CHECKING:
    from pathlib import Path

    from annotator.api import Device, Network, NetworkCard

_SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")
_OWN_KEYS = ("architecture", "arguments")


class PlainTorchFormat:
    """Weights alone: safetensors or a state dict, and how the network is built on the card."""

    name = "torch"
    title = "PyTorch weights with a card"

    def recognises(self, path: Path) -> bool:
        """Say whether a file may hold weights, and none of the other formats does."""
        return path.suffix.lower() in _SUFFIXES and path.is_file() and not is_torchscript(path)

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the weights and their card."""
        return with_card(path)

    def inspect(self, path: Path) -> NetworkCard:
        """Return the card; the network is built and filled once, to know that it can be."""
        card, _ = _card(path)
        require_torch("a PyTorch network")
        _filled(path)
        return card

    def open(self, path: Path, card: NetworkCard, device: Device, *, mixed: bool) -> Network:
        """Build the network that the card names and load its weights onto a device."""
        require_torch("a PyTorch network")
        from annotator_networks.torch_running import TorchNetwork, require_device

        place = require_device(device)
        module = _filled(path).to(place)
        return TorchNetwork(module, card, place, mixed=mixed, modules=[module])


def _card(path: Path) -> tuple[NetworkCard, dict[str, Any]]:
    card, own = read_card(path, besides=_OWN_KEYS)
    if not isinstance(own.get("architecture"), str):
        raise AnnotatorError(
            f"{card_path(path).name} does not name the architecture of the weights; add, for "
            'example, "architecture": "UNet", "arguments": {"spatial_dims": 3, "in_channels": 1, '
            '"out_channels": 3, "channels": [16, 32, 64], "strides": [2, 2]}'
        )
    if not isinstance(own.get("arguments", {}), dict):
        raise AnnotatorError(f"{card_path(path).name}: arguments must be an object")
    return card, own


def _filled(path: Path) -> Any:  # noqa: ANN401 - a torch module
    from annotator_networks.architectures import build
    from annotator_networks.weights import fill, load_checkpoint, weights_in

    _, own = _card(path)
    weights = weights_in(load_checkpoint(path), name=path.name)
    module = build(own["architecture"], own.get("arguments", {}))
    return fill(module, weights, name=path.name)
